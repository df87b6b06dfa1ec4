//! The case file and the log, without a proxy; tests/suite plays them.

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::replay::{Skipped, logged};
use super::*;
use crate::config::{PluginSource, Report};

fn read(text: &str) -> Result<Cases, Report> {
    let source = PluginSource::Builtin("headers".to_owned());
    file::parse(text, Path::new("cases.toml"), "guard", &source)
}

fn exchange(case: &Case) -> &Step {
    match &case.act {
        Act::Exchange(step) => step,
        other => panic!("not one exchange: {other:?}"),
    }
}

fn plugin() -> Plugin {
    Plugin::with_defaults("guard", PluginSource::Builtin("headers".to_owned()))
}

#[test]
fn what_is_left_out_is_as_usual() {
    let cases = read("[[case]]\nname = \"a\"\n").unwrap();
    assert_eq!(cases.surroundings, Surroundings::default());
    let step = exchange(&cases.cases[0]);
    assert_eq!((step.times, step.wait), (1, Duration::ZERO));
    assert_eq!((&step.request.method, &*step.request.target), (&Method::GET, "/"));
    assert_eq!(step.request.host.as_deref(), Some("localhost"));
    assert!(step.request.content.body.is_empty() && step.request.client.is_none());
    assert!(matches!(&step.upstream, Upstream::Answer { status, .. } if status.as_u16() == 200));
    assert!(step.expect.status.is_none() && step.expect.upstream.is_none());
}

#[test]
fn a_case_may_have_its_own_configuration() {
    let text = "[plugin]\nmemory = \"8MiB\"\nconfig = { a = 1, b = 2 }\n\
                [[case]]\nname = \"x\"\n[[case]]\nname = \"y\"\nconfig = { a = 3 }\n";
    let cases = read(text).unwrap().cases;
    assert_eq!(cases[0].plugin.config, json!({ "a": 1, "b": 2 }));
    assert_eq!(
        cases[1].plugin.config,
        json!({ "a": 3 }),
        "instead of the file's, not laid over it"
    );
    assert_eq!(cases[1].plugin.memory, 8 << 20);
}

