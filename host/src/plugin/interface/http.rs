//! `http`: requests of the plugin's own.
//!
//! What a guest asks for is proven here as far as it is a message: method and
//! fields. Where it may go is for whoever implements [`Outbound`] to say.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};

use super::bindings::wasmgate::plugin::http as wit;
use super::bindings::wasmgate::plugin::log::Level;
use super::bindings::wasmgate::plugin::types::Field;
use crate::exchange::outgoing::{OutgoingError, OutgoingRequest};
use crate::plugin::instance::HostState;
use crate::plugin::running_time::bounded_elsewhere;

/// Sends requests for one plugin, on one worker.
pub trait Outbound: Send + Sync {
    /// How long one hook may wait for all its requests together.
    fn timeout(&self) -> Duration;

    /// Sends one, within its time. Dropping the future ends it.
    fn send(&self, request: OutgoingRequest) -> Answer;
}

/// See [`Outbound::send`].
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send>>;

/// What an instance keeps for its requests to others.
#[derive(Default)]
pub struct Requests {
    /// None = not granted, or the instance is being configured.
    outbound: Option<Arc<dyn Outbound>>,
    /// What the current hook has waited.
    waited: Duration,
    /// What it has waited for the store of a fleet.
    pub(super) store_waited: Duration,
}

/// Bounds on a request's fields, as on a hook's edits.
const FIELDS_MAX: usize = 256;
const FIELDS_BYTES_MAX: usize = 64 * 1024;

impl Requests {
    /// From now on requests can be sent.
    pub fn allow(&mut self, outbound: Arc<dyn Outbound>) {
        self.outbound = Some(outbound);
    }

    /// A new hook: it has all the time again.
    pub fn begin(&mut self) {
        self.waited = Duration::ZERO;
        self.store_waited = Duration::ZERO;
    }
}

impl wit::Host for HostState {
    async fn send(&mut self, request: wit::Request) -> Result<wit::Response, wit::HttpError> {
        let sent = self.send_outgoing(request).await;
        if let Err(wit::HttpError::Denied(text)) = &sent {
            // The remedy is the operator's, who does not see what a plugin makes of it.
            self.log_line(Level::Warn, &format!("a request was denied: {text}"));
        }
        sent
    }
}

impl HostState {
    async fn send_outgoing(
        &mut self,
        request: wit::Request,
    ) -> Result<wit::Response, wit::HttpError> {
        let Some(outbound) = self.requests.outbound.clone() else {
            let text = "requests can be sent from hooks only, and with `capabilities.http`";
            return Err(wit::HttpError::Denied(text.to_owned()));
        };
        let left = outbound.timeout().saturating_sub(self.requests.waited);
        let request = check(request, left).map_err(wit::HttpError::Illegal)?;
        if left.is_zero() {
            return Err(wit::HttpError::Timeout);
        }
        let began = Instant::now();
        let outcome = bounded_elsewhere(outbound.send(request)).await;
        self.requests.waited += began.elapsed();
        outcome.map(response).map_err(error)
    }
}

/// A guest's request, proven; the text says what is wrong with it.
fn check(request: wit::Request, left: Duration) -> Result<OutgoingRequest, String> {
    let wit::Request { method, url, headers, body, timeout_ms } = request;
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| "the method is not one".to_owned())?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(format!("the method {method} cannot be sent"));
    }
    let asked = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
    Ok(OutgoingRequest {
        method,
        url,
        headers: fields(headers)?,
        body: body.into(),
        timeout: asked.map_or(left, |asked| asked.min(left)),
    })
}

