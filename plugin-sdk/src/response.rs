//! The response as a plugin sees it.

use std::rc::Rc;

use crate::asked::Asked;
use crate::bindings::imports::wasmgate::plugin::types::ResponseEdits;
use crate::bindings::response::Decision;
use crate::field::{Fields, HeaderEdits};
use crate::{Field, Reply, exchange};

/// The head of a response, and the changes to be made to it.
///
/// The readers show the response as it arrived at this plugin. What is known of
/// the request is in [`exchange`].
pub struct Response {
    status: u16,
    fields: Fields,
    new_status: Option<u16>,
    headers: HeaderEdits,
    replacement: Option<Reply>,
}

impl Response {
    pub(crate) fn new(status: u16, names: Rc<[String]>, pushed: Asked) -> Self {
        Self {
            status,
            fields: Fields::new(names, pushed, exchange::response_header),
            new_status: None,
            headers: HeaderEdits::default(),
            replacement: None,
        }
    }

    pub(crate) fn into_decision(self) -> Decision {
        match self.replacement {
            Some(reply) => Decision::Replace(reply.into_wire()),
            None => self.into_edits().map_or(Decision::Continue, Decision::Edit),
        }
    }

    /// The changes, if there are any.
    pub(crate) fn into_edits(self) -> Option<ResponseEdits> {
        let changed = self.new_status.is_some() || !self.headers.is_empty();
        changed
            .then(|| ResponseEdits { status: self.new_status, headers: self.headers.into_list() })
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// One field, its lines joined by `, ` (`set-cookie`: only the first line).
    /// Names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.fields.find(name)
    }

    /// Like [`header`](Self::header), for a value that is text; none as well when
    /// it is not UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The lines of one field, in order. Always asks the host.
    pub fn header_lines(&self, name: &str) -> Vec<Vec<u8>> {
        exchange::response_header_lines(name)
    }

    /// All fields; the order of lines of one name is kept. Always asks the host.
    pub fn headers(&self) -> Vec<Field> {
        exchange::response_headers()
    }

    /// Replaces every line of that name by this one, or adds it. What may be
    /// edited is said at [`HeaderEdits`].
    pub fn set_header(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.headers.set(name, value);
    }

    /// Adds a line after those of the same name.
    pub fn add_header(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.headers.add(name, value);
    }

    /// Removes every line of that name, if there is one.
    pub fn remove_header(&mut self, name: impl Into<String>) {
        self.headers.remove(name);
    }

    /// Gives every line of the name `from` the name `to`, and drops what had
    /// that name before.
    pub fn rename_header(&mut self, from: impl Into<String>, to: impl Into<String>) {
        self.headers.rename(from, to);
    }

    /// The changes to this response's fields, for code that edits either side.
    pub fn headers_mut(&mut self) -> &mut HeaderEdits {
        &mut self.headers
    }

    /// Another status, 200 to 599.
    pub fn set_status(&mut self, status: u16) {
        self.new_status = Some(status);
    }

    /// Sends this instead. The body of the other response is dropped, and so are
    /// the changes made here. In `on_response`; a body hook returns
    /// [`BodyFlow::Respond`](crate::BodyFlow::Respond).
    pub fn replace(&mut self, reply: Reply) {
        self.replacement = Some(reply);
    }
}