#[test]
fn patterns_fit_what_they_say() {
    let regex = |text: &str| Pattern::Matches(regex::bytes::Regex::new(text).unwrap());
    for (pattern, lines, fits) in [
        (Pattern::Absent, &[][..], true),
        (Pattern::Absent, &[&b""[..]][..], false),
        (Pattern::Present, &[b"x"], true),
        (Pattern::Present, &[], false),
        (Pattern::Is(b"a".to_vec()), &[b"a"], true),
        (Pattern::Is(b"a".to_vec()), &[b"a", b"a"], false),
        (Pattern::Lines(vec![b"a".to_vec(), b"b".to_vec()]), &[b"a", b"b"], true),
        (Pattern::Lines(vec![b"a".to_vec(), b"b".to_vec()]), &[b"b", b"a"], false),
        (Pattern::Lines(Vec::new()), &[], true),
        (Pattern::Contains("b".to_owned()), &[b"a", b"abc"], true),
        (Pattern::Contains("d".to_owned()), &[b"abc"], false),
        (regex("^a+$"), &[b"b", b"aa"], true),
        (regex("^a+$"), &[b"ab"], false),
        (Pattern::Json(json!({ "a": 1 })), &[br#"{ "a": 1 }"#], true),
        (Pattern::Json(json!({ "a": 1 })), &[b"{"], false),
    ] {
        assert_eq!(pattern.fits(lines), fits, "{pattern:?} of {lines:?}");
    }
    assert!(Pattern::Absent.fits_body(b"") && !Pattern::Absent.fits_body(b"a"));
    assert!(!Pattern::Present.fits_body(b"") && Pattern::Present.fits_body(b"a"));
    assert!(Pattern::Is(Vec::new()).fits_body(b""));
}

#[test]
fn a_line_of_the_log_is_a_case() {
    let line = json!({
        "client": "203.0.113.7:0", "protocol": "HTTP/2.0", "method": "POST",
        "host": "example.com", "path": "/a?b=c", "status": 401, "bytes_in": 4,
        "plugins": [{ "name": "auth", "request": "respond", "us": 1.0 }],
        "annotations": { "auth": { "owner": "shop" } },
        "request_headers": { "x-a": ["1", "2"], "x-b": "3" },
    });
    let logged = logged(line.to_string().as_bytes(), 7, &plugin(), None).unwrap();
    assert!(logged.had_body && logged.has_headers);
    assert_eq!(logged.case.name, "line 7: POST example.com/a?b=c");
    let text = written::case(&logged.case).unwrap();
    let cases = read(&text).unwrap_or_else(|report| panic!("{report}\n{text}"));
    let step = exchange(&cases.cases[0]);
    assert_eq!(step.request.client, Some(Client::Ip("203.0.113.7".parse().unwrap())));
    assert_eq!(step.request.version, Version::HTTP_2);
    assert_eq!(step.request.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(step.expect.decision.as_deref(), Some(&["respond".to_owned()][..]));
    assert_eq!(step.expect.response_decision.as_deref(), Some(&[][..]));
    assert_eq!(step.expect.status.as_deref(), Some(&[401][..]));
    assert_eq!(step.expect.annotations.len(), 1);
}

#[test]
fn lines_that_tell_nothing_are_passed_over() {
    let called = json!([{ "name": "other", "request": "edit" }, { "name": "third" }]);
    for (line, why) in [
        (json!(1), Skipped::NotJson),
        (json!({ "client": "127.0.0.1:1" }), Skipped::NoRequest),
        (json!({ "method": "GET", "path": "/" }), Skipped::NotThisPlugin),
        (json!({ "method": "GET", "path": "/", "plugins": called }), Skipped::NotThisPlugin),
        (
            json!({ "method": "GET", "path": "/", "plugins": [{ "name": "guard" }],
                "error": { "kind": "client_closed" } }),
            Skipped::CutShort,
        ),
        (
            json!({ "method": "GET", "path": "no slash", "plugins": [{ "name": "guard" }] }),
            Skipped::NotReplayable,
        ),
    ] {
        let found = logged(line.to_string().as_bytes(), 1, &plugin(), None);
        assert_eq!(found.map(|_| ()).unwrap_err(), why, "{line}");
    }
    assert_eq!(logged(b"{", 1, &plugin(), None).map(|_| ()).unwrap_err(), Skipped::NotJson);
}

/// Text that is nearly a case file.
fn nearly() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "[plugin]",
        "[proxy]",
        "[[case]]",
        "[[case.step]]",
        "[case.expect]",
        "name = \"a\"",
        "config = { a = { env = 1 } }",
        "config = 1",
        "refuses = \"x\"",
        "refuses = { matches = \"(\" }",
        "request = { method = \"A B\" }",
        "request = { headers = { a = [\"\\u0000\"] } }",
        "request = { body = { base64 = \"=\" }, trailers = { a = \"b\" } }",
        "request = 1",
        "request = { client = \"x\", scheme = \"https\", version = \"HTTP/2\", host = false }",
        "upstream = { status = 99999999999999999999 }",
        "upstream = { close = 1 }",
        "expect = { status = [], decision = [\"edit\", 1], log = [{}] }",
        "times = 0",
        "expect = { body = { contains = \"a\", matches = \"b\" }, headers = { \"a b\" = true } }",
        "expect = { upstream = true, route = { json = \"{\" } }",
        "wait = \"1h\"",
        "route = \"\"",
        "routes = { a = \"b\" }",
        "clusters = [\"a\", \"a\"]",
        "x = 1",
    ]);
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_is_cases_or_a_report(text in prop_oneof![nearly(), any::<String>()]) {
        if let Err(report) = read(&text) {
            prop_assert!(report.has_errors());
            prop_assert!(report.to_string().contains("error"));
        }
    }

    #[test]
    fn any_line_is_a_case_that_reads_back_or_is_passed_over(
        method in "[A-Z]{1,7}",
        path in "/[ -~]{0,12}",
        host in prop_oneof!["[a-z]{1,9}(\\.[a-z]{1,5})?(:[1-9][0-9]{1,3})?", any::<String>()],
        status in prop_oneof![100u16..600, any::<u16>()],
        value in any::<String>(),
    ) {
        let line = json!({
            "client": "192.0.2.7:1", "protocol": "HTTP/1.1", "method": method, "host": host,
            "path": path, "status": status, "request_headers": { "x-a": value },
            "annotations": { "guard": { "key": value } },
            "plugins": [{ "name": "guard", "request": "edit", "response": "continue" }],
        });
        if let Ok(logged) = logged(line.to_string().as_bytes(), 1, &plugin(), None) {
            let text = written::case(&logged.case).expect("one exchange");
            if let Ok(cases) = read(&text) {
                let (first, second) = (exchange(&logged.case), exchange(&cases.cases[0]));
                prop_assert_eq!(&first.request.target, &second.request.target);
                prop_assert_eq!(&first.request.method, &second.request.method);
                prop_assert_eq!(&first.request.headers, &second.request.headers);
                prop_assert_eq!(&first.expect.decision, &second.expect.decision);
            }
        }
    }
}
