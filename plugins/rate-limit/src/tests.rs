use std::time::Duration;

use plugin_sdk::rate_limit::Verdict as Seen;
use plugin_sdk::testing::{Exchange, Loaded, Verdict, clock};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::meter::Meter;

const README: &str = include_str!("../README.md");

fn load(config: &Value) -> Loaded<RateLimit> {
    Loaded::new(&config.to_string()).unwrap_or_else(|e| panic!("{config}: {e}"))
}

fn error(config: &Value) -> String {
    match Loaded::<RateLimit>::new(&config.to_string()) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    }
}

/// One limit of two a minute with these keys besides.
fn limited_by(keys: &Value) -> Loaded<RateLimit> {
    let mut limit = json!({ "name": "a", "rate": 2, "period": "1m" });
    limit.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    load(&json!({ "limits": [limit] }))
}

fn from(address: &str) -> Exchange {
    Exchange::get("/").client_address(address)
}

/// Whether the exchange passes; then it is answered, so that its response can be
/// looked at.
fn passes(plugin: &Loaded<RateLimit>, exchange: &mut Exchange) -> bool {
    match plugin.on_request(exchange) {
        Verdict::Continue => {
            *exchange = exchange.clone().answered(200);
            assert_eq!(plugin.on_response(exchange), Verdict::Continue);
            true
        }
        Verdict::Respond => false,
        Verdict::Fail(reason) => panic!("{reason}"),
    }
}

/// How many of ten pass.
fn of_ten(plugin: &Loaded<RateLimit>, exchange: impl Fn(usize) -> Exchange) -> usize {
    (0..10).filter(|n| passes(plugin, &mut exchange(*n))).count()
}

fn annotation(exchange: &Exchange, key: &str) -> Option<String> {
    let found = exchange.annotations().iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.clone())
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn what_is_over_the_limit_is_refused_until_time_has_passed() {
    for algorithm in ["gcra", "token-bucket"] {
        let plugin = limited_by(&json!({ "name": algorithm, "algorithm": algorithm }));
        assert_eq!(of_ten(&plugin, |_| from("192.0.2.1")), 2);
        assert_eq!(of_ten(&plugin, |_| from("192.0.2.2")), 2, "another client");
        clock::advance(Duration::from_secs(60));
        assert_eq!(of_ten(&plugin, |_| from("192.0.2.1")), 2);
    }
}

#[test]
fn a_refusal_says_when_to_come_back() {
    let plugin = limited_by(&json!({}));
    let mut exchange = from("192.0.2.1");
    assert!(passes(&plugin, &mut exchange));
    assert_eq!(exchange.response_header("ratelimit-policy").as_deref(), Some("\"a\";q=2;w=60"));
    assert_eq!(exchange.response_header("ratelimit").as_deref(), Some("\"a\";r=1;t=30"));
    assert!(passes(&plugin, &mut from("192.0.2.1")));
    let mut refused = from("192.0.2.1");
    assert!(!passes(&plugin, &mut refused));
    assert_eq!(refused.status(), Some(429));
    assert_eq!(refused.response_header("retry-after").as_deref(), Some("30"));
    assert_eq!(refused.response_header("ratelimit-policy").as_deref(), Some("\"a\";q=2;w=60"));
    assert_eq!(refused.response_header("ratelimit").as_deref(), Some("\"a\";r=0;t=30"));
    assert_eq!(refused.body(), b"too many requests\n");
    assert_eq!(annotation(&refused, "refused").as_deref(), Some("a"));
    clock::advance(Duration::from_secs(29));
    assert!(!passes(&plugin, &mut from("192.0.2.1")));
    clock::advance(Duration::from_secs(1));
    assert!(passes(&plugin, &mut from("192.0.2.1")), "it is as it was said");
}

#[test]
fn a_refusal_is_what_the_operator_says() {
    let limit = json!({ "name": "a", "rate": 1, "period": "1s" });
    let refusal = json!({ "status": 503, "body": "{}", "content_type": "application/json" });
    let plugin = load(&json!({ "limits": [limit], "fields": false, "refusal": refusal }));
    let mut first = from("192.0.2.1");
    assert!(passes(&plugin, &mut first));
    assert!(first.response_headers().is_empty());
    let mut refused = from("192.0.2.1");
    assert!(!passes(&plugin, &mut refused));
    assert_eq!((refused.status(), refused.body()), (Some(503), b"{}".as_slice()));
    assert_eq!(refused.response_header("content-type").as_deref(), Some("application/json"));
    assert_eq!(refused.response_header("ratelimit"), None);
}

