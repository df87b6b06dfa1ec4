use std::collections::BTreeSet;

use plugin_sdk::testing::{Cluster, Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn load(cookie: &Value) -> Loaded<Sticky> {
    let config = json!({ "secret": SECRET, "cookie": cookie });
    Loaded::new(&config.to_string()).unwrap_or_else(|e| panic!("{config}: {e}"))
}

fn error(config: &Value) -> String {
    match Loaded::<Sticky>::new(&config.to_string()) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    }
}

fn url(n: u32) -> String {
    format!("http://10.0.0.{n}:3000")
}

fn cluster(endpoints: u32) -> Cluster {
    Cluster::new("app", (0..endpoints).map(url))
}

/// What a response from that endpoint sets, for a client that sends these cookies.
fn set_cookie(plugin: &Loaded<Sticky>, endpoint: u32, sent: &str) -> Option<String> {
    let mut exchange = Exchange::get("/").from_endpoint(url(endpoint)).answered(200);
    if !sent.is_empty() {
        exchange = exchange.header("cookie", sent);
    }
    assert_eq!(plugin.on_response(&mut exchange), Verdict::Continue);
    exchange.response_header("set-cookie")
}

/// The same without attributes, as a browser sends it back.
fn cookie(plugin: &Loaded<Sticky>, endpoint: u32, sent: &str) -> String {
    let set = set_cookie(plugin, endpoint, sent).expect("a cookie");
    set.split(';').next().expect("a name and a value").to_owned()
}

