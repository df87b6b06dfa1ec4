//! What a client may send and hold, and how it is told.

use std::net::{Ipv4Addr, SocketAddr};

use harness::{Client, Origin, Proxy, Raw, Setup, body, eventually};
use http::Request;
use tokio::net::TcpSocket;

fn limited(origin: &Origin, tables: &str) -> Setup {
    Proxy::with(format!(
        "workers = 1\n\
         {tables}\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n\
         [[route]]\npath = \"/wide\"\nbody_bytes = \"1MiB\"\ncluster = \"app\"\n",
        origin.url()
    ))
}

#[tokio::test]
async fn a_target_that_is_too_long_is_answered_414() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\ntarget_bytes = \"1KiB\"").start().await;

    let target = format!("/{}", "a".repeat(1023));
    assert_eq!(proxy.get(&target).await.status, 200, "exactly the limit");
    let target = format!("/{}", "b".repeat(1024));
    assert_eq!(proxy.get(&target).await.status, 414);

    assert_eq!(origin.request_count(), 1);
    let entry = proxy.await_log(|entry| entry["status"] == 414).await;
    assert_eq!(entry["error"]["kind"], "target_too_long");
    assert_eq!(entry["error"]["side"], "client");
}

#[tokio::test]
async fn a_target_of_a_megabyte_is_refused_before_it_has_all_come() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "").start().await;
    let mut raw = proxy.raw().await;

    raw.write(format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(1 << 20))).await;

    // The bound on the whole head ends it before the end of its line has come.
    assert_eq!(raw.read_reply().await.status, 431);
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn fields_that_are_too_large_are_answered_431() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nheader_bytes = \"8KiB\"").start().await;
    let mut raw = proxy.raw().await;

    raw.write(format!("GET / HTTP/1.1\r\nhost: a\r\nx-a: {}\r\n\r\n", "a".repeat(16 * 1024))).await;

    assert_eq!(raw.read_reply().await.status, 431);
    assert!(raw.is_at_end().await);
    assert_eq!(origin.request_count(), 0);
    let entry = proxy.await_log(|entry| entry["status"] == 431).await;
    assert_eq!(entry["error"]["kind"], "headers_too_large");
}

#[tokio::test]
async fn a_head_that_never_ends_is_answered_431() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "").start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET / HTTP/1.1\r\nhost: a\r\n").await;
    // Far more than any default; refused long before it is all sent.
    let line = format!("x-a: {}\r\n", "a".repeat(8000));
    for _ in 0..1000 {
        if !raw.write(&line).await {
            break;
        }
    }

    assert_eq!(raw.read_reply().await.status, 431);
}

#[tokio::test]
async fn too_many_fields_are_answered_431() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nheader_count = 20").start().await;
    let request = |count: usize| {
        let fields: String = (1..count).map(|n| format!("x-{n}: 1\r\n")).collect();
        format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")
    };

    let mut raw = proxy.raw().await;
    raw.write(request(20)).await;
    assert_eq!(raw.read_reply().await.status, 200, "exactly the limit");
    raw.write(request(21)).await;
    assert_eq!(raw.read_reply().await.status, 431);

    assert_eq!(origin.request_count(), 1);
}

#[tokio::test]
async fn http2_fields_that_are_too_large_are_refused() {
    let origin = Origin::http1().start().await;
    let proxy =
        limited(&origin, "[limits]\nheader_bytes = \"8KiB\"\nheader_count = 20").start().await;

    let large = Request::get("/large").header("x-a", "a".repeat(16 * 1024));
    let mut many = Request::get("/many");
    for n in 0..40 {
        many = many.header(format!("x-{n}"), "1");
    }
    for request in [large, many] {
        let mut client = Client::http2(proxy.http()).await;
        let request = request.body(harness::empty()).unwrap();
        let target = request.uri().to_string();
        // A stream error is as good a refusal as a status.
        if let Ok(response) = client.try_start(request).await {
            assert_eq!(response.status(), 431, "{target}");
        }
    }
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn a_body_announced_too_large_is_answered_413_before_it_is_sent() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nbody_bytes = \"1KiB\"").start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1025\r\n\r\n").await;

    assert_eq!(raw.read_reply().await.status, 413);
    assert_eq!(origin.request_count(), 0);
    let entry = proxy.await_log(|entry| entry["status"] == 413).await;
    assert_eq!(entry["error"]["kind"], "body_too_large");
    assert_eq!(entry["error"]["side"], "client");
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_answered_413() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nbody_bytes = \"1KiB\"").start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    raw.write(format!("400\r\n{}\r\n", "a".repeat(1024))).await;
    raw.write("1\r\nb\r\n0\r\n\r\n").await;

    assert_eq!(raw.read_reply().await.status, 413);
}

