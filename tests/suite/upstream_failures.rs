//! Endpoints that fail: the client gets a status, the log says what happened, and
//! nothing that identifies the endpoint gets out.

use harness::{Authority, Client, Origin, Proxy, Setup, body, empty, eventually};
use http::Request;
use serde_json::Value;

fn impatient(endpoint: &str) -> Setup {
    Proxy::with(format!(
        "[timeouts]\nconnect = \"300ms\"\nresponse = \"300ms\"\nupstream_body = \"300ms\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{endpoint:?}]\n\
         [[route]]\ncluster = \"app\"\n",
    ))
}

async fn fails(proxy: &Proxy, endpoint: &str, status: u16, kind: &str) {
    let answer = proxy.get("/failing").await;
    assert_eq!(answer.status, status, "{kind}");
    let port = endpoint.rsplit(':').next().unwrap();
    for text in [format!("{:?}", answer.headers), answer.text().to_owned()] {
        assert!(!text.contains(port), "the endpoint's address: {text}");
        for word in ["refused", "hyper", "os error", "connect", "garbage", "tls", "certificate"] {
            assert!(!text.to_lowercase().contains(word), "inner text: {text}");
        }
    }
    let entry = proxy.await_log_of("/failing").await;
    assert_eq!(entry["status"], status);
    assert_eq!(entry["error"]["kind"], kind, "{entry}");
    assert_eq!(entry["error"]["side"], "upstream", "{entry}");
    assert_eq!(entry["endpoint"], endpoint, "the log does say which endpoint");
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_answered_502() {
    let endpoint = Origin::refusing();
    let proxy = impatient(&endpoint).start().await;
    fails(&proxy, &endpoint, 502, "connect_refused").await;
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_answered_504() {
    let (endpoint, _queue) = Origin::unreachable().await;
    let proxy = impatient(&endpoint).start().await;
    fails(&proxy, &endpoint, 504, "connect_timeout").await;
}

#[tokio::test]
async fn an_endpoint_whose_name_does_not_resolve_is_answered_502() {
    let endpoint = "http://no-such-host.invalid:80";
    let proxy = Proxy::to(&[endpoint]).start().await;
    let answer = proxy.get("/failing").await;
    assert!(
        answer.status == 502 || answer.status == 503 || answer.status == 504,
        "{}",
        answer.status
    );
    let entry = proxy.await_log_of("/failing").await;
    assert_eq!(entry["error"]["kind"], "dns", "{entry}");
}

#[tokio::test]
async fn an_endpoint_that_closes_without_an_answer_is_answered_502() {
    let origin = Origin::raw(|mut connection| async move {
        connection.read_request().await;
    })
    .await;
    let proxy = impatient(&origin.url()).start().await;
    fails(&proxy, &origin.url(), 502, "upstream_closed").await;
}

#[tokio::test]
async fn an_endpoint_that_resets_is_answered_502() {
    let origin = Origin::raw(|mut connection| async move {
        connection.read_request().await;
        connection.reset();
    })
    .await;
    let proxy = impatient(&origin.url()).start().await;
    fails(&proxy, &origin.url(), 502, "upstream_closed").await;
}

#[tokio::test]
async fn an_endpoint_that_closes_in_the_head_is_answered_502() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\ncontent-le").await;
    let proxy = impatient(&origin.url()).start().await;
    fails(&proxy, &origin.url(), 502, "upstream_closed").await;
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_answered_504() {
    let origin = Origin::silent().await;
    let proxy = impatient(&origin.url()).start().await;
    fails(&proxy, &origin.url(), 504, "response_timeout").await;
    eventually!(origin.open_connections() == 0, "a connection in an unknown state is not kept");
}

#[tokio::test]
async fn an_endpoint_that_does_not_speak_http_is_answered_502() {
    for garbage in [
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-a: 1\0\r\n\r\nabcd",
    ] {
        let origin = Origin::saying(garbage).await;
        let proxy = impatient(&origin.url()).start().await;
        fails(&proxy, &origin.url(), 502, "upstream_protocol").await;
    }
}

#[tokio::test]
async fn a_response_with_both_lengths_is_not_passed_on_with_both() {
    let origin = Origin::saying(
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    .await;
    let proxy = impatient(&origin.url()).start().await;
    let mut raw = proxy.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;

    let reply = raw.read_reply().await;
    assert!(reply.status == 502 || reply.text() == "ok", "{}", reply.head);
    let framed =
        (reply.header("content-length").is_some(), reply.header("transfer-encoding").is_some());
    assert_ne!(framed, (true, true), "{}", reply.head);
}

#[tokio::test]
async fn a_response_whose_head_is_too_large_is_answered_502() {
    let head =
        format!("HTTP/1.1 200 OK\r\nx-a: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(1 << 20));
    let origin = Origin::saying(head).await;
    let proxy = impatient(&origin.url()).start().await;
    fails(&proxy, &origin.url(), 502, "upstream_protocol").await;
}

#[tokio::test]
async fn an_endpoint_that_is_not_trusted_is_answered_502() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    let origin = Origin::http1().tls(&identity, &[]).start().await;
    // The system's roots do not know this authority.
    let proxy = impatient(&origin.url()).start().await;
    fails(&proxy, &origin.url(), 502, "tls").await;
}

#[tokio::test]
async fn an_endpoint_that_speaks_no_tls_is_answered_502() {
    let origin = Origin::raw(|mut connection| async move {
        connection.write("220 mail.example ESMTP\r\n").await;
        connection.finish().await;
    })
    .await;
    let endpoint = format!("https://{}", origin.address());
    let proxy = impatient(&endpoint).start().await;
    fails(&proxy, &endpoint, 502, "tls").await;
}

#[tokio::test]
async fn an_endpoint_that_speaks_no_http2_is_answered_502() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let endpoint = format!("h2c://{}", origin.address());
    let proxy = impatient(&endpoint).start().await;

    let answer = proxy.get("/failing").await;

    assert!(answer.status == 502 || answer.status == 504, "{}", answer.status);
    assert_eq!(proxy.await_log_of("/failing").await["error"]["side"], "upstream");
}

#[tokio::test]
async fn a_response_cut_short_is_not_made_to_look_whole() {
    let head = "HTTP/1.1 200 OK\r\n";
    for cut in [
        format!("{head}content-length: 100\r\n\r\nonly this"),
        format!("{head}transfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n"),
        format!("{head}transfer-encoding: chunked\r\n\r\n9\r\nonly this\r\nnonsense\r\n"),
    ] {
        let origin = Origin::saying(cut.clone()).await;
        let proxy = impatient(&origin.url()).start().await;
        for mut client in [proxy.client().await, Client::http2(proxy.http()).await] {
            let response = client.start(Request::get("/cut").body(empty()).unwrap()).await;
            assert_eq!(response.status(), 200);
            assert!(harness::Answer::collect(response).await.is_err(), "{cut:?}");
        }
        let entry = proxy.await_log_of("/cut").await;
        assert_eq!(entry["error"]["side"], "upstream", "{entry}");
    }
}

#[tokio::test]
async fn a_response_that_stalls_is_given_up() {
    let origin = Origin::raw(|mut connection| async move {
        connection.read_request().await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
        connection.read_request().await;
    })
    .await;
    let proxy = impatient(&origin.url()).start().await;

    let mut client = proxy.client().await;
    let response = client.start(Request::get("/stalls").body(empty()).unwrap()).await;
    assert!(harness::Answer::collect(response).await.is_err());

    let entry = proxy.await_log_of("/stalls").await;
    assert_eq!(entry["error"]["kind"], "upstream_body_timeout", "{entry}");
    assert_eq!(entry["error"]["side"], "upstream", "{entry}");
    eventually!(origin.open_connections() == 0);
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_endpoint() {
    let origin = Origin::silent().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut raw = proxy.raw().await;
    raw.write("GET /left HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(origin.request_count() == 1);
    drop(raw);

    eventually!(origin.open_connections() == 0);
    let entry = proxy.await_log_of("/left").await;
    assert_eq!(entry["error"]["kind"], "client_closed", "{entry}");
    assert_eq!(entry["error"]["side"], "client", "{entry}");
}

/// Answers the first request of its first connection, and closes that connection
/// when a second request comes on it, as an endpoint does that gave up waiting
/// just before.
async fn closing_when_reused() -> Origin {
    Origin::raw(|mut connection| async move {
        let first = connection.ordinal() == 1;
        while connection.read_request().await.is_some() {
            if first && connection.served() == 2 {
                return;
            }
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await
}

#[tokio::test]
async fn a_stale_pooled_connection_is_invisible_to_an_idempotent_request() {
    let origin = closing_when_reused().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = proxy.client().await;

    assert_eq!(client.get("/first").await.text(), "ok");
    assert_eq!(client.get("/second").await.text(), "ok");

    assert_eq!(origin.connection_count(), 2);
    let entry = proxy.await_log_of("/second").await;
    assert_eq!(entry["status"], 200);
    assert_eq!(entry["attempts"], 2, "{entry}");
    assert_eq!(entry.get("error"), None, "{entry}");
}

#[tokio::test]
async fn a_request_that_is_not_idempotent_is_not_sent_twice() {
    let origin = closing_when_reused().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = proxy.client().await;

    assert_eq!(client.get("/first").await.text(), "ok");
    let answer = client.send(Request::post("/order").body(body("one")).unwrap()).await;

    assert_eq!(answer.status, 502);
    let orders = origin.requests().iter().filter(|request| request.target == "/order").count();
    assert_eq!(orders, 1);
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_passed_over_for_one_that_does_not() {
    let origin = Origin::http1().start().await;
    let refusing = Origin::refusing();
    let proxy = Proxy::to(&[&refusing, &origin.url()]).start().await;
    let mut client = proxy.client().await;

    for n in 0..10 {
        let request = Request::post(format!("/{n}")).body(body("once")).unwrap();
        let answer = client.send(request).await;
        assert_eq!(answer.status, 200, "nothing was sent to the one that refused");
        let echo: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(echo["body"], "once");
    }
    assert_eq!(origin.request_count(), 10);
}

#[tokio::test]
async fn an_endpoints_own_error_is_its_own() {
    let origin = Origin::http1().say("/", 503, "we are closed").start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!((answer.status, answer.text()), (503, "we are closed"));
    let entry = proxy.await_log_of("/").await;
    assert_eq!(entry.get("error"), None, "{entry}");
}

#[tokio::test]
async fn a_failing_endpoint_does_not_harm_the_next_exchange() {
    let origin = Origin::raw(|mut connection| async move {
        while let Some(head) = connection.read_request().await {
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
            if head.starts_with("GET /cut ") {
                connection.write("who").await;
                return;
            }
            connection.write("whole").await;
        }
    })
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    for _ in 0..5 {
        let mut client = proxy.client().await;
        let response = client.start(Request::get("/cut").body(empty()).unwrap()).await;
        assert!(harness::Answer::collect(response).await.is_err());
        assert_eq!(proxy.get("/whole").await.text(), "whole");
    }
}