#[test]
fn what_a_client_says_of_its_address_does_not_count() {
    let plugin = limited_by(&json!({}));
    let forged = |n: usize| {
        from("192.0.2.1")
            .header("x-forwarded-for", format!("198.51.100.{n}"))
            .header("forwarded", format!("for=198.51.100.{n}"))
            .header("x-real-ip", format!("198.51.100.{n}"))
    };
    assert_eq!(of_ten(&plugin, forged), 2);
}

#[test]
fn the_addresses_of_one_ipv6_network_share_a_limit() {
    let inside = |n: usize| from(&format!("2001:db8:1:2:{n:x}::{n:x}"));
    let networks = |n: usize| from(&format!("2001:db8:1:{n:x}::1"));
    let plugin = limited_by(&json!({ "name": "64" }));
    assert_eq!(of_ten(&plugin, inside), 2);
    assert_eq!(of_ten(&plugin, networks), 9, "one of these networks is the one above");
    let wide = limited_by(&json!({ "name": "56", "ipv6_prefix": 56 }));
    assert_eq!(of_ten(&wide, networks), 2);
    let all = limited_by(&json!({ "name": "128", "ipv6_prefix": 128 }));
    assert_eq!(of_ten(&all, inside), 10);
    let four = limited_by(&json!({ "name": "24", "ipv4_prefix": 24 }));
    assert_eq!(of_ten(&four, |n| from(&format!("192.0.2.{n}"))), 2);
}

#[test]
fn an_ipv4_address_in_an_ipv6_one_is_that_address() {
    let plugin = limited_by(&json!({}));
    let both = |n: usize| from(if n.is_multiple_of(2) { "192.0.2.1" } else { "::ffff:192.0.2.1" });
    assert_eq!(of_ten(&plugin, both), 2);
    assert_eq!(of_ten(&plugin, |n| from(&format!("::ffff:198.51.100.{n}"))), 10);
}

#[test]
fn a_limit_counts_by_its_key() {
    let get = || from("192.0.2.1");
    type Vary = fn(usize, Exchange) -> Exchange;
    let vary: [(Value, Vary); 8] = [
        (json!(["header:X-User"]), |n, e| e.header("x-user", n.to_string())),
        (json!(["cookie:user"]), |n, e| e.header("cookie", format!("a=b; user={n}"))),
        (json!(["value:auth/subject"]), |n, e| e.value_of("auth", "subject", n.to_string())),
        (json!(["route"]), |n, e| e.on_route(n.to_string())),
        (json!(["host"]), |n, e| e.authority(format!("h{n}.example:8080"))),
        (json!(["method", "route"]), |n, e| e.on_route(n.to_string())),
        (json!(["client_address", "route"]), |n, e| e.client_address(format!("192.0.2.{n}"))),
        (json!(["header:a", "header:b"]), |n, e| {
            e.header("a", "x".repeat(n + 1)).header("b", "x".repeat(11 - n))
        }),
    ];
    for (key, vary) in vary {
        let plugin = limited_by(&json!({ "name": "by", "key": key }));
        assert_eq!(of_ten(&plugin, |n| vary(n, get())), 10, "{key}");
        assert_eq!(of_ten(&plugin, |_| vary(0, get())), 1, "{key}: one was spent above");
    }
    let path = limited_by(&json!({ "name": "path", "key": ["path:2"] }));
    assert_eq!(of_ten(&path, |n| Exchange::get(format!("/a/b/{n}?{n}"))), 2);
    assert_eq!(of_ten(&path, |n| Exchange::get(format!("/a/{n}"))), 10);
    let method = limited_by(&json!({ "name": "method", "key": ["method"] }));
    assert_eq!(of_ten(&method, |n| Exchange::new(if n < 5 { "GET" } else { "POST" }, "/")), 4);
    let host = limited_by(&json!({ "name": "host", "key": ["host"] }));
    let spelt = ["A.example", "a.example", "a.EXAMPLE:80"];
    assert_eq!(of_ten(&host, |n| Exchange::get("/").authority(spelt[n % 3])), 2);
    let all = limited_by(&json!({ "name": "all", "key": [] }));
    assert_eq!(of_ten(&all, |n| from(&format!("192.0.2.{n}"))), 2);
}

