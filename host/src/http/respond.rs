//! The one mapping of an error to a response, and what a response must lose on
//! its way to the client.

use bytes::Bytes;
use http::header::{self, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};

use super::head::strip_connection;
use crate::exchange::{Error, Exchange, ResponseHead};

/// What tells a client which software runs behind the proxy.
const IDENTIFYING: [HeaderName; 4] = [
    header::SERVER,
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-aspnet-version"),
    HeaderName::from_static("x-aspnetmvc-version"),
];

/// The response to an exchange that failed: its status, and the request's id for
/// asking the operator about it. What exactly happened is for the log alone.
pub fn error(error: &Error, exchange: &Exchange) -> (ResponseHead, Bytes) {
    let status = error.kind.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    let id = String::from_utf8_lossy(exchange.request_id.as_bytes());
    let body = format!("{} {reason}\nrequest {id}\n", status.as_u16());
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        headers.insert(header::ALLOW, allowed);
    }
    (ResponseHead { status, headers }, Bytes::from(body))
}

/// Removes what belongs to the connection with the endpoint, and what identifies
/// the endpoint unless the operator lets it `expose` that.
pub fn strip(headers: &mut HeaderMap, expose: &[HeaderName]) -> Option<HeaderValue> {
    let (upgrade, _) = strip_connection(headers, Version::HTTP_11);
    for name in IDENTIFYING {
        if !expose.contains(&name) {
            headers.remove(name);
        }
    }
    upgrade
}
