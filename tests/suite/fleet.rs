//! Several proxies that share their plugins' state in one Redis, and what they do while it
//! is away.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::{Answer, Authority, Client, Origin, Proxy, Redis, Setup, empty, eventually, guest};
use http::Request;

/// Routes `/` without a plugin, and with `x-plugin` those of each guest that keeps state.
/// `store` are further lines of `[store]`, `limit` those of the plugin that limits.
fn sharing(origin: &Origin, redis: &Redis, store: &str, limit: &str) -> Setup {
    sharing_at(origin, &redis.url(), store, limit)
}

fn sharing_at(origin: &Origin, url: &str, store: &str, limit: &str) -> Setup {
    // A machine that is busy is no Redis that is away.
    let timeout = if store.contains("timeout") { "" } else { "timeout = \"10s\"" };
    let plugin = |name: &str, source: &str, keys: &str| {
        format!(
            "[plugin.{name}]\nsource = {source:?}\n{keys}\n\
             [[route]]\nheaders = {{ x-plugin = \"{name}\" }}\n\
             plugins = [\"{name}\"]\ncluster = \"app\"\n"
        )
    };
    let limit = match limit {
        "" => "capabilities = { rate_limit = true }",
        lines => lines,
    };
    Proxy::with(format!(
        "workers = 1\n\
         [store]\nurl = {url:?}\n{store}\n{timeout}\n\
         [limits]\nrequests_per_connection = 1000000000\n\
         [admin]\nlisten = \"@admin\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n{}{}{}",
        origin.url(),
        plugin("kv", guest::KV, "capabilities = { kv = true }"),
        plugin("counter", guest::COUNTER, "capabilities = { counter = true }"),
        plugin("limit", guest::RATE_LIMIT, limit),
    ))
    .no_access_log()
}

async fn ask(proxy: &Proxy, plugin: &str, path: &str) -> Answer {
    let request = Request::get(path).header("x-plugin", plugin).header("x-client", "c");
    proxy.client().await.send(request.body(empty()).unwrap()).await
}

async fn metric(proxy: &Proxy, name: &str) -> u64 {
    let read = || async {
        let metrics = Client::http1(proxy.address("admin")).await.get("/metrics").await;
        let line = metrics.text().lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.map(|number| number.parse().unwrap())
    };
    // The admin endpoint answers a moment before there is anything to tell.
    eventually!(read().await.is_some());
    read().await.unwrap()
}

async fn is_up(proxy: &Proxy) -> bool {
    metric(proxy, "wasmgate_redis_up").await == 1
}

#[tokio::test]
async fn what_one_proxy_keeps_another_sees() {
    let Some(redis) = Redis::start(&[]).await else { return };
    let origin = Origin::http1().start().await;
    let one = sharing(&origin, &redis, "", "").start().await;
    let other = sharing(&origin, &redis, "", "").start().await;
    let apart = sharing(&origin, &redis, "prefix = \"other:\"", "").start().await;

    let version = ask(&one, "kv", "/set/colour/red").await;
    assert_eq!(version.status, 200);
    let read = ask(&other, "kv", "/get/colour").await;
    assert_eq!((read.text(), read.header("x-version")), ("red", Some(version.text())));
    assert_eq!(ask(&other, "kv", "/cas/colour/-/blue").await.status, 409);
    let path = format!("/cas/colour/{}/blue", version.text());
    assert_eq!(ask(&other, "kv", &path).await.status, 200);
    assert_eq!(ask(&one, "kv", "/get/colour").await.text(), "blue");
    assert_eq!(ask(&one, "kv", "/keys/col/10").await.text(), "colour");
    assert_eq!(ask(&other, "kv", "/delete/colour").await.text(), "true");
    assert_eq!(ask(&one, "kv", "/get/colour").await.status, 404);

    assert_eq!(ask(&one, "counter", "/add/n/2").await.text(), "2");
    assert_eq!(ask(&other, "counter", "/add/n/3").await.text(), "5");
    assert_eq!(ask(&one, "counter", "/reset/n").await.text(), "5");
    assert_eq!(ask(&other, "counter", "/get/n").await.text(), "0");

    for left in (0..5).rev() {
        let proxy = if left % 2 == 0 { &one } else { &other };
        let answer = ask(proxy, "limit", "/").await;
        assert_eq!(answer.header("x-remaining"), Some(&*left.to_string()));
    }
    for proxy in [&one, &other] {
        assert_eq!(ask(proxy, "limit", "/").await.status, 429);
    }

    for (plugin, path, status) in
        [("kv", "/get/colour", 404), ("counter", "/add/n/1", 200), ("limit", "/", 200)]
    {
        assert_eq!(ask(&apart, plugin, path).await.status, status, "{plugin}: another fleet's");
    }
    assert!(metric(&one, "wasmgate_redis_commands_total").await >= 8);
    assert_eq!(metric(&one, "wasmgate_redis_failures_total").await, 0);
}