#[test]
fn a_request_without_the_key_is_limited_as_configured() {
    let by = |missing: &str| {
        limited_by(&json!({ "name": missing, "key": ["header:x-user"], "missing": missing }))
    };
    let clients = |n: usize| from(&format!("192.0.2.{}", n % 2));
    assert_eq!(of_ten(&by("client_address"), clients), 4);
    assert_eq!(of_ten(&by("shared"), clients), 2);
    assert_eq!(of_ten(&by("skip"), clients), 10);
    assert_eq!(of_ten(&by("refuse"), clients), 0);
    let empty = |n: usize| clients(n).header("x-user", "");
    assert_eq!(of_ten(&by("refuse"), empty), 0, "empty is missing");
    let named = |_| clients(0).header("x-user", "192.0.2.0");
    assert_eq!(of_ten(&by("client_address"), named), 2, "nobody spends an address by name");
}

#[test]
fn huge_keys_are_counted_like_others() {
    let plugin = limited_by(&json!({ "key": ["header:authorization", "cookie:id"] }));
    let huge = |n: usize| {
        let token = "t".repeat(30_000) + &"x".repeat(n / 5);
        from("192.0.2.1")
            .header("authorization", token)
            .header("cookie", "id=".to_owned() + &"c".repeat(9_000))
    };
    assert_eq!(of_ten(&plugin, huge), 4, "two tokens, twice each");
}

#[test]
fn when_no_more_keys_are_counted_new_ones_are_refused_or_let_through_as_configured() {
    // What the host of these tests counts at most, for all limits of the thread.
    let others = plugin_sdk::rate_limit::Limit::gcra("others", 1, Duration::from_secs(60), 1);
    let others = others.expect("a limit");
    let plugin = |overflow: &str| limited_by(&json!({ "name": overflow, "overflow": overflow }));
    let (refuse, allow) = (plugin("refuse"), plugin("allow"));
    for known in [&refuse, &allow] {
        assert!(passes(known, &mut from("192.0.2.1")));
    }
    for key in 0..100_000_u32 {
        if others.check(key.to_be_bytes(), 1).is_err() {
            break;
        }
    }
    let mut refused = from("192.0.2.2");
    assert!(!passes(&refuse, &mut refused));
    assert_eq!(refused.response_header("retry-after").as_deref(), Some("1"));
    assert_eq!(annotation(&refused, "refused").as_deref(), Some("refuse"));
    assert_eq!(of_ten(&allow, |_| from("192.0.2.2")), 10);
    for known in [&refuse, &allow] {
        assert_eq!(of_ten(known, |_| from("192.0.2.1")), 1, "a known key is counted on");
    }
}

#[test]
fn a_request_that_one_limit_refuses_spends_nothing_of_the_others() {
    let limits = json!([
        { "name": "client", "rate": 10, "period": "1m" },
        { "name": "user", "rate": 1, "period": "1m", "key": ["header:x-user"] },
        { "name": "all", "rate": 100, "period": "1m", "key": [] },
    ]);
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        clock::advance(Duration::from_secs(120));
        let ordered: Vec<Value> = order.iter().map(|at| limits[*at].clone()).collect();
        let plugin = load(&json!({ "limits": ordered }));
        let alice = || from("192.0.2.1").header("x-user", "alice");
        assert_eq!(of_ten(&plugin, |_| alice()), 1, "{order:?}");
        let mut refused = alice();
        assert!(!passes(&plugin, &mut refused));
        let state = refused.response_header("ratelimit").unwrap();
        assert!(state.contains("\"client\";r=9;"), "{state}");
        assert!(state.contains("\"all\";r=99;"), "{state}");
        assert_eq!(refused.response_header("retry-after").as_deref(), Some("60"));
        let bob = |n: usize| from("192.0.2.1").header("x-user", format!("bob{n}"));
        assert_eq!(of_ten(&plugin, bob), 9, "{order:?}: nine were left to this address");
    }
}

#[test]
fn the_longest_wait_of_all_limits_is_told() {
    let plugin = load(&json!({ "limits": [
        { "name": "second", "rate": 1, "period": "1s" },
        { "name": "hour", "rate": 1, "period": "1h" },
    ]}));
    assert!(passes(&plugin, &mut from("192.0.2.1")));
    let mut refused = from("192.0.2.1");
    assert!(!passes(&plugin, &mut refused));
    assert_eq!(refused.response_header("retry-after").as_deref(), Some("3600"));
    assert_eq!(annotation(&refused, "refused").as_deref(), Some("second,hour"));
}

