//! Cases as TOML: what [`replay`](super::replay) makes of a log.

use std::fmt::Write as _;

use http::{HeaderMap, Version};
use toml::{Table, Value};

use super::{Act, Case, Client, Expect, Pattern, Request, Upstream};

/// One `[[case]]` with everything that a log can tell.
///
/// None for a case that no log tells of.
pub fn case(case: &Case) -> Option<String> {
    let Act::Exchange(step) = &case.act else { return None };
    let mut text = String::from("[[case]]\n");
    line(&mut text, "name", &Value::from(case.name.as_str()));
    line(&mut text, "request", &Value::Table(request(&step.request)));
    if let Some(upstream) = upstream(&step.upstream) {
        line(&mut text, "upstream", &Value::Table(upstream));
    }
    line(&mut text, "expect", &Value::Table(expect(&step.expect)));
    Some(text)
}

/// `key = value`, tables in one line.
fn line(text: &mut String, key: &str, value: &Value) {
    // Writing to a string cannot fail. A value shows itself as it stands in a file.
    let _ = writeln!(text, "{key} = {value}");
}

fn request(request: &Request) -> Table {
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| drop(table.insert(key.to_owned(), value));
    put("method", request.method.as_str().into());
    put("target", request.target.as_str().into());
    match &request.host {
        Some(host) => put("host", host.as_str().into()),
        None => put("host", false.into()),
    }
    if !request.headers.is_empty() {
        put("headers", Value::Table(headers(&request.headers)));
    }
    if let Some(client) = request.client {
        let client = match client {
            Client::Ip(ip) => ip.to_string(),
            Client::Socket(socket) => socket.to_string(),
        };
        put("client", client.into());
        if request.https {
            put("scheme", "https".into());
        }
    }
    match request.version {
        Version::HTTP_2 => put("version", "HTTP/2".into()),
        Version::HTTP_10 => put("version", "HTTP/1.0".into()),
        _ => {}
    }
    table
}

fn headers(headers: &HeaderMap) -> Table {
    let mut table = Table::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let mut values: Vec<Value> = values.map(Value::from).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        table.insert(name.as_str().to_owned(), value);
    }
    table
}

/// None = the default.
fn upstream(upstream: &Upstream) -> Option<Table> {
    let (key, value) = match upstream {
        Upstream::Close => ("close", Value::from(true)),
        Upstream::Answer { status, .. } if status.as_u16() == 200 => return None,
        Upstream::Answer { status, .. } => ("status", i64::from(status.as_u16()).into()),
    };
    Some([(key.to_owned(), value)].into_iter().collect())
}

fn expect(expect: &Expect) -> Table {
    let mut table = Table::new();
    let words = |words: &[String]| match words {
        [] => Value::from(false),
        [word] => Value::from(word.as_str()),
        several => Value::from(several.to_vec()),
    };
    for (key, value) in
        [("decision", &expect.decision), ("response_decision", &expect.response_decision)]
    {
        if let Some(value) = value {
            table.insert(key.to_owned(), words(value));
        }
    }
    if let Some([status]) = expect.status.as_deref() {
        table.insert("status".to_owned(), i64::from(*status).into());
    }
    let texts = expect.annotations.iter().filter_map(|(key, pattern)| match pattern {
        Pattern::Is(value) => {
            Some((key.clone(), String::from_utf8_lossy(value).into_owned().into()))
        }
        _ => None,
    });
    let annotations: Table = texts.collect();
    if !annotations.is_empty() {
        table.insert("annotations".to_owned(), Value::Table(annotations));
    }
    table
}
