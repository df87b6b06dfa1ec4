//! Metrics that plugins count themselves.

use harness::{Client, Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;

/// Two plugins, the guest `metrics` both; `x-plugin` chooses.
fn config(origin: &Origin, plugins: &[&str], keys: &str) -> String {
    let tables: String = plugins
        .iter()
        .map(|name| {
            format!(
                "[plugin.{name}]\nsource = {:?}\n{keys}\n\
                 [[route]]\nheaders = {{ x-plugin = \"{name}\" }}\n\
                 plugins = [\"{name}\"]\ncluster = \"app\"\n",
                guest::METRICS
            )
        })
        .collect();
    format!(
        "workers = 2\n\
         [admin]\nlisten = \"@admin\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n{tables}",
        origin.url()
    )
}

fn measuring(origin: &Origin, plugins: &[&str], keys: &str) -> Setup {
    Proxy::with(config(origin, plugins, keys))
}

async fn ask(proxy: &Proxy, plugin: &str, path: &str) -> String {
    let request = Request::get(path).header("x-plugin", plugin).body(empty()).unwrap();
    proxy.client().await.send(request).await.text().to_owned()
}

async fn metrics(proxy: &Proxy) -> String {
    Client::http1(proxy.address("admin")).await.get("/metrics").await.text().to_owned()
}

const GRANT: &str = "capabilities = { metrics = true }";

#[tokio::test]
async fn they_stand_beside_the_proxys_own() {
    let origin = Origin::http1().start().await;
    let proxy = measuring(&origin, &["a", "b"], GRANT).start().await;
    for path in ["/count/x", "/count/x", "/gauge/x/2.5", "/observe/x/0.5", "/observe/x/100"] {
        assert_eq!(ask(&proxy, "a", path).await, "ok");
    }
    assert_eq!(ask(&proxy, "b", "/count/x").await, "ok");

    let text = metrics(&proxy).await;
    for line in [
        "# HELP plugin_counter_hits How \\\"often\\\" it was asked",
        "# TYPE plugin_counter_hits counter",
        "plugin_counter_hits_total{plugin=\"a\",what=\"x\"} 2.0",
        "plugin_counter_hits_total{plugin=\"b\",what=\"x\"} 1.0",
        "# TYPE plugin_gauge_level gauge",
        "plugin_gauge_level{plugin=\"a\",what=\"x\"} 2.5",
        "# TYPE plugin_histogram_size histogram",
        "plugin_histogram_size_sum{plugin=\"a\",what=\"x\"} 100.5",
        "plugin_histogram_size_count{plugin=\"a\",what=\"x\"} 2",
        "plugin_histogram_size_bucket{le=\"1.0\",plugin=\"a\",what=\"x\"} 1",
        "plugin_histogram_size_bucket{le=\"10.0\",plugin=\"a\",what=\"x\"} 1",
        "plugin_histogram_size_bucket{le=\"+Inf\",plugin=\"a\",what=\"x\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("wasmgate_exchanges_total") && text.ends_with("# EOF\n"));
    let families = text.matches("# TYPE plugin_counter_hits ").count();
    assert_eq!(families, 1, "a family stands together");
}

#[tokio::test]
async fn a_flood_of_series_is_cut_and_counted() {
    let origin = Origin::http1().start().await;
    let keys = "capabilities = { metrics = { series = 10 } }\ndeadline = \"5s\"";
    let proxy = measuring(&origin, &["a", "b"], keys).start().await;

    assert_eq!(ask(&proxy, "a", "/flood/1000").await, "cardinality");

    let text = metrics(&proxy).await;
    assert_eq!(text.matches("plugin_counter_hits_total{plugin=\"a\"").count(), 10);
    assert!(text.contains("wasmgate_plugin_series_dropped_total{plugin=\"a\"} 990"), "{text}");
    assert_eq!(ask(&proxy, "b", "/count/x").await, "ok", "another plugin's room");
}

#[tokio::test]
async fn a_label_cannot_forge_a_line() {
    let origin = Origin::http1().start().await;
    let proxy = measuring(&origin, &["a"], GRANT).start().await;
    assert_eq!(ask(&proxy, "a", "/forge").await, "ok");

    let text = metrics(&proxy).await;
    assert!(text.contains("what=\"x\\\"} 1\\nforged{} 1\"} 1.0"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
}

#[tokio::test]
async fn a_removed_plugins_series_go_with_it() {
    let origin = Origin::http1().start().await;
    let mut proxy = measuring(&origin, &["a", "b"], GRANT).start().await;
    ask(&proxy, "a", "/count/x").await;
    ask(&proxy, "b", "/count/x").await;

    proxy.configure(&config(&origin, &["b"], GRANT));

    eventually!(!metrics(&proxy).await.contains("plugin=\"a\",what"));
    assert!(metrics(&proxy).await.contains("plugin_counter_hits_total{plugin=\"b\""));
}