#[test]
fn one_limit_is_one_question_and_no_fact_is_asked_for_in_vain() {
    let plugin = limited_by(&json!({ "key": ["header:x-user"] }));
    assert_eq!(plugin.subscription().request_headers(), ["x-user"]);
    let mut exchange = from("192.0.2.1").header("x-user", "alice");
    assert!(passes(&plugin, &mut exchange));
    assert_eq!(exchange.pulls(), 0);
    let mut exchange = from("192.0.2.1");
    assert!(passes(&limited_by(&json!({ "name": "b" })), &mut exchange));
    assert_eq!(exchange.pulls(), 1, "the address");
}

#[test]
fn dry_runs_refuse_nothing_and_say_what_they_would_have() {
    let limit = |dry: bool| json!({ "name": "a", "rate": 1, "period": "1m", "dry_run": dry });
    for config in
        [json!({ "limits": [limit(true)] }), json!({ "limits": [limit(false)], "dry_run": true })]
    {
        clock::advance(Duration::from_secs(120));
        let plugin = load(&config);
        assert!(passes(&plugin, &mut from("192.0.2.1")));
        let mut over = from("192.0.2.1");
        assert!(passes(&plugin, &mut over));
        assert_eq!(annotation(&over, "would_refuse").as_deref(), Some("a"));
        assert_eq!(over.response_header("ratelimit"), None, "clients are told of no trial");
        clock::advance(Duration::from_secs(60));
        assert!(passes(&plugin, &mut over));
    }
    let both = load(&json!({ "limits": [
        { "name": "real", "rate": 3, "period": "1m" },
        { "name": "trial", "rate": 1, "period": "1m", "dry_run": true },
    ]}));
    assert_eq!(of_ten(&both, |_| from("192.0.2.9")), 3, "a trial does not change what is enforced");
    let refuse = limited_by(&json!({ "key": ["header:x"], "missing": "refuse", "dry_run": true }));
    assert_eq!(of_ten(&refuse, |_| from("192.0.2.1")), 10);
}

#[test]
fn requests_are_held_in_turn_until_they_are_within_the_limit() {
    let plugin = load(
        &json!({ "limits": [{ "name": "a", "rate": 10, "period": "1s", "burst": 2, "delay": "300ms" }] }),
    );
    let mut waited = Vec::new();
    for _ in 0..7 {
        let before = clock_now();
        let mut exchange = from("192.0.2.1");
        let passed = passes(&plugin, &mut exchange);
        waited.push((passed, clock_now() - before, annotation(&exchange, "delayed_ms")));
    }
    // The clock stands still but for the waiting itself.
    let ms = Duration::from_millis;
    assert_eq!(waited[0], (true, ms(0), None));
    assert_eq!(waited[1], (true, ms(0), None));
    assert_eq!(waited[2], (true, ms(100), Some("100".to_owned())));
    assert_eq!(waited[3], (true, ms(100), Some("100".to_owned())));
}

/// What the clock of the tests shows, by a limit that is spent at the beginning.
fn clock_now() -> Duration {
    let century = plugin_sdk::rate_limit::Limit::gcra("now", 1, Duration::from_secs(4_000_000), 1);
    let century = century.expect("a limit");
    let seen = century.check("", 1).expect("a check");
    Duration::from_secs(4_000_000) - Duration::from_millis(seen.reset_after_ms.into())
}

#[test]
fn no_more_are_held_than_can_wait() {
    let plugin = load(
        &json!({ "limits": [{ "name": "a", "rate": 10, "period": "1s", "burst": 2, "delay": "300ms" }], "dry_run": true }),
    );
    // A dry run does not wait, so that the clock stands still.
    let mut said = Vec::new();
    for _ in 0..7 {
        let mut exchange = from("192.0.2.1");
        assert!(passes(&plugin, &mut exchange));
        let delay = annotation(&exchange, "would_delay_ms");
        said.push((delay.unwrap_or_default(), annotation(&exchange, "would_refuse").is_some()));
    }
    let expected = [
        ("", false),
        ("", false),
        ("100", false),
        ("200", false),
        ("300", false),
        ("", true),
        ("", true),
    ];
    let said: Vec<(&str, bool)> = said.iter().map(|(d, r)| (d.as_str(), *r)).collect();
    assert_eq!(said, expected);
}

