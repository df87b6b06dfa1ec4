//! `request` and `upstream`: what is sent, from either side.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use super::octets;
use crate::cases::{Client, Content, Request, Upstream};
use crate::config::document::{Table, Value};
use crate::config::scalar::{self, Invalid};

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::GET,
            target: "/".to_owned(),
            host: Some("localhost".to_owned()),
            headers: HeaderMap::new(),
            content: Content::default(),
            client: None,
            https: false,
            version: Version::HTTP_11,
        }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self::Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            content: Content::default(),
        }
    }
}

pub(super) fn request(value: Option<&Value<'_>>) -> Request {
    let default = Request::default();
    let Some(mut table) = value.and_then(|value| value.table("request = { … }")) else {
        return default;
    };
    let version = table.or("version", default.version, |value| {
        value.choice(&[
            ("HTTP/1.0", Version::HTTP_10),
            ("HTTP/1.1", Version::HTTP_11),
            ("HTTP/2", Version::HTTP_2),
        ])
    });
    let client = table.get("client");
    let https = table.get("scheme");
    if let (None, Some(scheme)) = (&client, &https) {
        scheme.invalid(
            Invalid::new("only a trusted proxy can say so").help("give the request a `client` too"),
        );
    }
    let request = Request {
        method: table.or("method", default.method, |value| value.parse("a method", method)),
        target: table.or("target", default.target, |value| value.parse("a string", target)),
        host: host(&mut table, default.host, version),
        headers: table.get("headers").map(|value| fields(&value)).unwrap_or_default(),
        content: content(&mut table),
        client: client.and_then(|value| value.parse("an address", self::client)),
        https: https
            .and_then(|value| value.choice(&[("http", false), ("https", true)]))
            .unwrap_or_default(),
        version,
    };
    table.finish();
    request
}

pub(super) fn upstream(value: Option<&Value<'_>>) -> Upstream {
    let Some(mut table) = value.and_then(|value| value.table("upstream = { … }")) else {
        return Upstream::default();
    };
    let closes = table.or("close", false, |value| value.boolean());
    let status = table
        .or("status", StatusCode::OK, |value| StatusCode::from_u16(value.number(200..=999)?).ok());
    let headers = table.get("headers").map(|value| fields(&value)).unwrap_or_default();
    let content = content(&mut table);
    table.finish();
    if closes { Upstream::Close } else { Upstream::Answer { status, headers, content } }
}

/// As it is: whatever `http` takes, methods of one's own included.
fn method(text: &str) -> Result<Method, Invalid> {
    Method::from_bytes(text.as_bytes())
        .ok()
        .filter(|method| *method != Method::CONNECT)
        .ok_or_else(|| Invalid::new(format!("`{}` is no method for a test", text.escape_debug())))
}

fn target(text: &str) -> Result<String, Invalid> {
    let invalid = |help: &str| {
        Err(Invalid::new(format!("`{}` is not a request target", text.escape_debug())).help(help))
    };
    if text != "*" && !text.starts_with('/') {
        return invalid("write path and query, such as \"/a?b=c\"; the host is a key of its own");
    }
    match text.parse::<http::uri::PathAndQuery>() {
        Ok(parsed) if parsed.as_str() == text => Ok(text.to_owned()),
        _ => invalid("write it as it is sent: other octets percent-encoded, no fragment"),
    }
}

/// `host = false` sends none, which only HTTP/1.0 allows.
fn host(table: &mut Table<'_>, default: Option<String>, version: Version) -> Option<String> {
    let Some(value) = table.get("host") else { return default };
    if value.as_text().is_some() {
        let host = value.parse("a host", |text| scalar::authority(text).map(|_| text.to_owned()));
        return host.or(default);
    }
    match value.boolean() {
        Some(false) if version == Version::HTTP_10 => None,
        Some(_) => {
            value.error(
                "a request has a host; only one with `version = \"HTTP/1.0\"` may have `false`",
            );
            default
        }
        None => default,
    }
}

fn client(text: &str) -> Result<Client, Invalid> {
    let ip = text.parse().map(Client::Ip);
    ip.or_else(|_| text.parse().map(Client::Socket)).map_err(|_| {
        Invalid::new(format!("`{}` is not an address", text.escape_debug()))
            .help("write one such as \"203.0.113.7\", \"203.0.113.7:1234\" or \"2001:db8::7\"")
    })
}

fn content(table: &mut Table<'_>) -> Content {
    Content {
        body: table.get("body").and_then(|value| octets(&value)).unwrap_or_default(),
        trailers: table.get("trailers").map(|value| fields(&value)).unwrap_or_default(),
    }
}

/// A table of fields: a value, or a list of values.
fn fields(value: &Value<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    let Some(table) = value.table("headers = { NAME = \"VALUE\" }") else { return map };
    for (key, span, value) in table.entries() {
        let named = Value { span, ..value.clone() };
        let name = scalar::header_name(key).map_err(|invalid| named.invalid(invalid)).ok();
        let name = name.and_then(|name| HeaderName::try_from(name).ok());
        if let Some(name) = &name
            && let Some(why) = not_here(name)
        {
            named.error(why);
            continue;
        }
        let values = match value.is_list() {
            true => value.list("a list of values").unwrap_or_default(),
            false => vec![value],
        };
        for value in values {
            let Some(octets) = octets(&value) else { continue };
            match (&name, HeaderValue::from_bytes(&octets)) {
                (Some(name), Ok(value)) => {
                    // A map has a greatest size; no file of a person reaches it.
                    let _ = map.try_append(name.clone(), value);
                }
                (_, Err(_)) => {
                    value.error("a value holds no line ends and no other control characters")
                }
                (None, Ok(_)) => {}
            }
        }
    }
    map
}

/// Fields that the message's own keys make.
fn not_here(name: &HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "host" => Some("write `host = \"…\"` beside `headers`"),
        "content-length" | "transfer-encoding" | "trailer" => {
            Some("this follows from `body` and `trailers`")
        }
        "connection" | "upgrade" => Some("connections are the test's own"),
        _ => None,
    }
}
