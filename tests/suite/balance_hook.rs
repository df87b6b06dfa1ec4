//! `balance = "plugin:NAME"`: a plugin chooses the endpoint, and what happens when it
//! does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::{Answer, Client, Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;

/// Origins that say their place in the cluster.
async fn origins(count: usize) -> Vec<Origin> {
    let mut origins = Vec::new();
    for place in 0..count {
        origins.push(Origin::http1().named(&place.to_string()).start().await);
    }
    origins
}

fn urls(origins: &[Origin]) -> Vec<String> {
    origins.iter().map(Origin::url).collect()
}

/// One worker, whose instances are thus the only ones, and a cluster of these
/// endpoints whose plugin is on no route.
fn config(endpoints: &[String], plugin: &str, keys: &str, cluster: &str) -> String {
    format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [admin]\nlisten = \"@admin\"\n\
         [plugin.chooses]\nsource = \"chooses.wasm\"\n{plugin}\n{keys}\n\
         [cluster.app]\nendpoints = {endpoints:?}\nbalance = \"plugin:chooses\"\n{cluster}\n\
         [[route]]\ncluster = \"app\"\n"
    )
}

fn picking(endpoints: &[String], way: &str, keys: &str) -> String {
    config(endpoints, &format!("config = {{ pick = {way:?} }}"), keys, "")
}

fn balanced(config: String) -> Setup {
    Proxy::with(config).plugin("chooses.wasm", guest::BALANCE)
}

async fn wants(client: &mut Client, endpoint: &str, target: &str) -> Answer {
    let request = Request::get(target).header("x-endpoint", endpoint).body(empty()).unwrap();
    client.send(request).await
}

/// What the access log says of the exchange's one plugin.
async fn decided(proxy: &Proxy, target: &str) -> String {
    let entry = proxy.await_log_of(target).await;
    assert_eq!(entry["plugins"][0]["name"], "chooses", "{entry}");
    entry["plugins"][0]["balance"].as_str().unwrap_or_else(|| panic!("{entry}")).to_owned()
}

/// The value of a metric about the plugin.
async fn counted(proxy: &Proxy, metric: &str) -> u64 {
    let answer = Client::http1(proxy.address("admin")).await.get("/metrics").await;
    let name = format!("wasmgate_{metric}{{plugin=\"chooses\"}} ");
    let line = answer.text().lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("no {name} in {}", answer.text())).parse().unwrap()
}

#[tokio::test]
async fn the_endpoint_is_the_one_that_the_plugin_picks() {
    let origins = origins(3).await;
    let proxy = balanced(picking(&urls(&origins), "by-header", "")).start().await;
    let mut client = proxy.client().await;

    for (n, endpoint) in ["2", "0", "0", "1", "2"].into_iter().enumerate() {
        let target = format!("/{n}");
        let answer = wants(&mut client, endpoint, &target).await;
        assert_eq!(answer.header("x-origin"), Some(endpoint));
        assert_eq!(decided(&proxy, &target).await, "pick");
    }
    let told = proxy.await_stderr(&["pick from 3"]).await;
    assert!(told.contains("method=\"\""), "there is no exchange to read: {told}");
}

#[tokio::test]
async fn every_worker_obeys() {
    let origins = origins(3).await;
    let text = picking(&urls(&origins), "last", "").replace("workers = 1", "workers = 4");
    let proxy = balanced(text).start().await;

    for n in 0..20 {
        // A connection each, so that every worker gets some.
        assert_eq!(proxy.get(&format!("/{n}")).await.header("x-origin"), Some("2"));
    }
}

