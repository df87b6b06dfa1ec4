//! The plugins of a route: their order, what they may decide, and what shows of it.

use harness::{Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;
use serde_json::Value;

/// A route whose chain is these plugins, each of which is a key of `tables`.
fn chain(origin: &Origin, tables: &str, plugins: &[&str]) -> Setup {
    Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         {tables}\n\
         [[route]]\nname = \"main\"\nplugins = {plugins:?}\ncluster = \"app\"\n\
         [[route]]\npath = \"/bare\"\ncluster = \"app\"\n",
        origin.url()
    ))
}

/// Three plugins that each leave their letter on the request and on the response.
fn letters() -> String {
    ["a", "b", "c"]
        .map(|name| {
            format!(
                "[plugin.{name}]\nsource = \"builtin:headers\"\n\
                 config = {{ request = {{ add = {{ x-order = [\"{name}\"] }} }}, \
                 response = {{ add = {{ x-order = [\"{name}\"] }} }} }}\n"
            )
        })
        .concat()
}

#[tokio::test]
async fn requests_pass_in_order_and_responses_in_reverse() {
    let origin = Origin::http1().start().await;
    let proxy = chain(&origin, &letters(), &["a", "b", "c"]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!(origin.only_request().header_lines("x-order"), ["a", "b", "c"]);
    assert_eq!(answer.header_lines("x-order"), ["c", "b", "a"]);
}

#[tokio::test]
async fn the_order_is_the_routes_and_not_the_files() {
    let origin = Origin::http1().start().await;
    let proxy = chain(&origin, &letters(), &["c", "a", "b"]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!(origin.only_request().header_lines("x-order"), ["c", "a", "b"]);
    assert_eq!(answer.header_lines("x-order"), ["b", "a", "c"]);
}

#[tokio::test]
async fn a_route_without_plugins_runs_none() {
    let origin = Origin::http1().start().await;
    let proxy = chain(&origin, &letters(), &["a"]).start().await;

    let answer = proxy.get("/bare").await;

    assert_eq!(origin.only_request().header("x-order"), None);
    assert_eq!(answer.header("x-order"), None);
    let entry = proxy.await_log_of("/bare").await;
    assert!(
        entry.get("plugins").is_none_or(|plugins| plugins.as_array().unwrap().is_empty()),
        "{entry}"
    );
}

/// `a`, then one that refuses, then `c`.
fn refusing() -> String {
    format!("{}[plugin.refuses]\nsource = \"trivial.wasm\"\n", letters())
}

#[tokio::test]
async fn a_plugins_answer_passes_the_plugins_before_it_and_no_other() {
    let origin = Origin::http1().start().await;
    let proxy = chain(&origin, &refusing(), &["a", "refuses", "c"])
        .plugin("trivial.wasm", guest::TRIVIAL)
        .start()
        .await;

    let request = Request::get("/no").header("user-agent", "refused").body(empty()).unwrap();
    let answer = proxy.client().await.send(request).await;

    assert_eq!((answer.status, answer.text()), (403, "refused\n"));
    assert_eq!(answer.header_lines("x-order"), ["a"]);
    assert_eq!(origin.request_count(), 0, "the endpoint is not asked");
    let entry = proxy.await_log_of("/no").await;
    let plugins = entry["plugins"].as_array().unwrap();
    let decided: Vec<_> =
        plugins.iter().map(|plugin| (&plugin["name"], &plugin["request"])).collect();
    assert_eq!(
        decided[..2],
        [(&"a".into(), &"edit".into()), (&"refuses".into(), &"respond".into())]
    );
    assert!(plugins.iter().all(|plugin| plugin["name"] != "c"), "c never saw it: {entry}");
    assert_eq!(entry["status"], 403);
    assert_eq!(entry.get("endpoint"), None, "{entry}");
    assert_eq!(entry.get("error"), None, "a decision is no error: {entry}");
}

#[tokio::test]
async fn a_plugins_answer_to_an_unfinished_upload_leaves_no_trace_of_it() {
    let origin = Origin::http1().start().await;
    let proxy = chain(&origin, &refusing(), &["refuses"])
        .plugin("trivial.wasm", guest::TRIVIAL)
        .start()
        .await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\nuser-agent: refused\r\ncontent-length: 40\r\n\r\n")
        .await;
    assert_eq!(raw.read_reply().await.status, 403);
    // What follows is body, whatever it looks like.
    raw.write("GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n12345").await;
    let rest = String::from_utf8(raw.read_to_end().await).unwrap();

    assert!(!rest.contains("200"), "{rest}");
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn the_access_log_says_what_each_plugin_did_and_what_it_cost() {
    let origin = Origin::http1().start().await;
    let tables = format!("{}[plugin.noop]\nsource = \"noop.wasm\"\n", letters());
    let proxy =
        chain(&origin, &tables, &["noop", "a"]).plugin("noop.wasm", guest::NOOP).start().await;

    proxy.get("/").await;

    let entry = proxy.await_log_of("/").await;
    let plugins = entry["plugins"].as_array().unwrap();
    assert_eq!(plugins.len(), 2);
    assert_eq!((&plugins[0]["name"], &plugins[0]["request"]), (&"noop".into(), &"continue".into()));
    assert_eq!((&plugins[1]["name"], &plugins[1]["request"]), (&"a".into(), &"edit".into()));
    for plugin in plugins {
        assert!(plugin["us"].as_f64().is_some_and(|us| us > 0.0), "{entry}");
    }
}

#[tokio::test]
async fn plugins_run_on_http2_and_over_tls_alike() {
    let origin = Origin::http2().start().await;
    let proxy = chain(&origin, &letters(), &["a", "b"]).start().await;

    let answer = harness::Client::http2(proxy.http()).await.get("/").await;

    assert_eq!(answer.header_lines("x-order"), ["b", "a"]);
    let echo: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(echo["version"], "HTTP/2.0");
    assert_eq!(origin.only_request().header_lines("x-order"), ["a", "b"]);
}

/// A plugin that answers by itself, with these keys in its configuration.
fn replying(keys: &str) -> String {
    format!("[plugin.replies]\nsource = {:?}\nconfig = {{ status = 418, {keys} }}\n", guest::REPLY)
}

#[tokio::test]
async fn a_plugins_own_answer_is_a_whole_response() {
    let origin = Origin::http1().start().await;
    let tables = replying(
        "headers = { x-made = \"here\", content-type = \"text/x-tea\" }, body = \"short and stout\"",
    );
    let proxy = chain(&origin, &tables, &["replies"]).start().await;

    let answer = proxy.get("/").await;
    assert_eq!((answer.status, answer.text()), (418, "short and stout"));
    assert_eq!(answer.header("x-made"), Some("here"));
    assert_eq!(answer.header("content-type"), Some("text/x-tea"));
    assert_eq!(answer.header("content-length"), Some("15"));

    let mut raw = proxy.raw().await;
    raw.write("HEAD / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(raw.read_head().await.header("content-length"), Some("15"));
    assert_eq!(raw.read_reply().await.text(), "short and stout", "HEAD had no body");
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn a_plugin_can_put_its_own_response_in_anothers_place() {
    let origin = Origin::http1().say("/", 200, "the endpoint's").start().await;
    let tables = format!("{}{}", letters(), replying("at = \"response\", body = \"the plugin's\""));
    let proxy = chain(&origin, &tables, &["a", "replies", "c"]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!((answer.status, answer.text()), (418, "the plugin's"));
    assert_eq!(answer.header("content-length"), Some("12"));
    assert_eq!(answer.header_lines("x-order"), ["a"], "it passes the plugins before it");
    let entry = proxy.await_log_of("/").await;
    assert_eq!((&entry["status"], &entry["bytes_out"]), (&418.into(), &12.into()));
    eventually!(origin.request_count() == 1);
    assert_eq!(proxy.get("/next").await.status, 418, "the endpoint's connection is in order");
}

#[tokio::test]
async fn edits_at_both_hooks_keep_the_order() {
    let origin = Origin::http1().start().await;
    let tables: String = ["one", "two"]
        .map(|name| {
            format!(
                "[plugin.{name}]\nsource = {:?}\nconfig = {{ name = {name:?} }}\n",
                guest::ORDER
            )
        })
        .concat();
    let proxy = chain(&origin, &tables, &["one", "two"]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!(origin.only_request().header_lines("x-order"), ["one", "two"]);
    assert_eq!(answer.header_lines("x-order"), ["two", "one"]);
}

#[tokio::test]
async fn a_plugin_is_handed_the_fields_that_it_asked_for() {
    let origin = Origin::http1().start().await;
    let tables = format!(
        "[plugin.asks]\nsource = {:?}\nconfig = {{ fields = [\"x-none\", \"X-Asked\"] }}\n",
        guest::ASKS
    );
    let proxy = chain(&origin, &tables, &["asks"]).start().await;

    for (field, status) in [("x-asked", 403), ("x-other", 200)] {
        let request = Request::get("/").header(field, "refused").body(empty()).unwrap();
        assert_eq!(proxy.client().await.send(request).await.status, status, "{field}");
    }
}
