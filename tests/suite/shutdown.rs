//! SIGTERM: what is in flight is finished, what is new is refused, and then it ends.

use std::sync::Arc;

use harness::{Client, Origin, Proxy, Setup, Signal, body, empty, eventually};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Answers `/held` when it is told to.
async fn holding() -> (Origin, Arc<Notify>) {
    let release = Arc::new(Notify::new());
    let released = Arc::clone(&release);
    let origin = Origin::http1()
        .answer("/held", move |_| {
            let released = Arc::clone(&released);
            async move {
                released.notified().await;
                Response::new(body("finished"))
            }
        })
        .start()
        .await;
    (origin, release)
}

/// A proxy that would wait for longer than any test does.
fn patient(origin: &Origin) -> Setup {
    Proxy::with(format!(
        "drain_timeout = \"1h\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
}

async fn refuses(proxy: &Proxy) -> bool {
    TcpStream::connect(proxy.http()).await.is_err()
}

#[tokio::test]
async fn an_exchange_in_flight_is_finished() {
    let (origin, release) = holding().await;
    let mut proxy = patient(&origin).start().await;
    let mut old = proxy.client().await;
    let mut new = Client::http2(proxy.http()).await;
    let request = || Request::get("/held").body(empty()).unwrap();
    let old = tokio::spawn(async move { old.send(request()).await });
    let new = tokio::spawn(async move { new.send(request()).await });
    eventually!(origin.request_count() == 2);

    proxy.signal(Signal::TERM);
    eventually!(refuses(&proxy).await);
    release.notify_waiters();

    assert_eq!(old.await.unwrap().text(), "finished");
    assert_eq!(new.await.unwrap().text(), "finished");
    assert_eq!(proxy.end().await.code, Some(0));
    let held = proxy
        .log()
        .iter()
        .filter(|entry| entry["path"] == "/held" && entry["status"] == 200)
        .count();
    assert_eq!(held, 2, "and both are in the log");
}

#[tokio::test]
async fn idle_connections_are_closed_at_once() {
    let origin = Origin::http1().start().await;
    let mut proxy = patient(&origin).start().await;
    let mut used = proxy.client().await;
    assert_eq!(used.get("/").await.status, 200);
    let mut streams = Client::http2(proxy.http()).await;
    assert_eq!(streams.get("/").await.status, 200);
    let mut unused = proxy.raw().await;

    proxy.signal(Signal::TERM);

    assert_eq!(proxy.end().await.code, Some(0));
    assert!(unused.is_at_end().await);
    eventually!(used.is_closed() && streams.is_closed());
}

#[tokio::test]
async fn the_last_answer_on_a_connection_says_that_it_is() {
    let (origin, release) = holding().await;
    let mut proxy = patient(&origin).start().await;
    let mut raw = proxy.raw().await;
    raw.write("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(origin.request_count() == 1);

    proxy.signal(Signal::TERM);
    eventually!(refuses(&proxy).await);
    release.notify_waiters();

    let reply = raw.read_reply().await;
    assert_eq!(reply.text(), "finished");
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(raw.is_at_end().await);
    assert_eq!(proxy.end().await.code, Some(0));
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off() {
    let origin = Origin::silent().await;
    let mut proxy = Proxy::with(format!(
        "drain_timeout = \"200ms\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;
    let mut raw = proxy.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(origin.request_count() == 1);

    proxy.signal(Signal::TERM);

    proxy.end().await;
    raw.read_to_end().await;
    eventually!(origin.open_connections() == 0);
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let origin = Origin::silent().await;
    let mut proxy = patient(&origin).start().await;
    let mut raw = proxy.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(origin.request_count() == 1);

    proxy.signal(Signal::TERM);
    eventually!(refuses(&proxy).await);
    assert!(proxy.is_running(), "the exchange may go on");
    proxy.signal(Signal::TERM);

    proxy.end().await;
}

#[tokio::test]
async fn an_interrupt_ends_it_as_well() {
    let origin = Origin::http1().start().await;
    let mut proxy = patient(&origin).start().await;

    proxy.signal(Signal::INT);

    assert_eq!(proxy.end().await.code, Some(0));
}
