//! Plugins that trap, loop, eat memory, decide nonsense or cannot decide: what
//! happens to the exchange, and that it happens to no other.

use harness::{Answer, Client, Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;

/// A route whose only plugin is this guest, and one for `/bare` without any. One
/// worker, so that what one exchange does to the other would show.
fn failing(origin: &Origin, component: &str, keys: &str) -> Setup {
    Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.bad]\nsource = {component:?}\n{keys}\n\
         [[route]]\nplugins = [\"bad\"]\ncluster = \"app\"\n\
         [[route]]\npath = \"/bare\"\ncluster = \"app\"\n",
        origin.url()
    ))
}

/// An exchange with this field, which tells some guests to fail.
async fn told(proxy: &Proxy, field: &str, target: &str) -> Answer {
    let request = Request::get(target).header(field, "1").body(empty()).unwrap();
    proxy.client().await.send(request).await
}

/// What the log says of the exchange's one plugin at one hook.
async fn decided(proxy: &Proxy, target: &str, hook: &str) -> String {
    let entry = proxy.await_log_of(target).await;
    entry["plugins"][0][hook].as_str().unwrap_or_else(|| panic!("no {hook} in {entry}")).to_owned()
}

async fn is_the_plugins_fault(proxy: &Proxy, target: &str) {
    let entry = proxy.await_log_of(target).await;
    assert_eq!(entry["status"], 503, "{entry}");
    assert_eq!(
        (&entry["error"]["kind"], &entry["error"]["side"]),
        (&"plugin_failed".into(), &"plugin".into())
    );
}

/// Guests that fail on exchanges with a field, the word for how they do, and what
/// they need to be told.
const WAYS: [(&str, &str, &str, &str); 3] = [
    (guest::TRAP, "x-trap", "trap", ""),
    (guest::SPIN, "x-spin", "deadline", "deadline = \"20ms\"\n"),
    (guest::HOG, "x-hog", "memory", "memory = \"8MiB\"\ndeadline = \"5s\"\n"),
];

#[tokio::test]
async fn a_failure_at_the_request_is_answered_503_and_the_next_exchange_works() {
    for (component, field, word, keys) in WAYS {
        let origin = Origin::http1().start().await;
        let proxy = failing(&origin, component, keys).start().await;

        for n in 0..3 {
            let failed = told(&proxy, field, &format!("/failed/{n}")).await;
            assert_eq!(failed.status, 503, "{word}");
            assert!(!failed.text().to_lowercase().contains(word), "inner text: {}", failed.text());
            assert_eq!(proxy.get(&format!("/next/{n}")).await.status, 200, "{word}");
        }

        assert_eq!(origin.request_count(), 3, "the endpoint saw only the good ones");
        assert_eq!(decided(&proxy, "/failed/0", "request").await, word);
        is_the_plugins_fault(&proxy, "/failed/0").await;
        proxy.await_stderr(&["bad", word]).await;
    }
}

#[tokio::test]
async fn a_failure_at_the_request_is_passed_over_if_the_operator_says_so() {
    for (component, field, word, keys) in WAYS {
        let origin = Origin::http1().start().await;
        let proxy =
            failing(&origin, component, &format!("on_failure = \"open\"\n{keys}")).start().await;

        assert_eq!(told(&proxy, field, "/failed").await.status, 200, "{word}");

        assert_eq!(decided(&proxy, "/failed", "request").await, word);
        let entry = proxy.await_log_of("/failed").await;
        assert_eq!(entry["status"], 200);
        assert_eq!(proxy.get("/next").await.status, 200, "{word}");
    }
}

#[tokio::test]
async fn a_failure_at_the_response_does_not_let_the_response_through() {
    for (component, field, word, keys) in WAYS {
        let origin = Origin::http1().say("/failed", 200, "the endpoint's own words").start().await;
        let keys = format!("config = {{ at = \"response\" }}\n{keys}");

        let closed = failing(&origin, component, &keys).start().await;
        let answer = told(&closed, field, "/failed").await;
        assert_eq!(answer.status, 503, "{word}");
        assert!(!answer.text().contains("own words"), "{word}");
        assert_eq!(decided(&closed, "/failed", "response").await, word);
        is_the_plugins_fault(&closed, "/failed").await;
        assert_eq!(closed.get("/next").await.status, 200, "{word}");

        let open =
            failing(&origin, component, &format!("on_failure = \"open\"\n{keys}")).start().await;
        let answer = told(&open, field, "/failed").await;
        assert_eq!((answer.status, answer.text()), (200, "the endpoint's own words"), "{word}");
    }
}

