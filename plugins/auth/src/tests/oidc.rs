use plugin_sdk::crypto::SignatureAlgorithm;
use plugin_sdk::http::{Error, Response};

use super::*;
use crate::jose::base64;

const ISSUER: &str = "https://id.example.com";
const SEALING: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn config(more: &Value) -> Value {
    let mut oidc = json!({
        "issuer": ISSUER,
        "client_id": "shop",
        "client_secret": "a secret",
        "redirect_uri": "https://shop.example.com/oidc/callback",
        "session": { "keys": [SEALING] },
    });
    for (key, value) in more.as_object().expect("a table") {
        oidc[key] = value.clone();
    }
    json!({
        "methods": [{ "oidc": oidc }],
        "identity_headers": { "x-user": "subject" },
        "path": { "literal": ["double_slash"] },
        "rules": [
            { "path": ["/open"], "require": "anonymous" },
            { "path": ["/admin"], "groups": ["admins"] },
            {},
        ],
    })
}

fn site(more: &Value) -> Loaded<Auth> {
    auth(&config(more))
}

fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.example.com/auth",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/jwks",
        "userinfo_endpoint": "https://id.example.com/me",
        "end_session_endpoint": "https://id.example.com/end",
    })
}

fn ok(body: &Value) -> Result<Response, Error> {
    Ok(Response::new(200).with_body(body.to_string()))
}

fn jwks() -> Value {
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "k",
        "x": base64::encode([1; 32]), "y": base64::encode([2; 32]),
    }]})
}

/// A browser that asks for a page.
fn page(target: &str) -> Exchange {
    Exchange::get(target).header("sec-fetch-mode", "navigate").header("accept", "text/html")
}

