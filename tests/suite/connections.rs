//! Connections as such: how many, how long, and that one does not harm another.

use std::time::Duration;

use harness::{Origin, Proxy, Raw, eventually};
use serde_json::Value;

#[tokio::test]
async fn idle_connections_are_cheap() {
    const COUNT: u64 = 500;
    const BATCH: u64 = 50;
    const IDLE: Duration = Duration::from_millis(600);
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    // What is allocated once is allocated before the measurement.
    let mut connections = Vec::new();
    for _ in 0..50 {
        connections.push(used(&proxy).await);
    }
    let before = proxy.memory("VmRSS");

    for _ in 0..COUNT / BATCH {
        for _ in 0..BATCH {
            connections.push(used(&proxy).await);
        }
        // What was used just now has buffers, for a while; nothing shows from outside
        // when they are gone.
        tokio::time::sleep(IDLE).await;
    }

    let grown = proxy.memory("VmRSS").saturating_sub(before);
    // Twice the promise, since an unoptimized build is under test here; the
    // benchmarks hold the promise itself.
    assert!(grown <= COUNT * 24, "{grown} KiB for {COUNT} connections");
}

async fn used(proxy: &Proxy) -> Raw {
    let mut raw = proxy.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 200);
    raw
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "workers = 1\n\
         [limits]\nconnections = 2\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    // The connections by which the start was awaited may still be there.
    let first = used(&proxy).await;
    let second = used(&proxy).await;
    let mut third = proxy.raw().await;
    third.write("GET /third HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(origin.request_count(), 2);
    drop(first);

    assert_eq!(third.read_reply().await.status, 200);
    drop(second);
}

#[tokio::test]
async fn a_client_that_leaves_at_any_octet_harms_nobody() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let request =
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

    for end in 0..request.len() {
        let mut raw = proxy.raw().await;
        raw.write(&request[..end]).await;
        drop(raw);
    }

    let answer = proxy.get("/after").await;
    let echo: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(echo["target"], "/after");
}

#[tokio::test]
async fn an_endpoints_idle_connection_is_given_up_after_its_time() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[timeouts]\nupstream_idle = \"200ms\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    assert_eq!(proxy.get("/").await.status, 200);

    eventually!(origin.open_connections() == 0);
}

#[tokio::test]
async fn an_endpoint_that_closes_idle_connections_loses_no_exchange() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut client = proxy.client().await;

    for n in 0..20 {
        assert_eq!(client.get(&format!("/{n}")).await.status, 200);
        origin.close_connections().await;
    }

    assert_eq!(origin.request_count(), 20);
}