#[test]
fn conditions_and_exemptions_narrow_a_limit() {
    let plugin =
        limited_by(&json!({ "match": { "method": ["POST"], "path_prefix": ["/api/", "/login"] } }));
    assert_eq!(of_ten(&plugin, |_| Exchange::get("/api/x")), 10);
    assert_eq!(of_ten(&plugin, |_| Exchange::new("POST", "/apix")), 10);
    assert_eq!(of_ten(&plugin, |_| Exchange::new("POST", "/login?a=b")), 2);
    assert_eq!(of_ten(&plugin, |_| Exchange::new("POST", "/api")), 0, "one limit for both");

    let limit = json!({ "name": "b", "rate": 1, "period": "1m" });
    let plugin =
        load(&json!({ "limits": [limit], "exempt": ["10.0.0.0/8", "# ours\n2001:db8::/32\n"] }));
    for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"] {
        let mut exchange = from(inside);
        assert!((0..3).all(|_| passes(&plugin, &mut exchange)));
        assert_eq!(exchange.response_header("ratelimit"), None);
    }
    assert_eq!(of_ten(&plugin, |_| from("192.0.2.1").header("x-forwarded-for", "10.1.2.3")), 1);
}

#[test]
fn no_spelling_of_a_path_gets_around_a_limit() {
    let spelt = [
        "/api/login",
        "/API/login",
        "//api/login",
        "/api//login",
        "/api/;a/login",
        "/api;1/login",
        "/api%2Flogin",
        "/api/login;2",
        "/api/LOGIN/",
        "/api/login?a",
    ];
    let condition = json!({ "path_prefix": ["/api/login"] });
    let plugin = limited_by(&json!({ "name": "condition", "match": condition }));
    assert_eq!(of_ten(&plugin, |n| Exchange::get(spelt[n])), 2);
    let plugin = limited_by(&json!({ "name": "key", "key": ["path:2"] }));
    assert_eq!(of_ten(&plugin, |n| Exchange::get(spelt[n])), 2);
}

#[test]
fn fields_speak_of_the_limits_that_concern_the_request() {
    let plugin = load(&json!({ "limits": [
        { "name": "all", "rate": 600, "period": "1m", "burst": 10 },
        { "name": "fast", "rate": 100, "period": "1s", "burst": 5, "key": [] },
        { "name": "posts", "rate": 5, "period": "2s", "algorithm": "token-bucket", "burst": 12, "match": { "method": ["POST"] } },
    ]}));
    let mut get = from("192.0.2.1");
    assert!(passes(&plugin, &mut get));
    assert_eq!(
        get.response_header("ratelimit-policy").as_deref(),
        Some("\"all\";q=10;w=1, \"fast\";q=5")
    );
    assert_eq!(
        get.response_header("ratelimit").as_deref(),
        Some("\"all\";r=9;t=1, \"fast\";r=4;t=1")
    );
    let mut post = Exchange::new("POST", "/").client_address("192.0.2.1");
    assert!(passes(&plugin, &mut post));
    assert_eq!(
        post.response_header("ratelimit-policy").as_deref(),
        Some("\"all\";q=10;w=1, \"fast\";q=5, \"posts\";q=12;w=6")
    );
}