#[tokio::test]
async fn a_failure_after_the_exchange_harms_nothing() {
    for (component, field, word, keys) in WAYS {
        let origin = Origin::http1().start().await;
        let keys = format!("config = {{ at = \"complete\" }}\n{keys}");
        let proxy = failing(&origin, component, &keys).start().await;

        for n in 0..3 {
            assert_eq!(told(&proxy, field, &format!("/{n}")).await.status, 200, "{word}");
        }

        proxy.await_stderr(&["bad", word]).await;
        assert_eq!(proxy.get("/next").await.status, 200, "{word}");
    }
}

#[tokio::test]
async fn a_failure_at_its_configuration_ends_the_start() {
    for (component, _, word, keys) in WAYS {
        let origin = Origin::http1().start().await;
        let keys = format!("config = {{ at = \"new\" }}\n{keys}");

        let finished = failing(&origin, component, &keys).fail().await;

        assert_eq!(finished.code, Some(1), "{word}: {}", finished.stderr);
        assert!(finished.stderr.contains("bad"), "{word}: {}", finished.stderr);
        assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
    }
}

#[tokio::test]
async fn a_configuration_that_a_plugin_refuses_is_told_in_its_words() {
    let origin = Origin::http1().start().await;

    let finished = failing(&origin, guest::REFUSE_CONFIG, "").check().await;

    assert_eq!(finished.code, Some(1));
    let text = format!("{}{}", finished.stdout, finished.stderr);
    assert!(text.contains("colour: `none` is no colour; try `red`"), "{text}");
}