fn fields(fields: Vec<Field>) -> Result<HeaderMap, String> {
    let bytes: usize = fields.iter().map(|field| field.name.len() + field.value.len()).sum();
    if fields.len() > FIELDS_MAX || bytes > FIELDS_BYTES_MAX {
        return Err(format!(
            "{} header fields of {bytes} octets; {FIELDS_MAX} of {FIELDS_BYTES_MAX} are the most",
            fields.len()
        ));
    }
    let mut headers = HeaderMap::with_capacity(fields.len());
    for Field { name, value } in fields {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| "the name of a header field is not one".to_owned())?;
        if is_the_hosts(&name) {
            return Err(format!("`{name}` is set by the host"));
        }
        let value = HeaderValue::from_maybe_shared(Bytes::from(value))
            .map_err(|_| format!("the value of `{name}` holds a control character"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What frames a message or belongs to its connection (RFC 9110, section 7.6.1), what
/// the URL says already, and what changes how a message is sent.
fn is_the_hosts(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::CONTENT_LENGTH
            | header::EXPECT
            | header::HOST
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || matches!(name.as_str(), "http2-settings" | "keep-alive" | "proxy-connection")
}

fn response(response: Response<Bytes>) -> wit::Response {
    let (parts, body) = response.into_parts();
    let field = |(name, value): (&HeaderName, &HeaderValue)| Field {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    };
    wit::Response {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(field).collect(),
        body: body.into(),
    }
}

fn error(error: OutgoingError) -> wit::HttpError {
    match error {
        OutgoingError::Denied(text) => wit::HttpError::Denied(text),
        OutgoingError::Illegal(text) => wit::HttpError::Illegal(text),
        OutgoingError::Timeout => wit::HttpError::Timeout,
        OutgoingError::TooLarge => wit::HttpError::TooLarge,
        OutgoingError::Unreachable(text) => wit::HttpError::Unreachable(text),
        OutgoingError::Busy => wit::HttpError::Busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, fields: &[(&str, &str)], timeout_ms: Option<u32>) -> wit::Request {
        let field = |(name, value): &(&str, &str)| Field {
            name: (*name).to_owned(),
            value: value.as_bytes().to_vec(),
        };
        wit::Request {
            method: method.to_owned(),
            url: "http://a/".to_owned(),
            headers: fields.iter().map(field).collect(),
            body: b"body".to_vec(),
            timeout_ms,
        }
    }

    #[test]
    fn a_request_is_taken_as_it_is() {
        let asked = request("PUT", &[("X-A", "1"), ("x-a", "2")], Some(5));
        let checked = check(asked, Duration::from_secs(2)).expect("nothing is wrong with it");
        assert_eq!(checked.method, Method::PUT);
        let lines: Vec<_> = checked.headers.get_all("x-a").iter().collect();
        assert_eq!(lines, ["1", "2"]);
        assert_eq!(&checked.body[..], b"body");
        assert_eq!(checked.timeout, Duration::from_millis(5));
    }

    #[test]
    fn what_is_left_bounds_what_is_asked_for() {
        let left = Duration::from_millis(100);
        for (asked, expected) in [(None, 100), (Some(7), 7), (Some(u32::MAX), 100)] {
            let checked = check(request("GET", &[], asked), left).expect("it is good");
            assert_eq!(checked.timeout, Duration::from_millis(expected));
        }
    }

    #[test]
    fn what_is_no_request_is_not_sent() {
        for (method, fields, why) in [
            ("CONNECT", vec![], "CONNECT"),
            ("TRACE", vec![], "TRACE"),
            ("", vec![], "method"),
            ("GET /", vec![], "method"),
            ("GET\r\n", vec![], "method"),
            ("GET", vec![("", "1")], "name"),
            ("GET", vec![(":path", "/")], "name"),
            ("GET", vec![("x y", "1")], "name"),
            ("GET", vec![("x\r\ny", "1")], "name"),
            ("GET", vec![("x", "a\r\nb: c")], "control character"),
            ("GET", vec![("x", "a\0")], "control character"),
            ("GET", vec![("x", "a\nb")], "control character"),
            ("GET", vec![("Host", "evil")], "host"),
            ("GET", vec![("content-length", "0")], "host"),
            ("GET", vec![("Transfer-Encoding", "chunked")], "host"),
            ("GET", vec![("connection", "close")], "host"),
            ("GET", vec![("upgrade", "h2c")], "host"),
            ("GET", vec![("te", "trailers")], "host"),
            ("GET", vec![("keep-alive", "1")], "host"),
            ("GET", vec![("proxy-connection", "close")], "host"),
            ("GET", vec![("expect", "100-continue")], "host"),
            ("GET", vec![("x", "y"); FIELDS_MAX + 1], "the most"),
        ] {
            let error = check(request(method, &fields, None), Duration::MAX).expect_err(why);
            assert!(error.contains(why), "{method:?} {fields:?}: {error}");
        }
        let large = "x".repeat(FIELDS_BYTES_MAX);
        assert!(check(request("GET", &[("x", &large)], None), Duration::MAX).is_err());
    }
}
