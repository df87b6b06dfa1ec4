//! An answer that the plugin makes itself.

use crate::bindings::imports::wasmgate::plugin::types;
use crate::field::{Field, field};

/// A response made by the plugin.
///
/// ```
/// use plugin_sdk::Reply;
/// let refused = Reply::new(403).text("not from here\n");
/// let moved = Reply::redirect(308, "https://example.com/new");
/// ```
///
/// The host sets `content-length`, and refuses a status outside 200 to 599.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a reply is sent by returning it from the hook"]
pub struct Reply {
    /// 200 to 599.
    pub status: u16,
    /// The field lines, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer with this status and an empty body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Sends the client elsewhere: a status such as 302 or 308 and a `location`.
    pub fn redirect(status: u16, location: impl Into<Vec<u8>>) -> Self {
        Self::new(status).header("location", location)
    }

    /// Adds a field line.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body, and `content-type` to plain UTF-8 text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    pub(crate) fn into_wire(self) -> types::Response {
        let headers: Vec<Field> =
            self.headers.into_iter().map(|(name, value)| field(name, value)).collect();
        types::Response { status: self.status, headers, body: self.body }
    }
}