#[tokio::test]
async fn a_plugin_is_told_the_endpoints_and_their_changes() {
    let origins = origins(3).await;
    let urls = urls(&origins);
    let mut proxy = balanced(picking(&urls[..2], "last", "")).start().await;

    // Before any exchange.
    let told = format!("endpoints of app: 0={} weight 1, 1={} weight 1", urls[0], urls[1]);
    proxy.await_stderr(&[&told]).await;
    assert_eq!(proxy.get("/").await.header("x-origin"), Some("1"));

    proxy.configure(&picking(&urls[1..], "last", ""));
    let told = format!("endpoints of app: 0={} weight 1, 1={} weight 1", urls[1], urls[2]);
    proxy.await_stderr(&[&told]).await;
    eventually!(proxy.get("/").await.header("x-origin") == Some("2"));

    let more = "[[route]]\nname = \"more\"\npath = \"/more\"\ncluster = \"app\"\n";
    let lines = proxy.stderr().len();
    proxy.configure(&(picking(&urls[1..], "last", "") + more));
    proxy.await_stderr_after(lines, &["the configuration was loaded"]).await;
    let again = proxy.stderr().all()[lines..].iter().any(|line| line.contains("endpoints of"));
    assert!(!again, "a change that is not about the cluster: {}", proxy.stderr().text());
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_leaves_the_choice_to_least_request() {
    for (way, keys, word) in [
        ("illegal", "", Some("illegal")),
        ("trap", "", Some("trap")),
        ("spin", "deadline = \"20ms\"", Some("deadline")),
        ("none", "", None),
    ] {
        let origins = origins(2).await;
        let proxy = balanced(picking(&urls(&origins), way, keys)).start().await;
        let mut client = proxy.client().await;

        eventually!({
            assert_eq!(client.get("/first").await.status, 200, "{way}");
            origins.iter().all(|origin| origin.request_count() > 0)
        });

        assert_eq!(decided(&proxy, "/first").await, "fallback", "{way}");
        let asked: usize = origins.iter().map(Origin::request_count).sum();
        eventually!(counted(&proxy, "plugin_fallbacks_total").await == asked as u64);
        match word {
            Some(word) => {
                proxy.await_stderr(&["chooses", "balance", "app", word]).await;
            }
            None => assert!(!proxy.stderr().text().contains("WARN"), "to leave it is no failure"),
        }
    }
}

#[tokio::test]
async fn a_plugin_that_always_fails_is_stopped_and_exchanges_go_on() {
    let origins = origins(2).await;
    let proxy = balanced(picking(&urls(&origins), "trap", "")).start().await;
    let mut client = proxy.client().await;

    for n in 0..30 {
        assert_eq!(client.get(&format!("/{n}")).await.status, 200);
    }

    proxy.await_stderr(&["chooses", "stopped"]).await;
    assert!(counted(&proxy, "plugin_crashes_total").await < 30, "it was not asked each time");
    eventually!(counted(&proxy, "plugin_fallbacks_total").await == 30);
}

#[tokio::test]
async fn an_endpoint_that_was_tried_or_is_left_alone_is_not_offered() {
    let origin = Origin::http1().named("1").start().await;
    let endpoints = [Origin::refusing(), origin.url()];
    let proxy = balanced(picking(&endpoints, "zero", "")).start().await;

    let answer = proxy.get("/first").await;

    assert_eq!((answer.status, answer.header("x-origin")), (200, Some("1")));
    let entry = proxy.await_log_of("/first").await;
    assert_eq!((&entry["attempts"], &entry["endpoint"]), (&2.into(), &origin.url().into()));
    assert_eq!(decided(&proxy, "/first").await, "fallback", "the second pick was the first again");
    proxy.await_stderr(&["pick from 2"]).await;
    proxy.await_stderr(&["pick from 1"]).await;
    proxy.await_stderr(&["attempt on 0 status=0 error=connect_refused"]).await;
    assert!(!proxy.stderr().text().contains("attempt on 1"), "not the plugin's choice");
}

#[tokio::test]
async fn a_plugin_hears_how_each_attempt_ended() {
    let good = Origin::http1().say("/busy", 503, "later").start().await;
    let silent = Origin::silent().await;
    let endpoints = [good.url(), silent.url()];
    let plugin = "config = { pick = \"by-header\" }";
    let cluster = "response_timeout = \"200ms\"";
    let proxy = balanced(config(&endpoints, plugin, "", cluster)).start().await;
    let mut client = proxy.client().await;

    wants(&mut client, "0", "/").await;
    proxy.await_stderr(&["attempt on 0 status=200 error=- timed=true"]).await;
    wants(&mut client, "0", "/busy").await;
    proxy.await_stderr(&["attempt on 0 status=503 error=- timed=true"]).await;
    assert_eq!(wants(&mut client, "1", "/").await.status, 504);
    proxy.await_stderr(&["attempt on 1 status=0 error=response_timeout timed=true"]).await;
    // Both have answered, or failed to for a known time.
    wants(&mut client, "0", "/").await;
    proxy.await_stderr(&["pick from 2 of known latency 2"]).await;
}

#[tokio::test]
async fn a_report_that_fails_or_takes_long_harms_no_exchange() {
    for (way, keys, word) in [("trap", "", "trap"), ("spin", "deadline = \"20ms\"", "deadline")] {
        let origins = origins(2).await;
        let plugin = format!("config = {{ pick = \"last\", attempt = {way:?} }}");
        let proxy = balanced(config(&urls(&origins), &plugin, keys, "")).start().await;
        let mut client = proxy.client().await;

        for n in 0..20 {
            assert_eq!(client.get(&format!("/{n}")).await.header("x-origin"), Some("1"), "{way}");
        }
        proxy.await_stderr(&["chooses", "balance", word]).await;
        // Reports that always fail are given up; picks go on.
        proxy.await_stderr(&["chooses", "stopped"]).await;
        assert_eq!(client.get("/after").await.header("x-origin"), Some("1"), "{way}");
        assert_eq!(decided(&proxy, "/after").await, "pick");
    }
}

#[tokio::test]
async fn a_plugin_is_told_what_is_in_flight() {
    let busy = Origin::silent().await;
    let idle = Origin::http1().start().await;
    let proxy = balanced(picking(&[busy.url(), idle.url()], "least", "")).start().await;
    let mut waiting = proxy.raw().await;
    waiting.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(busy.request_count() == 1);

    let mut client = proxy.client().await;
    for n in 0..20 {
        assert_eq!(client.get(&format!("/{n}")).await.status, 200);
    }

    assert_eq!(busy.request_count(), 1);
}

#[tokio::test]
async fn a_plugin_gets_the_key_of_the_clusters_hash() {
    let origins = origins(3).await;
    let plugin = "config = { pick = \"by-key\" }";
    let proxy = balanced(config(&urls(&origins), plugin, "", "hash = \"path\"")).start().await;
    let mut client = proxy.client().await;
    let mut chosen = std::collections::BTreeSet::new();

    for n in 0..20 {
        let target = format!("/{n}");
        let first = client.get(&target).await.header("x-origin").map(str::to_owned);
        assert_eq!(client.get(&target).await.header("x-origin"), first.as_deref());
        chosen.insert(first);
    }

    assert_eq!(chosen.len(), 3, "keys are spread");
    assert_eq!(decided(&proxy, "/19").await, "pick");
}

#[tokio::test]
async fn a_plugin_without_the_hook_is_refused() {
    let origins = origins(1).await;
    let setup = || Proxy::with(config(&urls(&origins), "", "", ""));

    let finished = setup().plugin("chooses.wasm", guest::NOOP).fail().await;

    assert_ne!(finished.code, Some(0));
    for words in ["cannot load the plugin `chooses`", "does not export the hook `balance`"] {
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }

    let text = picking(&urls(&origins), "first", "").replace("plugin:chooses", "plugin:choses");
    let unknown = balanced(text).check().await;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("did you mean `chooses`?"), "{}", unknown.stderr);
}