#[test]
fn the_same_name_with_another_key_is_another_limit() {
    let address = limited_by(&json!({}));
    let shared = limited_by(&json!({ "key": [] }));
    assert_eq!(of_ten(&address, |_| from("192.0.2.1")), 2);
    assert_eq!(of_ten(&shared, |_| from("192.0.2.1")), 2);
    assert_eq!(of_ten(&limited_by(&json!({})), |_| from("192.0.2.1")), 0, "the same one again");
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    let limit = |keys: Value| {
        let mut limit = json!({ "name": "a", "rate": 1, "period": "1s" });
        limit.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        json!({ "limits": [limit] })
    };
    for (config, expected) in [
        (limit(json!({ "rate": 0 })), "limits[0]: rate: 0 is not at least 1"),
        (limit(json!({ "cost": 2 })), "limits[0]: cost: 2 is more than the burst of 1"),
        (limit(json!({ "period": "50d" })), "limits[0]: period: `50d` is not from 1ms to 49d"),
        (
            limit(json!({ "name": "a b" })),
            "limits[0]: name: `a b` is not 1 to 64 letters, digits, `-`, `_` and `.`",
        ),
        (
            limit(json!({ "key": ["address"] })),
            "limits[0]: key[0]: `address` is none of `client_address`, `header:NAME`, `cookie:NAME`, \
             `value:PLUGIN/NAME`, `route`, `method`, `host` and `path:SEGMENTS` (1 to 16)",
        ),
        (limit(json!({ "ipv6_prefix": 129 })), "limits[0]: ipv6_prefix: 129 is not from 1 to 128"),
        (
            limit(json!({ "delay": "300ms" })),
            "limits[0]: delay: no request can wait `300ms`: the limit allows one in 1000ms",
        ),
        (limit(json!({ "delay": "1s" })), "limits[0]: delay: `1s` is more than 900ms"),
        (
            limit(json!({ "delay": "300ms", "algorithm": "token-bucket" })),
            "limits[0]: delay: only with `algorithm = \"gcra\"`",
        ),
        (
            limit(json!({ "match": { "path_prefix": ["api"] } })),
            "limits[0]: match: path_prefix: `api` is no path prefix: it starts with `/` and holds no `?` or `#`",
        ),
        (
            json!({ "exempt": ["10.0.0.0/33"] }),
            "exempt: `10.0.0.0/33` is no network such as `10.0.0.0/8` or `2001:db8::/32`, and no address",
        ),
        (json!({ "refusal": { "status": 200 } }), "refusal.status: 200 is not from 400 to 599"),
        (
            json!({ "limits": [
                { "name": "a", "rate": 1, "period": "1s" }, { "name": "a", "rate": 2, "period": "1s" },
            ]}),
            "limits[1]: name: another limit is called `a` too",
        ),
    ] {
        assert_eq!(error(&config), expected);
    }
    let units = error(&limit(json!({ "period": "60" })));
    assert!(units.contains("limits[0].period: `60` is not a duration"), "{units}");
}

proptest! {
    /// A look tells the same waiting time as a refusal does.
    #[test]
    fn looking_and_asking_tell_the_same_wait(
        bucket in any::<bool>(),
        rate in 1u32..50,
        period in 1u64..100_000,
        burst in 1u32..50,
        cost in 1u32..50,
        steps in proptest::collection::vec(0u64..50_000, 1..20),
    ) {
        let cost = cost.min(burst);
        let config = json!({
            "name": "a", "rate": rate, "period": format!("{period}ms"), "burst": burst, "cost": cost,
            "algorithm": if bucket { "token-bucket" } else { "gcra" },
        });
        let config: config::Limit = serde_json::from_value(config).expect("a limit");
        let meter = Meter::new(&config).expect("good numbers");
        let limit = meter.define("law").expect("a limit");
        for (key, step) in (0u32..).zip(steps) {
            clock::advance(Duration::from_millis(step));
            // Each key is at another state.
            let key = (key % 3).to_be_bytes();
            let seen: Seen = limit.check(key, 0).expect("a look");
            let asked = limit.check(key, cost).expect("a check");
            prop_assert_eq!(meter.admits(&seen), asked.allowed);
            if !asked.allowed {
                // Both round up to a millisecond.
                let differ = meter.retry_after(&seen).abs_diff(asked.retry_after_ms.into());
                prop_assert!(differ <= 1, "{} and {}", meter.retry_after(&seen), asked.retry_after_ms);
            }
        }
    }

    /// Whatever clients send, the plugin decides.
    #[test]
    fn no_request_makes_the_plugin_fail(
        path in "/[!-~&&[^#]]{0,300}",
        field in proptest::collection::vec(any::<u8>(), 0..300),
        address in "[0-9a-f:.%]{0,40}",
    ) {
        let plugin = load(&json!({ "limits": [
            { "name": "a", "rate": 1, "period": "1s", "key": ["path:3", "header:x", "cookie:x", "client_address", "host"] },
            { "name": "b", "rate": 1, "period": "1s", "key": ["header:x"], "missing": "shared" },
        ]}));
        let mut exchange = Exchange::get(path)
            .header("x", field.clone())
            .header("cookie", [b"x=", field.as_slice()].concat())
            .client_address(address);
        prop_assert!(!matches!(plugin.on_request(&mut exchange), Verdict::Fail(_)));
    }
}
