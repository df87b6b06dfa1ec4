use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn load(config: &Value) -> Loaded<Cohorts> {
    Loaded::new(&config.to_string()).unwrap_or_else(|e| panic!("{config}: {e}"))
}

fn error(config: &Value) -> String {
    match Loaded::<Cohorts>::new(&config.to_string()) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    }
}

/// A canary of this share of the users, who are told apart by a field.
fn canary(percent: f64, seed: &str) -> Value {
    json!({
        "cohorts": [{ "name": "canary", "percent": percent, "cluster": "canary" }],
        "user": "header:x-user",
        "seed": seed,
    })
}

/// The cohort that the annotation tells.
fn cohort(plugin: &Loaded<Cohorts>, exchange: &mut Exchange) -> String {
    assert_eq!(plugin.on_request(exchange), Verdict::Continue);
    annotation(exchange, "cohort").expect("every exchange is in one")
}

fn annotation(exchange: &Exchange, key: &str) -> Option<String> {
    let found = exchange.annotations().iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.clone())
}

/// Which of these users are in the cohort of that name.
fn users(config: &Value, name: &str, count: usize) -> Vec<usize> {
    let plugin = load(config);
    let of = |user: usize| Exchange::get("/").header("x-user", user.to_string());
    (0..count).filter(|user| cohort(&plugin, &mut of(*user)) == name).collect()
}

/// What a response to this request sets.
fn set_cookie(plugin: &Loaded<Cohorts>, exchange: Exchange) -> Option<String> {
    let mut exchange = exchange;
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    let mut exchange = exchange.answered(200);
    assert_eq!(plugin.on_response(&mut exchange), Verdict::Continue);
    exchange.response_header("set-cookie")
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn a_share_of_users_is_fair_stable_and_grows_only() {
    let ten = users(&canary(10.0, ""), "canary", 4000);
    assert!((330..=470).contains(&ten.len()), "{} of 4000 are no tenth", ten.len());
    assert_eq!(ten, users(&canary(10.0, ""), "canary", 4000), "the same ones each time");
    let twenty = users(&canary(20.0, ""), "canary", 4000);
    assert!(ten.iter().all(|user| twenty.contains(user)));
    assert_ne!(ten, users(&canary(10.0, "other"), "canary", 4000));
    assert_eq!(users(&canary(0.0, ""), "canary", 500), [0_usize; 0]);
    assert_eq!(users(&canary(100.0, ""), "canary", 500).len(), 500);
}

#[test]
fn cohorts_share_out_all_users_and_go_where_they_shall() {
    let plugin = load(&json!({
        "cohorts": [
            { "name": "canary", "percent": 20, "cluster": "canary" },
            { "name": "beta", "percent": 30, "route": "beta" },
            { "name": "told", "percent": 25 },
        ],
        "default": "stable",
        "user": "header:x-user",
        "header": "X-Cohort",
    }));
    let mut counts = std::collections::BTreeMap::new();
    for user in 0..2000 {
        let mut exchange = Exchange::get("/")
            .to_cluster("app")
            .header("x-user", user.to_string())
            .header("x-cohort", "forged");
        let name = cohort(&plugin, &mut exchange);
        assert_eq!(exchange.request_header("x-cohort").as_deref(), Some(name.as_str()));
        let went = match name.as_str() {
            "canary" => (Some("canary"), "test"),
            "beta" => (Some("app"), "beta"),
            _ => (Some("app"), "test"),
        };
        assert_eq!((exchange.cluster(), exchange.route()), went, "{name}");
        *counts.entry(name).or_insert(0) += 1;
    }
    for (name, share) in [("canary", 400), ("beta", 600), ("told", 500), ("stable", 500)] {
        let count: i32 = counts[name];
        assert!((count - share).abs() < 90, "{counts:?}");
    }
}

#[test]
fn a_user_without_an_account_is_told_by_a_cookie() {
    let plugin = load(&json!({ "cohorts": [{ "name": "canary", "percent": 50 }] }));
    let set = set_cookie(&plugin, Exchange::get("/")).expect("a cookie");
    let (cookie, attributes) = set.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    assert_eq!(cookie.len(), "cohort=12345678".len());
    assert_eq!(set_cookie(&plugin, Exchange::get("/").header("cookie", cookie)), None);
    let other = set_cookie(&plugin, Exchange::get("/")).expect("a cookie");
    assert_ne!(set, other, "another user");
    let secure = set_cookie(&plugin, Exchange::get("/").scheme("https")).expect("a cookie");
    assert!(secure.ends_with("; Secure"));

    let mut names = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let set = set_cookie(&plugin, Exchange::get("/")).expect("a cookie");
        let cookie = set.split(';').next().expect("a value");
        let again = || {
            let mut exchange =
                Exchange::get("/").client_address("203.0.113.9").header("cookie", cookie);
            cohort(&plugin, &mut exchange)
        };
        let name = again();
        assert_eq!(again(), name);
        names.insert(name);
    }
    assert_eq!(names.len(), 2);
}

