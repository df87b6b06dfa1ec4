//! Bodies of any size pass piece by piece, at the pace of the slower side, and
//! never pile up in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use harness::{Client, Origin, Proxy, Raw, channel, empty, eventually, payload, within};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;

const LARGE: u64 = 100 << 20;

/// What the kernel holds back in the sockets of two connections, and then some.
const IN_FLIGHT: u64 = 48 << 20;

/// Growth of the proxy's memory that holding back a body would far exceed.
const GROWTH: u64 = 24 << 10;

async fn sum(mut incoming: hyper::body::Incoming) -> (u64, String) {
    let mut sum = payload::Checksum::default();
    while let Some(frame) = within("the next piece", incoming.frame()).await {
        if let Ok(data) = frame.expect("a whole body").into_data() {
            sum.add(&data);
        }
    }
    (sum.length(), sum.finish())
}

#[tokio::test]
async fn a_large_response_arrives_whole_and_is_not_kept() {
    let script = |script: harness::Script| {
        script.answer("/large", |_| async { Response::new(payload::stream(LARGE)) })
    };
    let checksum = payload::checksum(LARGE);
    for script in [script(Origin::http1()), script(Origin::http2())] {
        let origin = script.start().await;
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        proxy.get("/warm").await;
        let before = proxy.memory("VmHWM");

        for mut client in [proxy.client().await, Client::http2(proxy.http()).await] {
            let response = client.start(Request::get("/large").body(empty()).unwrap()).await;
            assert_eq!(sum(response.into_body()).await, (LARGE, checksum.clone()));
        }

        let grown = proxy.memory("VmHWM") - before;
        assert!(grown < GROWTH, "memory grew by {grown} KiB");
        let entry = proxy.await_log_of("/large").await;
        assert_eq!(entry["bytes_out"], LARGE);
    }
}

#[tokio::test]
async fn a_large_request_arrives_whole_and_is_not_kept() {
    let checksum = payload::checksum(LARGE);
    for script in [Origin::http1(), Origin::http2()] {
        let origin = script.start().await;
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        proxy.get("/warm").await;
        let before = proxy.memory("VmHWM");

        for mut client in [proxy.client().await, Client::http2(proxy.http()).await] {
            let answer =
                client.send(Request::put("/large").body(payload::stream(LARGE)).unwrap()).await;
            let echo: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(echo["body_length"], LARGE);
            assert_eq!(echo["body_sha256"], checksum);
        }

        let grown = proxy.memory("VmHWM") - before;
        assert!(grown < GROWTH, "memory grew by {grown} KiB");
        let entry = proxy.await_log_of("/large").await;
        assert_eq!(entry["bytes_in"], LARGE);
    }
}

