//! Fields after the body, through every pair of protocols.

use harness::{Client, Origin, Proxy, Raw, with_trailers};
use http::{Request, Response};
use serde_json::{Value, json};

async fn origins() -> [Origin; 2] {
    let script = |script: harness::Script| {
        script.answer("/trailers", |_| async {
            Response::builder()
                .header("trailer", "x-sum, x-state")
                .body(with_trailers("payload", &[("x-sum", "42"), ("x-state", "done")]))
                .unwrap()
        })
    };
    [script(Origin::http1()).start().await, script(Origin::http2()).start().await]
}

#[tokio::test]
async fn a_responses_trailers_reach_the_client() {
    for origin in origins().await {
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        let through = format!("from {}", origin.url());

        let request =
            Request::get("/trailers").header("te", "trailers").body(harness::empty()).unwrap();
        let answer = proxy.client().await.send(request).await;
        assert_eq!(answer.text(), "payload", "{through} to HTTP/1.1");
        assert_eq!(answer.trailers["x-sum"], "42", "{through} to HTTP/1.1");
        assert_eq!(answer.trailers["x-state"], "done", "{through} to HTTP/1.1");

        let request =
            Request::get("/trailers").header("te", "trailers").body(harness::empty()).unwrap();
        let answer = Client::http2(proxy.http()).await.send(request).await;
        assert_eq!(answer.text(), "payload", "{through} to HTTP/2");
        assert_eq!(answer.trailers["x-sum"], "42", "{through} to HTTP/2");
        assert_eq!(answer.trailers["x-state"], "done", "{through} to HTTP/2");
    }
}

#[tokio::test]
async fn a_requests_trailers_reach_the_endpoint() {
    for origin in origins().await {
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        let request = || {
            Request::post("/echo")
                .header("trailer", "x-sum")
                .body(with_trailers("payload", &[("x-sum", "42")]))
                .unwrap()
        };

        for mut client in [proxy.client().await, Client::http2(proxy.http()).await] {
            let answer = client.send(request()).await;
            let echo: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(echo["body"], "payload", "{:?} to {}", answer.version, origin.url());
            assert_eq!(
                echo["trailers"],
                json!([["x-sum", "42"]]),
                "{:?} to {}",
                answer.version,
                origin.url()
            );
        }
    }
}

#[tokio::test]
async fn te_trailers_is_the_only_te_that_passes() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut raw = proxy.raw().await;
    raw.write(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: te\r\nte: gzip, trailers;q=0.5, deflate\r\n\r\n",
    )
    .await;
    assert_eq!(raw.read_reply().await.status, 200);

    let received = origin.only_request();
    let te = received.header("te");
    assert!(te.is_none() || te == Some("trailers"), "{te:?}");
}

#[tokio::test]
async fn trailers_cannot_smuggle_fields_that_frame_or_route() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = Raw::connect(proxy.http()).await;

    raw.write(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
         trailer: host, content-length, transfer-encoding, connection, x-ok\r\n\r\n\
         2\r\nab\r\n0\r\nhost: evil\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\nx-ok: 1\r\n\r\n",
    )
    .await;

    let reply = raw.read_reply().await;
    assert!(reply.status == 200 || reply.status == 400, "{}", reply.head);
    if reply.status == 200 {
        let echo: Value = serde_json::from_slice(&reply.body).unwrap();
        let trailers = echo["trailers"].to_string();
        for name in ["host", "content-length", "transfer-encoding", "connection"] {
            assert!(!trailers.contains(&format!("\"{name}\"")), "{trailers}");
        }
    }
}