/// More than the limit asked of three proxies at once, for some seconds; with
/// `WASMGATE_FLEET_SECONDS=60` for a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn three_proxies_enforce_one_limit_within_a_percent() {
    const RATE: u64 = 200;
    const BURST: u64 = 1_000;
    let Some(redis) = Redis::start(&[]).await else { return };
    let seconds = std::env::var("WASMGATE_FLEET_SECONDS").map_or(6, |text| text.parse().unwrap());
    let origin = Origin::http1().start().await;
    let keys = format!(
        "capabilities = {{ rate_limit = {{ unavailable = \"error\" }} }}\n\
         config = {{ rate = {RATE}, period = 1000, burst = {BURST} }}"
    );
    let start = || sharing(&origin, &redis, "", &keys).start();
    let proxies = [start().await, start().await, start().await];

    let (allowed, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let load = proxies.iter().map(|proxy| async {
        let mut client = proxy.client().await;
        while !stop.load(Ordering::Relaxed) {
            let request = Request::get("/").header("x-plugin", "limit").header("x-client", "c");
            match client.send(request.body(empty()).unwrap()).await.status {
                200 => _ = allowed.fetch_add(1, Ordering::Relaxed),
                429 => {}
                status => panic!("{status}"),
            }
        }
    });
    let began = Instant::now();
    let clock = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures_util::future::join_all(load), clock);
    let took = began.elapsed().as_secs_f64();

    let due = BURST as f64 + RATE as f64 * took;
    let got = allowed.load(Ordering::Relaxed) as f64;
    // The limit allows 12,000 in a minute: each proxy may hold a lease of 12.
    let leased = 3.0 * 12.0;
    assert!(got <= due + 1.0 && got >= due * 0.99 - leased, "{got} of {due}");
    let mut commands = 0;
    for proxy in &proxies {
        commands += metric(proxy, "wasmgate_redis_commands_total").await;
    }
    assert!(commands < got as u64, "most checks need no round trip: {commands} for {got}");
}

/// What is answered without a Redis, by how the limit is configured.
const WITHOUT: [(&str, [u16; 7]); 4] = [
    ("local", [200, 200, 200, 200, 200, 429, 429]),
    ("open", [200; 7]),
    ("closed", [429; 7]),
    ("error", [500; 7]),
];

