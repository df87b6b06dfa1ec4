//! What plugins keep survives the process where the operator says so.

use harness::{Client, Origin, Proxy, Setup, Signal, eventually, guest};
use tempfile::TempDir;

fn keeping(origin: &Origin, folder: &TempDir) -> Setup {
    Proxy::with(format!(
        "[store]\npath = {:?}\n\
         [admin]\nlisten = \"@admin\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.keeps]\nsource = {:?}\ncapabilities = {{ kv = true }}\n\
         [[route]]\nplugins = [\"keeps\"]\ncluster = \"app\"\n",
        folder.path().join("state.redb"),
        origin.url(),
        guest::KV
    ))
}

async fn written(proxy: &Proxy) -> u64 {
    let metrics = Client::http1(proxy.address("admin")).await.get("/metrics").await;
    let line =
        metrics.text().lines().find_map(|line| line.strip_prefix("wasmgate_store_writes_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn values_survive_an_orderly_restart() {
    let (origin, folder) = (Origin::http1().start().await, TempDir::new().unwrap());
    let proxy = keeping(&origin, &folder).start().await;
    proxy.get("/set/stays/one").await;
    proxy.get("/set/lasts/two/600000").await;
    proxy.get("/set/goes/three/1").await;
    proxy.get("/set/deleted/four").await;
    proxy.get("/delete/deleted").await;
    let version = proxy.get("/get/stays").await.header("x-version").unwrap().to_owned();
    assert_eq!(proxy.stop().await.code, Some(0));

    let proxy = keeping(&origin, &folder).start().await;
    let answer = proxy.get("/get/stays").await;
    assert_eq!((answer.text(), answer.header("x-version")), ("one", Some(&*version)));
    assert_eq!(proxy.get("/get/lasts").await.text(), "two");
    assert_eq!(proxy.get("/get/goes").await.status, 404);
    assert_eq!(proxy.get("/get/deleted").await.status, 404);
}

#[tokio::test]
async fn values_of_a_written_batch_survive_a_kill() {
    let (origin, folder) = (Origin::http1().start().await, TempDir::new().unwrap());
    let mut proxy = keeping(&origin, &folder).start().await;
    proxy.get("/set/colour/red").await;
    eventually!(written(&proxy).await >= 1);
    proxy.signal(Signal::KILL);
    proxy.end().await;

    let proxy = keeping(&origin, &folder).start().await;
    assert_eq!(proxy.get("/get/colour").await.text(), "red");
}

#[tokio::test]
async fn a_damaged_store_ends_the_start() {
    let (origin, folder) = (Origin::http1().start().await, TempDir::new().unwrap());
    std::fs::write(folder.path().join("state.redb"), "no store\n".repeat(1_000)).unwrap();

    let finished = keeping(&origin, &folder).fail().await;

    assert_eq!(finished.code, Some(1));
    let said = &finished.stderr;
    assert!(said.contains("state.redb") && said.contains("move it away"), "{said}");
    assert_eq!(keeping(&origin, &folder).check().await.code, Some(0), "`check` opens nothing");
}

#[tokio::test]
async fn two_processes_do_not_share_a_store() {
    let (origin, folder) = (Origin::http1().start().await, TempDir::new().unwrap());
    let _first = keeping(&origin, &folder).start().await;
    let second = keeping(&origin, &folder).fail().await;
    assert!(second.stderr.contains("another process uses it"), "{}", second.stderr);
}
