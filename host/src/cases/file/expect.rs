//! `expect`: what must come of an exchange.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::RegexBuilder;
use serde_json::Value as Json;
use toml::de::DeValue;

use crate::cases::{Expect, ExpectRequest, ExpectUpstream, Pattern};
use crate::config::document::{Table, Value};
use crate::config::scalar::{self, Invalid};
use crate::config::secret;

/// Octets that one compiled expression may take.
const REGEX_SIZE: usize = 1 << 20;

pub(super) fn expect(value: Option<&Value<'_>>) -> Expect {
    let Some(mut table) = value.and_then(|value| value.table("expect = { … }")) else {
        return Expect::default();
    };
    let expect = Expect {
        decision: words(&mut table, "decision", &REQUEST),
        response_decision: words(&mut table, "response_decision", &RESPONSE),
        failure: words(&mut table, "failure", &FAILURES),
        error: words(&mut table, "error", &[]),
        status: table.get("status").and_then(|value| statuses(&value)),
        headers: fields(&mut table, "headers"),
        body: table.get("body").and_then(|value| pattern(&value)),
        trailers: fields(&mut table, "trailers"),
        annotations: entries(&mut table, "annotations", |_| Ok(())),
        route: table.get("route").and_then(|value| pattern(&value)),
        cluster: table.get("cluster").and_then(|value| pattern(&value)),
        log: table.get("log").map(|value| log(&value)).unwrap_or_default(),
        upstream: table.get("upstream").and_then(|value| upstream(&value)),
    };
    table.finish();
    expect
}

/// The words of the access log.
const FAILURES: [&str; 7] = ["trap", "deadline", "memory", "busy", "illegal", "fail", "stopped"];
const REQUEST: [&str; 3] = ["continue", "edit", "respond"];
const RESPONSE: [&str; 3] = ["continue", "edit", "replace"];

/// A word, a list of words of which one must be it, or `false` for none at all. With
/// none to choose from any word will do.
fn words(
    table: &mut Table<'_>,
    key: &'static str,
    of_hook: &[&'static str],
) -> Option<Vec<String>> {
    let value = table.get(key)?;
    if matches!(value.inner, DeValue::Boolean(_)) {
        return match value.boolean() {
            Some(false) => Some(Vec::new()),
            _ => {
                value.error("write which, or `false` for none");
                None
            }
        };
    }
    let all = of_hook.iter().chain(&FAILURES);
    let mut choices: Vec<(&str, String)> = all.map(|word| (*word, (*word).to_owned())).collect();
    choices.dedup_by(|one, other| one.0 == other.0);
    let one = |value: &Value<'_>| match of_hook {
        [] => value.text("a word of the access log").map(str::to_owned),
        _ => value.choice(&choices),
    };
    match value.is_list() {
        true => Some(value.list("a list of words")?.iter().filter_map(one).collect()),
        false => one(&value).map(|word| vec![word]),
    }
}

fn statuses(value: &Value<'_>) -> Option<Vec<u16>> {
    let one = |value: &Value<'_>| value.number(100..=999);
    match value.is_list() {
        true => Some(value.list("a list of statuses")?.iter().filter_map(one).collect()),
        false => one(value).map(|status| vec![status]),
    }
}

fn upstream(value: &Value<'_>) -> Option<ExpectUpstream> {
    if matches!(value.inner, DeValue::Boolean(_)) {
        return match value.boolean() {
            Some(false) => Some(ExpectUpstream::Nothing),
            _ => {
                value.error("write what the endpoint must get, or `false` for nothing");
                None
            }
        };
    }
    let mut table = value.table("upstream = { … }")?;
    let mut one = |key| table.get(key).and_then(|value| pattern(&value));
    let (method, target, host, body) = (one("method"), one("target"), one("host"), one("body"));
    let headers = fields(&mut table, "headers");
    let trailers = fields(&mut table, "trailers");
    table.finish();
    let request = ExpectRequest { method, target, host, headers, body, trailers };
    Some(ExpectUpstream::Request(Box::new(request)))
}

/// One text or several, each of which must be there.
fn log(value: &Value<'_>) -> Vec<Pattern> {
    let part = |value: &Value<'_>| match value.as_text() {
        // Of a line a part is enough.
        Some(text) => Some(Pattern::Contains(text.to_owned())),
        None => alternative(value, &["contains", "matches"]),
    };
    match value.is_list() {
        true => value.list("a list").unwrap_or_default().iter().filter_map(part).collect(),
        false => part(value).into_iter().collect(),
    }
}

