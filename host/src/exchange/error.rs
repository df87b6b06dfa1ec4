//! Why an exchange failed.
//!
//! An [`Error`] says what happened, whose fault it is and whether it may be tried
//! again; `http::respond` alone turns it into a status. Its detail is for the
//! log: a client never sees it.

use std::fmt;

use http::StatusCode;

/// Who caused a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client sent something wrong or left.
    Client,
    /// A plugin failed.
    Plugin,
    /// An endpoint failed.
    Upstream,
    /// wasmgate itself.
    Proxy,
}

impl Side {
    /// The word in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Plugin => "plugin",
            Self::Upstream => "upstream",
            Self::Proxy => "proxy",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident, $word:literal, $side:ident, $status:ident;)*) => {
        /// What happened, one word each: the `error.kind` of the access log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorKind {
            /// Every kind, for counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in the access log and in metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Whose fault it is.
            pub fn side(self) -> Side {
                match self { $(Self::$variant => Side::$side,)* }
            }

            /// The status that the client gets, if it can still get one.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }
        }
    };
}

kinds! {
    /// Malformed or ambiguous.
    BadRequest, "bad_request", Client, BAD_REQUEST;
    /// A method that a reverse proxy does not serve (CONNECT, TRACE).
    MethodNotServed, "method_not_served", Client, METHOD_NOT_ALLOWED;
    /// An expectation other than `100-continue` (RFC 9110, section 10.1.1).
    ExpectationFailed, "expectation_failed", Client, EXPECTATION_FAILED;
    /// The request line is longer than `limits.target_bytes`.
    TargetTooLong, "target_too_long", Client, URI_TOO_LONG;
    /// More header octets or fields than the limits allow.
    HeadersTooLarge, "headers_too_large", Client, REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// More body than `limits.body_bytes`.
    BodyTooLarge, "body_too_large", Client, PAYLOAD_TOO_LARGE;
    /// The head did not arrive within `timeouts.header`.
    HeaderTimeout, "header_timeout", Client, REQUEST_TIMEOUT;
    /// The body stalled for `timeouts.body`.
    BodyTimeout, "body_timeout", Client, REQUEST_TIMEOUT;
    /// The client closed or reset before it had its answer.
    ClientClosed, "client_closed", Client, BAD_REQUEST;
    /// No route matches.
    NoRoute, "no_route", Client, NOT_FOUND;
    /// A TLS handshake that failed; there is no exchange yet.
    ClientTls, "client_tls", Client, BAD_REQUEST;
    /// No connection to any endpoint tried.
    ConnectRefused, "connect_refused", Upstream, BAD_GATEWAY;
    /// No connection within the connect time-out.
    ConnectTimeout, "connect_timeout", Upstream, GATEWAY_TIMEOUT;
    /// The endpoint's name does not resolve.
    Dns, "dns", Upstream, BAD_GATEWAY;
    /// The TLS handshake with the endpoint failed, its certificate included.
    UpstreamTls, "tls", Upstream, BAD_GATEWAY;
    /// The endpoint closed before its response was complete.
    UpstreamClosed, "upstream_closed", Upstream, BAD_GATEWAY;
    /// The endpoint sent something that is not HTTP, or over the limits.
    UpstreamProtocol, "upstream_protocol", Upstream, BAD_GATEWAY;
    /// No response head within the response time-out.
    ResponseTimeout, "response_timeout", Upstream, GATEWAY_TIMEOUT;
    /// A response's body that is larger than a plugin takes.
    ResponseTooLarge, "response_too_large", Plugin, BAD_GATEWAY;
    /// The endpoint's body stalled.
    UpstreamBodyTimeout, "upstream_body_timeout", Upstream, GATEWAY_TIMEOUT;
    /// A plugin trapped, overran a limit, said that it failed, or asked for
    /// something illegal.
    PluginFailed, "plugin_failed", Plugin, SERVICE_UNAVAILABLE;
    /// A plugin that is stopped for failing too often.
    PluginUnavailable, "plugin_unavailable", Plugin, SERVICE_UNAVAILABLE;
    /// A fault of our own.
    Internal, "internal", Proxy, INTERNAL_SERVER_ERROR;
}

/// Why an exchange failed.
#[derive(Debug)]
pub struct Error {
    /// What happened.
    pub kind: ErrorKind,
    /// For the log: what exactly, never shown to a client.
    pub detail: Detail,
}

/// The log's text about an error. Borrowed where it is always the same, so that a
/// flood of bad requests costs no allocation.
pub type Detail = std::borrow::Cow<'static, str>;

impl Error {
    /// An error with what exactly happened.
    pub fn new(kind: ErrorKind, detail: impl Into<Detail>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whose fault it is.
    pub fn side(&self) -> Side {
        self.kind.side()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}

/// The text of an error and all its causes, for a log line.
pub fn chain_text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.contains(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}
