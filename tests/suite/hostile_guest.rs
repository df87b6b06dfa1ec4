//! A guest that decides what no host may carry out: over HTTP/1 and HTTP/2, towards
//! clients and towards endpoints, its plugin fails as its `on_failure` says, the log
//! says why, and nothing of it reaches any wire.

use std::fmt::Write as _;

use harness::{Answer, Client, Origin, Proxy, guest};

/// What `bad-header` can do at the request.
const AT_THE_REQUEST: [&str; 50] = [
    "illegal-name",
    "empty-name",
    "non-ascii-name",
    "no-text",
    "pseudo-name",
    "pseudo-status",
    "remove-pseudo",
    "rename-to-pseudo",
    "crlf",
    "cr",
    "lf",
    "nul",
    "delete",
    "content-length",
    "add-content-length",
    "remove-content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "rename-to-upgrade",
    "host",
    "huge",
    "huge-name",
    "many",
    "endless",
    "response-crlf",
    "response-content-length",
    "reply-status0",
    "reply-status99",
    "reply-status101",
    "reply-status999",
    "reply-crlf",
    "reply-pseudo",
    "reply-content-length",
    "reply-transfer-encoding",
    "reply-huge",
    "reply-huge-body",
    "target-without-slash",
    "target-with-space",
    "target-with-fragment",
    "target-non-ascii",
    "authority-with-slash",
    "authority-with-user",
    "authority-with-words",
    "unknown-cluster",
    "unknown-route",
];

/// What it can do at the response.
const AT_THE_RESPONSE: [&str; 7] = [
    "hook-status0",
    "hook-status99",
    "hook-status999",
    "hook-crlf",
    "hook-content-length",
    "hook-transfer-encoding",
    "hook-replace-content-length",
];

/// A plugin for each act, on a route to each endpoint, `/http1/ACT` and `/http2/ACT`,
/// and routes without any: `/http1/bare` and `/http2/bare`.
async fn hostile(endpoints: &[(&str, &Origin); 2], keys: &str) -> Proxy {
    let mut config = String::from("workers = 1\n[[listener]]\nlisten = \"@http\"\n");
    for (name, origin) in endpoints {
        let url = origin.url();
        write!(config, "[cluster.{name}]\nendpoints = [{url:?}]\n").unwrap();
        write!(config, "[[route]]\npath = \"/{name}\"\ncluster = \"{name}\"\n").unwrap();
    }
    for act in AT_THE_REQUEST.iter().chain(&AT_THE_RESPONSE) {
        let source = guest::BAD_HEADER;
        write!(config, "[plugin.{act}]\nsource = {source:?}\n{keys}config = {{ act = {act:?} }}\n")
            .unwrap();
        for (name, _) in endpoints {
            write!(
                config,
                "[[route]]\npath = \"/{name}/{act}\"\nplugins = [{act:?}]\ncluster = \"{name}\"\n"
            )
            .unwrap();
        }
    }
    Proxy::with(config).start().await
}

/// Nothing of what the guest asked for, legal parts included.
fn is_clean(answer: &Answer) -> bool {
    let fields = ["x-bad", "x-smuggled", "x-huge", "x-many", "upgrade"];
    fields.iter().all(|name| answer.header(name).is_none()) && !answer.text().contains("act")
}

#[tokio::test]
async fn nonsense_is_answered_503_with_its_reason_in_the_log_alone() {
    let (http1, http2) = (Origin::http1().start().await, Origin::http2().start().await);
    let endpoints = [("http1", &http1), ("http2", &http2)];
    let proxy = hostile(&endpoints, "").await;
    let mut wrong = Vec::new();
    for (protocol, client) in [
        ("HTTP/1.1", Client::http1(proxy.http()).await),
        ("HTTP/2.0", Client::http2(proxy.http()).await),
    ] {
        let mut client = client;
        for (name, origin) in endpoints {
            for act in AT_THE_REQUEST.iter().chain(&AT_THE_RESPONSE) {
                let before = origin.request_count();
                let target = format!("/{name}/{act}");
                let answer = client.get(&target).await;
                let entry = proxy
                    .await_log(|entry| entry["path"] == *target && entry["protocol"] == protocol)
                    .await;
                let detail = entry["error"]["detail"].as_str().unwrap_or_default();
                let told = detail.strip_prefix(act).is_some_and(|reason| reason.len() > 10);
                if answer.status != 503
                    || entry["error"]["kind"] != "plugin_failed"
                    || !told
                    || !is_clean(&answer)
                {
                    wrong.push(format!("{protocol} {target}: {} {entry}", answer.status));
                }
                let asked = origin.request_count() - before;
                if asked != usize::from(AT_THE_RESPONSE.contains(act)) {
                    wrong
                        .push(format!("{protocol} {target}: the endpoint was asked {asked} times"));
                }
                // On the same connections, which are as good as before.
                let next = client.get(&format!("/{name}/bare")).await;
                if next.status != 200 {
                    wrong.push(format!("{protocol} {target}: then {}", next.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for act in AT_THE_REQUEST.iter().chain(&AT_THE_RESPONSE) {
        proxy.await_stderr(&["WARN", act, "failure"]).await;
    }
}

#[tokio::test]
async fn nonsense_is_not_carried_out_in_part_when_it_is_passed_over() {
    let (http1, http2) = (Origin::http1().start().await, Origin::http2().start().await);
    let endpoints = [("http1", &http1), ("http2", &http2)];
    let proxy = hostile(&endpoints, "on_failure = \"open\"\n").await;
    let mut wrong = Vec::new();
    for client in [Client::http1(proxy.http()).await, Client::http2(proxy.http()).await] {
        let mut client = client;
        for (name, origin) in endpoints {
            for act in AT_THE_REQUEST.iter().chain(&AT_THE_RESPONSE) {
                let before = origin.request_count();
                let target = format!("/{name}/{act}");
                let answer = client.get(&target).await;
                let fields = ["x-bad", "x-smuggled", "x-huge", "x-many", "upgrade"];
                if answer.status != 200 || fields.iter().any(|name| answer.header(name).is_some()) {
                    wrong.push(format!("{target}: {} {:?}", answer.status, answer.headers));
                }
                let received = origin.requests().split_off(before);
                let [received] = received.as_slice() else {
                    wrong
                        .push(format!("{target}: the endpoint was asked {} times", received.len()));
                    continue;
                };
                let edited = fields.iter().any(|name| !received.header_lines(name).is_empty());
                if edited || received.target != target {
                    wrong.push(format!("{target}: the endpoint saw {received:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn values_that_are_no_text_are_passed_on_as_they_are() {
    // The other side of refusing: HTTP's values are octets, and space around them is
    // no part of them.
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n[cluster.app]\nendpoints = [{:?}]\n\
         [plugin.octets]\nsource = {:?}\n\
         config = {{ name = \"x-octets\", octets = [32, 255, 254, 9, 97, 32] }}\n\
         [[route]]\nplugins = [\"octets\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::OCTETS,
    ))
    .start()
    .await;

    for mut client in [Client::http1(proxy.http()).await, Client::http2(proxy.http()).await] {
        let answer = client.get("/").await;
        assert_eq!(answer.headers["x-octets"].as_bytes(), b"\xff\xfe\ta");
        let received = origin.requests().pop().unwrap();
        assert_eq!(received.header("x-octets"), Some("\u{fffd}\u{fffd}\ta"), "as text");
    }
}
