//! A hundred plugins misbehave at once, and a route without any of them answers.

use std::fmt::Write as _;

use futures_util::future::join_all;
use harness::{Client, Origin, Proxy, empty, guest};
use http::Request;

/// Name, component, and what its table says besides.
fn culprits() -> Vec<(String, &'static str, &'static str)> {
    const KINDS: [(&str, &str, &str); 5] = [
        ("traps", guest::TRAP, "config = { always = true }"),
        ("hogs", guest::HOG, "memory = \"4MiB\"\nconfig = { always = true }"),
        ("spins", guest::SPIN, "deadline = \"20ms\"\nconfig = { always = true }"),
        ("floods-kv", guest::KEEPS, "deadline = \"5s\"\nconfig = { what = \"kv-flood\" }\n"),
        (
            "floods-metrics",
            guest::KEEPS,
            "deadline = \"5s\"\nconfig = { what = \"metric-flood\" }\n",
        ),
    ];
    let kinds = KINDS.iter().cycle().take(100).enumerate();
    kinds.map(|(index, (name, wasm, keys))| (format!("{name}-{index}"), *wasm, *keys)).collect()
}

fn config(origin: &Origin) -> String {
    let mut config = format!(
        "workers = 2\n[admin]\nlisten = \"@admin\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\npath = \"/plain\"\ncluster = \"app\"\n",
        origin.url()
    );
    // What the guest imports, whichever of it is used.
    let grants = "kv = true, counter = true, rate_limit = true, metrics = true";
    for (name, wasm, keys) in culprits() {
        let _ = write!(
            config,
            "[plugin.{name}]\nsource = {wasm:?}\n{keys}\ncapabilities = {{ {grants} }}\n\
             [[route]]\nheaders = {{ x-plugin = \"{name}\" }}\n\
             plugins = [\"{name}\"]\ncluster = \"app\"\n"
        );
    }
    config
}

async fn provoke(proxy: &Proxy, plugin: &str) -> u16 {
    let request = Request::get("/").header("x-plugin", plugin).body(empty()).unwrap();
    proxy.client().await.send(request).await.status
}

#[tokio::test]
async fn a_plain_route_answers_while_a_hundred_plugins_misbehave() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(config(&origin)).start().await;
    let culprits = culprits();

    let provoking = join_all(culprits.iter().map(|(name, ..)| provoke(&proxy, name)));
    let plain = async {
        let mut client = proxy.client().await;
        for _ in 0..50 {
            assert_eq!(client.get("/plain").await.status, 200);
        }
    };
    let (statuses, ()) = tokio::join!(provoking, plain);

    for ((name, ..), status) in culprits.iter().zip(statuses) {
        let expected = if name.starts_with("floods") { 200 } else { 503 };
        assert_eq!(status, expected, "{name}");
    }
    assert_eq!(proxy.get("/plain").await.status, 200);

    // The account says who did what.
    let mut admin = Client::http1(proxy.address("admin")).await;
    let metrics = admin.get("/metrics").await.text().to_owned();
    for line in [
        "wasmgate_plugin_crashes_total{plugin=\"traps-0\"} 1",
        "wasmgate_plugin_memory_exceeded_total{plugin=\"hogs-1\"} 1",
        "wasmgate_plugin_overruns_total{plugin=\"spins-2\"} 1",
        "wasmgate_plugin_calls_total{plugin=\"floods-kv-3\",hook=\"request\"} 1",
        "wasmgate_plugin_timed_calls_total{plugin=\"floods-kv-3\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    let plugins: serde_json::Value =
        serde_json::from_slice(&admin.get("/plugins").await.body).unwrap();
    let find = |name: &str| {
        plugins.as_array().unwrap().iter().find(|plugin| plugin["name"] == name).unwrap().clone()
    };
    // Its `complete` hook was called as well.
    assert_eq!((&find("traps-0")["traps"], &find("traps-0")["calls"]), (&1.into(), &2.into()));
    assert_eq!(find("spins-2")["overruns"], 1);
    assert!(find("floods-kv-3")["time_us"].as_u64().unwrap() > 0);
    assert!(find("floods-kv-3")["memory_bytes"].as_u64().unwrap() > 0);
}
