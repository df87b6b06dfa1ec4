//! From the lines of an access log to cases.
//!
//! A line has the request's method, host, path, client and protocol, and of its
//! fields those that `access_log.request_headers` names; bodies it never has. What
//! the endpoint answered is the status that the client got, unless a plugin made
//! that.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use serde_json::Value as Json;

use super::compare::{Decisions, is_failure};
use super::{Act, Case, Client, Content, Expect, Pattern, Request, Step, Upstream};
use crate::config::Plugin;

/// An exchange that was logged.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The request, and as expected what was logged.
    pub case: Case,
    /// Whether the log has fields of the request.
    pub has_headers: bool,
    /// Whether the request had a body, which no log has.
    pub had_body: bool,
}

/// Why a line is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skipped {
    /// Not a JSON object.
    NotJson,
    /// Refused before there was a request.
    NoRequest,
    /// The plugin was not called, or is called otherwise in this log.
    NotThisPlugin,
    /// The client left, so that nobody knows what would have been decided.
    CutShort,
    /// A method or a target that a client does not send.
    NotReplayable,
}

impl Skipped {
    /// After a number of lines: `3 lines were …`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "no JSON objects",
            Self::NoRequest => "without a request",
            Self::NotThisPlugin => "without this plugin",
            Self::CutShort => "cut short by the client",
            Self::NotReplayable => "not to be sent again",
        }
    }
}

/// What a line, the `number`th of its log, tells of the plugin, which in the log is
/// called `name`; with none, as here or as the only one in the line.
///
/// # Errors
///
/// Why it tells nothing.
pub fn logged(
    line: &[u8],
    number: usize,
    plugin: &Plugin,
    name: Option<&str>,
) -> Result<Logged, Skipped> {
    let entry: Json = serde_json::from_slice(line).map_err(|_| Skipped::NotJson)?;
    if !entry.is_object() {
        return Err(Skipped::NotJson);
    }
    if entry["method"].is_null() || entry["path"].is_null() {
        return Err(Skipped::NoRequest);
    }
    let name = name_in(&entry, &plugin.name, name).ok_or(Skipped::NotThisPlugin)?;
    let decided = Decisions::of(name, &entry);
    if decided.error == Some("client_closed") {
        return Err(Skipped::CutShort);
    }
    let request = request(&entry).ok_or(Skipped::NotReplayable)?;
    let host = request.host.clone().unwrap_or_default();
    let shown = format!("line {number}: {} {host}{}", request.method, request.target);
    let step = Step {
        wait: std::time::Duration::ZERO,
        times: 1,
        upstream: upstream(&entry, decided),
        expect: expect(&entry, name, decided),
        request,
    };
    Ok(Logged {
        has_headers: entry["request_headers"].is_object(),
        had_body: entry["bytes_in"].as_u64().is_some_and(|octets| octets > 0),
        case: Case {
            name: title(&shown),
            plugin: plugin.clone(),
            act: Act::Exchange(Box::new(step)),
        },
    })
}

/// What the plugin is called in a line.
fn name_in<'e>(entry: &'e Json, here: &str, given: Option<&str>) -> Option<&'e str> {
    let plugins = entry["plugins"].as_array()?;
    let mut names = plugins.iter().filter_map(|plugin| plugin["name"].as_str());
    match (given, plugins.len()) {
        (Some(given), _) => names.find(|name| *name == given),
        (None, 1) => names.next(),
        (None, _) => names.find(|name| *name == here),
    }
}

fn request(entry: &Json) -> Option<Request> {
    let text = |key: &str| entry[key].as_str();
    let method = Method::from_bytes(text("method")?.as_bytes()).ok()?;
    if method == Method::CONNECT {
        return None;
    }
    let target = text("path")?;
    let parsed: http::uri::PathAndQuery = target.parse().ok()?;
    let version = match text("protocol") {
        Some("HTTP/2.0") => Version::HTTP_2,
        Some("HTTP/1.0") => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let host = text("host").map(str::to_owned);
    if host.is_none() && version != Version::HTTP_10 {
        return None;
    }
    Some(Request {
        method,
        target: parsed.as_str().to_owned(),
        host,
        headers: headers(&entry["request_headers"]),
        content: Content::default(),
        client: text("client").and_then(client),
        https: text("tls").is_some(),
        version,
    })
}

/// Port 0 stands for none.
fn client(text: &str) -> Option<Client> {
    let socket: std::net::SocketAddr = text.parse().ok()?;
    Some(if socket.port() == 0 { Client::Ip(socket.ip()) } else { Client::Socket(socket) })
}

/// Fields that were logged: a value, or a list of values.
fn headers(logged: &Json) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, values) in logged.as_object().into_iter().flatten() {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let several = values.as_array().map(Vec::as_slice);
        for value in several.unwrap_or(std::slice::from_ref(values)) {
            let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
            if let Some(value) = value {
                let _ = map.try_append(name.clone(), value);
            }
        }
    }
    map
}

/// What the endpoint did, as far as the line tells.
fn upstream(entry: &Json, decided: Decisions<'_>) -> Upstream {
    if entry["error"]["side"] == "upstream" {
        return Upstream::Close;
    }
    let own = matches!(decided.response, Some("replace")) || decided.error.is_some();
    let status = entry["status"].as_u64().filter(|_| !own);
    let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
    match status.filter(|status| status.as_u16() >= 200) {
        Some(status) => {
            Upstream::Answer { status, headers: HeaderMap::new(), content: Content::default() }
        }
        None => Upstream::default(),
    }
}

fn expect(entry: &Json, name: &str, decided: Decisions<'_>) -> Expect {
    let words = |word: Option<&str>| Some(word.map(str::to_owned).into_iter().collect());
    // Of other statuses the endpoint of a replay only repeats what it is told.
    let decides = matches!(decided.request, Some("respond"))
        || matches!(decided.response, Some("replace"))
        || [decided.request, decided.response].into_iter().flatten().any(is_failure);
    let status = entry["status"].as_u64().filter(|_| decides);
    let annotations = entry["annotations"][name].as_object().into_iter().flatten();
    let annotations = annotations.filter_map(|(key, value)| {
        Some((key.clone(), Pattern::Is(value.as_str()?.as_bytes().to_vec())))
    });
    Expect {
        decision: words(decided.request),
        response_decision: words(decided.response),
        status: status.and_then(|status| u16::try_from(status).ok()).map(|status| vec![status]),
        annotations: annotations.collect(),
        ..Expect::default()
    }
}

/// As a name of a case may be.
fn title(text: &str) -> String {
    const LENGTH_MAX: usize = 200;
    let mut title = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if title.len() >= LENGTH_MAX {
            title.push('…');
            break;
        }
        title.push(c);
    }
    title
}