#[tokio::test]
async fn a_plugin_that_spins_keeps_the_worker_from_nothing_else() {
    let origin = Origin::http1().start().await;
    let proxy = failing(&origin, guest::SPIN, "deadline = \"300ms\"\n").start().await;
    let mut spinning = Vec::new();
    for n in 0..2 {
        let mut client = proxy.client().await;
        let request =
            Request::get(format!("/spin/{n}")).header("x-spin", "1").body(empty()).unwrap();
        spinning.push(tokio::spawn(async move { client.send(request).await }));
    }

    // All of this happens on the one worker while two hooks spin on it.
    let mut client = proxy.client().await;
    for n in 0..50 {
        assert_eq!(client.get(&format!("/bare/{n}")).await.status, 200);
    }
    assert!(spinning.iter().all(|spin| !spin.is_finished()), "they still spin");

    for spin in spinning {
        assert_eq!(spin.await.unwrap().status, 503);
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_spinning_plugin_ends_it() {
    let origin = Origin::http1().start().await;
    let proxy = failing(&origin, guest::SPIN, "deadline = \"60s\"\n").start().await;
    let mut raw = proxy.raw().await;
    raw.write("GET /left HTTP/1.1\r\nhost: a\r\nx-spin: 1\r\n\r\n").await;
    // Answered, so the other has been read as well, or will be.
    assert_eq!(proxy.get("/bare").await.status, 200);
    drop(raw);

    let entry = proxy.await_log_of("/left").await;
    assert_eq!(entry["error"]["kind"], "client_closed", "{entry}");
}

#[tokio::test]
async fn a_plugin_that_waits_keeps_the_worker_from_nothing_else() {
    let origin = Origin::http1().start().await;
    let proxy = failing(&origin, guest::SLEEPY, "config = { ms = 800 }\n").start().await;
    let mut client = proxy.client().await;
    let waiting = tokio::spawn(async move { client.get("/waits").await });

    let mut client = proxy.client().await;
    for n in 0..50 {
        assert_eq!(client.get(&format!("/bare/{n}")).await.status, 200);
    }
    assert!(!waiting.is_finished(), "it still waits");

    assert_eq!(
        waiting.await.unwrap().status,
        200,
        "waiting is not running: the deadline is not reached"
    );
}

#[tokio::test]
async fn memory_that_a_plugin_took_is_given_back() {
    let origin = Origin::http1().start().await;
    let proxy =
        failing(&origin, guest::HOG, "memory = \"32MiB\"\ndeadline = \"5s\"\n").start().await;
    told(&proxy, "x-hog", "/first").await;
    let before = proxy.memory("VmRSS");

    for n in 0..10 {
        assert_eq!(told(&proxy, "x-hog", &format!("/{n}")).await.status, 503);
    }

    let grown = proxy.memory("VmRSS").saturating_sub(before);
    assert!(grown < 40 << 10, "{grown} KiB more after ten times 32 MiB");
}

#[tokio::test]
async fn a_plugin_that_always_fails_is_stopped_and_tried_again_later() {
    let origin = Origin::http1().start().await;
    let proxy = failing(&origin, guest::TRAP, "").start().await;
    let unavailable =
        || proxy.log().iter().any(|entry| entry["error"]["kind"] == "plugin_unavailable");

    let mut client = proxy.client().await;
    eventually!({
        let request = Request::get("/always").header("x-trap", "1").body(empty()).unwrap();
        assert_eq!(client.send(request).await.status, 503);
        unavailable()
    });
    proxy.await_stderr(&["bad", "stopped"]).await;
    assert_eq!(proxy.get("/bare").await.status, 200, "other routes never noticed");

    eventually!(proxy.get("/later").await.status == 200);
}

#[tokio::test]
async fn a_plugin_that_is_stopped_is_passed_over_if_the_operator_says_so() {
    let origin = Origin::http1().start().await;
    let proxy =
        failing(&origin, guest::TRAP, "on_failure = \"open\"\nconfig = { always = true }\n")
            .start()
            .await;

    let mut client = proxy.client().await;
    eventually!({
        assert_eq!(client.get("/always").await.status, 200);
        proxy.log().iter().any(|entry| entry["plugins"][0]["request"] == "stopped")
    });
}

#[tokio::test]
async fn a_plugin_that_cannot_decide_fails_with_its_reason_in_the_log_alone() {
    for hook in ["request", "response"] {
        let origin = Origin::http1().start().await;
        let keys = format!("config = {{ reason = \"the moon is full\", at = {hook:?} }}\n");

        let closed = failing(&origin, guest::FAIL, &keys).start().await;
        let answer = closed.get("/failed").await;
        assert_eq!(answer.status, 503, "{hook}");
        assert!(!answer.text().contains("moon"), "{}", answer.text());
        assert_eq!(decided(&closed, "/failed", hook).await, "fail");
        is_the_plugins_fault(&closed, "/failed").await;
        let entry = closed.await_log_of("/failed").await;
        assert!(entry["error"]["detail"].as_str().unwrap().contains("the moon is full"), "{entry}");

        let open =
            failing(&origin, guest::FAIL, &format!("on_failure = \"open\"\n{keys}")).start().await;
        assert_eq!(open.get("/failed").await.status, 200, "{hook}");
    }
}

/// Three plugins on routes of their own, and the admin endpoint.
async fn with_admin(origin: &Origin) -> Proxy {
    let mut config = format!(
        "workers = 1\n[admin]\nlisten = \"@admin\"\n[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n",
        origin.url()
    );
    for (name, component, settings) in [
        ("traps", guest::TRAP, "config = { always = true }"),
        ("fails", guest::FAIL, "config = { reason = \"the moon is full\" }"),
        ("asks-nonsense", guest::BAD_HEADER, "config = { act = \"crlf\" }"),
    ] {
        config.push_str(&format!(
            "[plugin.{name}]\nsource = {component:?}\n{settings}\n\
             [[route]]\npath = \"/{name}\"\nplugins = [{name:?}]\ncluster = \"app\"\n"
        ));
    }
    Proxy::with(config).start().await
}

#[tokio::test]
async fn failures_show_in_the_metrics_and_on_the_admin_page() {
    let origin = Origin::http1().start().await;
    let proxy = with_admin(&origin).await;
    for target in ["/traps", "/fails", "/asks-nonsense"] {
        assert_eq!(proxy.get(target).await.status, 503, "{target}");
    }

    let mut admin = Client::http1(proxy.address("admin")).await;
    let metrics = admin.get("/metrics").await;
    for line in [
        "wasmgate_plugin_crashes_total{plugin=\"traps\"} 1",
        "wasmgate_plugin_failures_total{plugin=\"fails\"} 1",
        "wasmgate_plugin_failures_total{plugin=\"asks-nonsense\"} 1",
        "wasmgate_plugin_stopped{plugin=\"traps\"} 0",
        "wasmgate_errors_total{kind=\"plugin_failed\",side=\"plugin\"} 3",
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line}: {}", metrics.text());
    }

    eventually!({
        proxy.get("/traps").await;
        let plugins: serde_json::Value =
            serde_json::from_str(admin.get("/plugins").await.text()).unwrap();
        let of = |name: &str| {
            plugins.as_array().unwrap().iter().find(|plugin| plugin["name"] == name).unwrap()
        };
        assert_eq!(of("fails")["failures"], 1);
        assert_eq!(of("fails")["state"], "ok");
        of("traps")["state"] == "stopped" && of("traps")["crashes"].as_u64().unwrap() >= 10
    });
}