#[test]
fn a_user_is_what_the_operator_says() {
    let of = |user: &str, exchange: &dyn Fn(usize) -> Exchange| {
        let plugin = load(&json!({ "cohorts": [{ "name": "half", "percent": 50 }], "user": user }));
        let all: Vec<bool> = (0..40).map(|n| cohort(&plugin, &mut exchange(n)) == "half").collect();
        all
    };
    let differ = |all: &[bool]| all.contains(&true) && all.contains(&false);
    let address = |n: usize| Exchange::get("/").client_address(format!("192.0.2.{n}"));
    let by_address = of("client_address", &address);
    assert!(differ(&by_address));
    let header = |n: usize| Exchange::get("/").header("x-user", n.to_string());
    let by_header = of("header:X-User", &header);
    assert!(differ(&by_header));
    let cookie = |n: usize| Exchange::get("/").header("cookie", format!("a=b; sid={n}"));
    assert_eq!(of("cookie:sid", &cookie), by_header, "the value counts, wherever it comes from");
    let value = |n: usize| Exchange::get("/").value_of("auth", "subject", n.to_string());
    assert_eq!(of("value:auth/subject", &value), by_header);
    for lacks in ["header:x-user", "cookie:sid", "value:auth/subject"] {
        assert_eq!(of(lacks, &address), by_address, "who lacks it goes by address");
    }
    let empty = |n: usize| address(n).header("x-user", "");
    assert_eq!(of("header:x-user", &empty), by_address);
}

#[test]
fn testers_are_in_a_cohort_whatever_its_share() {
    let plugin = load(&json!({
        "cohorts": [
            { "name": "canary", "cluster": "canary",
              "force": { "headers": { "X-Canary": "please" }, "cookies": { "canary": "1" } } },
            { "name": "beta", "percent": 100, "force": { "cookies": { "beta": "1" } } },
        ],
        "user": "client_address",
    }));
    let mut subscribed = plugin.subscription().request_headers().to_vec();
    subscribed.sort();
    assert_eq!(subscribed, ["cookie", "x-canary"]);
    for (exchange, expected, forced) in [
        (Exchange::get("/"), "beta", false),
        (Exchange::get("/").header("x-canary", "please"), "canary", true),
        (Exchange::get("/").header("x-canary", "pleas"), "beta", false),
        (Exchange::get("/").header("x-canary", "please, please"), "beta", false),
        (Exchange::get("/").header("cookie", "a=b; canary=1"), "canary", true),
        (Exchange::get("/").header("cookie", "canary=2"), "beta", false),
        (Exchange::get("/").header("cookie", "beta=1; canary=1"), "canary", true),
    ] {
        let mut exchange = exchange;
        assert_eq!(cohort(&plugin, &mut exchange), expected, "{exchange:?}");
        assert_eq!(annotation(&exchange, "forced").is_some(), forced);
        assert_eq!(exchange.cluster() == Some("canary"), expected == "canary");
    }
}

#[test]
fn a_cookie_that_is_none_of_ours_is_replaced() {
    let plugin = load(&json!({ "cohorts": [] }));
    for value in ["", "1234567", "123456789", "1234567G", "ABCDEF12", "../../..", "\u{e9}aaaaaa"] {
        let exchange = Exchange::get("/").header("cookie", format!("cohort={value}"));
        assert!(set_cookie(&plugin, exchange).is_some(), "{value}");
    }
    let ours = Exchange::get("/").header("cookie", "cohort=00ff00ff");
    assert_eq!(set_cookie(&plugin, ours), None);
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    let one = |keys: Value| {
        let mut cohort = json!({ "name": "a" });
        cohort.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        json!({ "cohorts": [cohort] })
    };
    for (config, expected) in [
        (one(json!({ "percent": 101 })), "cohorts[0]: percent: 101 is not from 0 to 100"),
        (
            one(json!({ "name": "a b" })),
            "cohorts[0]: name: `a b` is not 1 to 64 letters, digits, `-`, `_` and `.`",
        ),
        (
            one(json!({ "cluster": "a", "route": "b" })),
            "cohorts[0]: `cluster` and `route` exclude each other",
        ),
        (
            one(json!({ "force": { "headers": { "x": "" } } })),
            "cohorts[0]: force: `x` is no name, or has no value",
        ),
        (
            json!({ "cohorts": [{ "name": "a", "percent": 60 }, { "name": "b", "percent": 40.01 }] }),
            "cohorts[1]: percent: all cohorts together have more than 100",
        ),
        (
            one(json!({ "name": "default" })),
            "cohorts[0].name: another cohort is called `default` too",
        ),
        (json!({ "cohorts": [], "header": "Host" }), "header: no field that can be set"),
        (
            json!({ "cohorts": [], "user": "address" }),
            "user: `address` is none of `cookie`, `client_address`, `header:NAME`, `cookie:NAME` and \
             `value:PLUGIN/NAME`",
        ),
        (
            json!({ "cohorts": [], "cookie": { "same_site": "none" } }),
            "cookie: same_site: `none` needs `secure = \"always\"`",
        ),
    ] {
        assert_eq!(error(&config), expected);
    }
}

proptest! {
    /// A share that grows takes users in and lets none go.
    #[test]
    fn nobody_leaves_a_share_that_grows(less in 0u32..=10_000, more in 0u32..=10_000, user in any::<u64>()) {
        let (less, more) = (less.min(more), less.max(more));
        let is_in = |hundredths: u32| {
            let plugin = load(&canary(f64::from(hundredths) / 100.0, ""));
            let mut exchange = Exchange::get("/").header("x-user", user.to_string());
            cohort(&plugin, &mut exchange) == "canary"
        };
        prop_assert!(!is_in(less) || is_in(more));
    }

    #[test]
    fn no_request_makes_the_plugin_fail(field in proptest::collection::vec(any::<u8>(), 0..64)) {
        let config = json!({
            "cohorts": [{ "name": "a", "percent": 50, "force": { "headers": { "x": "1" }, "cookies": { "c": "1" } } }],
            "header": "x-cohort",
        });
        let cookie = [b"cohort=", field.as_slice(), b"; c=", &field].concat();
        let mut exchange = Exchange::get("/").header("cookie", cookie).header("x", field);
        prop_assert_eq!(load(&config).on_request(&mut exchange), Verdict::Continue);
    }
}
