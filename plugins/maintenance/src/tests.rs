use std::fs;
use std::path::PathBuf;

use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");
const SECRET: &str = "0123456789abcdef";

fn load(config: &Value) -> std::result::Result<Loaded<Maintenance>, String> {
    Loaded::new(&config.to_string())
}

fn good(config: &Value) -> Loaded<Maintenance> {
    load(config).unwrap_or_else(|e| panic!("{config}: {e}"))
}

/// Whether the request is answered.
fn answered(plugin: &Loaded<Maintenance>, mut exchange: Exchange) -> bool {
    match plugin.on_request(&mut exchange) {
        Verdict::Continue => false,
        Verdict::Respond => exchange.status() == Some(503),
        Verdict::Fail(why) => panic!("{why}"),
    }
}

fn reply(config: &Value, exchange: Exchange) -> Exchange {
    let mut exchange = exchange;
    assert_eq!(good(config).on_request(&mut exchange), Verdict::Respond);
    exchange
}

/// A directory of the test's own.
fn directory(name: &str) -> PathBuf {
    let path =
        std::env::temp_dir().join(format!("wasmgate-maintenance-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).expect("a directory");
    path
}

fn at(text: &str) -> i64 {
    use time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, &Rfc3339).expect("a time").unix_timestamp()
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn everyone_is_told_to_come_back() {
    let exchange = reply(&json!({ "enabled": true, "retry_after": "2m" }), Exchange::get("/"));
    assert_eq!(exchange.status(), Some(503));
    assert_eq!(exchange.response_header("retry-after").as_deref(), Some("120"));
    assert_eq!(exchange.response_header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(
        exchange.response_header("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert!(exchange.body().starts_with(b"<!doctype html>"));
    assert_eq!(exchange.annotations(), [("maintenance".to_owned(), "answered".to_owned())]);
    assert!(!answered(&good(&json!({ "enabled": false })), Exchange::get("/")));
}

#[test]
fn programs_get_json() {
    let accept = |value: &str| Exchange::get("/").header("accept", value);
    let exchange = reply(&json!({ "enabled": true }), accept("application/json"));
    let content_type = exchange.response_header("content-type");
    assert_eq!(content_type.as_deref(), Some("application/problem+json"));
    assert!(serde_json::from_slice::<Value>(exchange.body()).is_ok_and(|v| v["status"] == 503));

    let config = json!({ "enabled": true, "text": "later\n", "json": "{\"later\":true}" });
    let exchange = reply(&config, accept("application/json, */*"));
    assert_eq!(exchange.body(), b"{\"later\":true}");
    let exchange = reply(&config, accept("text/html, */*"));
    assert_eq!(exchange.body(), b"later\n");
    assert_eq!(
        exchange.response_header("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
}

#[test]
fn a_page_comes_from_a_file() {
    let file = directory("page").join("page.html");
    fs::write(&file, "<p>soon</p>").expect("a file");
    let exchange = reply(&json!({ "enabled": true, "html_file": file }), Exchange::get("/"));
    assert_eq!(exchange.body(), b"<p>soon</p>");
}

#[test]
fn only_some_paths_are_concerned() {
    let plugin = good(&json!({
        "enabled": true, "paths": ["/shop", "/api/"], "except_paths": ["/shop/health"],
    }));
    for (target, expected) in [
        ("/shop", true),
        ("/shop/cart?x", true),
        ("/shop?health", true),
        ("/shopping", false),
        ("/api/v1", true),
        ("/api", true),
        ("/apiary", false),
        ("/shop/health", false),
        ("/shop/healthy", true),
        ("/", false),
    ] {
        assert_eq!(answered(&plugin, Exchange::get(target)), expected, "{target}");
    }
}

#[test]
fn a_window_opens_and_closes() {
    let window = json!({ "start": "2026-12-01T02:00:00+01:00", "end": "2026-12-01T02:00:00Z" });
    let plugin = good(&json!({ "windows": [window] }));
    for (now, expected) in [
        ("2026-12-01T00:59:59Z", None),
        ("2026-12-01T01:00:00Z", Some("3600")),
        ("2026-12-01T01:59:59Z", Some("1")),
        ("2026-12-01T02:00:00Z", None),
    ] {
        clock::set(at(now));
        let mut exchange = Exchange::get("/");
        let _ = plugin.on_request(&mut exchange);
        assert_eq!(exchange.response_header("retry-after").as_deref(), expected, "{now}");
    }
}

#[test]
fn a_window_comes_again() {
    let window = |every: &str| {
        json!({ "windows": [{
            "start": "2026-11-01T23:30:00Z", "end": "2026-11-02T00:30:00Z", "every": every,
        }]})
    };
    let (daily, weekly) = (good(&window("day")), good(&window("week")));
    // 2026-11-01 is a Sunday.
    for (now, by_day, by_week) in [
        ("2026-10-31T23:45:00Z", false, false),
        ("2026-11-01T23:45:00Z", true, true),
        ("2026-11-03T00:15:00Z", true, false),
        ("2026-11-03T12:00:00Z", false, false),
        ("2026-11-09T00:29:59Z", true, true),
        ("2026-11-09T00:30:00Z", false, false),
    ] {
        clock::set(at(now));
        assert_eq!(answered(&daily, Exchange::get("/")), by_day, "{now}");
        assert_eq!(answered(&weekly, Exchange::get("/")), by_week, "{now}");
    }
}

#[test]
fn a_flag_file_is_looked_for_once_a_second() {
    let file = directory("flag").join("down");
    let _ = fs::remove_file(&file);
    let plugin = good(&json!({ "flag_file": file }));
    clock::set(1000);
    assert!(!answered(&plugin, Exchange::get("/")));
    fs::write(&file, "").expect("a file");
    assert!(!answered(&plugin, Exchange::get("/")), "it was looked for in this second");
    clock::set(1001);
    assert!(answered(&plugin, Exchange::get("/")));
    fs::remove_file(&file).expect("it is there");
    assert!(answered(&plugin, Exchange::get("/")));
    // The clock was set back.
    clock::set(500);
    assert!(!answered(&plugin, Exchange::get("/")));
}

#[test]
fn who_is_allowed_gets_through() {
    let plugin = good(&json!({ "enabled": true, "allow": {
        "networks": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
        "header": { "name": "X-Pass", "value": SECRET },
        "cookie": { "name": "pass", "value": SECRET },
    }}));
    let from = |address: &str| Exchange::get("/").client_address(address);
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.7"] {
        assert!(!answered(&plugin, from(address)), "{address}");
    }
    for address in ["11.0.0.1", "2001:db9::1", "192.0.2.8", "unix"] {
        assert!(answered(&plugin, from(address)), "{address}");
    }
    let header = |value: &str| Exchange::get("/").header("x-pass", value);
    assert!(!answered(&plugin, header(SECRET)));
    assert!(answered(&plugin, header("0123456789abcdeF")));
    assert!(answered(&plugin, header("0123456789abcde")));
    assert!(answered(&plugin, header("")));
    assert!(answered(&plugin, header(SECRET).header("x-pass", "another")));
    let cookie = |value: &str| Exchange::get("/").header("cookie", value);
    assert!(!answered(&plugin, cookie(&format!("a=b; pass={SECRET}"))));
    assert!(answered(&plugin, cookie(&format!("xpass={SECRET}"))));
    // What a client says of itself is no address.
    assert!(answered(&plugin, from("11.0.0.1").header("x-forwarded-for", "10.0.0.1")));
}

#[test]
fn the_endpoint_does_not_get_the_secret() {
    for enabled in [true, false] {
        let plugin = good(&json!({
            "enabled": enabled, "allow": { "header": { "name": "x-pass", "value": SECRET } },
        }));
        let mut exchange = Exchange::get("/").header("x-pass", SECRET);
        assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
        assert_eq!(exchange.request_header("x-pass"), None);
    }
}

#[test]
fn out_of_maintenance_the_host_is_asked_for_nothing() {
    let plugin = good(&json!({ "enabled": false, "allow": { "networks": ["10.0.0.0/8"] } }));
    let mut exchange = Exchange::get("/");
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.pulls(), 0);
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    let window = |start: &str, end: &str, every: Value| json!({ "windows": [{ "start": start, "end": end, "every": every }] });
    let (one, two) = ("2026-12-01T01:00:00Z", "2026-12-03T01:00:00Z");
    let pass = |name: &str, value: &str| json!({ "enabled": true, "allow": { "header": { "name": name, "value": value } } });
    for (config, expected) in [
        (json!({}), "nothing says when: set `enabled`, `windows` or `flag_file`"),
        (window(two, one, Value::Null), "windows[0]: end: it ends before it begins"),
        (window("2026-12-01", two, Value::Null), "windows[0]: start: `2026-12-01` is no time"),
        (window(one, two, json!("day")), "windows[0]: every: it comes again before it ends"),
        (json!({ "flag_file": "down" }), "flag_file: `down` cannot be read; grant its directory"),
        (
            json!({ "flag_file": "/nowhere/down" }),
            "flag_file: `/nowhere/down` cannot be read; grant its",
        ),
        (
            json!({ "enabled": true, "html_file": "/nowhere/a" }),
            "html_file: `/nowhere/a` cannot be",
        ),
        (json!({ "enabled": true, "html": "", "text": "" }), "exclude each other"),
        (json!({ "enabled": true, "json": "{" }), "json: EOF"),
        (json!({ "enabled": true, "retry_after": "1500ms" }), "retry_after: 1500ms is no whole"),
        (json!({ "enabled": true, "paths": ["a"] }), "paths: [0]: `a` is no path prefix"),
        (pass("a b", SECRET), "allow: header: name: `a b` is no name"),
        (pass("x-pass", "short"), "allow: header: value: a secret has 16 octets or more"),
        (
            json!({ "enabled": true, "allow": { "networks": ["10.0.0.0/33"] } }),
            "allow: networks[0]: `10.0.0.0/33` is no network",
        ),
    ] {
        let error = load(&config).err().unwrap_or_else(|| panic!("{config} was accepted"));
        assert!(error.contains(expected), "{config}: {error}");
    }
}
