use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn load(config: &Value) -> std::result::Result<Loaded<SecurityHeaders>, String> {
    Loaded::new(&config.to_string())
}

fn pass(plugin: &Loaded<SecurityHeaders>, exchange: Exchange, own: &[(&str, &str)]) -> Exchange {
    let mut exchange = exchange;
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    exchange = exchange.answered(200);
    for (name, value) in own {
        exchange = exchange.answered_header(name, *value);
    }
    assert_eq!(plugin.on_response(&mut exchange), Verdict::Continue);
    exchange
}

fn run(config: &Value, exchange: Exchange, own: &[(&str, &str)]) -> Exchange {
    let plugin = load(config).unwrap_or_else(|e| panic!("{config}: {e}"));
    pass(&plugin, exchange, own)
}

fn field(config: &Value, name: &str) -> Option<String> {
    run(config, Exchange::get("/").scheme("https"), &[]).response_header(name)
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn without_a_configuration_the_harmless_ones_are_on() {
    let own = [("server", "inner/1.0"), ("x-powered-by", "PHP"), ("etag", "\"1\"")];
    let exchange = run(&json!({}), Exchange::get("/").scheme("https"), &own);
    let lines: Vec<(String, String)> = exchange
        .response_headers()
        .iter()
        .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
        .collect();
    let expected = [
        ("etag", "\"1\""),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "SAMEORIGIN"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("strict-transport-security", "max-age=31536000"),
    ];
    assert_eq!(lines, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
}

#[test]
fn strict_transport_security_needs_https() {
    let hsts = json!({ "strict_transport_security": {
        "max_age": "730d", "include_subdomains": true, "preload": true,
    }});
    let name = "strict-transport-security";
    assert_eq!(field(&hsts, name).as_deref(), Some("max-age=63072000; includeSubDomains; preload"));
    assert_eq!(run(&hsts, Exchange::get("/"), &[]).response_header(name), None);
    let forget = json!({ "strict_transport_security": { "max_age": "0s" } });
    assert_eq!(field(&forget, name).as_deref(), Some("max-age=0"));
    let off = json!({ "strict_transport_security": { "enabled": false } });
    assert_eq!(field(&off, name), None);
    let exchange = run(&off, Exchange::get("/").scheme("https"), &[]);
    assert_eq!(exchange.pulls(), 0);
}

#[test]
fn every_exchange_has_a_nonce_of_its_own() {
    let plugin = load(&json!({
        "content_security_policy": "script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'",
        "content_security_policy_report_only": "img-src 'nonce-${nonce}'",
    }));
    let plugin = plugin.expect("a good configuration");
    let mut seen = Vec::new();
    for _ in 0..40 {
        let forged = Exchange::get("/").header("x-csp-nonce", "forged").header("X-CSP-Nonce", "b");
        let exchange = pass(&plugin, forged, &[]);
        let nonce = exchange.request_header("x-csp-nonce").expect("the endpoint gets it");
        assert_eq!(
            exchange.response_header(CSP),
            Some(format!("script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'"))
        );
        assert_eq!(
            exchange.response_header(CSP_REPORT_ONLY),
            Some(format!("img-src 'nonce-{nonce}'"))
        );
        assert!(!seen.contains(&nonce), "{nonce} came twice");
        seen.push(nonce);
    }
}

#[test]
fn a_policy_without_a_nonce_leaves_the_request_alone() {
    let config = json!({ "content_security_policy": "default-src 'self'" });
    let exchange = run(&config, Exchange::get("/").header("x-csp-nonce", "own"), &[]);
    assert_eq!(exchange.response_header(CSP).as_deref(), Some("default-src 'self'"));
    assert_eq!(exchange.request_header("x-csp-nonce").as_deref(), Some("own"));
}

#[test]
fn the_endpoints_own_fields_are_kept_unless_replaced() {
    let own = [("x-frame-options", "DENY"), ("x-frame-options", "DENY"), (CSP, "img-src *")];
    let policy = "default-src 'nonce-${nonce}'";
    let config = json!({ "content_security_policy": policy });
    let exchange = run(&config, Exchange::get("/"), &own);
    assert_eq!(exchange.response_header("x-frame-options").as_deref(), Some("DENY, DENY"));
    assert_eq!(exchange.response_header(CSP).as_deref(), Some("img-src *"));

    let config = json!({ "content_security_policy": policy, "endpoint_headers": "replace" });
    let exchange = run(&config, Exchange::get("/"), &own);
    assert_eq!(exchange.response_header("x-frame-options").as_deref(), Some("SAMEORIGIN"));
    assert!(exchange.response_header(CSP).is_some_and(|v| v.starts_with("default-src 'nonce-")));
}

#[test]
fn each_field_is_written_as_its_standard_has_it() {
    let config = json!({
        "x_content_type_options": false,
        "x_frame_options": "deny",
        "referrer_policy": "no-referrer",
        "permissions_policy": {
            "camera": [], "fullscreen": ["*"], "geolocation": ["self", "https://maps.example"],
        },
        "permissions_policy_report_only": { "usb": [] },
        "reporting_endpoints": { "main": "https://r.example/a?b=c", "own": "/reports" },
        "cross_origin_opener_policy": "same-origin",
        "cross_origin_opener_policy_report_only": "noopener-allow-popups",
        "cross_origin_embedder_policy": "credentialless",
        "cross_origin_embedder_policy_report_only": "require-corp",
        "cross_origin_report_to": "main",
        "cross_origin_resource_policy": "same-site",
        "remove": ["Via"],
    });
    for (name, expected) in [
        ("x-content-type-options", None),
        ("x-frame-options", Some("DENY")),
        ("referrer-policy", Some("no-referrer")),
        (
            "permissions-policy",
            Some("camera=(), fullscreen=*, geolocation=(self \"https://maps.example\")"),
        ),
        ("permissions-policy-report-only", Some("usb=()")),
        ("reporting-endpoints", Some("main=\"https://r.example/a?b=c\", own=\"/reports\"")),
        ("cross-origin-opener-policy", Some("same-origin; report-to=\"main\"")),
        (
            "cross-origin-opener-policy-report-only",
            Some("noopener-allow-popups; report-to=\"main\""),
        ),
        ("cross-origin-embedder-policy", Some("credentialless; report-to=\"main\"")),
        ("cross-origin-embedder-policy-report-only", Some("require-corp; report-to=\"main\"")),
        ("cross-origin-resource-policy", Some("same-site")),
    ] {
        assert_eq!(field(&config, name).as_deref(), expected, "{name}");
    }
    let exchange = run(&config, Exchange::get("/"), &[("via", "1.1 a"), ("server", "b")]);
    assert_eq!(exchange.response_header("via"), None);
    assert_eq!(exchange.response_header("server").as_deref(), Some("b"));
}

#[test]
fn everything_can_be_turned_off() {
    let config = json!({
        "strict_transport_security": { "enabled": false }, "x_content_type_options": false,
        "x_frame_options": "off", "referrer_policy": "off", "remove": [],
    });
    let exchange = run(&config, Exchange::get("/").scheme("https"), &[]);
    assert!(exchange.response_headers().is_empty());
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (config, expected) in [
        (
            json!({ "strict_transport_security": { "preload": true } }),
            "strict_transport_security: preload: browsers take a host into their lists with",
        ),
        (
            json!({ "strict_transport_security": {
                "preload": true, "include_subdomains": true, "max_age": "364d",
            }}),
            "`max_age` of 365d or more only",
        ),
        (
            json!({ "content_security_policy": "script-src self" }),
            "content_security_policy: script-src: `self`: without quotes",
        ),
        (
            json!({ "content_security_policy": "default-src 'self'; report-to csp" }),
            "report-to: takes one name out of `reporting_endpoints`",
        ),
        (
            json!({ "reporting_endpoints": { "a": "http://r.example/" } }),
            "reporting_endpoints: a: `http://r.example/` is no place for reports",
        ),
        (
            json!({ "reporting_endpoints": { "a": "https://r.example/\"" } }),
            "is no place for reports",
        ),
        (
            json!({ "permissions_policy": { "camera": ["'self'"] } }),
            "permissions_policy: camera: `'self'` is none of `self`, `*` and an origin",
        ),
        (json!({ "permissions_policy": { "Camera": [] } }), "`Camera` is no feature"),
        (json!({ "cross_origin_report_to": "x" }), "cross_origin_report_to: `x` is none of"),
        (json!({ "x_frame_options": "allow" }), "x_frame_options: unknown variant `allow`"),
        (json!({ "remove": ["a b"] }), "remove[0]: `a b` is no field name"),
        (json!({ "remove": ["Connection"] }), "remove[0]: `connection` belongs to the connection"),
        (json!({ "nonce_header": "" }), "nonce_header: `` is no field name"),
        (json!({ "csp": "" }), "unknown field `csp`"),
    ] {
        let error = load(&config).err().unwrap_or_else(|| panic!("{config} was accepted"));
        assert!(error.contains(expected), "{config}: {error}");
    }
}
