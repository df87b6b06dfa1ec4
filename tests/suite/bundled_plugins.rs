//! `builtin:headers` and `builtin:rewrite` on real traffic. What each key does in
//! detail is tested beside their code.

use harness::{Answer, Client, Origin, Proxy, empty};
use http::Request;
use serde_json::Value;

/// A proxy whose only route runs one bundled plugin with this configuration.
async fn with_plugin(origin: &Origin, name: &str, config: &str) -> Proxy {
    Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = \"builtin:{name}\"\n{config}\n\
         [[route]]\nname = \"main\"\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await
}

async fn send(proxy: &Proxy, target: &str, fields: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(target).header("host", "shop.example");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    proxy.client().await.send(request.body(empty()).unwrap()).await
}

#[tokio::test]
async fn headers_edits_what_passes() {
    let origin = Origin::saying(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nserver: inner/1.0\r\nx-old: kept\r\nx-both: one\r\n\r\n",
    )
    .await;
    let proxy = with_plugin(
        &origin,
        "headers",
        r#"
[plugin.p.config.request]
rename = { x-from = "x-to" }
remove = ["x-secret"]
set = { x-seen-by = "${client_address} ${host} ${route}", x-id = "${request_id}" }
add = { x-both = ["two", "three"] }
default = { accept-language = "en" }
[plugin.p.config.response]
rename = { x-old = "x-new" }
remove = ["server"]
set = { x-query = "${query:q}", strict-transport-security = "max-age=1" }
add = { x-both = ["two"] }
"#,
    )
    .await;

    let fields = [("x-from", "a"), ("x-secret", "s"), ("x-both", "one")];
    let answer = send(&proxy, "/?q=%41b", &fields).await;

    let received = origin.only_request();
    assert_eq!((received.header("x-from"), received.header("x-to")), (None, Some("a")));
    assert_eq!(received.header("x-secret"), None);
    assert_eq!(received.header("x-seen-by"), Some("127.0.0.1 shop.example main"));
    assert_eq!(received.header("x-id"), received.header("x-request-id"));
    assert_eq!(received.header_lines("x-both"), ["one", "two", "three"]);
    assert_eq!(received.header("accept-language"), Some("en"));
    assert_eq!((answer.header("x-old"), answer.header("x-new")), (None, Some("kept")));
    assert_eq!(answer.header("server"), None);
    assert_eq!(answer.header("x-query"), Some("Ab"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=1"));
    assert_eq!(answer.header_lines("x-both"), ["one", "two"]);
}

#[tokio::test]
async fn headers_edits_the_proxys_own_answers_too() {
    let refusing = Origin::refusing();
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{refusing:?}]\n\
         [plugin.p]\nsource = \"builtin:headers\"\nconfig = {{ response = {{ set = {{ x-set = \"1\" }} }} }}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
    ))
    .start()
    .await;

    let answer = proxy.get("/").await;

    assert_eq!((answer.status, answer.header("x-set")), (502, Some("1")));
}

