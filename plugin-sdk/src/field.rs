//! HTTP fields: their edits, the ones the host pushed, and what is legal in them.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::asked::Asked;
use crate::bindings::imports::wasmgate::plugin::types::FieldEdit;

pub use crate::bindings::imports::wasmgate::plugin::types::Field;

/// Changes to the fields of a request or of a response, applied in the order in
/// which they are made.
///
/// Fields that belong to the connection and not to the message (`connection`,
/// `transfer-encoding`, `content-length`, `upgrade`, `keep-alive`, `te`,
/// `trailer`, `proxy-connection`) cannot be edited, and names and values must be
/// legal ([`is_name`], [`is_value`]): the host fails the plugin otherwise.
#[derive(Debug, Default)]
pub struct HeaderEdits(Vec<FieldEdit>);

impl HeaderEdits {
    /// Replaces every line of that name by this one, or adds it.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push(FieldEdit::Set(field(name, value)));
    }

    /// Adds a line after those of the same name.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push(FieldEdit::Add(field(name, value)));
    }

    /// Adds a line if there is none of that name.
    pub fn set_default(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push(FieldEdit::Default(field(name, value)));
    }

    /// Removes every line of that name, if there is one.
    pub fn remove(&mut self, name: impl Into<String>) {
        self.0.push(FieldEdit::Remove(name.into()));
    }

    /// Gives every line of the name `from` the name `to`, and drops what had
    /// that name before.
    pub fn rename(&mut self, from: impl Into<String>, to: impl Into<String>) {
        self.0.push(FieldEdit::Rename((from.into(), to.into())));
    }

    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_list(self) -> Vec<FieldEdit> {
        self.0
    }
}

pub(crate) fn field(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Field {
    Field { name: name.into(), value: value.into() }
}

/// Whether this can be a field's name: a token of RFC 9110, section 5.6.2.
///
/// ```
/// use plugin_sdk::field::is_name;
/// assert!(is_name("x-request-id") && !is_name("") && !is_name("a b") && !is_name(":path"));
/// ```
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether this can be a field's value: any octets but control characters other
/// than the tab, with no white space at either end (RFC 9110, section 5.5).
///
/// ```
/// use plugin_sdk::field::is_value;
/// assert!(is_value(b"a\tb \xff") && is_value(b""));
/// assert!(!is_value(b"a\r\nx: y") && !is_value(b" a") && !is_value(b"a\t"));
/// ```
pub fn is_value(value: &[u8]) -> bool {
    let blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    !blank(value.first()) && !blank(value.last()) && value.iter().all(|b| is_value_octet(*b))
}

/// Whether a field's value may contain this octet.
pub fn is_value_octet(octet: u8) -> bool {
    octet == b'\t' || (octet >= b' ' && octet != 0x7f)
}

/// The fields of one message: those that came with the call, and those asked
/// for since.
pub(crate) struct Fields {
    names: Rc<[String]>,
    pushed: Asked,
    pulled: OnceCell<Box<Pulled>>,
    pull: fn(&str) -> Option<Vec<u8>>,
}

/// A list that only grows at its end, so that what it lends stays where it is.
struct Pulled {
    name: String,
    value: Option<Vec<u8>>,
    next: OnceCell<Box<Self>>,
}

impl Fields {
    pub(crate) fn new(
        names: Rc<[String]>,
        pushed: Asked,
        pull: fn(&str) -> Option<Vec<u8>>,
    ) -> Self {
        Self { names, pushed, pulled: OnceCell::new(), pull }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&[u8]> {
        // Names are nearly always asked for as they were subscribed to.
        let is_named = |known: &String| known == name || known.eq_ignore_ascii_case(name);
        if let Some(place) = self.names.iter().position(is_named) {
            return self.pushed.get(place);
        }
        let mut end = &self.pulled;
        while let Some(entry) = end.get() {
            if entry.name.eq_ignore_ascii_case(name) {
                return entry.value.as_deref();
            }
            end = &entry.next;
        }
        let entry = end.get_or_init(|| {
            Box::new(Pulled {
                name: name.to_owned(),
                value: (self.pull)(name),
                next: OnceCell::new(),
            })
        });
        entry.value.as_deref()
    }
}
