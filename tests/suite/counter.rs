//! Numbers that a plugin keeps in the host.

use harness::{Origin, Proxy, Setup, guest};

/// A route `/NAME` for each plugin, all of them the guest `counter`; its commands
/// come after the name.
fn counting(origin: &Origin, plugins: &[&str], keys: &str) -> Setup {
    let tables: String = plugins
        .iter()
        .map(|name| {
            format!(
                "[plugin.{name}]\nsource = {:?}\n{keys}\n\
                 [[route]]\nheaders = {{ x-plugin = \"{name}\" }}\n\
                 plugins = [\"{name}\"]\ncluster = \"app\"\n",
                guest::COUNTER
            )
        })
        .collect();
    Proxy::with(format!(
        "workers = 2\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n{tables}",
        origin.url()
    ))
}

async fn ask(proxy: &Proxy, plugin: &str, path: &str) -> (u16, String) {
    let request = http::Request::get(path).header("x-plugin", plugin).body(harness::empty());
    let answer = proxy.client().await.send(request.unwrap()).await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test]
async fn all_workers_add_to_one_number() {
    let origin = Origin::http1().start().await;
    let proxy = counting(&origin, &["a"], "capabilities = { counter = true }").start().await;

    // Each on a connection of its own, which either worker may get.
    for expected in 1..=20 {
        assert_eq!(ask(&proxy, "a", "/add/hits/1").await, (200, expected.to_string()));
    }
    assert_eq!(ask(&proxy, "a", "/add/hits/-5").await.1, "15");
    assert_eq!(ask(&proxy, "a", "/reset/hits").await.1, "15");
    assert_eq!(ask(&proxy, "a", "/get/hits").await.1, "0");
    assert_eq!(ask(&proxy, "a", "/get/never").await.1, "0");
}

#[tokio::test]
async fn a_plugins_numbers_are_its_own() {
    let origin = Origin::http1().start().await;
    let keys = "capabilities = { counter = true }";
    let proxy = counting(&origin, &["a", "b"], keys).start().await;

    assert_eq!(ask(&proxy, "a", "/add/hits/3").await.1, "3");

    assert_eq!(ask(&proxy, "b", "/get/hits").await.1, "0");
    assert_eq!(ask(&proxy, "b", "/add/hits/1").await.1, "1");
}

#[tokio::test]
async fn the_quota_holds_and_harms_no_other_plugin() {
    let origin = Origin::http1().start().await;
    let keys = "capabilities = { counter = { names = 2 } }";
    let proxy = counting(&origin, &["a", "b"], keys).start().await;

    assert_eq!(ask(&proxy, "a", "/add/1/1").await.0, 200);
    assert_eq!(ask(&proxy, "a", "/add/2/1").await.0, 200);
    assert_eq!(ask(&proxy, "a", "/add/3/1").await, (507, "quota".to_owned()));
    assert_eq!(ask(&proxy, "a", "/add/1/1").await.1, "2", "what is there counts on");
    assert_eq!(ask(&proxy, "b", "/add/3/1").await.0, 200);
}
