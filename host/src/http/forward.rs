//! What the endpoint is told about the client: `X-Forwarded-*`, `Forwarded`
//! (RFC 7239), `Via` (RFC 9110, section 7.6.3), the request id.
//!
//! A client's own are not believed: they are removed before the first plugin sees
//! the request, unless the peer is a trusted proxy, whose list is continued.

use std::cell::RefCell;
use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, TE, VIA};

use super::head::X_REQUEST_ID;
use crate::exchange::{Exchange, Scheme};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What endpoints commonly believe about the client.
const CLAIMS: [HeaderName; 9] = [
    FORWARDED,
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
    X_REQUEST_ID,
];

/// Removes what an untrusted client claims.
pub fn remove_claims(headers: &mut HeaderMap) {
    for name in CLAIMS {
        headers.remove(name);
    }
}

/// The last `Forwarded` element of a connection: its exchanges nearly always ask
/// for one host.
#[derive(Default)]
pub struct ForwardedCache(RefCell<Option<(HeaderValue, Scheme, HeaderValue)>>);

impl ForwardedCache {
    fn element(&self, exchange: &Exchange) -> HeaderValue {
        let mut last = self.0.borrow_mut();
        if let Some((host, scheme, element)) = &*last
            && *host == exchange.asked_authority
            && *scheme == exchange.scheme
        {
            return element.clone();
        }
        let element = element(exchange);
        *last = Some((exchange.asked_authority.clone(), exchange.scheme, element.clone()));
        element
    }
}

/// Adds what the endpoint is to know. `trusted`: the peer's claims are continued.
pub fn add(
    exchange: &Exchange,
    headers: &mut HeaderMap,
    trusted: bool,
    trailers: bool,
    cache: &ForwardedCache,
) {
    let proto = match exchange.scheme {
        Scheme::Http => HeaderValue::from_static("http"),
        Scheme::Https => HeaderValue::from_static("https"),
    };
    let peer = &exchange.connection.peer_value;
    if trusted {
        append(headers, X_FORWARDED_FOR, peer);
        if headers.contains_key(FORWARDED) {
            append(headers, FORWARDED, &element(exchange));
        } else {
            insert(headers, FORWARDED, cache.element(exchange));
        }
        if !headers.contains_key(X_FORWARDED_HOST) {
            insert(headers, X_FORWARDED_HOST, exchange.asked_authority.clone());
        }
    } else {
        insert(headers, X_FORWARDED_FOR, peer.clone());
        insert(headers, FORWARDED, cache.element(exchange));
        insert(headers, X_FORWARDED_HOST, exchange.asked_authority.clone());
    }
    insert(headers, X_FORWARDED_PROTO, proto);
    insert(headers, X_REQUEST_ID, exchange.request_id.clone());
    let via = match exchange.version {
        http::Version::HTTP_2 => HeaderValue::from_static("2.0 wasmgate"),
        http::Version::HTTP_10 => HeaderValue::from_static("1.0 wasmgate"),
        _ => HeaderValue::from_static("1.1 wasmgate"),
    };
    // `try_`: a map has a greatest size, and reaching it must not panic.
    let _ = headers.try_append(VIA, via);
    if trailers {
        insert(headers, TE, HeaderValue::from_static("trailers"));
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _ = headers.try_insert(name, value);
}

/// Continues a list: all its lines become one.
fn append(headers: &mut HeaderMap, name: HeaderName, last: &HeaderValue) {
    let mut list = Vec::new();
    for line in headers.get_all(&name).iter().chain(std::iter::once(last)) {
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(line.as_bytes());
    }
    if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(list)) {
        insert(headers, name, value);
    }
}

/// One element of `Forwarded`.
fn element(exchange: &Exchange) -> HeaderValue {
    let node = match exchange.connection.peer.ip().to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let host = String::from_utf8_lossy(exchange.asked_authority.as_bytes());
    let proto = exchange.scheme.as_str();
    // A port's colon is no token character (RFC 7239, section 4).
    let text = match host.contains([':', '[']) {
        true => format!("for={node};host=\"{host}\";proto={proto}"),
        false => format!("for={node};host={host};proto={proto}"),
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("for=unknown"))
}