#[tokio::test]
async fn a_swap_to_a_plugin_without_the_hook_changes_nothing() {
    let origins = origins(2).await;
    let proxy = balanced(picking(&urls(&origins), "last", "")).start().await;

    proxy.replace_by("chooses.wasm", guest::NOOP);

    proxy.await_stderr(&["was refused", "does not export the hook `balance`"]).await;
    assert_eq!(proxy.get("/").await.header("x-origin"), Some("1"));
    assert_eq!(decided(&proxy, "/").await, "pick");
}

#[tokio::test]
async fn check_shows_who_chooses_and_asks_for_no_route() {
    let origins = origins(1).await;
    let plugin = "config = { pick = \"first\" }";
    let text = config(&urls(&origins), plugin, "", "hash = \"header:x-user\"");

    let checked = balanced(text).check().await;

    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("plugin chooses, hash of the header x-user"));
    assert!(!checked.stderr.contains("no route uses"), "{}", checked.stderr);
}

/// The component with another custom section at its end: another file, the same
/// plugin.
fn variant(component: &str, number: u8) -> Vec<u8> {
    let mut octets = std::fs::read(component).unwrap();
    octets.extend([0, 3, 1, b'v', number]);
    octets
}

#[tokio::test]
async fn a_swap_of_the_plugin_loses_no_exchange() {
    const SWAPS: u8 = 12;
    let origins = origins(2).await;
    let quiet = "config = { pick = \"last\", quiet = true }";
    let endless = "[limits]\nrequests_per_connection = 100000000";
    let proxy = balanced(config(&urls(&origins), quiet, "", endless)).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..4 {
        let (mut client, stop, served) =
            (proxy.client().await, Arc::clone(&stop), Arc::clone(&served));
        clients.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(client.get("/").await.header("x-origin"), Some("1"));
                served.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    for swap in 0..SWAPS {
        let lines = proxy.stderr().len();
        proxy.replace("chooses.wasm", variant(guest::BALANCE, swap % 2));
        proxy.await_stderr_after(lines, &["the plugin was loaded"]).await;
        let told =
            proxy.stderr().all()[lines..].iter().any(|line| line.contains("endpoints of app"));
        assert!(told, "the new instance was told before it was asked");
        let before = served.load(Ordering::Relaxed);
        eventually!(served.load(Ordering::Relaxed) > before);
    }

    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("every answer was right");
    }
    let log = proxy.log();
    assert!(log.iter().all(|entry| entry["plugins"][0]["balance"] == "pick"));
}

