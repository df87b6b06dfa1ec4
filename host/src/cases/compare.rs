//! What happened, held against what was expected.

use http::HeaderMap;
use serde_json::Value as Json;

use super::pattern::{shown, shown_lines};
use super::stage::{Answer, Observed, Received};
use super::{Expect, ExpectRequest, ExpectUpstream, Pattern, Step};

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about: `status`, `header x-greeting`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What there was.
    pub got: String,
}

/// Everything that is not as the step expects, of an exchange by the plugin `name`
/// whose log lines are these.
pub(super) fn differences(
    name: &str,
    step: &Step,
    observed: &Observed,
    log: &[String],
) -> Vec<Difference> {
    let mut found = Found::default();
    let expect = &step.expect;
    found.decisions(name, expect, &observed.entry);
    match &observed.answer {
        Ok(answer) => found.answer(expect, answer),
        Err(error) if wants_answer(expect) => found.push("response", "one", error),
        Err(_) => {}
    }
    let annotations = &observed.entry["annotations"][name];
    for (key, pattern) in &expect.annotations {
        found.value(&format!("annotation {key}"), pattern, annotations[key].as_str());
    }
    for (what, pattern) in [("route", &expect.route), ("cluster", &expect.cluster)] {
        if let Some(pattern) = pattern {
            found.value(what, pattern, observed.entry[what].as_str());
        }
    }
    let lines: Vec<&[u8]> = log.iter().map(String::as_bytes).collect();
    for pattern in &expect.log {
        found.check("log", pattern, pattern.fits(&lines), &lines);
    }
    match &expect.upstream {
        Some(ExpectUpstream::Nothing) => {
            if let Some(received) = observed.received.first() {
                found.push(
                    "upstream",
                    "(none)",
                    &format!("{} {}", received.method, received.target),
                );
            }
        }
        Some(ExpectUpstream::Request(request)) => match observed.received.last() {
            Some(received) => found.received(request, received),
            None => found.push("upstream", "a request", "(none)"),
        },
        None => {}
    }
    found.0
}

/// A case may be about an exchange without an answer.
fn wants_answer(expect: &Expect) -> bool {
    expect.error.as_ref().is_none_or(Vec::is_empty)
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn push(&mut self, what: &str, expected: &str, got: &str) {
        let [expected, got] = [expected, got].map(str::to_owned);
        self.0.push(Difference { what: what.to_owned(), expected, got });
    }

    /// What the access log says of the plugin.
    fn decisions(&mut self, name: &str, expect: &Expect, entry: &Json) {
        let Decisions { request, response, error } = Decisions::of(name, entry);
        self.word("decision", expect.decision.as_deref(), request);
        self.word("response_decision", expect.response_decision.as_deref(), response);
        let failure = [request, response].into_iter().flatten().find(|word| is_failure(word));
        self.word("failure", expect.failure.as_deref(), failure);
        self.word("error", expect.error.as_deref(), error);
    }

    /// One of the words, or with none of them nothing.
    fn word(&mut self, what: &str, expected: Option<&[String]>, got: Option<&str>) {
        let Some(expected) = expected else { return };
        let fits = match got {
            Some(got) => expected.iter().any(|word| word == got),
            None => expected.is_empty(),
        };
        if !fits {
            let expected =
                if expected.is_empty() { "(none)".to_owned() } else { expected.join(" or ") };
            self.push(what, &expected, got.unwrap_or("(none)"));
        }
    }

    fn answer(&mut self, expect: &Expect, answer: &Answer) {
        let status = answer.status.as_u16();
        if let Some(expected) = &expect.status
            && !expected.contains(&status)
        {
            let expected: Vec<String> = expected.iter().map(u16::to_string).collect();
            self.push("status", &expected.join(" or "), &status.to_string());
        }
        self.fields("header", &expect.headers, &answer.headers);
        if let Some(pattern) = &expect.body {
            self.body("body", pattern, &answer.body);
        }
        self.fields("trailer", &expect.trailers, &answer.trailers);
    }

    fn received(&mut self, expect: &ExpectRequest, received: &Received) {
        let method = received.method.as_str();
        if let Some(pattern) = &expect.method {
            self.value("upstream method", pattern, Some(method));
        }
        if let Some(pattern) = &expect.target {
            self.value("upstream target", pattern, Some(&received.target));
        }
        if let Some(pattern) = &expect.host {
            let lines: Vec<&[u8]> = received.host.iter().map(Vec::as_slice).collect();
            self.check("upstream host", pattern, pattern.fits(&lines), &lines);
        }
        self.fields("upstream header", &expect.headers, &received.headers);
        if let Some(pattern) = &expect.body {
            self.body("upstream body", pattern, &received.body);
        }
        self.fields("upstream trailer", &expect.trailers, &received.trailers);
    }

    fn fields(&mut self, kind: &str, expected: &[(String, Pattern)], got: &HeaderMap) {
        for (name, pattern) in expected {
            let lines: Vec<&[u8]> =
                got.get_all(name).iter().map(|value| value.as_bytes()).collect();
            self.check(&format!("{kind} {name}"), pattern, pattern.fits(&lines), &lines);
        }
    }

    fn value(&mut self, what: &str, pattern: &Pattern, got: Option<&str>) {
        let lines: Vec<&[u8]> = got.map(str::as_bytes).into_iter().collect();
        self.check(what, pattern, pattern.fits(&lines), &lines);
    }

    fn body(&mut self, what: &str, pattern: &Pattern, got: &[u8]) {
        if pattern.fits_body(got) {
            return;
        }
        let got = match (pattern, serde_json::from_slice::<Json>(got)) {
            // Both in one shape, so that the difference shows.
            (Pattern::Json(_), Ok(json)) => format!("{json:#}"),
            _ => shown(got),
        };
        self.push(what, &pattern.to_string(), &got);
    }

    fn check(&mut self, what: &str, pattern: &Pattern, fits: bool, lines: &[&[u8]]) {
        if !fits {
            let got = match lines {
                [] => "(none)".to_owned(),
                lines => shown_lines(lines.iter().copied()),
            };
            self.push(what, &pattern.to_string(), &got);
        }
    }
}

/// What a line of the access log says of one plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decisions<'e> {
    /// At the request; none if it was not called.
    pub(super) request: Option<&'e str>,
    /// At the response, likewise.
    pub(super) response: Option<&'e str>,
    /// The kind of the exchange's error.
    pub(super) error: Option<&'e str>,
}

impl<'e> Decisions<'e> {
    pub(super) fn of(name: &str, entry: &'e Json) -> Self {
        let plugins = entry["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
        let own = plugins.iter().find(|plugin| plugin["name"] == name).unwrap_or(&Json::Null);
        Self {
            request: own["request"].as_str(),
            response: own["response"].as_str(),
            error: entry["error"]["kind"].as_str(),
        }
    }
}

/// Whether a word of the access log is no decision.
pub(super) fn is_failure(word: &str) -> bool {
    !matches!(word, "continue" | "edit" | "respond" | "replace")
}
