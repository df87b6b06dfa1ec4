//! Texts with request fields in them: `https://${host}${target}`.
//!
//! A [`Template`] is parsed once, when the plugin is configured, and then only
//! renders. What it renders is safe for its place: values that the client chose
//! cannot break out of a field value ([`Template::field_value`]) or out of the
//! part of a target that they stand in ([`Template::target`]).

mod parse;

use std::borrow::Cow;

use plugin_sdk::Request;
use plugin_sdk::field::is_value_octet;

pub use parse::ParseError;

/// A parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Itself.
    Text(String),
    /// What the request says.
    Variable(Variable),
}

/// What can stand between `${` and `}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `client_address`
    ClientAddress,
    /// `host`: host and optional port.
    Host,
    /// `method`
    Method,
    /// `path`: the target up to its `?`.
    Path,
    /// `query`: what follows the target's `?`.
    Query,
    /// `request_id`
    RequestId,
    /// `route`: the route's name.
    Route,
    /// `scheme`
    Scheme,
    /// `target`: path and query.
    Target,
    /// `header:NAME`
    Header(String),
    /// `query:NAME`: the first parameter of that name, decoded.
    Parameter(String),
    /// `cookie:NAME`: the first cookie of that name.
    Cookie(String),
    /// `1` or `NAME`: a group of a regular expression.
    Capture(usize),
}

/// The request as it is at the moment of rendering.
pub struct View<'a> {
    /// What cannot have changed.
    pub request: &'a Request,
    /// Host and port; none: the request's.
    pub host: Option<&'a str>,
    /// Path and query; none: the request's.
    pub target: Option<&'a str>,
    /// The groups of a regular expression that matched.
    pub captures: &'a [Option<&'a str>],
}

impl<'a> View<'a> {
    /// The request as it arrived.
    pub fn of(request: &'a Request) -> Self {
        Self { request, host: None, target: None, captures: &[] }
    }

    /// Host and optional port.
    pub fn host(&self) -> &str {
        self.host.unwrap_or_else(|| self.request.authority())
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        self.target.unwrap_or_else(|| self.request.target())
    }

    /// The target up to its `?`.
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// What follows the target's `?`.
    pub fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// The first query parameter of that name, decoded.
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut pairs = form_urlencoded::parse(self.query()?.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

impl Template {
    /// The pieces, in order. Two texts never follow each other.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The text, if it is the same for every request.
    pub fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The request fields that rendering reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(Variable::Header(name)) => Some(name.as_str()),
            Part::Variable(Variable::Cookie(_)) => Some("cookie"),
            _ => None,
        })
    }

    /// The text as a field value. What is absent is empty; octets that no field
    /// value may hold are percent-encoded, and white space at the ends is gone.
    pub fn field_value(&self, view: &View<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Variable(variable) => {
                    variable.read(view, &mut |value| encode(value, is_value_octet, &mut out));
                }
            }
        }
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        out.truncate(out.iter().rposition(|b| !blank(b)).map_or(0, |last| last + 1));
        out.drain(..out.iter().position(|b| !blank(b)).unwrap_or(0));
        out
    }

    /// The text as a target or a part of one. What was part of a target stays as
    /// it is; any other value is percent-encoded down to unreserved characters,
    /// so that it can add no segment, parameter or fragment. Octets that no
    /// target may hold are percent-encoded wherever they come from.
    pub fn target(&self, view: &View<'_>) -> String {
        let mut out = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => encode(text.as_bytes(), is_target_octet, &mut out),
                Part::Variable(variable) => {
                    let keep =
                        if variable.is_of_a_target() { is_target_octet } else { is_unreserved };
                    variable.read(view, &mut |value| encode(value, keep, &mut out));
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Variable {
    /// Hands the value to `write`; calls nothing if it is absent.
    fn read(&self, view: &View<'_>, write: &mut dyn FnMut(&[u8])) {
        let request = view.request;
        match self {
            Self::ClientAddress => write(request.client_address().unwrap_or_default().as_bytes()),
            Self::Host => write(view.host().as_bytes()),
            Self::Method => write(request.method().as_bytes()),
            Self::Path => write(view.path().as_bytes()),
            Self::Query => write(view.query().unwrap_or_default().as_bytes()),
            Self::RequestId => write(request.request_id().as_bytes()),
            Self::Route => write(request.route().as_bytes()),
            Self::Scheme => write(request.scheme().as_bytes()),
            Self::Target => write(view.target().as_bytes()),
            Self::Header(name) => write(request.header(name).unwrap_or_default()),
            Self::Parameter(name) => {
                write(view.parameter(name).unwrap_or_default().as_bytes());
            }
            Self::Cookie(name) => write(request.cookie(name).unwrap_or_default()),
            Self::Capture(group) => {
                let value = view.captures.get(*group).copied().flatten();
                write(value.unwrap_or_default().as_bytes());
            }
        }
    }

    /// Whether the value has the syntax of a target already.
    fn is_of_a_target(&self) -> bool {
        matches!(
            self,
            Self::Host | Self::Path | Self::Query | Self::Target | Self::Scheme | Self::Capture(_)
        )
    }
}

fn encode(value: &[u8], keep: fn(u8) -> bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in value {
        if keep(octet) {
            out.push(octet);
        } else {
            let (high, low) = (octet >> 4, octet & 15);
            out.extend([b'%', DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
        }
    }
}

/// RFC 3986, section 2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

/// RFC 3986, section 2: unreserved and reserved characters, and the percent sign
/// of what is encoded already.
fn is_target_octet(octet: u8) -> bool {
    is_unreserved(octet) || b":/?#[]@!$&'()*+,;=%".contains(&octet)
}

#[cfg(test)]
mod tests;
