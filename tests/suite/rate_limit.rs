//! Rates that a plugin limits in the host.

use harness::{Answer, Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;

fn config(origin: &Origin, keys: &str) -> String {
    format!(
        "workers = 2\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.limit]\nsource = {:?}\n{keys}\n\
         [[route]]\nplugins = [\"limit\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::RATE_LIMIT
    )
}

fn limiting(origin: &Origin, keys: &str) -> Setup {
    Proxy::with(config(origin, keys))
}

/// On a connection of its own, which either worker may get.
async fn ask(proxy: &Proxy, client: &str, cost: u32) -> Answer {
    let request =
        Request::get("/").header("x-client", client).header("x-cost", cost).body(empty()).unwrap();
    proxy.client().await.send(request).await
}

const GRANT: &str = "capabilities = { rate_limit = true }";

#[tokio::test]
async fn all_workers_count_together_and_each_client_for_itself() {
    let origin = Origin::http1().start().await;
    for config in ["{}", "{ bucket = true }"] {
        let proxy = limiting(&origin, &format!("{GRANT}\nconfig = {config}")).start().await;

        for left in (0..5).rev() {
            let answer = ask(&proxy, "a", 1).await;
            assert_eq!(answer.header("x-remaining"), Some(&*left.to_string()), "{config}");
        }
        for _ in 0..5 {
            assert_eq!(ask(&proxy, "a", 1).await.status, 429);
        }
        assert_eq!(ask(&proxy, "b", 5).await.status, 200);
        assert_eq!(ask(&proxy, "b", 0).await.header("x-remaining"), Some("0"), "only looks");
        assert_eq!(ask(&proxy, "c", 6).await.text(), "illegal", "over what there ever is");
    }
}

#[tokio::test]
async fn what_was_spent_comes_back_when_the_verdict_says() {
    let origin = Origin::http1().start().await;
    let keys = format!("{GRANT}\nconfig = {{ rate = 5, period = 1000, burst = 2 }}");
    let proxy = limiting(&origin, &keys).start().await;

    while ask(&proxy, "a", 2).await.status == 200 {}
    let refused = ask(&proxy, "a", 2).await;
    if refused.status == 429 {
        let retry: u32 = refused.header("x-retry").unwrap().parse().unwrap();
        assert!((1..=400).contains(&retry), "{retry}");
    }
    eventually!(ask(&proxy, "a", 2).await.status == 200);
}

#[tokio::test]
async fn keys_are_bounded() {
    let origin = Origin::http1().start().await;
    let proxy = limiting(&origin, "capabilities = { rate_limit = { keys = 2 } }").start().await;

    assert_eq!(ask(&proxy, "a", 1).await.status, 200);
    assert_eq!(ask(&proxy, "b", 1).await.status, 200);
    assert_eq!(ask(&proxy, "c", 1).await.text(), "quota");
    assert_eq!(ask(&proxy, "a", 1).await.status, 200);
}

#[tokio::test]
async fn a_limit_survives_a_swap_and_another_algorithm_begins_anew() {
    let origin = Origin::http1().start().await;
    let mut proxy = limiting(&origin, GRANT).start().await;
    assert_eq!(ask(&proxy, "a", 5).await.status, 200);
    assert_eq!(ask(&proxy, "a", 1).await.status, 429);

    let skip = proxy.stderr().len();
    proxy.configure(&config(&origin, &format!("{GRANT}\ndeadline = \"40ms\"")));
    proxy.await_stderr_after(skip, &["the plugin was loaded"]).await;
    assert_eq!(ask(&proxy, "a", 1).await.status, 429, "the same limit");

    proxy.configure(&config(&origin, &format!("{GRANT}\nconfig = {{ bucket = true }}")));
    eventually!(ask(&proxy, "a", 1).await.status == 200);
}

#[tokio::test]
async fn a_limit_that_cannot_be_is_refused() {
    let origin = Origin::http1().start().await;
    let finished = limiting(&origin, &format!("{GRANT}\nconfig = {{ rate = 0 }}")).fail().await;
    assert!(finished.stderr.contains("refuses its configuration"), "{}", finished.stderr);
}

#[tokio::test]
async fn a_limit_holds_for_instances_of_one_exchange() {
    let origin = Origin::http1().start().await;
    let keys = format!("{GRANT}\nisolation = \"exchange\"");
    let proxy = limiting(&origin, &keys).start().await;
    for _ in 0..5 {
        assert_eq!(ask(&proxy, "a", 1).await.status, 200);
    }
    assert_eq!(ask(&proxy, "a", 1).await.status, 429);
}
