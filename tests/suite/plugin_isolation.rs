//! What an instance of a plugin outlives, and what it does not.

use harness::{Origin, Proxy, Setup, eventually, guest};

/// One worker, whose instances are thus the only ones.
fn counting(origin: &Origin, keys: &str) -> Setup {
    Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.count]\nsource = \"count.wasm\"\n{keys}\n\
         [[route]]\nplugins = [\"count\"]\ncluster = \"app\"\n",
        origin.url()
    ))
    .plugin("count.wasm", guest::COUNT)
}

/// How many exchanges the instances had seen that served five in a row.
async fn counts(proxy: &Proxy) -> Vec<u64> {
    let mut client = proxy.client().await;
    let mut counts = Vec::new();
    for _ in 0..5 {
        counts.push(client.get("/").await.header("x-count").unwrap().parse().unwrap());
    }
    counts
}

#[tokio::test]
async fn a_shared_instance_serves_one_exchange_after_another() {
    let origin = Origin::http1().start().await;
    let proxy = counting(&origin, "isolation = \"shared\"").start().await;

    assert_eq!(counts(&proxy).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn shared_is_what_a_plugin_is_if_nothing_is_said() {
    let origin = Origin::http1().start().await;
    let proxy = counting(&origin, "").start().await;

    assert_eq!(counts(&proxy).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_instance_for_each_exchange_knows_no_other() {
    let origin = Origin::http1().start().await;
    let proxy = counting(&origin, "isolation = \"exchange\"").start().await;

    assert_eq!(counts(&proxy).await, [1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_file_written_again_unchanged_swaps_nothing() {
    let origin = Origin::http1().start().await;
    let proxy = counting(&origin, "").start().await;
    assert_eq!(counts(&proxy).await, [1, 2, 3, 4, 5]);

    proxy.replace_by("count.wasm", guest::COUNT);
    // Another plugin's change, which is seen after the first.
    proxy.replace_by("count.wasm", guest::TRIVIAL);
    eventually!(proxy.get("/").await.header("x-trivial") == Some("1"));
    proxy.replace_by("count.wasm", guest::COUNT);
    eventually!(proxy.get("/").await.header("x-count").is_some());

    let counts = counts(&proxy).await;
    assert!(counts.windows(2).all(|pair| pair[1] == pair[0] + 1), "{counts:?}");
    assert!(counts[0] < 5, "instances of the old file are gone: {counts:?}");
}

#[tokio::test]
async fn a_plugin_on_two_routes_with_two_configurations_is_two() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.tag]\nsource = {:?}\nconfig = {{ value = \"general\" }}\n\
         [[route]]\nplugins = [\"tag\"]\ncluster = \"app\"\n\
         [[route]]\npath = \"/own\"\nplugins = [{{ use = \"tag\", config = {{ value = \"own\" }} }}]\ncluster = \"app\"\n",
        origin.url(),
        guest::TAG
    ))
    .start()
    .await;
    let mut client = proxy.client().await;

    for _ in 0..3 {
        assert_eq!(client.get("/").await.header("x-tag"), Some("general"));
        assert_eq!(client.get("/own").await.header("x-tag"), Some("own"));
    }
}
