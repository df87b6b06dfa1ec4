mod api_key;
mod basic;
mod forward;
mod jwt;
mod oidc;
mod paths;
mod rules;

use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

/// A key of 128 random bits, as an operator would make one, and its hash.
const KEY: &str = "5f2c0e9a7d1b4c3f8e6a90b1c2d3e4f5";

fn auth(config: &Value) -> Loaded<Auth> {
    Loaded::new(&config.to_string()).unwrap_or_else(|error| panic!("{config}: {error}"))
}

fn error(config: &Value) -> String {
    match Loaded::<Auth>::new(&config.to_string()) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    }
}

/// What comes of a request: the status of the answer, or 200 if it may pass.
fn status(auth: &Loaded<Auth>, exchange: &mut Exchange) -> u16 {
    match auth.on_request(exchange) {
        Verdict::Continue => 200,
        Verdict::Respond => exchange.status().expect("the plugin answered"),
        Verdict::Fail(why) => panic!("{why}"),
    }
}

fn note<'a>(exchange: &'a Exchange, key: &str) -> Option<&'a str> {
    let mut notes = exchange.annotations().iter();
    notes.find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

fn sha256(text: &str) -> String {
    let hash = plugin_sdk::crypto::digest(plugin_sdk::crypto::Hash::Sha256, text);
    let hex: String = hash.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("sha256:{hex}")
}

/// An API key in `x-api-key`, of a client in the group `readers`.
fn api_key() -> Value {
    json!({ "api_key": {
        "header": "x-api-key",
        "keys": [{ "name": "ann", "hash": sha256(KEY), "groups": ["readers"] }],
    }})
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn without_rules_it_does_not_load() {
    assert!(error(&json!({ "methods": [api_key()] })).contains("rules: there is none"));
}

#[test]
fn two_methods_have_two_names() {
    let config = json!({ "methods": [api_key(), api_key()], "rules": [{}] });
    assert!(error(&config).contains("methods[1]: another one is called `api_key`"));
}

#[test]
fn mistakes_name_their_key() {
    let with = |method: Value| error(&json!({ "methods": [method], "rules": [{}] }));
    assert!(with(json!({ "api_key": { "keys": [] } })).contains("methods[0]: api_key: say where"));
    let short =
        json!({ "api_key": { "header": "x", "keys": [{ "name": "a", "hash": "sha256:00" }] } });
    assert!(with(short).contains("keys[0]: hash: write `sha256:`"));
    assert!(with(json!({ "basic": { "users": {} } })).contains("basic: there is no user"));
    assert!(with(json!({ "magic": {} })).contains("unknown variant `magic`"));
    let rules = |rule: Value| error(&json!({ "methods": [api_key()], "rules": [rule] }));
    assert!(rules(json!({ "path": ["a"] })).contains("rules[0]: path: `a` is no path prefix"));
    assert!(rules(json!({ "by": ["x"] })).contains("there is no method `x`, only `api_key`"));
    assert!(rules(json!({ "when": "nobody" })).contains("rules[0]: when: there is no `nobody`"));
    assert!(rules(json!({ "when": "path ==" })).contains("rules[0]: when: "));
    assert!(rules(json!({ "when": "path.matches('x')" })).contains("no function `matches`"));
    assert!(rules(json!({ "address": ["10.0.0.1/8"] })).contains("rules[0]: address: "));
    let headers = json!({ "identity_headers": { "x-user": "name" }, "rules": [{}] });
    assert!(error(&headers).contains("identity_headers.x-user: `name` is none of"));
}

#[test]
fn what_clients_say_of_themselves_is_removed() {
    let config = json!({
        "methods": [api_key()],
        "identity_headers": { "X-Auth-User": "subject", "x-auth-groups": "groups" },
        "rules": [{ "require": "anonymous" }],
    });
    let auth = auth(&config);
    let spellings = ["x-auth-user", "X-AUTH-USER", "x_auth_user", "x-auth_user", "X_Auth-Groups"];
    for name in spellings {
        let mut exchange = Exchange::get("/").header(name, "root").header(name, "twice");
        assert_eq!(status(&auth, &mut exchange), 200);
        assert_eq!(exchange.request_headers(), [], "{name} of somebody unknown");
        let mut exchange = Exchange::get("/").header(name, "root").header("x-api-key", KEY);
        assert_eq!(status(&auth, &mut exchange), 200);
        assert_eq!(exchange.request_header("x-auth-user").as_deref(), Some("ann"), "{name}");
        assert_eq!(exchange.request_header("x-auth-groups").as_deref(), Some("readers"), "{name}");
        assert_eq!(exchange.request_headers().len(), 2, "{name}");
    }
}

#[test]
fn the_first_method_that_finds_somebody_decides() {
    let config = json!({
        "methods": [
            { "api_key": { "name": "first", "header": "x-a", "keys": [{ "name": "one", "hash": sha256(KEY) }] } },
            { "api_key": { "name": "second", "header": "x-b", "keys": [{ "name": "two", "hash": sha256(KEY) }] } },
        ],
        "rules": [{}],
    });
    let auth = auth(&config);
    let mut both = Exchange::get("/").header("x-b", KEY).header("x-a", KEY);
    assert_eq!(status(&auth, &mut both), 200);
    assert_eq!(note(&both, "subject"), Some("one"));
    let mut one_is_wrong = Exchange::get("/").header("x-a", "wrong").header("x-b", KEY);
    assert_eq!(status(&auth, &mut one_is_wrong), 200);
    assert_eq!(
        (note(&one_is_wrong, "method"), note(&one_is_wrong, "reason")),
        (Some("second"), None)
    );
}

#[test]
fn no_secret_is_noted_or_answered() {
    let basic =
        json!({ "basic": { "users": { "bob": { "hash": "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=" } } } });
    let auth = auth(&json!({ "methods": [api_key(), basic], "rules": [{}] }));
    let secrets = [KEY, "wrong-and-secret", "Ym9iOnBhc3N3b3Jk"];
    let requests = [
        Exchange::get("/").header("x-api-key", KEY),
        Exchange::get("/").header("x-api-key", "wrong-and-secret"),
        Exchange::get("/").header("authorization", "Basic Ym9iOnBhc3N3b3Jk"),
        Exchange::get("/").header("authorization", "Basic wrong-and-secret"),
    ];
    for mut exchange in requests {
        let _ = auth.on_request(&mut exchange);
        let mut shown = format!(
            "{:?}{:?}{:?}",
            exchange.annotations(),
            exchange.log(),
            exchange.response_headers()
        );
        shown.push_str(&String::from_utf8_lossy(exchange.body()));
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
}
