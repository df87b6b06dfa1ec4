use super::*;

#[test]
fn a_key_is_found_in_each_of_its_places() {
    let key = json!({ "api_key": {
        "header": "authorization", "query": "key", "cookie": "key",
        "keys": [{ "name": "ann", "hash": sha256(KEY) }],
    }});
    let auth = auth(&json!({ "methods": [key], "rules": [{}] }));
    let places = [
        Exchange::get("/").header("authorization", format!("bearer {KEY}")),
        Exchange::get(format!("/?a=b&key={KEY}")),
        Exchange::get("/").header("cookie", format!("a=b; key={KEY}")),
    ];
    for mut exchange in places {
        assert_eq!(status(&auth, &mut exchange), 200);
        assert_eq!(note(&exchange, "subject"), Some("ann"));
        let seen = format!("{} {:?}", exchange.target(), exchange.request_headers());
        assert!(!seen.contains(KEY), "the endpoint sees the key: {seen}");
    }
    let mut cookies = Exchange::get("/x?key=1&b=%20").header("cookie", format!("a=b; key={KEY}"));
    assert_eq!(status(&auth, &mut cookies), 401, "the query comes first, and has another key");
}

#[test]
fn the_rest_of_query_and_cookies_stays() {
    let key = json!({ "api_key": {
        "query": "key", "cookie": "key", "keys": [{ "name": "ann", "hash": sha256(KEY) }],
    }});
    let auth = auth(&json!({ "methods": [key], "rules": [{}] }));
    let mut exchange = Exchange::get(format!("/p?a=%20&key={KEY}&b"))
        .header("cookie", format!("a=b; key={KEY}; c=d"));
    assert_eq!(status(&auth, &mut exchange), 200);
    assert_eq!(exchange.target(), "/p?a=%20&b");
    assert_eq!(exchange.request_header("cookie").as_deref(), Some("a=b; c=d"));
}

#[test]
fn the_endpoint_sees_the_key_if_it_shall() {
    let mut key = api_key();
    key["api_key"]["forward"] = true.into();
    let auth = auth(&json!({ "methods": [key], "rules": [{}] }));
    let mut exchange = Exchange::get("/").header("x-api-key", KEY);
    assert_eq!(status(&auth, &mut exchange), 200);
    assert_eq!(exchange.request_header("x-api-key").as_deref(), Some(KEY));
}

#[test]
fn other_keys_are_refused() {
    let auth = auth(&json!({ "methods": [api_key()], "rules": [{}] }));
    let near = format!("{}0", &KEY[..KEY.len() - 1]);
    for key in ["x", &near, &KEY.to_uppercase(), &KEY.repeat(2), &KEY.repeat(1000), &sha256(KEY)] {
        let mut exchange = Exchange::get("/").header("x-api-key", key);
        assert_eq!(status(&auth, &mut exchange), 401, "{key}");
        assert_eq!(note(&exchange, "reason"), Some("the key is unknown"));
    }
    for nothing in [Exchange::get("/"), Exchange::get("/").header("x-api-key", "")] {
        let mut exchange = nothing;
        assert_eq!(status(&auth, &mut exchange), 401);
        assert_eq!(note(&exchange, "reason"), Some("nobody"));
    }
    let mut two = Exchange::get("/").header("x-api-key", KEY).header("x-api-key", "x");
    assert_eq!(status(&auth, &mut two), 401, "two lines are no key");
}

#[test]
fn hashes_that_begin_alike_are_told_apart() {
    let hash = sha256(KEY);
    // The same first eight octets, by which keys are looked up.
    let alike = format!("{}{}", &hash[..7 + 16], "0".repeat(48));
    let key = json!({ "api_key": { "header": "x-api-key", "keys": [
        { "name": "other", "hash": alike },
        { "name": "ann", "hash": hash },
    ]}});
    let auth = auth(&json!({ "methods": [key], "rules": [{}] }));
    let mut exchange = Exchange::get("/").header("x-api-key", KEY);
    assert_eq!(status(&auth, &mut exchange), 200);
    assert_eq!(note(&exchange, "subject"), Some("ann"));
}

#[test]
fn a_key_costs_no_pull_but_the_target() {
    let auth = auth(&json!({ "methods": [api_key()], "rules": [{}] }));
    let mut exchange = Exchange::get("/").header("x-api-key", KEY);
    assert_eq!(status(&auth, &mut exchange), 200);
    assert_eq!(exchange.pulls(), 1);
}
