//! A request of a plugin's own: what the plugin asks for, and what may come of it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use thiserror::Error;

/// What a plugin wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// Not CONNECT.
    pub method: Method,
    /// As the plugin wrote it: nothing of it is proven.
    pub url: String,
    /// Without what frames a message or belongs to its connection.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// For all of it.
    pub timeout: Duration,
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OutgoingError {
    /// The host, or the address that it has, is not granted.
    #[error("denied: {0}")]
    Denied(String),
    /// The request is not one.
    #[error("illegal: {0}")]
    Illegal(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// A body over the operator's bound.
    #[error("the response's body is too large")]
    TooLarge,
    /// No address, no connection, or no HTTP.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Too many requests are under way.
    #[error("too many requests are under way")]
    Busy,
}
