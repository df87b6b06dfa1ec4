//! Which route an exchange takes.

use harness::{Client, Origin, Proxy, empty};
use http::Request;

/// Routes in an order that is not that of precedence, each named after what it is.
const ROUTES: &str = r#"
[[route]]
name = "anything"
cluster = "app"

[[route]]
name = "api"
path = "/api"
cluster = "app"

[[route]]
name = "api-v1"
path = "/api/v1/"
cluster = "app"

[[route]]
name = "digits"
path_regex = "/item/[0-9]+"
cluster = "app"

[[route]]
name = "any-shop"
host = "*.shop.example"
cluster = "app"

[[route]]
name = "shop"
host = "shop.example"
cluster = "app"

[[route]]
name = "shop-api"
host = "shop.example"
path = "/api"
cluster = "app"

[[route]]
name = "deep-shop"
host = "*.eu.shop.example"
cluster = "app"

[[route]]
name = "api-writes"
path = "/api"
method = ["POST", "PUT"]
cluster = "app"

[[route]]
name = "canary"
path = "/api"
headers = { x-canary = "yes" }
cluster = "app"

[[route]]
name = "versioned"
path = "/api"
headers = { accept = "~.*version=[0-9]+.*" }
query = { beta = "*" }
cluster = "app"

[[route]]
name = "preview"
path = "/page"
query = { mode = "preview" }
cluster = "app"
"#;

async fn routed(proxy: &Proxy, request: http::request::Builder) -> String {
    let request = request.body(empty()).unwrap();
    let target = request.uri().to_string();
    let seen = proxy.log().len();
    assert_eq!(proxy.client().await.send(request).await.status, 200, "{target}");
    harness::eventually!(proxy.log().len() > seen);
    proxy.log()[seen]["route"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_most_specific_route_wins() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n[cluster.app]\nendpoints = [{:?}]\n{ROUTES}",
        origin.url()
    ))
    .start()
    .await;

    let get = |host: &str, target: &str| Request::get(target).header("host", host);
    let cases = [
        (get("a", "/"), "anything"),
        (get("a", "/apix"), "anything"),
        (get("a", "/api"), "api"),
        (get("a", "/api/"), "api"),
        (get("a", "/api?x=/api/v1/"), "api"),
        (get("a", "/api/v1/x"), "api-v1"),
        (get("a", "/api/v10"), "api"),
        (get("a", "/item/42"), "digits"),
        (get("a", "/item/42/x"), "anything"),
        (get("a", "/item/x"), "anything"),
        (get("shop.example", "/"), "shop"),
        (get("SHOP.example:8080", "/"), "shop"),
        (get("shop.example", "/api/x"), "shop-api"),
        (get("www.shop.example", "/"), "any-shop"),
        (get("www.shop.example", "/api"), "any-shop"),
        (get("a.b.shop.example", "/"), "any-shop"),
        (get("a.eu.shop.example", "/"), "deep-shop"),
        (get("eu.shop.example", "/"), "any-shop"),
        (get("notshop.example", "/"), "anything"),
        (Request::post("/api").header("host", "a"), "api-writes"),
        (Request::delete("/api").header("host", "a"), "api"),
        (get("a", "/api").header("x-canary", "yes"), "canary"),
        (get("a", "/api").header("x-canary", "no"), "api"),
        (get("a", "/api?beta").header("accept", "x/y; version=2"), "versioned"),
        (get("a", "/api?beta").header("accept", "x/y"), "api"),
        (get("a", "/page?mode=preview"), "preview"),
        (get("a", "/page?a=1&mode=preview&b=2"), "preview"),
        (get("a", "/page?mode=previews"), "anything"),
        (get("a", "/page?xmode=preview"), "anything"),
    ];
    for (request, expected) in cases {
        let what = format!("{request:?}");
        assert_eq!(routed(&proxy, request).await, expected, "{what}");
    }
}

#[tokio::test]
async fn an_exchange_without_a_route_is_answered_404() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\nhost = \"shop.example\"\npath = \"/there\"\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    let elsewhere = Request::get("/elsewhere").header("host", "shop.example");
    let other = Request::get("/there").header("host", "other.example");
    for request in [elsewhere, other] {
        let request = request.body(empty()).unwrap();
        for mut client in [proxy.client().await, Client::http2(proxy.http()).await] {
            assert_eq!(client.send(request_like(&request)).await.status, 404);
        }
    }

    assert_eq!(origin.request_count(), 0);
    let entry = proxy.await_log_of("/elsewhere").await;
    assert_eq!((&entry["status"], &entry["error"]["kind"]), (&404.into(), &"no_route".into()));
}

fn request_like(request: &Request<harness::Body>) -> Request<harness::Body> {
    let mut same = Request::get(request.uri().clone()).body(empty()).unwrap();
    same.headers_mut().clone_from(request.headers());
    same
}

/// What a path that a route protects can be disguised as.
#[tokio::test]
async fn a_disguised_path_takes_the_route_of_what_it_means() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\nname = \"public\"\ncluster = \"app\"\n\
         [[route]]\nname = \"secret\"\npath = \"/secret\"\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    for disguise in [
        "/secret",
        "/./secret",
        "/x/../secret",
        "/%73ecret",
        "/x/%2e%2e/secret",
        "/x/.%2E/secret",
        "/secret/./x",
    ] {
        let seen = proxy.log().len();
        let mut raw = proxy.raw().await;
        raw.write(format!("GET {disguise} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let status = raw.read_reply().await.status;
        harness::eventually!(proxy.log().len() > seen);
        let entry = proxy.log().swap_remove(seen);
        assert!(status == 400 || entry["route"] == "secret", "{disguise}: {entry}");
        assert_eq!(entry["path"], disguise, "the log has it as it was received");
        if status == 200 {
            let target = origin.requests().pop().unwrap().target;
            assert!(target.starts_with("/secret"), "{disguise} became {target}");
        }
    }
}
