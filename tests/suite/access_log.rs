//! One JSON object for each exchange.

use std::time::Duration;

use harness::{Client, Origin, Proxy, body, eventually};
use http::{Request, Response};

#[tokio::test]
async fn an_entry_says_what_happened() {
    let origin = Origin::http1().say("/shop", 201, "twelve bytes").start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\nname = \"front\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\nname = \"main\"\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    let request =
        Request::post("/shop?q=%20").header("host", "shop.example").body(body("seven b")).unwrap();
    assert_eq!(proxy.client().await.send(request).await.status, 201);

    let entry = proxy.await_log_of("/shop?q=%20").await;
    assert_eq!(entry["listener"], "front");
    assert_eq!(entry["protocol"], "HTTP/1.1");
    assert_eq!(entry["method"], "POST");
    assert_eq!(entry["host"], "shop.example");
    assert_eq!(entry["route"], "main");
    assert_eq!(entry["cluster"], "app");
    assert_eq!(entry["endpoint"], origin.url());
    assert_eq!(entry["status"], 201);
    assert_eq!(entry["bytes_in"], 7);
    assert_eq!(entry["bytes_out"], 12);
    assert_eq!(entry["attempts"], 1);
    assert!(entry["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{entry}");
    assert!(entry["duration_us"].as_u64() >= entry["upstream_us"].as_u64(), "{entry}");
    assert!(entry["upstream_us"].is_u64(), "{entry}");
    assert_eq!(entry["request_id"], origin.only_request().header("x-request-id").unwrap());
    for absent in ["tls", "error", "annotations"] {
        assert_eq!(entry.get(absent), None, "{absent}");
    }
    let time = entry["time"].as_str().unwrap();
    assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len(), "{time}");
    assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
}

#[tokio::test]
async fn an_entry_comes_when_the_last_byte_has_gone() {
    let origin = Origin::http1()
        .answer("/slow", |_| async {
            let (mut sender, out) = harness::channel();
            tokio::spawn(async move {
                sender.send_data("start".into()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
                sender.send_data("end".into()).await.unwrap();
            });
            Response::new(out)
        })
        .start()
        .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    assert_eq!(proxy.get("/slow").await.text(), "startend");

    let entry = proxy.await_log_of("/slow").await;
    assert_eq!(entry["bytes_out"], 8);
    assert!(entry["duration_us"].as_u64().unwrap() >= 200_000, "{entry}");
}

#[tokio::test]
async fn what_a_client_sends_cannot_break_a_line() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write(b"GET /\"quote\"?a=\\b\x7f&c=\xc3\xa9\xff HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let status = raw.read_reply().await.status;
    assert!(status == 200 || status == 400, "{status}");

    // `log` insists on one JSON object a line.
    eventually!(proxy.log().len() == 1);
    assert_eq!(proxy.log()[0]["status"], status);
}

#[tokio::test]
async fn every_exchange_has_one_entry() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut old = proxy.client().await;
    let mut new = Client::http2(proxy.http()).await;

    for n in 0..100 {
        old.get(&format!("/old/{n}")).await;
        new.get(&format!("/new/{n}")).await;
    }

    eventually!(proxy.log().len() >= 200);
    let log = proxy.log();
    assert_eq!(log.len(), 200);
    for n in 0..100 {
        for side in ["old", "new"] {
            let path = format!("/{side}/{n}");
            assert_eq!(log.iter().filter(|entry| entry["path"] == path).count(), 1, "{path}");
        }
    }
}

#[tokio::test]
async fn a_log_file_is_appended_to_and_opened_again_on_sighup() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[access_log]\npath = \"access.log\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .file("access.log", "{\"before\":true}\n")
    .start()
    .await;
    let read = |name: &str| std::fs::read_to_string(proxy.path(name)).unwrap_or_default();

    proxy.get("/first").await;
    eventually!(read("access.log").contains("/first"));
    assert!(read("access.log").starts_with("{\"before\":true}\n"));

    std::fs::rename(proxy.path("access.log"), proxy.path("access.log.1")).unwrap();
    proxy.signal(harness::Signal::HUP);
    eventually!(proxy.path("access.log").exists());
    proxy.get("/second").await;
    eventually!(read("access.log").contains("/second"));
    assert!(!read("access.log.1").contains("/second"));
}

#[tokio::test]
async fn without_an_access_log_there_is_none() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).no_access_log().start().await;

    assert_eq!(proxy.get("/").await.status, 200);

    let finished = proxy.stop().await;
    assert_eq!(finished.code, Some(0));
    assert_eq!(finished.stdout, "");
}
