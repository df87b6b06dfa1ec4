use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");
const APP: &str = "https://app.example";

fn load(config: &Value) -> std::result::Result<Loaded<Cors>, String> {
    Loaded::new(&config.to_string())
}

/// The whole way: the request, and what the endpoint answers with these fields.
fn run(config: &Value, exchange: Exchange, answered: &[(&str, &str)]) -> (Verdict, Exchange) {
    let cors = load(config).unwrap_or_else(|e| panic!("{config}: {e}"));
    let mut exchange = exchange;
    let verdict = cors.on_request(&mut exchange);
    if verdict == Verdict::Continue {
        exchange = exchange.answered(200);
        for (name, value) in answered {
            exchange = exchange.answered_header(name, *value);
        }
        assert_eq!(cors.on_response(&mut exchange), Verdict::Continue);
    }
    (verdict, exchange)
}

fn from(origin: &str) -> Exchange {
    Exchange::get("/").header("origin", origin)
}

fn preflight(origin: &str) -> Exchange {
    Exchange::new("OPTIONS", "/").header("origin", origin).header(REQUEST_METHOD, "PUT")
}

/// The fields of the response that are about sharing, in order.
fn shared(exchange: &Exchange) -> Vec<(String, String)> {
    let lines = exchange.response_headers().iter();
    let about = |name: &str| name.starts_with("access-control") || name == "vary";
    lines
        .filter(|(name, _)| about(name))
        .map(|(name, value)| {
            let name = name.strip_prefix("access-control-").unwrap_or(name);
            (name.to_owned(), String::from_utf8_lossy(value).into_owned())
        })
        .collect()
}

fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn an_allowed_origin_may_read_and_the_response_varies() {
    let config = json!({
        "origins": [APP], "credentials": true, "exposed_headers": ["X-Total", "etag"],
    });
    let (verdict, exchange) = run(&config, from(APP), &[("vary", "accept-encoding")]);
    assert_eq!(verdict, Verdict::Continue);
    assert_eq!(
        shared(&exchange),
        fields(&[
            ("vary", "accept-encoding"),
            ("allow-origin", APP),
            ("allow-credentials", "true"),
            ("expose-headers", "x-total, etag"),
            ("vary", "origin"),
        ])
    );
}

#[test]
fn every_response_varies_unless_everyone_is_allowed() {
    let listed = json!({ "origins": [APP] });
    for request in [Exchange::get("/"), from("https://evil.example"), from("null"), from(APP)] {
        let (_, exchange) = run(&listed, request, &[]);
        assert_eq!(exchange.response_header("vary").as_deref(), Some("origin"));
    }
    let everyone = json!({ "origins": ["*"] });
    for request in [Exchange::get("/"), from("https://evil.example"), from("null")] {
        let (_, exchange) = run(&everyone, request, &[]);
        assert_eq!(shared(&exchange), fields(&[("allow-origin", "*")]));
    }
}

#[test]
fn other_origins_pass_unread_or_are_refused() {
    let evil = "https://app.example.evil";
    let (verdict, exchange) = run(&json!({ "origins": [APP] }), from(evil), &[]);
    assert_eq!((verdict, exchange.status()), (Verdict::Continue, Some(200)));
    assert_eq!(shared(&exchange), fields(&[("vary", "origin")]));

    let refuse = json!({ "origins": [APP], "disallowed": "refuse" });
    for origin in [evil, "null", "", "https://app.example, https://app.example"] {
        let (verdict, exchange) = run(&refuse, from(origin), &[]);
        assert_eq!((verdict, exchange.status()), (Verdict::Respond, Some(403)), "{origin}");
        assert_eq!(shared(&exchange), fields(&[("vary", "origin")]));
    }
    let (verdict, _) = run(&refuse, Exchange::get("/"), &[]);
    assert_eq!(verdict, Verdict::Continue);
}

#[test]
fn two_origin_lines_are_no_origin() {
    let twice = from(APP).header("origin", APP);
    let (_, exchange) = run(&json!({ "origins": [APP] }), twice, &[]);
    assert_eq!(exchange.response_header(policy::ALLOW_ORIGIN), None);
}

