//! Values that a plugin keeps in the host.

use harness::{Answer, Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;

/// A route for each plugin, all of them the guest `kv`; `x-plugin` chooses.
fn config(origin: &Origin, plugins: &[&str], keys: &str) -> String {
    let tables: String = plugins
        .iter()
        .map(|name| {
            format!(
                "[plugin.{name}]\nsource = \"{name}.wasm\"\n{keys}\n\
                 [[route]]\nheaders = {{ x-plugin = \"{name}\" }}\n\
                 plugins = [\"{name}\"]\ncluster = \"app\"\n"
            )
        })
        .collect();
    format!(
        "workers = 2\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n{tables}",
        origin.url()
    )
}

fn keeping(origin: &Origin, plugins: &[&str], keys: &str) -> Setup {
    let setup = Proxy::with(config(origin, plugins, keys));
    plugins.iter().fold(setup, |setup, name| setup.plugin(&format!("{name}.wasm"), guest::KV))
}

const GRANT: &str = "capabilities = { kv = true }";

/// On a connection of its own, which either worker may get.
async fn ask(proxy: &Proxy, plugin: &str, path: &str) -> Answer {
    let request = Request::get(path).header("x-plugin", plugin).body(empty()).unwrap();
    proxy.client().await.send(request).await
}

async fn get(proxy: &Proxy, plugin: &str, key: &str) -> Option<String> {
    let answer = ask(proxy, plugin, &format!("/get/{key}")).await;
    (answer.status == 200).then(|| answer.text().to_owned())
}

#[tokio::test]
async fn all_workers_see_one_value() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(&origin, &["a"], GRANT).start().await;

    assert_eq!(get(&proxy, "a", "colour").await, None);
    let version = ask(&proxy, "a", "/set/colour/red").await;
    for _ in 0..10 {
        let answer = ask(&proxy, "a", "/get/colour").await;
        assert_eq!((answer.text(), answer.header("x-version")), ("red", Some(version.text())));
    }
    assert_ne!(ask(&proxy, "a", "/set/colour/red").await.text(), version.text());
    assert_eq!(ask(&proxy, "a", "/delete/colour").await.text(), "true");
    assert_eq!(ask(&proxy, "a", "/delete/colour").await.text(), "false");
    assert_eq!(get(&proxy, "a", "colour").await, None);
}

#[tokio::test]
async fn a_write_may_depend_on_what_was_read() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(&origin, &["a"], GRANT).start().await;

    let first = ask(&proxy, "a", "/cas/key/-/one").await;
    assert_eq!(first.status, 200);
    assert_eq!(ask(&proxy, "a", "/cas/key/-/two").await.status, 409);
    assert_eq!(ask(&proxy, "a", "/cas/key/1/two").await.status, 409);
    assert_eq!(ask(&proxy, "a", &format!("/cas/key/{}/two", first.text())).await.status, 200);
    assert_eq!(ask(&proxy, "a", &format!("/cas/key/{}/three", first.text())).await.status, 409);
    assert_eq!(get(&proxy, "a", "key").await.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_value_ends_with_its_time_and_gives_its_room_back() {
    let origin = Origin::http1().start().await;
    let keys = "capabilities = { kv = { entries = 1 } }";
    let proxy = keeping(&origin, &["a"], keys).start().await;

    assert_eq!(ask(&proxy, "a", "/set/short/v/100").await.status, 200);
    assert_eq!(ask(&proxy, "a", "/set/other/v").await.status, 507);
    eventually!(get(&proxy, "a", "short").await.is_none());
    eventually!(ask(&proxy, "a", "/set/other/v").await.status == 200);
}

#[tokio::test]
async fn keys_are_listed_by_prefix() {
    let origin = Origin::http1().start().await;
    // Thousands of calls in one hook, of an unoptimized build.
    let keys = &format!("deadline = \"5s\"\n{GRANT}");
    let proxy = keeping(&origin, &["a"], keys).start().await;

    assert_eq!(ask(&proxy, "a", "/fill/5000/1").await.text(), "5000");
    ask(&proxy, "a", "/set/other/v").await;

    assert_eq!(ask(&proxy, "a", "/keys/oth/10").await.text(), "other");
    assert_eq!(ask(&proxy, "a", "/keys/fill/3").await.text().lines().count(), 3);
    assert_eq!(ask(&proxy, "a", "/keys//20000").await.text().lines().count(), 5001);
}

#[tokio::test]
async fn plugins_do_not_see_each_others_keys_nor_use_their_room() {
    let origin = Origin::http1().start().await;
    let keys = "capabilities = { kv = { entries = 10 } }";
    let proxy = keeping(&origin, &["a", "b"], keys).start().await;

    assert_eq!(ask(&proxy, "a", "/set/key/v").await.status, 200);
    assert_eq!(ask(&proxy, "a", "/fill/100/1").await.text(), "9");

    assert_eq!(ask(&proxy, "b", "/keys//100").await.text(), "");
    assert_eq!(get(&proxy, "b", "key").await, None);
    assert_eq!(ask(&proxy, "b", "/fill/100/1").await.text(), "10");
}

#[tokio::test]
async fn the_quota_bounds_octets_too() {
    let origin = Origin::http1().start().await;
    let keys = "capabilities = { kv = { bytes = \"64KiB\" } }";
    let proxy = keeping(&origin, &["a"], keys).start().await;

    let kept: u32 = ask(&proxy, "a", "/fill/100/1000").await.text().parse().unwrap();
    assert!((55..64).contains(&kept), "{kept}");
    let long = "x".repeat(1025);
    assert_eq!(ask(&proxy, "a", &format!("/set/{long}/v")).await.status, 413);
}

#[tokio::test]
async fn values_survive_a_swap() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(&origin, &["a"], GRANT).start().await;
    ask(&proxy, "a", "/set/colour/red").await;

    // Another component of the same name, and back.
    proxy.replace_by("a.wasm", guest::TRIVIAL);
    eventually!(get(&proxy, "a", "colour").await.as_deref() != Some("red"));
    proxy.replace_by("a.wasm", guest::KV);

    eventually!(get(&proxy, "a", "colour").await.as_deref() == Some("red"));
}