/// What a browser keeps.
#[derive(Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn take(&mut self, exchange: &Exchange) {
        let lines = exchange.response_headers().iter().filter(|(name, _)| name == "set-cookie");
        for (_, line) in lines {
            let line = String::from_utf8_lossy(line);
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.0.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn with(&self, exchange: Exchange) -> Exchange {
        let pairs: Vec<String> = self.0.iter().map(|(n, v)| format!("{n}={v}")).collect();
        if pairs.is_empty() { exchange } else { exchange.header("cookie", pairs.join("; ")) }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

/// A login under way: what the provider was asked.
struct Begun {
    jar: Jar,
    state: String,
    nonce: String,
    location: String,
}

fn begin(site: &Loaded<Auth>, target: &str, jar: &Jar) -> Begun {
    let mut exchange = jar.with(page(target)).http_answer(ok(&metadata()));
    assert_eq!(status(site, &mut exchange), 302);
    let location = exchange.response_header("location").expect("a location");
    let query = location.split_once('?').expect("a query").1;
    let find = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let value = pairs.find(|(key, _)| key == name);
        value.unwrap_or_else(|| panic!("no {name} in {location}")).1.into_owned()
    };
    let mut jar = jar.clone();
    jar.take(&exchange);
    Begun { jar, state: find("state"), nonce: find("nonce"), location }
}

fn id_claims(nonce: &str) -> Value {
    let now = clock::now();
    json!({
        "iss": ISSUER, "aud": "shop", "sub": "ann", "exp": now + 300, "iat": now,
        "nonce": nonce, "groups": ["staff"],
    })
}

/// The tokens of an answer, signed in the eyes of the fake.
fn tokens(exchange: Exchange, claims: &Value, more: &Value) -> (Exchange, Value) {
    let header = base64::encode(r#"{"alg":"ES256","kid":"k"}"#);
    let message = format!("{header}.{}", base64::encode(claims.to_string()));
    let signature = vec![9; 64];
    let key = jose::public_point(&[1; 32], &[2; 32]);
    let token = format!("{message}.{}", base64::encode(&signature));
    let exchange = exchange.signature(SignatureAlgorithm::EcdsaP256Sha256, key, message, signature);
    let mut answer = json!({ "access_token": "at", "token_type": "Bearer", "id_token": token });
    for (key, value) in more.as_object().expect("a table") {
        answer[key] = value.clone();
    }
    (exchange, answer)
}

/// The browser comes back with a code, and the provider answers with these claims.
fn come_back(site: &Loaded<Auth>, begun: &Begun, claims: &Value, more: &Value) -> (u16, Exchange) {
    let target = format!("/oidc/callback?code=c&state={}", begun.state);
    let (exchange, answer) = tokens(begun.jar.with(page(&target)), claims, more);
    let mut exchange = exchange.http_answer(ok(&answer)).http_answer(ok(&jwks()));
    (status(site, &mut exchange), exchange)
}

fn logged_in(site: &Loaded<Auth>, more: &Value) -> Jar {
    let begun = begin(site, "/", &Jar::default());
    let (status, exchange) = come_back(site, &begun, &id_claims(&begun.nonce), more);
    assert_eq!(status, 302, "{:?}", note(&exchange, "reason"));
    let mut jar = begun.jar;
    jar.take(&exchange);
    jar
}

#[test]
fn a_page_leads_to_the_provider_and_back() {
    let site = site(&json!({}));
    let begun = begin(&site, "/a%20b?c=d", &Jar::default());
    assert!(
        begun.location.starts_with("https://id.example.com/auth?response_type=code&client_id=shop")
    );
    for part in ["code_challenge_method=S256", "scope=openid+profile+email", "code_challenge="] {
        assert!(begun.location.contains(part), "{}", begun.location);
    }
    let (code, exchange) = come_back(&site, &begun, &id_claims(&begun.nonce), &json!({}));
    assert_eq!(code, 302, "{:?}", note(&exchange, "reason"));
    assert_eq!(exchange.response_header("location").as_deref(), Some("/a%20b?c=d"));
    let asked = &exchange.http_requests()[0];
    assert_eq!(asked.url, "https://id.example.com/token");
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(body.starts_with("grant_type=authorization_code&code=c&redirect_uri=https"), "{body}");
    let verifier = body.split("code_verifier=").nth(1).expect("a verifier");
    let hash = plugin_sdk::crypto::digest(plugin_sdk::crypto::Hash::Sha256, verifier);
    assert!(begun.location.contains(&format!("code_challenge={}", base64::encode(hash))));
    // `shop:a+secret`
    let authorization = asked.headers.iter().find(|(name, _)| name == "authorization");
    assert_eq!(authorization.expect("credentials").1, b"Basic c2hvcDphK3NlY3JldA==");

    let mut jar = begun.jar;
    jar.take(&exchange);
    assert_eq!(jar.0.len(), 1, "only the session is left");
    let mut inside = jar.with(page("/x")).header("cookie", "own=1").header("x-user", "root");
    assert_eq!(status(&site, &mut inside), 200);
    assert_eq!(inside.request_header("x-user").as_deref(), Some("ann"));
    assert_eq!(inside.request_header("cookie").as_deref(), Some("own=1"), "the session stays here");
    assert_eq!(status(&site, &mut jar.with(page("/admin"))), 403);
}

#[test]
fn cookies_are_for_this_site_and_no_script() {
    let site = site(&json!({}));
    let mut exchange = page("/").http_answer(ok(&metadata()));
    assert_eq!(status(&site, &mut exchange), 302);
    let cookie = exchange.response_header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-session-login."), "{cookie}");
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    assert_eq!(exchange.response_header("cache-control").as_deref(), Some("no-store"));
}

#[test]
fn what_is_no_page_gets_401() {
    let site = site(&json!({}));
    let others = [
        Exchange::get("/"),
        Exchange::get("/").header("accept", "application/json"),
        Exchange::get("/")
            .header("accept", "text/html")
            .header("x-requested-with", "XMLHttpRequest"),
        Exchange::get("/").header("accept", "text/html").header("sec-fetch-mode", "cors"),
        Exchange::new("POST", "/")
            .header("accept", "text/html")
            .header("sec-fetch-mode", "navigate"),
    ];
    for mut exchange in others {
        assert_eq!(status(&site, &mut exchange), 401);
        assert_eq!(exchange.response_header("location"), None);
    }
    assert_eq!(status(&site, &mut page("/open")), 200, "the rule lets anybody pass");
}

#[test]
fn a_login_comes_back_once() {
    let site = site(&json!({}));
    let begun = begin(&site, "/", &Jar::default());
    let claims = id_claims(&begun.nonce);
    assert_eq!(come_back(&site, &begun, &claims, &json!({})).0, 302);
    let (again, exchange) = come_back(&site, &begun, &claims, &json!({}));
    assert_eq!(again, 400);
    assert_eq!(note(&exchange, "reason"), Some("the login has come back before"));
    assert_eq!(exchange.http_requests(), [], "the provider is not asked");
    // Nor by another instance.
    let other = auth(&config(&json!({})));
    assert_eq!(come_back(&other, &begun, &claims, &json!({})).0, 400);
}

#[test]
fn a_login_comes_back_to_the_browser_that_began_it() {
    let site = site(&json!({}));
    let mine = begin(&site, "/", &Jar::default());
    let other = begin(&site, "/", &Jar::default());
    let attack = Begun { jar: other.jar, ..mine };
    let claims = id_claims(&attack.nonce);
    let (code, exchange) = come_back(&site, &attack, &claims, &json!({}));
    assert_eq!(
        (code, note(&exchange, "reason")),
        (400, Some("the login was not begun by this browser"))
    );
    assert_eq!(exchange.response_header("set-cookie"), None);
    let nobody = Begun { jar: Jar::default(), ..attack };
    assert_eq!(come_back(&site, &nobody, &claims, &json!({})).0, 400);
    for state in ["", "x", "1", "1.", "99999999999.x", "1.x&state=1.x"] {
        let mut exchange = nobody.jar.with(page(&format!("/oidc/callback?code=c&state={state}")));
        assert_eq!(status(&site, &mut exchange), 400, "{state}");
    }
}

#[test]
fn a_login_takes_its_time_and_not_more() {
    let site = site(&json!({}));
    let begun = begin(&site, "/", &Jar::default());
    clock::advance(601);
    let (code, exchange) = come_back(&site, &begun, &id_claims(&begun.nonce), &json!({}));
    assert_eq!((code, note(&exchange, "reason")), (400, Some("the login took too long")));
}

#[test]
fn an_id_token_is_of_this_login_and_this_site() {
    let cases = [
        ("nonce", json!("another"), "the token is of another login"),
        ("nonce", Value::Null, "the token is of another login"),
        ("iss", json!("https://evil.example.com"), "the token is of another issuer"),
        ("aud", json!("other"), "the token is for another audience"),
        ("aud", json!(["shop", "other"]), "the token is for another audience"),
        ("azp", json!("other"), "the token is for another audience"),
        ("exp", json!(1), "the token has expired"),
        ("iat", json!(clock::now() + 600), "the token is not valid yet"),
        ("sub", json!(""), "the token lacks a required claim"),
    ];
    for (name, value, reason) in cases {
        let site = site(&json!({}));
        let begun = begin(&site, "/", &Jar::default());
        let mut claims = id_claims(&begun.nonce);
        claims[name] = value;
        let (code, exchange) = come_back(&site, &begun, &claims, &json!({}));
        assert_eq!((code, note(&exchange, "reason")), (403, Some(reason)), "{name}");
        let set = exchange.response_header("set-cookie").unwrap_or_default();
        assert!(!set.contains("__Host-session="), "no session: {set}");
    }
}

#[test]
fn an_id_token_with_a_wrong_signature_is_none() {
    let site = site(&json!({}));
    for alg in ["ES256", "none", "HS256"] {
        let begun = begin(&site, "/", &Jar::default());
        let header = base64::encode(format!(r#"{{"alg":"{alg}","kid":"k"}}"#));
        let payload = base64::encode(id_claims(&begun.nonce).to_string());
        let token = format!("{header}.{payload}.{}", base64::encode([8; 64]));
        let answer = json!({ "access_token": "at", "id_token": token });
        let mut exchange = begun
            .jar
            .with(page(&format!("/oidc/callback?code=c&state={}", begun.state)))
            .http_answer(ok(&answer))
            .http_answer(ok(&jwks()));
        assert_eq!(status(&site, &mut exchange), 403, "{alg}");
    }
}

#[test]
fn nobody_is_sent_to_another_site_after_login() {
    let targets = ["//evil.example.com/x", "//evil.example.com", "/%5Cevil.example.com"];
    for target in targets {
        let site = site(&json!({}));
        let mut exchange = page(target).http_answer(ok(&metadata()));
        if status(&site, &mut exchange) != 302 {
            continue;
        }
        let begun = begin(&site, target, &Jar::default());
        let (code, exchange) = come_back(&site, &begun, &id_claims(&begun.nonce), &json!({}));
        assert_eq!(code, 302);
        assert_eq!(exchange.response_header("location").as_deref(), Some("/"), "{target}");
    }
    // What the client sends along does not choose either.
    let site = site(&json!({}));
    let begun = begin(
        &site,
        "/p?return_to=//evil.example.com&redirect_uri=https://evil.example.com",
        &Jar::default(),
    );
    assert!(
        begun.location.contains("redirect_uri=https%3A%2F%2Fshop.example.com%2Foidc%2Fcallback")
    );
    assert!(!begun.location.contains("evil"));
    let long = begin(&site, &format!("/{}", "x".repeat(4000)), &Jar::default());
    let (_, exchange) = come_back(&site, &long, &id_claims(&long.nonce), &json!({}));
    assert_eq!(exchange.response_header("location").as_deref(), Some("/"));
}

#[test]
fn a_session_cannot_be_forged_cut_or_exchanged() {
    let site = site(&json!({}));
    let jar = logged_in(&site, &json!({}));
    let good = jar.value("__Host-session").expect("a session").to_owned();
    assert_eq!(status(&site, &mut jar.with(page("/open"))), 200);
    let begun = begin(&site, "/", &Jar::default());
    let login = begun.jar.0[0].1.clone();
    let foreign = {
        let more =
            json!({ "session": { "keys": ["ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="] } });
        logged_in(&auth(&config(&more)), &json!({}))
            .value("__Host-session")
            .expect("one")
            .to_owned()
    };
    let mut forged = vec![
        String::new(),
        "1.".to_owned(),
        "0.".to_owned(),
        good[2..].to_owned(),
        format!("2{}", &good[1..]),
        format!("9{}", &good[1..]),
        format!("{good}A"),
        format!("{good}="),
        good[..good.len() - 1].to_owned(),
        good[..40].to_owned(),
        login,
        foreign,
        "1.eyJhbGciOiJub25lIn0".to_owned(),
        format!("1.{}", base64::encode(r#"{"id":"x","ends":9999999999,"claims":{"sub":"root"}}"#)),
    ];
    for at in [2, 10, 40, good.len() - 2] {
        let mut octets = good.clone().into_bytes();
        octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(octets).expect("text"));
    }
    for value in forged {
        let mut jar = jar.clone();
        jar.put("__Host-session", &value);
        let mut exchange = jar.with(Exchange::get("/"));
        assert_eq!(status(&site, &mut exchange), 401, "{value}");
    }
    // A cookie without the prefix is another one.
    let mut other = Exchange::get("/").header("cookie", format!("session={good}"));
    assert_eq!(status(&site, &mut other), 401);
}

#[test]
fn sessions_end_in_time_and_keys_rotate() {
    let site = site(&json!({}));
    let jar = logged_in(&site, &json!({}));
    let new = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
    let rotated = auth(&config(&json!({ "session": { "keys": [new, SEALING] } })));
    assert_eq!(status(&rotated, &mut jar.with(page("/open"))), 200);
    let mut inside = jar.with(Exchange::get("/"));
    assert_eq!(status(&rotated, &mut inside), 200);
    let retired = auth(&config(&json!({ "session": { "keys": [new] } })));
    assert_eq!(status(&retired, &mut jar.with(Exchange::get("/"))), 401);
    clock::advance(43_201);
    assert_eq!(status(&site, &mut jar.with(Exchange::get("/"))), 401);
}

#[test]
fn logout_ends_the_session_everywhere() {
    let site = site(&json!({}));
    let jar = logged_in(&site, &json!({}));
    let mut cross = jar.with(Exchange::get("/logout").header("sec-fetch-site", "cross-site"));
    assert_eq!(status(&site, &mut cross), 403);
    assert_eq!(status(&site, &mut jar.with(Exchange::get("/"))), 200);
    let mut exchange = jar.with(page("/logout"));
    assert_eq!(status(&site, &mut exchange), 302);
    let location = exchange.response_header("location").expect("a location");
    assert!(location.starts_with("https://id.example.com/end?client_id=shop"), "{location}");
    assert!(location.contains("post_logout_redirect_uri=https%3A%2F%2Fshop.example.com%2F"));
    assert!(location.contains("&id_token_hint="));
    let mut after = jar.clone();
    after.take(&exchange);
    assert!(after.0.is_empty());
    // Whoever kept the cookie has nothing, in another instance neither.
    assert_eq!(status(&site, &mut jar.with(Exchange::get("/"))), 401);
    assert_eq!(status(&auth(&config(&json!({}))), &mut jar.with(Exchange::get("/"))), 401);
    let mut nobody = page("/logout");
    assert_eq!(status(&site, &mut nobody), 302);
    assert_eq!(nobody.response_header("location").as_deref(), Some("/"));
}

#[test]
fn expired_tokens_are_refreshed_once() {
    let site = site(&json!({ "access_token_header": "authorization" }));
    let more = json!({ "expires_in": 60, "refresh_token": "r1" });
    let jar = logged_in(&site, &more);
    let mut before = jar.with(Exchange::get("/"));
    assert_eq!(status(&site, &mut before), 200);
    assert_eq!(before.request_header("authorization").as_deref(), Some("Bearer at"));
    clock::advance(61);
    let answer = json!({ "access_token": "at2", "refresh_token": "r2", "expires_in": 60 });
    let mut renewed = jar.with(Exchange::get("/").answered(200)).http_answer(ok(&answer));
    assert_eq!(status(&site, &mut renewed), 200);
    let body = String::from_utf8_lossy(&renewed.http_requests()[0].body).into_owned();
    assert_eq!(body, "grant_type=refresh_token&refresh_token=r1");
    assert_eq!(renewed.request_header("authorization").as_deref(), Some("Bearer at2"));
    assert_eq!(site.on_response(&mut renewed), Verdict::Continue);
    let mut after = jar.clone();
    after.take(&renewed);
    assert_ne!(after.value("__Host-session"), jar.value("__Host-session"));
    // A request that was under way with the old cookie asks nobody.
    let mut late = jar.with(Exchange::get("/"));
    assert_eq!(
        status(&auth(&config(&json!({ "access_token_header": "authorization" }))), &mut late),
        200
    );
    assert_eq!(late.http_requests(), []);
    assert_eq!(late.request_header("authorization").as_deref(), Some("Bearer at2"));
    // A client's own never passes for it.
    let mut forged = Exchange::get("/open").header("authorization", "Bearer forged");
    assert_eq!(status(&site, &mut forged), 200);
    assert_eq!(forged.request_header("authorization"), None);
}

#[test]
fn a_provider_that_refuses_a_refresh_ends_the_session() {
    let site = site(&json!({}));
    let jar = logged_in(&site, &json!({ "expires_in": 60, "refresh_token": "r1" }));
    clock::advance(61);
    let no = Response::new(400).with_body(r#"{"error":"invalid_grant"}"#);
    let mut exchange = jar.with(Exchange::get("/")).http_answer(Ok(no));
    assert_eq!(status(&site, &mut exchange), 401);
    let mut again = jar.with(Exchange::get("/"));
    assert_eq!(status(&site, &mut again), 401);
    assert_eq!(again.http_requests(), [], "it is not asked again");
}

#[test]
fn a_provider_that_is_gone_is_what_the_configuration_says() {
    let gone = || Err(Error::Timeout);
    let strict = site(&json!({}));
    let mut exchange = page("/").http_answer(gone());
    assert_eq!(status(&strict, &mut exchange), 503);
    assert_eq!(status(&strict, &mut page("/open")), 200, "other rules go on");
    let anonymous = site(&json!({ "unavailable": "anonymous" }));
    clock::advance(1000);
    assert_eq!(status(&anonymous, &mut page("/").http_answer(gone())), 401);
    clock::advance(1000);
    let jar = logged_in(&strict, &json!({ "expires_in": 60, "refresh_token": "r9" }));
    clock::advance(61);
    for _ in 0..2 {
        let mut exchange = jar.with(Exchange::get("/")).http_answer(gone());
        assert_eq!(status(&strict, &mut exchange), 503);
    }
}

#[test]
fn another_issuers_metadata_is_none() {
    let mut evil = metadata();
    evil["issuer"] = "https://evil.example.com".into();
    let site = site(&json!({}));
    assert_eq!(status(&site, &mut page("/").http_answer(ok(&evil))), 503);
}

#[test]
fn an_answer_of_another_provider_is_none() {
    let site = site(&json!({}));
    for (iss, code) in
        [("https%3A%2F%2Fevil.example.com", 400), ("https%3A%2F%2Fid.example.com", 302)]
    {
        let begun = begin(&site, "/", &Jar::default());
        let target = format!("/oidc/callback?code=c&state={}&iss={iss}", begun.state);
        let (exchange, answer) =
            tokens(begun.jar.with(page(&target)), &id_claims(&begun.nonce), &json!({}));
        let mut exchange = exchange.http_answer(ok(&answer)).http_answer(ok(&jwks()));
        assert_eq!(status(&site, &mut exchange), code);
    }
    let begun = begin(&site, "/", &Jar::default());
    let target = format!("/oidc/callback?error=access_denied&state={}", begun.state);
    let mut denied = begun.jar.with(page(&target));
    assert_eq!(status(&site, &mut denied), 403);
    assert_eq!(note(&denied, "reason"), Some("the provider refuses: access_denied"));
}

#[test]
fn userinfo_is_of_the_same_person() {
    let site = site(&json!({ "userinfo": true }));
    for (sub, code) in [("ann", 302), ("root", 403)] {
        let begun = begin(&site, "/", &Jar::default());
        let target = format!("/oidc/callback?code=c&state={}", begun.state);
        let (exchange, answer) =
            tokens(begun.jar.with(page(&target)), &id_claims(&begun.nonce), &json!({}));
        let exchange = exchange.http_answer(ok(&answer));
        // The keys are known after the first login.
        let exchange = if sub == "ann" { exchange.http_answer(ok(&jwks())) } else { exchange };
        let mut exchange =
            exchange.http_answer(ok(&json!({ "sub": sub, "email": "a@example.com" })));
        assert_eq!(status(&site, &mut exchange), code, "{sub}");
    }
}

#[test]
fn a_large_session_is_spread_and_a_huge_one_refused() {
    let site = site(&json!({}));
    for (size, code) in [(6_000, 302), (11_500, 302), (30_000, 403)] {
        let begun = begin(&site, "/", &Jar::default());
        let mut claims = id_claims(&begun.nonce);
        claims["filler"] = "x".repeat(size).into();
        let (status_of_login, exchange) = come_back(&site, &begun, &claims, &json!({}));
        if code == 302 {
            assert_eq!(status_of_login, 302);
            let mut jar = begun.jar;
            jar.take(&exchange);
            assert!(jar.0.len() > 1);
            let mut inside = jar.with(Exchange::get("/"));
            assert_eq!(status(&site, &mut inside), 200);
            assert_eq!(inside.request_header("cookie"), None);
            jar.0.pop();
            assert_eq!(status(&site, &mut jar.with(Exchange::get("/"))), 401, "a piece is missing");
        } else {
            assert_eq!(status_of_login, code, "{size}");
        }
    }
}

#[test]
fn many_logins_under_way_are_tidied() {
    let site = site(&json!({}));
    let mut jar = Jar::default();
    for _ in 0..20 {
        jar = begin(&site, "/", &jar).jar;
        assert!(jar.0.len() <= 6);
    }
}

#[test]
fn mistakes_in_a_login_name_their_key() {
    let with = |more: Value| error(&config(&more));
    assert!(
        with(json!({ "redirect_uri": "http://shop.example.com/cb" }))
            .contains("redirect_uri: it begins with `https://`")
    );
    assert!(
        with(json!({ "redirect_uri": "https://shop.example.com" }))
            .contains("redirect_uri: it has a path")
    );
    assert!(
        with(json!({ "session": { "keys": ["short"] } }))
            .contains("session: keys: [0]: a key is 32 octets")
    );
    assert!(with(json!({ "session": { "keys": [] } })).contains("session: keys: there is no key"));
    assert!(with(json!({ "algorithms": ["HS256"] })).contains("algorithms: some with public keys"));
    assert!(
        with(json!({ "parameters": { "state": "x" } }))
            .contains("parameters: `state` is the plugin's own")
    );
    assert!(with(json!({ "issuer": "id.example.com" })).contains("issuer: "));
}
