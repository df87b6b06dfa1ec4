use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn headers(config: &Value) -> Loaded<Headers> {
    Loaded::new(&config.to_string()).expect("a good configuration")
}

fn error(config: &Value) -> String {
    match Loaded::<Headers>::new(&config.to_string()) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    }
}

fn pass(config: &Value, mut exchange: Exchange) -> Exchange {
    let headers = headers(config);
    assert_eq!(headers.on_request(&mut exchange), Verdict::Continue);
    if exchange.status().is_some() {
        assert_eq!(headers.on_response(&mut exchange), Verdict::Continue);
    }
    exchange
}

fn lines(lines: &[(String, Vec<u8>)]) -> Vec<(&str, &str)> {
    let text = |v| std::str::from_utf8(v).expect("the tests use text");
    lines.iter().map(|(name, value)| (name.as_str(), text(value))).collect()
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn a_request_is_edited_in_the_stated_order() {
    let config = json!({ "request": {
        "rename": { "X-Old": "x-new" },
        "remove": ["X-Internal"],
        "default": { "accept-language": "en", "x-kept": "unused" },
        "set": { "x-client": "${client_address}" },
        "add": { "x-via": ["${host}", "second"] },
    }});
    let exchange = Exchange::get("/")
        .header("x-old", "1")
        .header("x-new", "dropped")
        .header("x-old", "2")
        .header("x-internal", "secret")
        .header("x-kept", "own")
        .header("x-client", "forged")
        .header("x-client", "twice");
    let exchange = pass(&config, exchange);
    assert_eq!(
        lines(exchange.request_headers()),
        [
            ("x-new", "1"),
            ("x-new", "2"),
            ("x-kept", "own"),
            ("x-client", "192.0.2.1"),
            ("accept-language", "en"),
            ("x-via", "example.com"),
            ("x-via", "second"),
        ]
    );
}

#[test]
fn a_response_is_edited_from_the_request() {
    let config = json!({ "response": {
        "rename": { "x-powered-by": "x-origin" },
        "remove": ["server"],
        "set": { "x-request-id": "${request_id}" },
        "add": { "link": ["</${header:x-tenant}.css>; rel=preload"] },
    }});
    let exchange = Exchange::get("/")
        .header("x-tenant", "blue")
        .answered_header("server", "origin/1.2")
        .answered_header("x-powered-by", "php");
    let exchange = pass(&config, exchange);
    assert_eq!(
        lines(exchange.response_headers()),
        [
            ("x-origin", "php"),
            ("x-request-id", "test-request"),
            ("link", "</blue.css>; rel=preload"),
        ]
    );
}

#[test]
fn constants_ask_the_host_for_nothing() {
    let config = json!({
        "request": { "set": { "x-edge": "1" }, "remove": ["x-internal"] },
        "response": { "set": { "x-frame-options": "DENY" } },
    });
    assert_eq!(headers(&config).subscription().request_headers(), [""; 0]);
    let exchange = pass(&config, Exchange::get("/").answered(200));
    assert_eq!(exchange.pulls(), 0);
    assert_eq!(exchange.response_header("x-frame-options").as_deref(), Some("DENY"));
}

#[test]
fn exactly_the_fields_that_are_read_are_subscribed_to() {
    let config = json!({
        "request": {
            "default": { "X-Trace": "${request_id}" },
            "set": { "x-user": "${cookie:user}/${header:X-Tenant}", "x-path": "${path}" },
        },
        "response": { "set": { "x-tenant": "${header:x-tenant}" } },
    });
    let headers = headers(&config);
    let mut subscribed = headers.subscription().request_headers().to_vec();
    subscribed.sort();
    assert_eq!(subscribed, ["cookie", "x-tenant"]);
    assert_eq!(headers.subscription().response_headers(), [""; 0]);
}

#[test]
fn a_forged_line_does_not_outlive_a_value_that_came_out_empty() {
    let config = json!({ "request": { "set": { "x-user": "${header:x-verified-user}" } } });
    let exchange = pass(&config, Exchange::get("/").header("x-user", "admin"));
    assert_eq!(exchange.request_header("x-user"), None);
}

#[test]
fn empty_values_add_no_line() {
    let config = json!({ "request": {
        "add": { "x-a": ["${query:none}"] },
        "default": { "x-b": "${query:none}" },
    }});
    let exchange = pass(&config, Exchange::get("/"));
    assert!(exchange.request_headers().is_empty());
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (config, expected) in [
        (
            json!({ "request": { "set": { "x a": "1" } } }),
            "request: set.x a: `x a` is no field name",
        ),
        (
            json!({ "request": { "set": { "x-a": "a\r\nx-b: c" } } }),
            "request: set.x-a: control characters and white space at the ends are illegal in a field",
        ),
        (
            json!({ "response": { "add": { "x-a": ["ok", "${host}\n"] } } }),
            "response: add.x-a[1]: control characters are illegal in a field",
        ),
        (
            json!({ "request": { "set": { "x-a": "${client_adress}" } } }),
            "request: set.x-a: unknown variable `${client_adress}`; there are client_address, host, \
             method, path, query, request_id, route, scheme, target, header:NAME, query:NAME and \
             cookie:NAME",
        ),
        (
            json!({ "request": { "remove": ["Transfer-Encoding"] } }),
            "request: remove[0]: `transfer-encoding` belongs to the connection and cannot be edited",
        ),
        (
            json!({ "request": { "set": { "Host": "a" } } }),
            "request: set.Host: `host` is changed by the plugin `rewrite`",
        ),
        (
            json!({ "request": { "remove": ["x-a"], "set": { "X-A": "1" } } }),
            "request: set.X-A: another rule speaks of `x-a` too; keep one of them",
        ),
        (
            json!({ "request": { "set": { "x-a": "" } } }),
            "request: set.x-a: an empty value is no line; use `remove`",
        ),
        (
            json!({ "response": { "sett": {} } }),
            "response.sett: unknown field `sett`, expected one of `rename`, `remove`, `default`, `set`, `add`",
        ),
        (
            json!({ "response": { "set": { "x-a": 1 } } }),
            "response.set.x-a: invalid type: integer `1`, expected a string",
        ),
    ] {
        assert_eq!(error(&config), expected);
    }
}

proptest! {
    /// What a client sends never makes the host refuse the edits.
    #[test]
    fn no_request_makes_the_plugin_fail(
        path in "/[!-~&&[^#?]]{0,16}",
        query in "[!-~&&[^#]]{0,24}",
        field in proptest::collection::vec(any::<u8>(), 0..16),
    ) {
        let config = json!({
            "request": { "set": { "x-a": "${target}${query:a}", "x-b": "${header:x-in}" } },
            "response": { "add": { "x-c": ["<${cookie:a}>", "${query}${query:b}x"] } },
        });
        let config = config.to_string();
        let headers = Loaded::<Headers>::new(&config).expect("a good configuration");
        let mut exchange = Exchange::get(format!("{path}?a={query}"))
            .header("x-in", field.clone())
            .header("cookie", [b"a=", field.as_slice()].concat())
            .answered(200);
        prop_assert_eq!(headers.on_request(&mut exchange), Verdict::Continue);
        prop_assert_eq!(headers.on_response(&mut exchange), Verdict::Continue);
    }
}
