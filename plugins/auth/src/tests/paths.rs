use super::*;

/// `/admin` is for admins, everything else for everybody who has a key.
fn guarded() -> Loaded<Auth> {
    auth(&json!({ "methods": [api_key()], "rules": [
        { "name": "admin", "path": ["/admin"], "groups": ["admins"] },
        { "name": "rest", "require": "anonymous" },
    ]}))
}

/// The attack tests send what the host would hand over: a path that is normalized.
#[test]
fn no_spelling_skips_a_rule() {
    let auth = guarded();
    let paths = [
        "/admin",
        "/admin/",
        "/admin/x",
        "/admin//x",
        "//admin",
        "/x//admin",
        "/x/%2Fadmin",
        "/%2Fadmin",
        "/x%2F..%2Fadmin",
        "/%5Cadmin",
        "/admin;x=y",
        "/admin%3Bx",
        "/;/admin",
        "/admin%20",
        "/%61dmin%00",
        "/%2561dmin",
        "/admin%0A",
        "/admin%09",
        "/admin%C0%AE",
        "/admin?x",
        "/admin/%3F",
        "/admin%2F",
    ];
    for path in paths {
        let mut exchange = Exchange::get(path).header("x-api-key", KEY);
        let status = status(&auth, &mut exchange);
        let is_other_path = path == "/admin%20";
        assert!(status == 403 || status == 400 || is_other_path, "{path} came to {status}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_and_noted() {
    let auth = guarded();
    let mut exchange = Exchange::get("/x/%2Fadmin").header("x-api-key", KEY);
    assert_eq!(status(&auth, &mut exchange), 400);
    assert_eq!(note(&exchange, "reason"), Some("the path has an encoded slash"));
}

#[test]
fn case_is_the_endpoints_choice() {
    let mut exchange = Exchange::get("/ADMIN/x").header("x-api-key", KEY);
    assert_eq!(status(&guarded(), &mut exchange), 200, "for this endpoint it is another path");
    let config = json!({ "methods": [api_key()], "path": { "ignore_case": true }, "rules": [
        { "path": ["/Admin"], "groups": ["admins"] },
        { "path": ["/secret"], "when": "path.startsWith('/secret/x')", "deny": true },
        { "require": "anonymous" },
    ]});
    let auth = auth(&config);
    for path in ["/ADMIN/x", "/admin", "/aDmIn/", "/SECRET/X"] {
        let mut exchange = Exchange::get(path).header("x-api-key", KEY);
        assert_eq!(status(&auth, &mut exchange), 403, "{path}");
    }
}

#[test]
fn spellings_that_the_endpoint_takes_literally_pass() {
    let config = json!({
        "path": { "literal": ["double_slash", "semicolon", "encoded_slash", "encoded_percent"] },
        "rules": [{ "path": ["/files"], "require": "anonymous" }],
    });
    let auth = auth(&config);
    for path in ["/files//a", "/files/a;v=1", "/files/a%2Fb", "/files/100%25"] {
        assert_eq!(status(&auth, &mut Exchange::get(path)), 200, "{path}");
    }
    for path in ["//files", "/files%2Fa", "/files;a"] {
        assert_eq!(status(&auth, &mut Exchange::get(path)), 403, "{path}");
    }
}
