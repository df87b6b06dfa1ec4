use plugin_sdk::connection::Certificate;

use super::*;

fn with(rules: &Value) -> Loaded<Auth> {
    auth(&json!({ "methods": [api_key()], "rules": rules }))
}

fn known(target: &str) -> Exchange {
    Exchange::get(target).header("x-api-key", KEY)
}

#[test]
fn what_no_rule_matches_is_refused() {
    let auth = with(&json!([{ "path": ["/open"], "require": "anonymous" }]));
    assert_eq!(status(&auth, &mut Exchange::get("/open")), 200);
    for mut exchange in [Exchange::get("/"), known("/"), known("/opened")] {
        assert_eq!(status(&auth, &mut exchange), 403);
        assert_eq!(note(&exchange, "reason"), Some("no rule matches"));
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let auth = with(&json!([
        { "name": "no posts", "method": ["POST"], "deny": true },
        { "name": "office", "address": ["192.0.2.0/24"], "require": "anonymous" },
        { "name": "readers", "groups": ["readers"] },
    ]));
    let mut post = Exchange::new("POST", "/").header("x-api-key", KEY);
    assert_eq!(status(&auth, &mut post), 403);
    assert_eq!(
        (note(&post, "rule"), note(&post, "reason")),
        (Some("no posts"), Some("the rule refuses"))
    );
    assert_eq!(status(&auth, &mut Exchange::get("/")), 200);
    let mut away = known("/").client_address("198.51.100.1");
    assert_eq!(status(&auth, &mut away), 200);
    assert_eq!(note(&away, "rule"), Some("readers"));
    assert_eq!(status(&auth, &mut Exchange::get("/").client_address("2001:db8::1")), 401);
}

#[test]
fn groups_and_methods_are_demanded() {
    let auth = with(&json!([
        { "path": ["/a"], "groups": ["admins", "readers"] },
        { "path": ["/b"], "groups": ["admins"] },
        { "path": ["/c"], "by": ["api_key"] },
    ]));
    assert_eq!(status(&auth, &mut known("/a")), 200);
    let mut other = known("/b");
    assert_eq!(status(&auth, &mut other), 403);
    assert_eq!(note(&other, "reason"), Some("in none of the groups"));
    assert_eq!(status(&auth, &mut known("/c")), 200);
    for path in ["/a", "/b", "/c"] {
        assert_eq!(status(&auth, &mut Exchange::get(path)), 401, "{path}");
    }
}

#[test]
fn expressions_see_the_request_and_who_asks() {
    let holds = |expression: &str| {
        let rules = json!([{ "when": expression, "require": "anonymous" }]);
        let mut exchange = Exchange::new("PUT", "/a/b%20c?x=1")
            .header("x-api-key", KEY)
            .authority("shop.example.com:8080")
            .client_address("2001:db8::7")
            .client_certificate(Certificate {
                subject: "CN=billing".to_owned(),
                names: vec!["billing.internal".to_owned()],
                fingerprint: "ab".repeat(32),
                der: Vec::new(),
            });
        status(&with(&rules), &mut exchange) == 200
    };
    let truths = [
        "method == 'PUT' && path == '/a/b c'",
        "host.endsWith('.example.com') && scheme == 'http' && query == 'x=1'",
        "address.in_network('2001:db8::/32') && !address.in_network('10.0.0.0/8')",
        "authenticated && by == 'api_key' && subject == 'ann'",
        "'readers' in groups && groups.exists(g, g.startsWith('read')) && size(groups) == 1",
        "certificate.subject == 'CN=billing' && 'billing.internal' in certificate.names",
        "has(certificate.fingerprint) && listener == 'test'",
        "!has(claims.email)",
    ];
    for expression in truths {
        assert!(holds(expression), "{expression}");
        assert!(!holds(&format!("!({expression})")), "!({expression})");
    }
}

#[test]
fn an_expression_that_cannot_be_decided_lets_nobody_pass() {
    for rules in [
        json!([{ "when": "claims.admin" }]),
        json!([{ "when": "subject", "require": "anonymous" }]),
        json!([{ "when": "claims.suspended", "deny": true }, { "require": "anonymous" }]),
    ] {
        assert_eq!(status(&with(&rules), &mut known("/")), 403, "{rules}");
    }
}

#[test]
fn somebody_unknown_is_asked_where_somebody_known_could_pass() {
    let auth = with(&json!([
        { "path": ["/mine"], "when": "subject == 'ann'" },
        { "path": ["/never"], "deny": true },
    ]));
    assert_eq!(status(&auth, &mut known("/mine")), 200);
    assert_eq!(status(&auth, &mut Exchange::get("/mine")), 401);
    assert_eq!(status(&auth, &mut Exchange::get("/never")), 403);
    assert_eq!(status(&auth, &mut Exchange::get("/other")), 403);
}

#[test]
fn a_wrong_credential_is_nobody() {
    let auth = with(&json!([{ "path": ["/open"], "require": "anonymous" }, {}]));
    let mut open = Exchange::get("/open").header("x-api-key", "wrong");
    assert_eq!(status(&auth, &mut open), 200);
    assert_eq!(note(&open, "reason"), Some("the key is unknown"));
    assert_eq!(open.request_header("x-api-key"), None, "it is not for the endpoint");
    assert_eq!(status(&auth, &mut Exchange::get("/").header("x-api-key", "wrong")), 401);
}

#[test]
fn certificates_are_identities() {
    let shown = |subject: &str| Certificate {
        subject: subject.to_owned(),
        names: vec!["a.internal".to_owned()],
        fingerprint: "cd".repeat(32),
        der: Vec::new(),
    };
    let config = json!({ "methods": [{ "certificate": { "subject": "name", "entries": [
        { "name": "a.internal", "subject": "CN=a", "as": "service-a", "groups": ["services"] },
        { "fingerprint": "EF:".repeat(32).trim_end_matches(':') },
    ]}}], "rules": [{ "groups": ["services"] }] });
    let auth = auth(&config);
    let mut known = Exchange::get("/").client_certificate(shown("CN=a"));
    assert_eq!(status(&auth, &mut known), 200);
    assert_eq!(note(&known, "subject"), Some("service-a"));
    let mut other = Exchange::get("/")
        .client_certificate(Certificate { fingerprint: "00".repeat(32), ..shown("CN=b") });
    assert_eq!(status(&auth, &mut other), 401);
    assert_eq!(note(&other, "reason"), Some("the certificate is not among the entries"));
    assert_eq!(status(&auth, &mut Exchange::get("/")), 401);
    let mut second = Exchange::get("/")
        .client_certificate(Certificate { fingerprint: "ef".repeat(32), ..shown("CN=b") });
    assert_eq!(status(&auth, &mut second), 403);
}