#[tokio::test]
async fn a_mistake_in_a_plugins_configuration_ends_the_start() {
    for (name, config, word) in [
        ("headers", "config = { request = { sett = { a = \"b\" } } }", "sett"),
        ("headers", "config = { request = { set = { \"a b\" = \"c\" } } }", "a b"),
        ("headers", "config = { request = { set = { x = \"${nothing}\" } } }", "nothing"),
        (
            "rewrite",
            "config = { rules = [{ replace_path = { regex = \"(\", with = \"/\" } }] }",
            "replace_path",
        ),
        ("rewrite", "config = { rules = [{ redirect = { status = 200, to = \"/\" } }] }", "200"),
    ] {
        let finished = Proxy::with(format!(
            "[[listener]]\nlisten = \"@http\"\n\
             [cluster.app]\nendpoints = [\"http://127.0.0.1:1\"]\n\
             [plugin.p]\nsource = \"builtin:{name}\"\n{config}\n\
             [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        ))
        .check()
        .await;
        let text = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.code, Some(1), "{config}\n{text}");
        assert!(text.contains(word), "{config}\n{text}");
    }
}

#[tokio::test]
async fn rewrite_changes_what_the_endpoint_is_asked_for() {
    let origin = Origin::http1().start().await;
    let proxy = with_plugin(
        &origin,
        "rewrite",
        r#"
[[plugin.p.config.rules]]
match = { path_prefix = "/strip" }
strip_prefix = "/strip"
stop = true
[[plugin.p.config.rules]]
match = { path_prefix = "/add" }
add_prefix = "/before"
stop = true
[[plugin.p.config.rules]]
match = { path_prefix = "/swap" }
replace_prefix = { from = "/swap", to = "/swapped" }
stop = true
[[plugin.p.config.rules]]
match = { path_prefix = "/item" }
replace_path = { regex = "^/item/(?P<id>[0-9]+)/(.*)$", with = "/v2/${id}/$2" }
stop = true
[[plugin.p.config.rules]]
match = { path_prefix = "/query" }
query = { remove = ["secret"], set = { a = "2" }, add = { from = "${client_address}" } }
stop = true
[[plugin.p.config.rules]]
match = { path_prefix = "/host" }
host = "inner.example"
"#,
    )
    .await;

    for (asked, seen) in [
        ("/strip/a?b=c", "/a?b=c"),
        ("/strip", "/"),
        ("/stripped", "/stripped"),
        ("/add/a?b", "/before/add/a?b"),
        ("/swap/a", "/swapped/a"),
        ("/item/42/x/y?z", "/v2/42/x/y?z"),
        ("/item/none", "/item/none"),
        ("/query?a=1&secret=s&b=3", "/query?b=3&a=2&from=127.0.0.1"),
    ] {
        assert_eq!(send(&proxy, asked, &[]).await.status, 200, "{asked}");
        assert_eq!(origin.requests().last().unwrap().target, seen, "{asked}");
        let entry = proxy.await_log_of(asked).await;
        assert_eq!(entry["status"], 200, "the log has what the client asked for");
    }
    send(&proxy, "/host", &[]).await;
    let received = origin.requests().pop().unwrap();
    assert_eq!(received.authority, "inner.example");
    assert_eq!(received.header("x-forwarded-host"), Some("shop.example"));
}

#[tokio::test]
async fn rewrite_redirects_without_asking_the_endpoint() {
    let origin = Origin::http1().start().await;
    let proxy = with_plugin(
        &origin,
        "rewrite",
        r#"
[[plugin.p.config.rules]]
match = { path_prefix = "/301" }
redirect = { status = 301, to = "https://${host}${path}" }
[[plugin.p.config.rules]]
match = { path_prefix = "/302" }
redirect = { to = "/elsewhere", keep_query = false }
[[plugin.p.config.rules]]
match = { path_prefix = "/307" }
redirect = { status = 307, to = "/elsewhere" }
[[plugin.p.config.rules]]
match = { path_regex = "^/308/(.*)$" }
redirect = { status = 308, to = "/new/$1" }
"#,
    )
    .await;

    for (asked, status, location) in [
        ("/301/a?b=c", 301, "https://shop.example/301/a?b=c"),
        ("/302?b=c", 302, "/elsewhere"),
        ("/307?b=c", 307, "/elsewhere?b=c"),
        ("/308/x", 308, "/new/x"),
    ] {
        let answer = send(&proxy, asked, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (status, Some(location)), "{asked}");
    }
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn rewrite_chooses_the_cluster_by_field_cookie_and_share() {
    let stable = Origin::http1().named("stable").start().await;
    let canary = Origin::http1().named("canary").start().await;
    let proxy = Proxy::with(format!(
        r#"
[[listener]]
listen = "@http"
[cluster.stable]
endpoints = [{:?}]
[cluster.canary]
endpoints = [{:?}]
[plugin.p]
source = "builtin:rewrite"
[[plugin.p.config.rules]]
match = {{ headers = {{ x-canary = {{ equals = "yes" }} }} }}
cluster = "canary"
stop = true
[[plugin.p.config.rules]]
match = {{ cookies = {{ beta = {{ present = true }} }} }}
cluster = "canary"
stop = true
[[plugin.p.config.rules]]
match = {{ path_prefix = "/route" }}
route = "the-canarys"
stop = true
[[plugin.p.config.rules]]
match = {{ path_prefix = "/share", share = {{ percent = 30, by = "header:x-user" }} }}
cluster = "canary"
[[route]]
plugins = ["p"]
cluster = "stable"
[[route]]
name = "the-canarys"
host = "nobody.asks.for.this.example"
cluster = "canary"
"#,
        stable.url(),
        canary.url()
    ))
    .start()
    .await;

    for (target, field, expected) in [
        ("/", ("x-canary", "no"), "stable"),
        ("/", ("x-canary", "yes"), "canary"),
        ("/", ("cookie", "a=b; beta=1"), "canary"),
        ("/route", ("x-a", "b"), "canary"),
    ] {
        let answer = send(&proxy, target, &[field]).await;
        assert_eq!(answer.header("x-origin"), Some(expected), "{target} {field:?}");
    }
    let entry = proxy.await_log_of("/route").await;
    assert_eq!(entry["cluster"], "canary");

    let mut shares = 0;
    for user in 0..200 {
        let user = user.to_string();
        let first = send(&proxy, "/share", &[("x-user", &user)]).await;
        let second = send(&proxy, "/share", &[("x-user", &user)]).await;
        assert_eq!(first.header("x-origin"), second.header("x-origin"), "a user stays where it is");
        shares += usize::from(first.header("x-origin") == Some("canary"));
    }
    // 60 are expected.
    assert!((30..=95).contains(&shares), "{shares} of 200");
}

#[tokio::test]
async fn a_routes_own_configuration_is_laid_over_the_plugins() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        r#"
[[listener]]
listen = "@http"
[cluster.app]
endpoints = [{:?}]
[plugin.edit]
source = "builtin:headers"
config = {{ request = {{ set = {{ x-set = "general" }} }}, response = {{ set = {{ x-both = "1" }} }} }}
[[route]]
plugins = ["edit"]
cluster = "app"
[[route]]
path = "/special"
plugins = [{{ use = "edit", config = {{ request = {{ set = {{ x-set = "special" }} }} }} }}]
cluster = "app"
"#,
        origin.url()
    ))
    .start()
    .await;

    for (target, value) in [("/", "general"), ("/special", "special")] {
        let answer = Client::http1(proxy.http()).await.get(target).await;
        assert_eq!(answer.header("x-both"), Some("1"), "{target}");
        let echo: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(echo["target"], target);
        assert_eq!(origin.requests().last().unwrap().header("x-set"), Some(value));
    }
}
