//! HTTP/2 to the client, to the endpoint, and both: streams, gRPC's way of using
//! them, and what a hostile client does with them.

use bytes::Bytes;
use harness::{Answer, Client, Origin, Proxy, Setup, body, channel, empty, eventually, within};
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// A call as gRPC makes it.
fn call(path: &str) -> http::request::Builder {
    Request::post(path).header("content-type", "application/grpc").header("te", "trailers")
}

/// Five octets of prefix, then the message.
fn message(text: &str) -> Bytes {
    let length = u32::try_from(text.len()).unwrap();
    [&[0], length.to_be_bytes().as_slice(), text.as_bytes()].concat().into()
}

/// Answers each message by itself, as it comes, and says at the end that all is well.
async fn echoing(request: Request<Incoming>) -> Response<harness::Body> {
    let (mut sender, out) = channel();
    tokio::spawn(async move {
        let mut incoming = request.into_body();
        while let Some(Ok(frame)) = incoming.frame().await {
            let Ok(data) = frame.into_data() else { break };
            if sender.send_data(data).await.is_err() {
                return;
            }
        }
        let trailers = [("grpc-status", "0"), ("grpc-message", "fine")]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        // The proxy may be gone, which the test notices at its other end.
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    Response::builder().header("content-type", "application/grpc").body(out).unwrap()
}

async fn grpc() -> (Origin, Proxy) {
    let origin = Origin::http2().answer("/echo.Echo/Stream", echoing).start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    (origin, proxy)
}

async fn next_message(incoming: &mut Incoming) -> Bytes {
    let frame = within("a message", incoming.frame()).await.unwrap().unwrap();
    frame.into_data().unwrap()
}

#[tokio::test]
async fn a_unary_call_passes_with_its_trailers() {
    let (origin, proxy) = grpc().await;
    let mut client = Client::http2(proxy.http()).await;

    let request = call("/echo.Echo/Stream").body(body(message("hello"))).unwrap();
    let answer = client.send(request).await;

    assert_eq!(answer.body, message("hello"));
    assert_eq!(answer.trailers["grpc-status"], "0");
    assert_eq!(answer.trailers["grpc-message"], "fine");
    let received = origin.only_request();
    assert_eq!(received.header("te"), Some("trailers"));
    assert_eq!(received.header("content-type"), Some("application/grpc"));
}

#[tokio::test]
async fn a_call_in_both_directions_is_not_held_up_by_either() {
    let (_origin, proxy) = grpc().await;
    let mut client = Client::http2(proxy.http()).await;
    let (mut sender, out) = channel();

    sender.send_data(message("0")).await.unwrap();
    let response = client.start(call("/echo.Echo/Stream").body(out).unwrap()).await;
    let mut incoming = response.into_body();
    assert_eq!(next_message(&mut incoming).await, message("0"));
    // Each message is sent only when the one before has come back.
    for n in 1..50 {
        let text = n.to_string();
        sender.send_data(message(&text)).await.unwrap();
        assert_eq!(next_message(&mut incoming).await, message(&text));
    }
    drop(sender);

    let end = within("the trailers", incoming.frame()).await.unwrap().unwrap();
    assert_eq!(end.into_trailers().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn an_answer_without_a_body_keeps_its_status_fields() {
    let origin = Origin::http2()
        .answer("/refuses", |_| async {
            Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "7")
                .body(empty())
                .unwrap()
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let request = call("/refuses").body(body(message("x"))).unwrap();
    let answer = Client::http2(proxy.http()).await.send(request).await;

    assert_eq!(answer.header("grpc-status"), Some("7"));
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn many_streams_share_the_connections_on_both_sides() {
    let origin = Origin::http2().start().await;
    let proxy = Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;
    let client = Client::http2(proxy.http()).await;

    let streams = (0..100).map(|n| {
        let mut client = client.another();
        async move {
            let request = Request::post(format!("/{n}")).body(body(n.to_string())).unwrap();
            let answer = client.send(request).await;
            let echo: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(echo["target"], format!("/{n}"));
            assert_eq!(echo["body"], n.to_string());
        }
    });
    futures_util::future::join_all(streams).await;

    assert_eq!(origin.request_count(), 100);
    assert!(
        origin.connection_count() < 10,
        "{} connections for one client",
        origin.connection_count()
    );
}

#[tokio::test]
async fn a_slow_stream_does_not_hold_up_the_others() {
    let origin = Origin::http2().answer("/never", |_| std::future::pending()).start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let client = Client::http2(proxy.http()).await;

    let mut waiting = client.another();
    let never = tokio::spawn(async move {
        drop(waiting.try_start(Request::get("/never").body(empty()).unwrap()).await);
    });
    eventually!(origin.request_count() == 1);
    let mut other = client.another();
    for n in 0..20 {
        assert_eq!(other.get(&format!("/{n}")).await.status, 200);
    }
    never.abort();
}

#[tokio::test]
async fn a_stream_that_the_client_resets_is_reset_at_the_endpoint() {
    let origin = Origin::http2()
        .answer("/endless", |_| async {
            let (mut sender, out) = channel();
            tokio::spawn(async move {
                while sender.send_data(Bytes::from_static(b"more ")).await.is_ok() {}
            });
            Response::new(out)
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = Client::http2(proxy.http()).await;

    let response = client.start(Request::get("/endless").body(empty()).unwrap()).await;
    drop(response);

    let entry = proxy.await_log_of("/endless").await;
    assert_eq!(entry["error"]["kind"], "client_closed", "{entry}");
    assert_eq!(client.get("/other").await.status, 200, "the connection goes on");
}

#[tokio::test]
async fn plain_listeners_tell_http2_from_http1_by_its_preface() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    // The preface in pieces, each too short to tell.
    let mut raw = proxy.raw().await;
    for piece in ["P", "RI * HT", "TP/2.0\r\n\r\nSM\r\n\r\n"] {
        raw.write(piece).await;
        tokio::task::yield_now().await;
    }
    raw.write(b"\0\0\0\x04\0\0\0\0\0").await;
    let settings = raw.read_exactly(9).await;
    assert_eq!(settings[3], 4, "a SETTINGS frame");

    let mut raw = proxy.raw().await;
    raw.write("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 200);
}

#[tokio::test]
async fn a_listener_without_http2_does_not_speak_it() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\nhttp2 = false\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    let mut client = Client::http2(proxy.http()).await;
    assert!(client.try_start(Request::get("/").body(empty()).unwrap()).await.is_err());
    assert_eq!(proxy.get("/").await.status, 200);
}

fn with_limits(origin: &Origin, limits: &str) -> Setup {
    Proxy::with(format!(
        "[limits]\n{limits}\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
}

#[tokio::test]
async fn a_client_that_resets_streams_without_end_is_disconnected() {
    let origin = Origin::silent().await;
    let proxy = with_limits(&origin, "http2_resets = 20").start().await;
    let bystander = Client::http2(proxy.http()).await;
    let mut waiting = bystander.another();
    let waiting = tokio::spawn(async move {
        drop(waiting.try_start(Request::get("/waiting").body(empty()).unwrap()).await);
    });

    let mut raw = proxy.raw().await;
    raw.write(PREFACE).await;
    let mut all = Vec::new();
    for number in 0..10_000_u32 {
        let stream = (2 * number + 1).to_be_bytes();
        all.extend(frame(HEADERS, 5, stream, GET));
        all.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    // Whether it is all taken depends on when the connection ends.
    raw.write(&all).await;
    raw.read_to_end().await;

    assert!(!bystander.is_closed(), "another connection goes on");
    assert!(origin.request_count() < 2_000, "{} requests went through", origin.request_count());
    waiting.abort();
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

/// The client's preface and its empty SETTINGS.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The fields of `GET http://a/`: three from HPACK's static table, and a literal.
const GET: &[u8] = b"\x82\x86\x84\x01\x01a";

fn frame(kind: u8, flags: u8, stream: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

#[tokio::test]
async fn http2_garbage_ends_one_connection_and_no_other() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let garbage: [&[u8]; 5] = [
        // A frame longer than was agreed on.
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
        // DATA on stream 0.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x00\x00\x00\x00\x00\x00a",
        // HEADERS on an even stream, with fields that are none.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\x00\x00\x00\x02\xff",
        // CONTINUATION without HEADERS.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x09\x04\x00\x00\x00\x01\x80",
        b"this is not a frame at all, nor anything like one, and is long enough to be one",
    ];
    for octets in garbage {
        let mut raw = proxy.raw().await;
        raw.write(preface).await;
        raw.write(octets).await;
        raw.read_to_end().await;
        assert_eq!(proxy.get("/").await.status, 200, "{octets:?}");
    }
}

#[tokio::test]
async fn http2_requests_with_fields_that_http2_forbids_are_refused() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    // Literal fields without indexing.
    let forbidden: [&[u8]; 4] = [
        b"\x00\x0aconnection\x05close",
        b"\x00\x11transfer-encoding\x07chunked",
        b"\x00\x07X-Upper\x011",
        b"\x00\x05x-bad\x03a\rb",
    ];
    for field in forbidden {
        let mut raw = proxy.raw().await;
        raw.write(PREFACE).await;
        raw.write(frame(HEADERS, 5, [0, 0, 0, 1], &[GET, field].concat())).await;
        // RST_STREAM, GOAWAY or an answer that says no: in any case no exchange.
        let kind = loop {
            let head = raw.read_exactly(9).await;
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            raw.read_exactly(length).await;
            if ![4, 8].contains(&head[3]) {
                break head[3];
            }
        };
        assert!([1, 3, 7].contains(&kind), "frame type {kind}");
        assert_eq!(origin.request_count(), 0, "{:?}", String::from_utf8_lossy(field));
    }
}

#[tokio::test]
async fn an_endpoint_that_ends_its_connection_in_order_loses_no_exchange() {
    // A new connection for every few requests, as servers do to spread load.
    let origin = Origin::http2().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = Client::http2(proxy.http()).await;

    for n in 0..5 {
        let answer: Answer = client.get(&format!("/{n}")).await;
        assert_eq!((answer.status, answer.version), (200, Version::HTTP_2));
        origin.close_connections().await;
    }
}
