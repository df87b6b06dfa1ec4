//! Ordinary exchanges: what the client says reaches the endpoint, and back.

use harness::{Client, Origin, Proxy, body, empty, payload};
use http::{Request, Response, Version};
use serde_json::Value;

#[tokio::test]
async fn a_request_reaches_the_endpoint_as_it_was_sent() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let request = Request::put("/a/b%20c?x=1&y=%2F&x=2")
        .header("host", "shop.example:8080")
        .header("x-one", "1")
        .header("x-many", "first")
        .header("x-many", "second")
        .header("cookie", "a=1; b=2")
        .body(body("the body"))
        .unwrap();
    let answer = proxy.client().await.send(request).await;

    assert_eq!(answer.status, 200);
    let echo: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(echo["method"], "PUT");
    assert_eq!(echo["body"], "the body");
    let received = origin.only_request();
    assert_eq!(received.target, "/a/b%20c?x=1&y=%2F&x=2");
    assert_eq!(received.authority, "shop.example:8080");
    assert_eq!(received.header("x-one"), Some("1"));
    assert_eq!(received.header_lines("x-many"), ["first", "second"]);
    assert_eq!(received.header("cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn a_response_reaches_the_client_as_it_was_sent() {
    let origin = Origin::http1()
        .answer("/", |_| async {
            Response::builder()
                .status(203)
                .header("set-cookie", "a=1")
                .header("set-cookie", "b=2")
                .header("content-type", "text/x-odd; charset=utf-8")
                .header("x-binary", http::HeaderValue::from_bytes(b"caf\xe9").unwrap())
                .body(body("hello"))
                .unwrap()
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!(answer.status, 203);
    assert_eq!(answer.header_lines("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.header("content-type"), Some("text/x-odd; charset=utf-8"));
    assert_eq!(answer.headers["x-binary"].as_bytes(), b"caf\xe9");
    assert_eq!(answer.text(), "hello");
}

#[tokio::test]
async fn every_method_passes() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = proxy.client().await;

    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "x-own"]
    {
        let request = Request::builder().method(method).uri("/").body(empty()).unwrap();
        let answer = client.send(request).await;
        assert_eq!(answer.status, 200, "{method}");
        assert_eq!(origin.requests().last().unwrap().method, method);
    }
}

#[tokio::test]
async fn every_final_status_passes() {
    let origin = Origin::http1()
        .answer("/status", |request| async move {
            let status: u16 = request.uri().query().unwrap().parse().unwrap();
            Response::builder().status(status).body(empty()).unwrap()
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = proxy.client().await;

    for status in [200, 204, 206, 301, 304, 307, 400, 401, 404, 418, 429, 500, 501, 503, 599] {
        assert_eq!(client.get(&format!("/status?{status}")).await.status, status);
    }
}

#[tokio::test]
async fn a_head_request_is_answered_with_the_length_and_without_the_body() {
    let origin = Origin::http1().say("/", 200, "twelve bytes").start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reply = raw.read_head().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-length"), Some("12"));

    // The next answer follows at once, so no body was in between.
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.text(), "twelve bytes");
}

#[tokio::test]
async fn one_connection_serves_many_exchanges_and_so_does_the_one_behind() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = proxy.client().await;

    for n in 0..20 {
        assert_eq!(client.get(&format!("/{n}")).await.status, 200);
    }

    assert_eq!(origin.request_count(), 20);
    assert_eq!(origin.connection_count(), 1, "the endpoint's connection is kept");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write(
        "GET /1 HTTP/1.1\r\nhost: a\r\n\r\n\
         POST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc\
         GET /3 HTTP/1.1\r\nhost: a\r\n\r\n",
    )
    .await;

    for target in ["/1", "/2", "/3"] {
        let echo: Value = serde_json::from_slice(&raw.read_reply().await.body).unwrap();
        assert_eq!(echo["target"], target);
    }
}

#[tokio::test]
async fn an_http_1_0_client_is_answered_and_its_connection_closed() {
    let origin = Origin::http1()
        .answer("/", |_| async { Response::new(payload::stream(100_000)) })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET / HTTP/1.0\r\nhost: a\r\n\r\n").await;
    let reply = raw.read_head().await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("transfer-encoding"), None, "HTTP/1.0 knows no chunks");
    assert_eq!(raw.read_to_end().await.len(), 100_000);
}

#[tokio::test]
async fn a_client_that_asks_to_close_is_closed() {
    let origin = Origin::http1().say("/", 200, "bye").start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;

    assert_eq!(raw.read_reply().await.text(), "bye");
    assert!(raw.is_at_end().await);
}

#[tokio::test]
async fn a_chunked_body_arrives_whole() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    raw.write("5;extension=1\r\nhello\r\n").await;
    raw.write("6\r\n world\r\n0\r\n\r\n").await;

    let echo: Value = serde_json::from_slice(&raw.read_reply().await.body).unwrap();
    assert_eq!(echo["body"], "hello world");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_is_told_to_go_on() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(raw.read_head().await.status, 100);
    raw.write("body").await;

    let reply = raw.read_reply().await;
    assert_eq!(reply.status, 200);
    let echo: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(echo["body"], "body");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_need_not_send_what_is_refused() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\npath = \"/there\"\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;
    let mut raw = proxy.raw().await;

    raw.write(
        "POST /elsewhere HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n",
    )
    .await;

    assert_eq!(raw.read_reply().await.status, 404);
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn informational_answers_of_an_endpoint_do_not_end_the_exchange() {
    let origin = Origin::saying(
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n\
         HTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfinal",
    )
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!((answer.status, answer.text()), (200, "final"));
}

#[tokio::test]
async fn a_response_that_ends_with_the_connection_arrives_whole() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\n\r\nuntil the end").await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    assert_eq!(proxy.get("/").await.text(), "until the end");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_body_is_passed_on() {
    let origin = Origin::http1().say("/", 413, "too much for me").start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nonly the start").await;

    let reply = raw.read_reply().await;
    assert_eq!((reply.status, reply.text()), (413, "too much for me"));
}

#[tokio::test]
async fn the_version_on_either_side_is_that_sides_own() {
    let old = Origin::http1().start().await;
    let new = Origin::http2().start().await;
    for origin in [&old, &new] {
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        let first = proxy.get("/").await;
        let second = Client::http2(proxy.http()).await.get("/").await;
        assert_eq!(first.version, Version::HTTP_11);
        assert_eq!(second.version, Version::HTTP_2);
        assert_eq!((first.status, second.status), (200, 200));
    }
    assert_eq!((old.request_count(), new.request_count()), (2, 2));
}
