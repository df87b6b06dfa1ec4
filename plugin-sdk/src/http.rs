//! Requests of the plugin's own, to hosts that the operator granted.
//!
//! ```
//! use std::time::Duration;
//!
//! use plugin_sdk::{Flow, Reply, Request, Result, http};
//!
//! fn ask(request: &mut Request) -> Result<Flow> {
//!     let cookie = request.header("cookie").unwrap_or_default().to_vec();
//!     let answer = http::Request::get("https://auth.internal:8443/check")
//!         .header("cookie", cookie)
//!         .timeout(Duration::from_millis(500))
//!         .send()?;
//!     match answer.status {
//!         200 => Ok(Flow::Continue),
//!         _ => Ok(Reply::new(401).into()),
//!     }
//! }
//! ```
//!
//! The grant is `capabilities = { http = ["auth.internal:8443"] }`. The hook waits for
//! the answer, other exchanges go on meanwhile. Redirects are not followed, nothing is
//! decompressed, connections are kept for the next request. While the plugin is made
//! ([`Plugin::new`](crate::Plugin::new)) nothing can be sent.

use std::fmt;
use std::time::Duration;

use crate::bindings::imports::wasmgate::plugin::http as wire;
use crate::field::{Field, field};
use crate::host;

/// A request that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    /// Any but CONNECT and TRACE; case matters.
    pub method: String,
    /// `http://` or `https://`, host, port, path and query.
    pub url: String,
    /// The field lines, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// For all of it; the operator's bound holds as well.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A request with this method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request with this body.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", url).body(body)
    }

    /// Adds a field line. Those that frame a message or belong to its connection, and
    /// `host`, are set by the proxy: with one of them the request is
    /// [`Illegal`](Error::Illegal).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Bounds all of it, from the name's resolution to the body's last octet.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// When there is no response.
    pub fn send(self) -> Result<Response, Error> {
        let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let headers: Vec<Field> =
            self.headers.into_iter().map(|(name, value)| field(name, value)).collect();
        let sent = host::http::send(&wire::Request {
            method: self.method,
            url: self.url,
            headers,
            body: self.body,
            timeout_ms: self.timeout.map(millis),
        });
        sent.map(Response::from_wire).map_err(Error::from_wire)
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Any final one: 404 is a response too.
    pub status: u16,
    /// The field lines, in order, with names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body, as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// A response with this status and nothing in it: what a test answers with.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a field line.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first line of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let line = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        line.map(|(_, value)| value.as_slice())
    }

    fn from_wire(wire: wire::Response) -> Self {
        let headers = wire.headers.into_iter().map(|field| (field.name, field.value)).collect();
        Self { status: wire.status, headers, body: wire.body }
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The host and port are not granted, or the address that the name has is not.
    Denied(String),
    /// The request is not one.
    Illegal(String),
    /// No answer in time.
    Timeout,
    /// A response over the operator's bound.
    TooLarge,
    /// The name has no address, nothing listens, TLS fails, or the answer is not HTTP.
    Unreachable(String),
    /// Too many of the plugin's requests are under way.
    Busy,
}

impl Error {
    fn from_wire(wire: wire::HttpError) -> Self {
        match wire {
            wire::HttpError::Denied(why) => Self::Denied(why),
            wire::HttpError::Illegal(why) => Self::Illegal(why),
            wire::HttpError::Timeout => Self::Timeout,
            wire::HttpError::TooLarge => Self::TooLarge,
            wire::HttpError::Unreachable(why) => Self::Unreachable(why),
            wire::HttpError::Busy => Self::Busy,
        }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn into_wire(self) -> wire::HttpError {
        match self {
            Self::Denied(why) => wire::HttpError::Denied(why),
            Self::Illegal(why) => wire::HttpError::Illegal(why),
            Self::Timeout => wire::HttpError::Timeout,
            Self::TooLarge => wire::HttpError::TooLarge,
            Self::Unreachable(why) => wire::HttpError::Unreachable(why),
            Self::Busy => wire::HttpError::Busy,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) => write!(f, "the request is not granted: {why}"),
            Self::Illegal(why) => write!(f, "the request is not one: {why}"),
            Self::Timeout => f.write_str("there was no answer in time"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Unreachable(why) => write!(f, "the host cannot be reached: {why}"),
            Self::Busy => f.write_str("too many requests are under way"),
        }
    }
}

impl std::error::Error for Error {}