#[tokio::test]
async fn a_client_that_goes_on_sending_what_was_refused_is_cut_off() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nbody_bytes = \"1KiB\"").start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    let mut sent = 0;
    while raw.write(&chunk).await {
        sent += chunk.len();
        assert!(sent < 256 << 20, "{sent} octets were taken of what was refused");
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nbody_bytes = \"1KiB\"").start().await;

    let request = Request::post("/").body(body(vec![b'a'; 1024])).unwrap();

    assert_eq!(proxy.client().await.send(request).await.status, 200);
}

#[tokio::test]
async fn a_routes_own_body_limit_overrides_the_general_one() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nbody_bytes = \"1KiB\"").start().await;

    let request = Request::post("/wide").body(body(vec![b'a'; 1 << 20])).unwrap();
    assert_eq!(proxy.client().await.send(request).await.status, 200);
    let request = Request::post("/wide").body(body(vec![b'a'; (1 << 20) + 1])).unwrap();
    assert_eq!(proxy.client().await.send(request).await.status, 413);
}

#[tokio::test]
async fn a_head_that_takes_too_long_ends_the_connection() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[timeouts]\nheader = \"200ms\"").start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET / HTTP/1.1\r\nhost:").await;

    let end = raw.read_to_end().await;
    assert!(
        end.is_empty() || end.starts_with(b"HTTP/1.1 408 "),
        "{}",
        String::from_utf8_lossy(&end)
    );
    let entry = proxy.await_log(|entry| entry["error"]["kind"] == "header_timeout").await;
    assert_eq!(entry["error"]["side"], "client");
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_answered_408() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[timeouts]\nbody = \"200ms\"").start().await;
    let mut raw = proxy.raw().await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf").await;

    assert_eq!(raw.read_reply().await.status, 408);
    assert!(raw.is_at_end().await);
    let entry = proxy.await_log(|entry| entry["status"] == 408).await;
    assert_eq!(entry["error"]["kind"], "body_timeout");
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[timeouts]\nidle = \"200ms\"").start().await;

    let mut used = proxy.raw().await;
    used.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(used.read_reply().await.status, 200);
    assert!(used.is_at_end().await);

    let mut unused = proxy.raw().await;
    assert!(unused.is_at_end().await);
}

#[tokio::test]
async fn a_connection_ends_after_its_number_of_exchanges() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nrequests_per_connection = 3").start().await;
    let mut raw = proxy.raw().await;

    for n in 1..=3 {
        raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let reply = raw.read_reply().await;
        assert_eq!(reply.status, 200);
        let says_close = reply.header("connection") == Some("close");
        assert_eq!(says_close, n == 3, "exchange {n}: {}", reply.head);
    }
    assert!(raw.is_at_end().await);
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let origin = Origin::http1().start().await;
    let proxy = limited(&origin, "[limits]\nconnections_per_address = 2").start().await;
    // The connection by which the start was awaited may still count.
    let mut held = Vec::new();
    eventually!({
        held.extend(served(&proxy).await);
        held.len() == 2
    });

    assert!(served(&proxy).await.is_none(), "closed at once");

    let mut elsewhere = from_another_address(proxy.http()).await;
    assert_eq!(elsewhere.get("/").await.status, 200, "another address is served");
    held.pop();
    eventually!(served(&proxy).await.is_some());
}

/// A connection on which an exchange has succeeded, if it has.
async fn served(proxy: &Proxy) -> Option<Raw> {
    let mut raw = Raw::connect(proxy.http()).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    if raw.is_at_end().await {
        return None;
    }
    assert_eq!(raw.read_reply().await.status, 200);
    Some(raw)
}

/// A client whose address is not the one that all others have.
async fn from_another_address(proxy: SocketAddr) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0))).unwrap();
    Client::http1_over(socket.connect(proxy).await.unwrap()).await
}