fn fields(table: &mut Table<'_>, key: &'static str) -> Vec<(String, Pattern)> {
    entries(table, key, |name| scalar::header_name(name).map(|_| ()))
}

fn entries(
    table: &mut Table<'_>,
    key: &'static str,
    check: impl Fn(&str) -> Result<(), Invalid>,
) -> Vec<(String, Pattern)> {
    let Some(inner) = table.get(key).and_then(|value| value.table("a table")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, span, value) in inner.entries() {
        if let Err(invalid) = check(name) {
            Value { span, ..value }.invalid(invalid);
            continue;
        }
        let name = if key == "annotations" { name.to_owned() } else { name.to_ascii_lowercase() };
        found.extend(pattern(&value).map(|pattern| (name, pattern)));
    }
    found
}

/// A reason: a part of it is enough.
pub(super) fn text(value: &Value<'_>) -> Option<Pattern> {
    match value.as_text() {
        Some(text) => Some(Pattern::Contains(text.to_owned())),
        None => alternative(value, &["contains", "matches"]),
    }
}

/// A string, a list of strings, `true`, `false`, or one of the tables.
fn pattern(value: &Value<'_>) -> Option<Pattern> {
    if let Some(text) = value.as_text() {
        return Some(Pattern::Is(text.as_bytes().to_vec()));
    }
    if matches!(value.inner, DeValue::Boolean(_)) {
        return value.boolean().map(|there| if there { Pattern::Present } else { Pattern::Absent });
    }
    if value.is_list() {
        let lines = value.list("a list of strings")?;
        let lines = lines.iter().filter_map(super::octets).collect();
        return Some(Pattern::Lines(lines));
    }
    alternative(value, &["base64", "contains", "matches", "json"])
}

/// A table with one of these keys.
pub(super) fn alternative(value: &Value<'_>, keys: &[&'static str]) -> Option<Pattern> {
    let shapes: Vec<String> = keys.iter().map(|key| format!("{{ {key} = … }}")).collect();
    let expected = format!("a string or {}", shapes.join(", "));
    let DeValue::Table(entries) = value.inner else {
        value.mistyped(&expected);
        return None;
    };
    let mut table = value.table(&expected)?;
    let mut found = None;
    for key in keys {
        if let Some(inner) = table.get(key) {
            found = Some((*key, inner));
        }
    }
    table.finish();
    match found {
        Some((key, inner)) if entries.len() == 1 => one(key, &inner),
        Some(_) => {
            value.error("this takes one key alone");
            None
        }
        None if entries.is_empty() => {
            value.mistyped(&expected);
            None
        }
        // The unknown key has been reported.
        None => None,
    }
}

fn one(key: &str, value: &Value<'_>) -> Option<Pattern> {
    match key {
        "base64" => value.parse("a string", base64).map(Pattern::Is),
        "contains" => value.text("a string").map(|text| Pattern::Contains(text.to_owned())),
        "matches" => value.parse("a regular expression", regex).map(Pattern::Matches),
        _ => json(value).map(Pattern::Json),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, Invalid> {
    STANDARD.decode(text).map_err(|error| Invalid::new(format!("not Base64: {error}")))
}

fn regex(text: &str) -> Result<regex::bytes::Regex, Invalid> {
    let anchored = format!(r"\A(?:{text})\z");
    // Alone first: what closes the group would anchor something else.
    let built = RegexBuilder::new(text).size_limit(REGEX_SIZE).build();
    built.and_then(|_| RegexBuilder::new(&anchored).size_limit(REGEX_SIZE).build()).map_err(
        |error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Invalid::new(format!("not a regular expression: {why}"))
        },
    )
}

/// TOML as JSON: a table, or a string that holds a document.
fn json(value: &Value<'_>) -> Option<Json> {
    if let Some(text) = value.as_text() {
        return match serde_json::from_str(text) {
            Ok(json) => Some(json),
            Err(error) => {
                value.error(format_args!("not JSON: {error}"));
                None
            }
        };
    }
    match value.inner {
        DeValue::Table(_) => secret::config(value).map(Json::Object),
        _ => {
            value.mistyped("a table, or a string with a JSON document");
            None
        }
    }
}
