//! The exchange that the current hook is about: what was not subscribed to, the
//! values kept for later, and the notes for the access log.
//!
//! Every function here is one call to the host. [`Request`](crate::Request) and
//! [`Response`](crate::Response) remember what they asked and answer subscribed
//! fields without asking; use them where they have the method.

use crate::bindings::imports::wasmgate::plugin::annotate::AnnotateError;
use crate::bindings::imports::wasmgate::plugin::exchange::{ValueError, Visibility};
use crate::{Error, Field, Result, host};

/// Who may read a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// This plugin only.
    Own,
    /// This plugin and those called after it.
    Later,
}

/// The identifier that the access log shows and the endpoint gets.
pub fn request_id() -> String {
    host::exchange::request_id()
}

/// The method, as sent.
pub fn method() -> String {
    host::exchange::method()
}

/// `http` or `https`, as the client sees it.
pub fn scheme() -> String {
    host::exchange::scheme()
}

/// Host and optional port.
pub fn authority() -> String {
    host::exchange::authority()
}

/// Path and query, with the edits of earlier plugins.
pub fn target() -> String {
    host::exchange::target()
}

/// The target exactly as the client sent it.
pub fn raw_target() -> String {
    host::exchange::raw_target()
}

/// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
pub fn http_version() -> String {
    host::exchange::http_version()
}

/// The route's name.
pub fn route() -> String {
    host::exchange::route()
}

/// The cluster that the exchange goes to, as far as known.
pub fn cluster() -> Option<String> {
    host::exchange::cluster()
}

/// The URL of the endpoint that answered; none before one has, and if none did.
pub fn endpoint() -> Option<String> {
    host::exchange::endpoint()
}

/// One request field, its lines joined by `, ` (`cookie`: by `; `).
pub fn request_header(name: &str) -> Option<Vec<u8>> {
    host::exchange::request_header(name)
}

/// The lines of one request field, in order.
pub fn request_header_lines(name: &str) -> Vec<Vec<u8>> {
    host::exchange::request_header_lines(name)
}

/// All request fields; the order of lines of one name is kept.
pub fn request_headers() -> Vec<Field> {
    host::exchange::request_headers()
}

/// The response's status; none before there is a response.
pub fn status() -> Option<u16> {
    host::exchange::status()
}

/// One response field, its lines joined (`set-cookie`: only the first line).
pub fn response_header(name: &str) -> Option<Vec<u8>> {
    host::exchange::response_header(name)
}

/// The lines of one response field, in order.
pub fn response_header_lines(name: &str) -> Vec<Vec<u8>> {
    host::exchange::response_header_lines(name)
}

/// All response fields; the order of lines of one name is kept.
pub fn response_headers() -> Vec<Field> {
    host::exchange::response_headers()
}

/// A value that this plugin kept earlier in this exchange.
pub fn value(name: &str) -> Option<Vec<u8>> {
    host::exchange::value(name)
}

/// A value that an earlier plugin, by its configured name, let later ones read.
pub fn value_of(plugin: &str, name: &str) -> Option<Vec<u8>> {
    host::exchange::value_of(plugin, name)
}

/// Keeps a value until the exchange is over.
///
/// # Errors
/// The plugin's values for this exchange would exceed 64 KiB or 64 entries, or
/// no exchange is being handled.
pub fn set_value(name: &str, value: impl AsRef<[u8]>, visible: Visible) -> Result<()> {
    let visible = match visible {
        Visible::Own => Visibility::Own,
        Visible::Later => Visibility::Later,
    };
    host::exchange::set_value(name, value.as_ref(), visible).map_err(|error| {
        Error::new(match error {
            ValueError::Quota => "the plugin's values for one exchange exceed their quota",
            ValueError::NoExchange => "there is no exchange to keep a value for",
        })
    })
}

/// Puts a key and a value into the access log, under the plugin's name. A second
/// value for one key replaces the first.
///
/// # Errors
/// More than 32 annotations or 8 KiB on this exchange, or no exchange is being
/// handled.
pub fn annotate(key: &str, value: &str) -> Result<()> {
    host::annotate::annotate(key, value).map_err(|error| {
        Error::new(match error {
            AnnotateError::Quota => "the plugin's annotations of one exchange exceed their quota",
            AnnotateError::NoExchange => "there is no exchange to annotate",
        })
    })
}
