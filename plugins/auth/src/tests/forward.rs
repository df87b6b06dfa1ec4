use plugin_sdk::http::{Error, Response};

use super::*;

fn asking(more: &Value) -> Loaded<Auth> {
    let mut forward = json!({
        "url": "https://auth.internal/check",
        "response_headers": ["x-auth-email"],
        "client_headers": ["set-cookie"],
        "subject_header": "remote-user",
        "groups_header": "remote-groups",
    });
    for (key, value) in more.as_object().expect("a table") {
        forward[key] = value.clone();
    }
    auth(&json!({
        "methods": [{ "forward": forward }],
        "identity_headers": { "x-user": "subject" },
        "rules": [{ "path": ["/open"], "require": "anonymous" }, {}],
    }))
}

fn yes() -> Response {
    Response::new(200)
        .with_header("remote-user", "ann")
        .with_header("remote-groups", "a, b")
        .with_header("x-auth-email", "ann@example.com")
        .with_header("set-cookie", "s=2")
        .with_header("x-other", "no")
}

#[test]
fn the_service_is_told_what_both_of_the_other_proxies_tell() {
    let mut exchange = Exchange::new("POST", "/a?b")
        .header("cookie", "s=1")
        .header("x-other", "kept here")
        .http_answer(Ok(yes()));
    assert_eq!(status(&asking(&json!({})), &mut exchange), 200);
    let asked = &exchange.http_requests()[0];
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("GET", "https://auth.internal/check"));
    let text =
        |(name, value): &(String, Vec<u8>)| format!("{name}: {}", String::from_utf8_lossy(value));
    let sent: Vec<String> = asked.headers.iter().map(text).collect();
    let expected = [
        "x-forwarded-method: POST",
        "x-forwarded-proto: http",
        "x-forwarded-host: example.com",
        "x-forwarded-uri: /a?b",
        "x-original-method: POST",
        "x-original-url: http://example.com/a?b",
        "x-forwarded-for: 192.0.2.1",
        "cookie: s=1",
    ];
    assert_eq!(sent, expected);
}

#[test]
fn the_endpoint_and_the_client_get_what_they_shall() {
    let mut exchange = Exchange::get("/")
        .header("x-auth-email", "root@example.com")
        .header("x_auth_email", "root@example.com")
        .header("x-user", "root")
        .answered(200)
        .http_answer(Ok(yes()));
    let auth = asking(&json!({}));
    assert_eq!(status(&auth, &mut exchange), 200);
    assert_eq!(exchange.request_header("x-auth-email").as_deref(), Some("ann@example.com"));
    assert_eq!(exchange.request_header("x-user").as_deref(), Some("ann"));
    assert_eq!(exchange.request_headers().len(), 2);
    assert_eq!(auth.on_response(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.response_header("set-cookie").as_deref(), Some("s=2"));
}

#[test]
fn a_refusal_is_the_services_own() {
    let no = Response::new(302)
        .with_header("location", "https://login.example.com/")
        .with_header("server", "secret/1")
        .with_body("this way");
    let mut exchange = Exchange::get("/").http_answer(Ok(no.clone()));
    let auth = asking(&json!({}));
    assert_eq!(status(&auth, &mut exchange), 302);
    assert_eq!(exchange.response_header("location").as_deref(), Some("https://login.example.com/"));
    assert_eq!(exchange.response_header("server"), None);
    assert_eq!(exchange.body(), b"this way");
    for status_of_service in [401, 403] {
        let mut exchange = Exchange::get("/").http_answer(Ok(Response::new(status_of_service)));
        assert_eq!(status(&auth, &mut exchange), status_of_service);
    }
    let mut open = Exchange::get("/open").http_answer(Ok(no));
    assert_eq!(status(&auth, &mut open), 200, "the rule lets anybody pass");
}

#[test]
fn a_service_that_fails_is_what_the_configuration_says() {
    let nobody = Response::new(200);
    for answer in [Err(Error::Timeout), Ok(Response::new(500)), Ok(Response::new(404)), Ok(nobody)]
    {
        let mut exchange = Exchange::get("/").http_answer(answer.clone());
        assert_eq!(status(&asking(&json!({})), &mut exchange), 503, "{answer:?}");
        let mut exchange = Exchange::get("/").http_answer(answer.clone());
        let anonymous = asking(&json!({ "unavailable": "anonymous" }));
        assert_eq!(status(&anonymous, &mut exchange), 401, "{answer:?}");
        let mut exchange = Exchange::get("/open").http_answer(answer);
        assert_eq!(status(&asking(&json!({})), &mut exchange), 200);
    }
}

#[test]
fn an_answer_is_good_for_equal_requests_for_a_while() {
    let auth = asking(&json!({ "cache": "10s" }));
    let mut first = Exchange::get("/").header("cookie", "s=1").http_answer(Ok(yes()));
    assert_eq!(status(&auth, &mut first), 200);
    let mut equal = Exchange::get("/").header("cookie", "s=1");
    assert_eq!(status(&auth, &mut equal), 200);
    assert_eq!(equal.http_requests(), []);
    let others = [
        Exchange::get("/").header("cookie", "s=2"),
        Exchange::get("/x").header("cookie", "s=1"),
        Exchange::new("POST", "/").header("cookie", "s=1"),
    ];
    for mut other in others {
        assert_eq!(status(&auth, &mut other), 503, "it has to be asked");
    }
    clock::advance(11);
    let mut later = Exchange::get("/").header("cookie", "s=1");
    assert_eq!(status(&auth, &mut later), 503);
}
