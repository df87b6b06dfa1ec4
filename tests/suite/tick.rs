//! Plugins that are called by time.

use harness::{Origin, Proxy, Setup, Signal, eventually, guest};

/// A plugin of this configuration that is on no route, besides one route.
fn ticking(origin: &Origin, config: &str, keys: &str) -> String {
    format!(
        "workers = 2\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.clock]\nsource = {:?}\nconfig = {config}\n{keys}\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url(),
        guest::TICK
    )
}

fn proxy(origin: &Origin, config: &str, keys: &str) -> Setup {
    Proxy::with(ticking(origin, config, keys))
}

fn count(proxy: &Proxy, words: &str) -> usize {
    proxy.stderr().all().iter().filter(|line| line.contains(words)).count()
}

#[tokio::test]
async fn a_plugin_is_called_by_time_without_any_traffic() {
    let origin = Origin::http1().start().await;
    let proxy = proxy(&origin, "{ every_ms = 20, mark = \"m\" }", "").start().await;

    proxy.await_stderr(&["clock", "tick m without exchange=true"]).await;
    eventually!(count(&proxy, "tick m") >= 5);
    assert!(proxy.log().is_empty());
}

#[tokio::test]
async fn one_worker_calls_it_and_the_first_time_at_once() {
    let origin = Origin::http1().start().await;
    let proxy = proxy(&origin, "{ every_ms = 86400000 }", "").start().await;

    proxy.await_stderr(&["clock", "tock"]).await;
    // A connection each, so that every worker has been at work since.
    for n in 0..20 {
        assert_eq!(proxy.get(&format!("/{n}")).await.status, 200);
    }
    let stderr = proxy.stop().await.stderr;
    assert_eq!(stderr.matches("tock").count(), 1, "{stderr}");
}

#[tokio::test]
async fn an_interval_that_nobody_can_mean_is_refused() {
    let origin = Origin::http1().start().await;
    for every in ["0", "9", "86400001", "99999999999"] {
        let finished = proxy(&origin, &format!("{{ every_ms = {every} }}"), "").fail().await;
        assert_ne!(finished.code, Some(0), "{every}");
        let text = &finished.stderr;
        assert!(text.contains("`clock`") && text.contains("from 10 ms to a day"), "{text}");
    }
}

#[tokio::test]
async fn a_swap_ends_the_old_ticks_and_begins_the_new_ones() {
    let origin = Origin::http1().start().await;
    let mut proxy = proxy(&origin, "{ every_ms = 10, mark = \"old\" }", "").start().await;
    proxy.await_stderr(&["tick old"]).await;

    proxy.configure(&ticking(&origin, "{ every_ms = 10, mark = \"new\" }", ""));
    proxy.await_stderr(&["tick new"]).await;
    let after = proxy.stderr().len();
    eventually!(count(&proxy, "tick new") >= 10);

    let lines = proxy.stderr().all();
    assert!(!lines[after..].iter().any(|line| line.contains("tick old")), "{lines:#?}");
}

#[tokio::test]
async fn a_plugin_that_is_taken_out_is_called_no_more() {
    let origin = Origin::http1().start().await;
    let mut proxy = proxy(&origin, "{ every_ms = 10, mark = \"old\" }", "").start().await;
    proxy.await_stderr(&["tick old"]).await;

    let with = ticking(&origin, "{ every_ms = 10, mark = \"old\" }", "");
    let without = with.replace("[plugin.clock]", "[plugin.other]").replace("old", "other");
    proxy.configure(&without);
    proxy.await_stderr(&["tick other"]).await;
    let after = proxy.stderr().len();
    eventually!(count(&proxy, "tick other") >= 10);

    assert!(!proxy.stderr().all()[after..].iter().any(|line| line.contains("tick old")));
}

#[tokio::test]
async fn a_call_that_takes_long_delays_the_next_and_none_is_made_up_for() {
    let origin = Origin::http1().start().await;
    let proxy = proxy(&origin, "{ every_ms = 10, act = \"sleep\" }", "").start().await;

    eventually!(count(&proxy, "tock") >= 5);

    let lines = proxy.stderr().all();
    let calls = lines.iter().filter(|line| line.contains("tick ") || line.contains("tock "));
    for (number, line) in calls.enumerate() {
        let due = if number % 2 == 0 { "tick " } else { "tock " };
        assert!(line.contains(due), "one call at a time: {lines:#?}");
    }
}

#[tokio::test]
async fn a_tick_that_fails_is_stopped_and_exchanges_notice_nothing() {
    for (act, keys, word) in [("trap", "", "trap"), ("spin", "deadline = \"20ms\"", "deadline")] {
        let origin = Origin::http1().start().await;
        let config = format!("{{ every_ms = 10, mark = \"m\", act = {act:?} }}");
        let on_route = ticking(&origin, &config, keys)
            .replace("[[route]]\n", "[[route]]\nplugins = [\"clock\"]\n");
        let proxy = Proxy::with(on_route).start().await;

        proxy.await_stderr(&["clock", "tick", word]).await;
        proxy.await_stderr(&["clock", "stopped"]).await;
        for n in 0..10 {
            let answer = proxy.get(&format!("/{n}")).await;
            assert_eq!((answer.status, answer.header("x-tick")), (200, Some("m")), "{act}");
        }
    }
}

#[tokio::test]
async fn a_plugin_that_runs_wild_after_a_wait_is_ended_too() {
    let origin = Origin::http1().start().await;
    let config =
        ticking(&origin, "{ every_ms = 10, act = \"sleep-and-spin\" }", "deadline = \"20ms\"");
    // One worker, and nothing else that would wake whoever ends it.
    let proxy = Proxy::with(config.replace("workers = 2", "workers = 1")).start().await;

    proxy.await_stderr(&["clock", "tick", "deadline"]).await;
    assert_eq!(proxy.get("/").await.status, 200);
}

#[tokio::test]
async fn a_proxy_that_drains_calls_nothing_by_time() {
    let origin = Origin::silent().await;
    let config = format!(
        "drain_timeout = \"1s\"\n{}",
        ticking(&origin, "{ every_ms = 10, mark = \"m\" }", "")
    );
    let mut proxy = Proxy::with(config).start().await;
    let mut held = proxy.raw().await;
    held.write("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(origin.request_count() == 1);
    proxy.await_stderr(&["tick m"]).await;

    proxy.signal(Signal::TERM);
    let stderr = proxy.end().await.stderr;

    let (_, drained) = stderr.split_once("draining").expect("it says so");
    // What was under way when the workers were told; a second has room for a hundred.
    assert!(drained.matches("tick m").count() < 20, "{drained}");
    drop(held);
}

#[tokio::test]
async fn a_plugin_that_nothing_calls_is_doubted() {
    let origin = Origin::http1().start().await;
    let checked = |guest: &str, config: &str| {
        Proxy::with(
            ticking(&origin, config, "")
                .replace(&format!("{:?}", guest::TICK), &format!("{guest:?}")),
        )
        .check()
    };

    let noop = checked(guest::NOOP, "{}").await;
    assert_eq!(noop.code, Some(0));
    assert!(noop.stderr.contains("no route uses the plugin `clock`"), "{}", noop.stderr);

    let clock = checked(guest::TICK, "{ every_ms = 1000 }").await;
    assert_eq!(clock.code, Some(0));
    assert!(!clock.stderr.contains("no route uses"), "{}", clock.stderr);
}