async fn assert_without_redis(proxy: &Proxy, mode: &str, answers: &[u16]) {
    assert_eq!(ask(proxy, "kv", "/set/colour/red").await.status, 503);
    assert_eq!(ask(proxy, "kv", "/get/colour").await.status, 404);
    assert_eq!(ask(proxy, "kv", "/delete/colour").await.text(), "false");
    assert_eq!(ask(proxy, "counter", "/add/n/1").await.status, 503);
    assert_eq!(ask(proxy, "counter", "/get/n").await.text(), "0");
    for status in answers {
        let answer = ask(proxy, "limit", "/").await;
        assert_eq!(answer.status, *status, "{mode}");
        if *status == 500 {
            assert_eq!(answer.text(), "unavailable");
        }
    }
    assert_eq!(proxy.get("/").await.status, 200, "whoever needs no Redis notices nothing");
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_found_when_it_is() {
    let origin = Origin::http1().start().await;
    for (mode, answers) in WITHOUT {
        let Some(mut redis) = Redis::absent(&[]) else { return };
        let keys = format!("capabilities = {{ rate_limit = {{ unavailable = {mode:?} }} }}");
        let proxy = sharing(&origin, &redis, "", &keys).start().await;
        proxy.await_stderr(&["ERROR", "cannot connect to Redis"]).await;
        assert!(!is_up(&proxy).await);
        assert_without_redis(&proxy, mode, &answers).await;
        assert!(metric(&proxy, "wasmgate_redis_failures_total").await >= 5);

        redis.run().await;

        proxy.await_stderr(&["INFO", "connected to Redis"]).await;
        assert!(is_up(&proxy).await);
        assert_eq!(ask(&proxy, "kv", "/set/colour/red").await.status, 200);
        assert_eq!(ask(&proxy, "kv", "/get/colour").await.text(), "red");
        assert_eq!(ask(&proxy, "limit", "/").await.header("x-remaining"), Some("4"));
    }
}

#[tokio::test]
async fn a_redis_that_ends_is_gone_until_it_is_back() {
    let Some(mut redis) = Redis::start(&[]).await else { return };
    let origin = Origin::http1().start().await;
    for (mode, answers) in WITHOUT {
        let keys = format!("capabilities = {{ rate_limit = {{ unavailable = {mode:?} }} }}");
        let proxy = sharing(&origin, &redis, "", &keys).start().await;
        assert_eq!(ask(&proxy, "kv", "/set/colour/red").await.status, 200);

        redis.kill();
        eventually!(!is_up(&proxy).await);
        assert_without_redis(&proxy, mode, &answers).await;
        proxy.await_stderr(&["WARN", "the connection to Redis is lost"]).await;

        let skip = proxy.stderr().len();
        redis.run().await;
        proxy.await_stderr_after(skip, &["INFO", "connected to Redis"]).await;
        // A Redis without persistence has forgotten; its scripts too.
        assert_eq!(ask(&proxy, "kv", "/get/colour").await.status, 404);
        assert_eq!(ask(&proxy, "kv", "/set/colour/red").await.status, 200);
        assert_eq!(ask(&proxy, "counter", "/add/n/1").await.text(), "1");
        assert_eq!(ask(&proxy, "limit", "/").await.header("x-remaining"), Some("4"));
    }
}

#[tokio::test]
async fn a_redis_that_is_stopped_keeps_the_worker_from_nothing() {
    let Some(redis) = Redis::start(&[]).await else { return };
    let origin = Origin::http1().start().await;
    let proxy = sharing(&origin, &redis, "", "").start().await;
    assert_eq!(ask(&proxy, "kv", "/set/colour/red").await.status, 200);
    let mut client = proxy.client().await;
    let before = metric(&proxy, "wasmgate_redis_commands_total").await;

    redis.freeze();
    let waiting = ask(&proxy, "kv", "/get/colour");
    let others = async {
        // The only worker has both.
        eventually!(metric(&proxy, "wasmgate_redis_commands_total").await > before);
        for _ in 0..100 {
            assert_eq!(client.get("/").await.status, 200);
        }
    };
    tokio::select! {
        biased;
        answer = waiting => panic!("it was answered: {}", answer.status),
        () = others => {}
    }

    redis.thaw();
    assert_eq!(ask(&proxy, "kv", "/get/colour").await.text(), "red");
}

#[tokio::test]
async fn a_redis_that_is_stopped_is_given_up_and_taken_again() {
    let Some(redis) = Redis::start(&[]).await else { return };
    let origin = Origin::http1().start().await;
    let proxy = sharing(&origin, &redis, "timeout = \"20ms\"", "").start().await;
    eventually!(ask(&proxy, "kv", "/set/colour/red").await.status == 200);

    redis.freeze();
    eventually!({
        assert_eq!(ask(&proxy, "kv", "/get/colour").await.status, 404);
        !is_up(&proxy).await
    });
    proxy.await_stderr(&["WARN", "the connection to Redis is lost"]).await;
    // The kernel accepts connections for it, which must not be taken for an answer.
    for _ in 0..20 {
        assert_eq!(ask(&proxy, "counter", "/add/n/1").await.status, 503);
    }
    assert!(!is_up(&proxy).await);

    redis.thaw();
    eventually!(ask(&proxy, "kv", "/get/colour").await.text() == "red");
}

#[tokio::test]
async fn a_wrong_password_is_said_and_shown_nowhere() {
    let Some(redis) = Redis::start(&["--requirepass", "correct horse"]).await else { return };
    let origin = Origin::http1().start().await;
    let right = sharing(&origin, &redis, "password = { env = \"REDIS_PASSWORD\" }", "")
        .env("REDIS_PASSWORD", "correct horse");
    let right = right.start().await;
    assert_eq!(ask(&right, "kv", "/set/colour/red").await.status, 200);

    let wrong = sharing(&origin, &redis, "password = \"battery staple\"", "").start().await;
    wrong.await_stderr(&["ERROR", "it refuses the user or the password"]).await;
    assert_eq!(ask(&wrong, "kv", "/get/colour").await.status, 404);
    let without = sharing(&origin, &redis, "", "").start().await;
    without.await_stderr(&["ERROR", "it asks for a password"]).await;
    for proxy in [right, wrong, without] {
        let said = proxy.stop().await.stderr;
        assert!(!said.contains("horse") && !said.contains("staple"), "{said}");
    }
}

#[tokio::test]
async fn over_tls_only_a_certificate_that_is_trusted_will_do() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let Some((_redis, url)) = Redis::start_tls(&identity).await else { return };
    let origin = Origin::http1().start().await;

    let stranger = sharing_at(&origin, &url, "", "").start().await;
    stranger.await_stderr(&["ERROR", "cannot connect to Redis"]).await;
    assert_eq!(ask(&stranger, "kv", "/set/colour/red").await.status, 503);

    let setup = sharing_at(&origin, &url, "", "").file("authority.pem", authority.pem());
    let roots = setup.directory().join("authority.pem");
    let proxy = setup.env("SSL_CERT_FILE", roots.to_str().unwrap()).start().await;
    assert_eq!(ask(&proxy, "kv", "/set/colour/red").await.status, 200);
    assert_eq!(ask(&proxy, "kv", "/get/colour").await.text(), "red");
}
