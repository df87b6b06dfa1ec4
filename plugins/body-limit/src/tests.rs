use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn load(config: &Value) -> std::result::Result<Loaded<BodyLimit>, String> {
    Loaded::new(&config.to_string())
}

fn post(length: u64) -> Exchange {
    Exchange::new("POST", "/").with_body().header("content-length", length.to_string())
}

fn streamed() -> Exchange {
    Exchange::new("POST", "/").with_body()
}

/// The status of an answer of the plugin to a head.
fn judged(config: &Value, mut exchange: Exchange) -> Option<u16> {
    let plugin = load(config).unwrap_or_else(|e| panic!("{config}: {e}"));
    match plugin.on_request(&mut exchange) {
        Verdict::Continue => None,
        Verdict::Respond => exchange.status(),
        Verdict::Fail(why) => panic!("{config}: {why}"),
    }
}

/// The status of an answer to a body that comes in these pieces, and how many of its
/// octets had passed.
fn streams(config: &Value, pieces: &[&[u8]]) -> (Option<u16>, usize) {
    let plugin = load(config).unwrap_or_else(|e| panic!("{config}: {e}"));
    let mut exchange = streamed();
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    let passed = plugin.on_request_body(&mut exchange, pieces);
    assert!(matches!(passed.verdict, Verdict::Continue | Verdict::Respond), "{passed:?}");
    (exchange.status(), passed.octets.len())
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn an_announced_length_is_judged_at_once_and_not_watched() {
    let config = json!({ "max": "1KiB" });
    assert_eq!(judged(&config, post(1024)), None);
    assert_eq!(judged(&config, post(1025)), Some(413));
    let huge = streamed().header("content-length", "99999999999999999999999");
    assert_eq!(judged(&config, huge), Some(413));
    assert_eq!(judged(&json!({}), post((1 << 20) + 1)), Some(413));

    let plugin = load(&config).expect("a good configuration");
    let mut exchange = post(10);
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    assert_eq!(plugin.on_request_body(&mut exchange, &[b"0123456789"]).calls, 0);
}

#[test]
fn a_body_without_a_length_is_counted_while_it_streams() {
    let config = json!({ "max": "10B" });
    assert_eq!(streams(&config, &[b"01234", b"56789"]), (None, 10));
    assert_eq!(streams(&config, &[b"01234", b"56789", b"x", b"more"]), (Some(413), 10));
    assert_eq!(streams(&config, &[b"01234567890"]), (Some(413), 0));
    // Two lengths are none: the host refuses such a request, and nothing is trusted here.
    let plugin = load(&config).expect("a good configuration");
    let mut exchange = streamed().header("content-length", "5, 5");
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    let passed = plugin.on_request_body(&mut exchange, &[b"01234567890"]);
    assert_eq!((passed.verdict, exchange.status()), (Verdict::Respond, Some(413)));
}

#[test]
fn a_minimum_holds_for_bodies_that_there_are() {
    let config = json!({ "min": "5B", "max": "10B" });
    assert_eq!(judged(&config, post(4)), Some(400));
    assert_eq!(judged(&config, post(5)), None);
    assert_eq!(judged(&config, Exchange::get("/")), None);
    assert_eq!(streams(&config, &[b"01", b"23"]).0, Some(400));
    assert_eq!(streams(&config, &[b"01", b"234"]).0, None);
}

#[test]
fn a_length_can_be_required() {
    let config = json!({ "require_length": true });
    assert_eq!(judged(&config, streamed()), Some(411));
    assert_eq!(judged(&config, post(1)), None);
    assert_eq!(judged(&config, Exchange::get("/")), None);
}

#[test]
fn other_content_types_are_refused() {
    let config = json!({ "content_types": ["application/json", "image/*"] });
    let with = |value: &str| judged(&config, post(1).header("content-type", value));
    assert_eq!(with("Application/json; charset=utf-8"), None);
    assert_eq!(with("image/png"), None);
    assert_eq!(with("text/html"), Some(415));
    assert_eq!(with("application/json, text/html"), Some(415));
    assert_eq!(judged(&config, post(1)), Some(415));
    assert_eq!(judged(&config, Exchange::get("/")), None);
    let twice = post(1).header("content-type", "image/png").header("content-type", "text/html");
    assert_eq!(judged(&config, twice), Some(415));
}

#[test]
fn some_methods_have_no_body() {
    let get = || Exchange::get("/").with_body();
    assert_eq!(judged(&json!({}), get()), Some(400));
    assert_eq!(judged(&json!({}), get().header("content-length", "3")), Some(400));
    assert_eq!(judged(&json!({}), Exchange::get("/").header("content-length", "0")), None);
    assert_eq!(judged(&json!({}), Exchange::get("/")), None);
    let config = json!({ "bodyless_methods": ["TRACE"] });
    assert_eq!(judged(&config, get()), None);
    assert_eq!(judged(&config, Exchange::new("TRACE", "/").with_body()), Some(400));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let config = json!({ "max": "10B", "rules": [
        { "paths": ["/upload/"], "methods": ["PUT"], "max": "1KiB", "content_types": ["image/*"] },
        { "paths": ["/upload"], "max": "100B" },
        { "match_content_types": ["text/*"], "max": "20B" },
    ]});
    let ask = |method: &str, target: &str, length: u64, kind: &str| {
        let exchange = Exchange::new(method, target).with_body();
        let exchange = exchange.header("content-length", length.to_string());
        judged(&config, exchange.header("content-type", kind))
    };
    assert_eq!(ask("PUT", "/upload/a?b", 1024, "image/png"), None);
    assert_eq!(ask("PUT", "/upload/a", 1024, "text/plain"), Some(415));
    assert_eq!(ask("PUT", "/upload/a", 1025, "image/png"), Some(413));
    assert_eq!(ask("PUT", "/upload", 1024, "image/png"), None);
    assert_eq!(ask("POST", "/upload", 100, "image/png"), None);
    assert_eq!(ask("POST", "/upload/a", 101, "image/png"), Some(413));
    assert_eq!(ask("POST", "/uploads", 11, "image/png"), Some(413));
    assert_eq!(ask("POST", "/a", 20, "text/plain"), None);
    assert_eq!(ask("POST", "/a", 21, "text/plain"), Some(413));
}

#[test]
fn a_response_that_announces_too_much_is_replaced() {
    let plugin = load(&json!({ "response_max": "10B" })).expect("a good configuration");
    let mut exchange = Exchange::get("/");
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    exchange = exchange.answered(200).answered_header("content-length", "11");
    let passed = plugin.on_response_body(&mut exchange, &[b"0123", b"4567890"]);
    assert_eq!((passed.verdict, passed.octets.len()), (Verdict::Respond, 0));
    assert_eq!(exchange.status(), Some(502));
}

#[test]
fn a_response_without_a_length_is_ended_in_the_middle() {
    let plugin = load(&json!({ "response_max": "10B" })).expect("a good configuration");
    let answered = || {
        let mut exchange = Exchange::get("/");
        assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
        exchange.answered(200)
    };
    let passed = plugin.on_response_body(&mut answered(), &[b"01234", b"56789"]);
    assert_eq!((passed.verdict, passed.octets.len()), (Verdict::Continue, 10));
    let passed = plugin.on_response_body(&mut answered(), &[b"01234", b"56789", b"0"]);
    let why = "the response's body is longer than 10B".to_owned();
    assert_eq!((passed.verdict, passed.octets.len()), (Verdict::Fail(why), 10));
    let mut exchange = answered();
    let passed = plugin.on_response_body(&mut exchange, &[b"01234567890"]);
    assert_eq!((passed.verdict, exchange.status()), (Verdict::Respond, Some(502)));
}

#[test]
fn what_was_refused_is_annotated() {
    let plugin = load(&json!({ "max": "1B" })).expect("a good configuration");
    let mut exchange = post(2);
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Respond);
    assert_eq!(exchange.annotations(), [("refused".to_owned(), "max".to_owned())]);
    assert_eq!(exchange.body(), b"a body may have 1B here\n");
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (config, expected) in [
        (json!({ "min": "2MiB" }), "min: 2MiB is more than `max`; no body would do"),
        (json!({ "max": 10 }), "max: invalid type: integer `10`, expected a size such as"),
        (json!({ "content_types": ["json"] }), "content_types: [0]: `json` is no content type"),
        (json!({ "content_types": [] }), "content_types: no content type would do"),
        (json!({ "rules": [{ "paths": ["a"] }] }), "rules[0]: paths: [0]: `a` is no path prefix"),
        (
            json!({ "rules": [{ "methods": ["put"] }] }),
            "rules[0]: methods: [0]: `put` is no method",
        ),
        (
            json!({ "rules": [{ "match_content_types": ["a/b; c"] }] }),
            "rules[0]: match_content_types: [0]: `a/b; c` is no content type",
        ),
        (json!({ "rules": [{ "max": "1B", "min": "2B" }] }), "rules[0]: min: 2B is more than"),
        (json!({ "bodyless_methods": [""] }), "bodyless_methods: [0]: `` is no method"),
        (json!({ "limit": "1B" }), "unknown field `limit`"),
    ] {
        let error = load(&config).err().unwrap_or_else(|| panic!("{config} was accepted"));
        assert!(error.contains(expected), "{config}: {error}");
    }
}

proptest! {
    /// However a body is cut, the same ones pass, and never an octet too many.
    #[test]
    fn pieces_make_no_difference(sizes in proptest::collection::vec(1_usize..40, 0..8)) {
        let octets = [b'x'; 40];
        let pieces: Vec<&[u8]> = sizes.iter().map(|size| &octets[..*size]).collect();
        let total: usize = sizes.iter().sum();
        let (status, passed) = streams(&json!({ "max": "100B" }), &pieces);
        prop_assert_eq!(status, (total > 100).then_some(413));
        prop_assert!(passed <= 100);
    }
}
