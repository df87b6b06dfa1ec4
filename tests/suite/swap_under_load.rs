//! Swapping plugins while clients are served: nothing is lost, nothing is wrong,
//! and memory returns to where it was. The soak in `host/benches` is the long form.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::{Client, Origin, Proxy, body, eventually, guest};
use http::Request;
use serde_json::Value;

const SWAPS: usize = 200;
const CLIENTS: usize = 8;

/// A proxy with this plugin in its watched directory.
async fn serving(origin: &Origin, plugin: &str) -> Proxy {
    Proxy::with(format!(
        "plugin_dir = \"plugins\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .plugin("plugins/a.wasm", plugin)
    .start()
    .await
}

/// Asks until it is told to stop; every answer must be right.
async fn load(mut client: Client, name: usize, stop: Arc<AtomicBool>, served: Arc<AtomicUsize>) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let target = format!("/{name}/{number}");
        let request = Request::post(&target).body(body(target.clone())).unwrap();
        let answer = client.send(request).await;
        assert_eq!(answer.status, 200, "{target}");
        let echo: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (&echo["target"], &echo["body"]),
            (&target.clone().into(), &target.clone().into())
        );
        assert!(matches!(answer.header("x-trivial"), None | Some("1")), "{:?}", answer.headers);
        served.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
}

#[tokio::test]
async fn no_exchange_is_lost_or_answered_wrongly_and_no_memory_is() {
    let origin = Origin::http1().start().await;
    let proxy = serving(&origin, guest::NOOP).await;
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for name in 0..CLIENTS {
        let http2 = name % 2 == 1;
        let client = if http2 { Client::http2(proxy.http()).await } else { proxy.client().await };
        clients.push(tokio::spawn(load(client, name, Arc::clone(&stop), Arc::clone(&served))));
    }

    let mut warm = 0;
    for swap in 0..SWAPS {
        let (source, present) =
            if swap % 2 == 0 { (guest::TRIVIAL, true) } else { (guest::NOOP, false) };
        proxy.replace_by("plugins/a.wasm", source);
        // Every swap is seen to take effect before the next.
        eventually!(proxy.get("/seen").await.header("x-trivial").is_some() == present);
        if swap == SWAPS / 4 {
            warm = proxy.memory("VmRSS");
        }
    }

    let before = served.load(Ordering::Relaxed);
    eventually!(served.load(Ordering::Relaxed) > before);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("every answer was right");
    }
    // One copy of a component kept for each swap would be some tens of MiB.
    let grown = proxy.memory("VmRSS").saturating_sub(warm);
    assert!(grown < 8 << 10, "memory grew by {grown} KiB in {} swaps", SWAPS * 3 / 4);
    let log = proxy.log();
    assert!(log.iter().all(|entry| entry["status"] == 200 && entry.get("error").is_none()));
}

/// The component in `source` with `number` in its mark.
fn marked(source: &str, number: u16) -> Vec<u8> {
    let mut component = std::fs::read(source).unwrap();
    let mark = b"mark:0000";
    let at = component.windows(mark.len()).position(|octets| octets == mark).unwrap();
    component[at..at + mark.len()].copy_from_slice(format!("mark:{number:04}").as_bytes());
    component
}

#[tokio::test]
async fn a_plugin_of_a_megabyte_is_compiled_while_its_predecessor_answers() {
    let origin = Origin::http1().start().await;
    let proxy = serving(&origin, guest::MARKED).await;
    assert_eq!(proxy.get("/").await.header("x-tag"), Some("mark:0000"));

    proxy.replace("plugins/a.wasm", marked(guest::MARKED_LARGE, 7));

    let mut by_the_old = 0;
    eventually!(match proxy.get("/").await.header("x-tag") {
        Some("mark:0000") => {
            by_the_old += 1;
            false
        }
        tag => {
            assert_eq!(tag, Some("mark:0007"));
            true
        }
    });
    assert!(by_the_old > 0, "nobody waited for the compiler");
}