#[test]
fn the_sites_own_origin_is_never_refused() {
    let refuse = json!({ "origins": [APP], "disallowed": "refuse" });
    let own = |authority: &str, scheme: &str, origin: &str| {
        let exchange =
            Exchange::new("POST", "/").authority(authority).scheme(scheme).header("origin", origin);
        run(&refuse, exchange, &[]).0
    };
    assert_eq!(own("shop.example", "https", "https://shop.example"), Verdict::Continue);
    assert_eq!(own("Shop.example:443", "https", "https://shop.example"), Verdict::Continue);
    assert_eq!(own("shop.example:8080", "http", "http://shop.example:8080"), Verdict::Continue);
    assert_eq!(own("shop.example", "https", "http://shop.example"), Verdict::Respond);
    assert_eq!(own("shop.example", "https", "https://shop.example.evil"), Verdict::Respond);
    assert_eq!(own("shop.example", "https", "https://shop"), Verdict::Respond);
}

#[test]
fn the_endpoints_own_fields_give_way() {
    let own = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-secret"),
    ];
    let config = json!({ "origins": [APP] });
    let (_, exchange) = run(&config, from(APP), &own);
    assert_eq!(shared(&exchange), fields(&[("allow-origin", APP), ("vary", "origin")]));
    let (_, exchange) = run(&config, from("https://evil.example"), &own);
    assert_eq!(exchange.response_header(policy::ALLOW_ORIGIN), None);
    let (_, exchange) = run(&config, Exchange::get("/"), &own);
    assert_eq!(exchange.response_header(policy::ALLOW_ORIGIN), None);

    let keep = json!({ "origins": [APP], "endpoint_headers": "keep" });
    let (_, exchange) = run(&keep, from("https://partner.example"), &own[..1]);
    assert_eq!(shared(&exchange), fields(&[("allow-origin", "*"), ("vary", "origin")]));
    // Fields of two policies never mix: this would allow credentials.
    let (_, exchange) = run(&keep, from(APP), &own);
    assert_eq!(shared(&exchange), fields(&[("allow-origin", APP), ("vary", "origin")]));
}

#[test]
fn preflights_are_answered() {
    let config = json!({
        "origins": ["https://*.example"], "credentials": true, "methods": ["GET", "PUT"],
        "request_headers": ["Content-Type", "X-A"], "max_age": "1h", "private_network": true,
    });
    let (verdict, exchange) = run(&config, preflight(APP), &[]);
    assert_eq!((verdict, exchange.status()), (Verdict::Respond, Some(204)));
    let mut expected = fields(&[
        ("allow-origin", APP),
        ("vary", "origin, access-control-request-method, access-control-request-headers"),
        ("allow-credentials", "true"),
        ("allow-methods", "GET, PUT"),
        ("allow-headers", "content-type, x-a"),
        ("max-age", "3600"),
    ]);
    assert_eq!(shared(&exchange), expected);
    assert_eq!(exchange.annotations(), fields(&[("cors", "preflight")]));

    let private = preflight(APP).header(REQUEST_PRIVATE_NETWORK, "true");
    let (_, exchange) = run(&config, private.clone(), &[]);
    expected.extend(fields(&[("allow-private-network", "true")]));
    assert_eq!(shared(&exchange), expected);
    let (_, exchange) = run(&json!({ "origins": [APP] }), private, &[]);
    assert_eq!(exchange.response_header("access-control-allow-private-network"), None);
}

#[test]
fn a_preflight_of_another_origin_is_refused() {
    let (verdict, exchange) =
        run(&json!({ "origins": [APP] }), preflight("https://evil.example"), &[]);
    assert_eq!((verdict, exchange.status()), (Verdict::Respond, Some(403)));
    assert_eq!(exchange.response_header(policy::ALLOW_ORIGIN), None);
}