/// A body that counts what has been taken of it.
fn counted(length: u64, taken: &Arc<AtomicU64>) -> harness::Body {
    let taken = Arc::clone(taken);
    let piece = Bytes::from(vec![b'x'; 64 << 10]);
    let pieces = length / piece.len() as u64;
    let frames = stream::iter(0..pieces).map(move |_| {
        taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok(Frame::data(piece.clone()))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Waits until a count has stood still for a while: nothing is being taken.
async fn stalled(count: &AtomicU64) -> u64 {
    let mut before = u64::MAX;
    eventually!({
        let now = count.load(Ordering::Relaxed);
        let still = now == before && now > 0;
        before = now;
        // Long against the time in which a body moves on that can.
        tokio::time::sleep(Duration::from_millis(300)).await;
        still && count.load(Ordering::Relaxed) == now
    });
    before
}

#[tokio::test]
async fn a_client_that_reads_slowly_slows_the_endpoint_down() {
    let total = 256 << 20;
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let handler = move |_| {
        let body = counted(total, &counter);
        async move { Response::new(body) }
    };
    for http2 in [false, true] {
        sent.store(0, Ordering::Relaxed);
        let script = if http2 { Origin::http2() } else { Origin::http1() };
        let origin = script.answer("/", handler.clone()).start().await;
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        proxy.get("/warm").await;
        let before = proxy.memory("VmHWM");

        let mut client =
            if http2 { Client::http2(proxy.http()).await } else { proxy.client().await };
        let response = client.start(Request::get("/").body(empty()).unwrap()).await;
        let held = stalled(&sent).await;
        assert!(held < IN_FLIGHT, "{held} octets were taken that nobody has read");
        let grown = proxy.memory("VmHWM") - before;
        assert!(grown < GROWTH, "memory grew by {grown} KiB");

        let (length, _) = sum(response.into_body()).await;
        assert_eq!(length, total, "all of it arrives in the end");
    }
}

#[tokio::test]
async fn an_endpoint_that_reads_slowly_slows_the_client_down() {
    let total = 256 << 20;
    for http2 in [false, true] {
        let script = if http2 { Origin::http2() } else { Origin::http1() };
        // Holds the request, unread, until it is told to let go.
        let (release, released) = tokio::sync::watch::channel(false);
        let origin = script
            .answer("/held", move |request: Request<hyper::body::Incoming>| {
                let mut released = released.clone();
                async move {
                    released.wait_for(|released| *released).await.expect("the test goes on");
                    let (length, _) = sum(request.into_body()).await;
                    Response::new(harness::body(length.to_string()))
                }
            })
            .start()
            .await;
        let proxy = Proxy::to(&[&origin.url()]).start().await;
        proxy.get("/warm").await;
        let before = proxy.memory("VmHWM");

        let sent = Arc::new(AtomicU64::new(0));
        let mut client =
            if http2 { Client::http2(proxy.http()).await } else { proxy.client().await };
        let request = Request::post("/held").body(counted(total, &sent)).unwrap();
        let answer = tokio::spawn(async move { client.send(request).await });
        let held = stalled(&sent).await;
        assert!(held < IN_FLIGHT, "{held} octets were taken that nobody has read");
        let grown = proxy.memory("VmHWM") - before;
        assert!(grown < GROWTH, "memory grew by {grown} KiB");

        release.send_replace(true);
        assert_eq!(answer.await.unwrap().text(), total.to_string());
    }
}

#[tokio::test]
async fn server_sent_events_arrive_one_by_one() {
    let (senders, mut feeds) = tokio::sync::mpsc::unbounded_channel();
    let origin = Origin::http1()
        .answer("/events", move |_| {
            let senders = senders.clone();
            async move {
                let (sender, body) = channel();
                senders.send(sender).expect("the test goes on");
                Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
            }
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    for mut client in [proxy.client().await, Client::http2(proxy.http()).await] {
        let response = client.start(Request::get("/events").body(empty()).unwrap()).await;
        let mut events = response.into_body();
        let mut sender = feeds.recv().await.unwrap();
        // The next one is sent only when the one before has arrived.
        for n in 0..20 {
            let event = format!("data: {n}\n\n");
            sender.send_data(event.clone().into()).await.unwrap();
            let frame = within("the event", events.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), event);
        }
    }
}

#[tokio::test]
async fn a_request_body_is_passed_on_as_it_comes() {
    let (pieces, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let origin = Origin::raw(move |mut connection| {
        let pieces = pieces.clone();
        async move {
            connection.read_request().await;
            while let Some(line) = connection.read_until(b"\n").await {
                if pieces.send(String::from_utf8(line).unwrap()).is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = Raw::connect(proxy.http()).await;

    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
    for n in 0..20 {
        raw.write(format!("{n}\n")).await;
        assert_eq!(within("the line", arrived.recv()).await.unwrap(), format!("{n}\n"));
    }
}

#[tokio::test]
async fn a_download_that_is_broken_off_frees_the_endpoint() {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let origin = Origin::http1()
        .answer("/", move |_| {
            let body = counted(1 << 40, &counter);
            async move { Response::new(body) }
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut raw = proxy.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    raw.read_exactly(1 << 20).await;
    drop(raw);

    eventually!(origin.open_connections() == 0);
    let entry = proxy.await_log_of("/").await;
    assert_eq!(entry["error"]["kind"], "client_closed", "{entry}");
}