#[tokio::test]
async fn a_plugin_may_balance_and_be_on_a_route() {
    let origins = origins(3).await;
    let sticky = |urls: &[String]| {
        format!(
            "[[listener]]\nlisten = \"@http\"\n\
             [plugin.sticky]\nsource = {:?}\n\
             [cluster.app]\nendpoints = {urls:?}\nbalance = \"plugin:sticky\"\n\
             [[route]]\nplugins = [\"sticky\"]\ncluster = \"app\"\n",
            guest::STICKY_COOKIE
        )
    };
    let urls = urls(&origins);
    let mut proxy = Proxy::with(sticky(&urls)).start().await;
    let with = |cookie: String| Request::get("/").header("cookie", cookie).body(empty()).unwrap();
    let cookie = |answer: &Answer| {
        let line = answer.header("set-cookie")?;
        Some(line.split(';').next().unwrap_or_default().to_owned())
    };

    let first = proxy.get("/").await;
    let home = first.header("x-origin").unwrap().to_owned();
    let known = cookie(&first).expect("a cookie for who comes without one");
    for _ in 0..10 {
        let answer = proxy.client().await.send(with(format!("a=1; {known}"))).await;
        assert_eq!(answer.header("x-origin"), Some(&*home));
        assert_eq!(cookie(&answer), None, "the cookie is right already");
    }
    let entry = proxy.await_log(|entry| entry["plugins"][0]["balance"] == "pick").await;
    assert_eq!(entry["plugins"].as_array().map(Vec::len), Some(1), "{entry}");
    assert_eq!(entry["plugins"][0]["response"], "continue", "{entry}");

    let left: Vec<String> = urls
        .iter()
        .enumerate()
        .filter(|(n, _)| n.to_string() != home)
        .map(|(_, url)| url.clone())
        .collect();
    proxy.configure(&sticky(&left));
    eventually!({
        let answer = proxy.client().await.send(with(known.clone())).await;
        assert_eq!(answer.status, 200);
        answer.header("x-origin") != Some(&*home) && cookie(&answer).is_some_and(|new| new != known)
    });
}

#[test]
fn the_documentation_shows_the_plugin_that_is_tested() {
    let documentation = include_str!("../../docs/balancing.md");
    let plugin = include_str!("../guests/sticky-cookie/src/lib.rs");
    assert!(documentation.contains(plugin.trim_end()), "docs/balancing.md shows another one");
}