fn pick(plugin: &Loaded<Sticky>, cookies: &str, cluster: &Cluster) -> Option<u32> {
    let exchange = Exchange::get("/").header("cookie", cookies);
    plugin.on_pick(&exchange, cluster).expect("it picks what it was offered")
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn a_client_returns_to_the_endpoint_that_answered_it() {
    let (route, balance) = (load(&json!({})), load(&json!({})));
    let cluster = cluster(4);
    balance.on_endpoints(&cluster);
    assert_eq!(balance.on_pick(&Exchange::get("/"), &cluster), Ok(None), "least-request chooses");
    for endpoint in 0..4 {
        let cookie = cookie(&route, endpoint, "");
        assert_eq!(pick(&balance, &cookie, &cluster), Some(endpoint));
        assert_eq!(pick(&balance, &format!("a=b; {cookie}; c=d"), &cluster), Some(endpoint));
        assert_eq!(set_cookie(&route, endpoint, &cookie), None, "it has the cookie already");
    }
}

#[test]
fn an_endpoint_keeps_its_clients_when_others_come_and_go() {
    let route = load(&json!({}));
    let cookie = cookie(&route, 2, "");
    let balance = load(&json!({}));
    let fewer = Cluster::new("app", [url(2), url(9)]);
    balance.on_endpoints(&fewer);
    assert_eq!(pick(&balance, &cookie, &fewer), Some(0), "its number is another one");
}

#[test]
fn clients_of_an_endpoint_that_is_gone_or_down_spread_and_stay() {
    let route = load(&json!({}));
    let balance = load(&json!({}));
    let told = cluster(5);
    balance.on_endpoints(&told);
    let gone = Cluster::new("app", (0..4).map(url));
    let without = load(&json!({}));
    without.on_endpoints(&gone);
    let mut places = BTreeSet::new();
    for _ in 0..60 {
        let cookie = cookie(&route, 4, "");
        let place = pick(&balance, &cookie, &told.clone().without(4)).expect("another endpoint");
        assert_eq!(
            pick(&balance, &cookie, &told.clone().without(4)),
            Some(place),
            "the same again"
        );
        assert_eq!(pick(&without, &cookie, &gone), Some(place), "down and gone are the same");
        places.insert(place);

        // The endpoint that answers instead becomes the client's.
        let moved = self::cookie(&route, place, &cookie);
        assert_ne!(moved, cookie);
        assert_eq!(pick(&balance, &moved, &told), Some(place));
    }
    assert_eq!(places.len(), 4, "all of the others take some");
}

#[test]
fn a_client_that_moves_is_the_same_client() {
    let route = load(&json!({}));
    let first = cookie(&route, 0, "");
    let moved = cookie(&route, 1, &first);
    let client = |cookie: &str| {
        let value = cookie.strip_prefix("endpoint=").expect("the name").to_owned();
        route.plugin(|plugin| plugin.signer.read(value.as_bytes())).expect("one of ours").client
    };
    assert_eq!(client(&first), client(&moved));
    assert_ne!(client(&first), client(&cookie(&route, 0, "")), "another client");
}

#[test]
fn nothing_of_an_endpoint_can_be_read_from_the_cookie() {
    let other = Loaded::<Sticky>::new(&json!({ "secret": "x".repeat(32) }).to_string()).unwrap();
    let tag = |plugin: &Loaded<Sticky>| plugin.plugin(|p| p.signer.tag(&url(0)));
    assert_ne!(tag(&load(&json!({}))), tag(&other), "without the secret nobody can test a guess");
}

#[test]
fn what_was_not_signed_is_no_cookie() {
    let (route, balance) = (load(&json!({})), load(&json!({})));
    let cluster = cluster(3);
    balance.on_endpoints(&cluster);
    let good = cookie(&route, 1, "");
    let other = Loaded::<Sticky>::new(&json!({ "secret": "x".repeat(32) }).to_string()).unwrap();
    let renamed = load(&json!({ "name": "other" }));
    let foreign = cookie(&renamed, 1, "").replace("other=", "endpoint=");
    for forged in [
        cookie(&other, 1, ""),
        foreign,
        format!("{good}A"),
        good[..good.len() - 1].to_owned(),
        "endpoint=".to_owned(),
        "endpoint=1".to_owned(),
        format!("endpoint={}", url(1)),
        format!("endpoint={}", "A".repeat(48)),
        format!("endpoint={}", "A".repeat(100_000)),
        "endpoint=\u{e9}".to_owned(),
    ] {
        assert_eq!(pick(&balance, &forged, &cluster), None, "{forged}");
        assert!(set_cookie(&route, 1, &forged).is_some(), "{forged}");
    }
}

#[test]
fn over_tls_the_cookie_is_for_tls() {
    for (scheme, is_secure) in [("http", false), ("https", true)] {
        let exchange = Exchange::get("/").from_endpoint(url(0)).scheme(scheme);
        let mut exchange = exchange.answered(200);
        assert_eq!(load(&json!({})).on_response(&mut exchange), Verdict::Continue);
        let set = exchange.response_header("set-cookie").expect("a cookie");
        assert_eq!(set.ends_with("; Secure"), is_secure, "{set}");
    }
}

#[test]
fn a_cookie_with_an_age_is_renewed_after_half_of_it() {
    let route = load(&json!({ "max_age": "1h" }));
    let aged = |seconds: u32| {
        let token = Token {
            client: 7,
            issued: now() - seconds,
            endpoint: route.plugin(|p| p.signer.tag(&url(0))),
        };
        format!("endpoint={}", route.plugin(|p| p.signer.write(token)))
    };
    assert_eq!(set_cookie(&route, 0, &aged(1700)), None);
    assert!(set_cookie(&route, 0, &aged(1900)).is_some());
    let session = load(&json!({}));
    assert_eq!(set_cookie(&session, 0, &aged(1_000_000)), None);
}

#[test]
fn nobody_becomes_a_client_of_what_failed() {
    let plugin = load(&json!({}));
    let mut failed = Exchange::get("/").from_endpoint(url(0)).answered(503);
    assert_eq!(plugin.on_response(&mut failed), Verdict::Continue);
    assert_eq!(failed.response_header("set-cookie"), None);
    let mut nobody = Exchange::get("/").answered(200);
    assert_eq!(plugin.on_response(&mut nobody), Verdict::Continue);
    assert_eq!(nobody.response_header("set-cookie"), None, "no endpoint answered");
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (config, expected) in [
        (json!({ "secret": "short" }), "secret: a secret has 32 octets or more"),
        (
            json!({ "secret": SECRET, "cookie": { "name": "a b" } }),
            "cookie: name: no name of a cookie",
        ),
    ] {
        assert_eq!(error(&config), expected);
    }
}

proptest! {
    /// Changing any octet of a cookie makes it none.
    #[test]
    fn no_octet_of_a_cookie_can_be_changed(at in 0usize..48, octet in 0x21u8..0x7f) {
        let (route, balance) = (load(&json!({})), load(&json!({})));
        let cluster = cluster(3);
        balance.on_endpoints(&cluster);
        let good = cookie(&route, 1, "");
        let mut changed = good.clone().into_bytes();
        let at = "endpoint=".len() + at;
        prop_assume!(changed[at] != octet);
        changed[at] = octet;
        let changed = String::from_utf8(changed).expect("ASCII");
        prop_assert_eq!(pick(&balance, &changed, &cluster), None);
    }

    #[test]
    fn no_request_makes_the_plugin_fail(field in proptest::collection::vec(any::<u8>(), 0..80)) {
        let plugin = load(&json!({}));
        let cluster = cluster(2);
        plugin.on_endpoints(&cluster);
        let cookie = [b"endpoint=", field.as_slice()].concat();
        let mut exchange = Exchange::get("/").header("cookie", cookie).from_endpoint(url(0));
        exchange = exchange.answered(200);
        prop_assert!(plugin.on_pick(&exchange, &cluster).is_ok());
        prop_assert_eq!(plugin.on_response(&mut exchange), Verdict::Continue);
    }
}