#[test]
fn options_that_is_no_preflight_reaches_the_endpoint() {
    let config = json!({ "origins": [APP] });
    let plain = Exchange::new("OPTIONS", "/").header("origin", APP);
    assert_eq!(run(&config, plain, &[]).0, Verdict::Continue);
    let no_origin = Exchange::new("OPTIONS", "/").header(REQUEST_METHOD, "PUT");
    assert_eq!(run(&config, no_origin, &[]).0, Verdict::Continue);
    let get = from(APP).header(REQUEST_METHOD, "PUT");
    assert_eq!(run(&config, get, &[]).0, Verdict::Continue);
}

#[test]
fn preflights_that_are_let_on_get_the_policys_fields() {
    let config = json!({ "origins": [APP], "methods": ["PUT"], "preflight": "pass" });
    let own = [
        ("access-control-allow-headers", "x-secret"),
        ("access-control-allow-methods", "*"),
        ("access-control-allow-credentials", "true"),
    ];
    let (verdict, exchange) = run(&config, preflight(APP), &own);
    assert_eq!(verdict, Verdict::Continue);
    assert_eq!(
        shared(&exchange),
        fields(&[
            ("allow-origin", APP),
            ("allow-methods", "PUT"),
            ("vary", "origin, access-control-request-method, access-control-request-headers"),
        ])
    );
    let (verdict, exchange) = run(&config, preflight("https://evil.example"), &[]);
    assert_eq!(verdict, Verdict::Continue);
    assert_eq!(exchange.response_header(policy::ALLOW_ORIGIN), None);
}

#[test]
fn an_actual_request_asks_the_host_for_nothing() {
    for exchange in [Exchange::get("/"), from(APP), from("https://evil.example")] {
        let (_, exchange) = run(&json!({ "origins": [APP] }), exchange, &[]);
        assert_eq!(exchange.pulls(), 0);
    }
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (config, expected) in [
        (json!({}), "origins: no origin is allowed; list them"),
        (
            json!({ "origins": ["*"], "credentials": true }),
            "origins: `*` and `credentials` exclude each other",
        ),
        (json!({ "origins": ["https://a.example/"] }), "origins: [0]: `https://a.example/` has no"),
        (
            json!({ "origins": [APP], "credentials": true, "request_headers": ["x-a", "*"] }),
            "request_headers: [1]: with `credentials`, browsers take `*` for a name",
        ),
        (
            json!({ "origins": [APP], "credentials": true, "exposed_headers": ["*"] }),
            "exposed_headers: [0]: with `credentials`",
        ),
        (
            json!({ "origins": [APP], "methods": ["*", "PUT"] }),
            "methods: `*` means all of them; leave the other names out",
        ),
        (json!({ "origins": [APP], "methods": ["put"] }), "methods: [0]: `put` is not in upper"),
        (json!({ "origins": [APP], "methods": ["P T"] }), "methods: [0]: `P T` is no name"),
        (json!({ "origins": [APP], "methods": ["PUT", "PUT"] }), "methods: [1]: `PUT` is there"),
        (json!({ "origins": [APP], "max_age": "1500ms" }), "max_age: 1500ms is no whole number"),
        (json!({ "origins": [APP], "max_age": 5 }), "max_age: invalid type: integer `5`, expected"),
        (json!({ "origins": [APP], "origin": [] }), "unknown field `origin`, expected one of"),
    ] {
        let error = load(&config).err().unwrap_or_else(|| panic!("{config} was accepted"));
        assert!(error.contains(expected), "{config}: {error}");
    }
    let star = json!({ "origins": ["*"], "request_headers": ["*", "Authorization"] });
    assert!(load(&star).is_ok());
}

proptest! {
    /// Whatever a client sends as its origin: the plugin decides, and only a listed
    /// origin is ever sent back.
    #[test]
    fn only_allowed_origins_are_sent_back(origin in proptest::collection::vec(any::<u8>(), 0..40)) {
        let config = json!({ "origins": [APP, "https://*.example.com"], "credentials": true });
        let exchange = Exchange::get("/").header("origin", origin.clone());
        let (verdict, exchange) = run(&config, exchange, &[]);
        prop_assert_eq!(verdict, Verdict::Continue);
        let sent = exchange.response_header(policy::ALLOW_ORIGIN);
        prop_assert!(sent.is_none_or(|sent| sent == APP || sent.ends_with(".example.com")));
    }
}
