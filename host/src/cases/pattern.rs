//! A value and what it must be.

use std::fmt;

use serde_json::Value as Json;

/// What a value must be.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// `false`: there is none.
    Absent,
    /// `true`: there is one, whatever it is.
    Present,
    /// A string, or `{ base64 = "…" }`.
    Is(Vec<u8>),
    /// A list: these lines, in this order.
    Lines(Vec<Vec<u8>>),
    /// `{ contains = "…" }`
    Contains(String),
    /// `{ matches = "…" }`: anchored at both ends.
    Matches(regex::bytes::Regex),
    /// `{ json = … }`: this document, however it is written.
    Json(Json),
}

impl Pattern {
    /// Whether the lines of a field, or the one value of something else, are as they
    /// must be. No lines = there is no such field.
    pub(super) fn fits(&self, lines: &[&[u8]]) -> bool {
        let any = |fits: &dyn Fn(&[u8]) -> bool| lines.iter().any(|line| fits(line));
        match self {
            Self::Absent => lines.is_empty(),
            Self::Present => !lines.is_empty(),
            Self::Is(value) => lines == [&**value],
            Self::Lines(wanted) => lines == wanted,
            Self::Contains(part) => {
                any(&|line| memchr::memmem::find(line, part.as_bytes()).is_some())
            }
            Self::Matches(regex) => any(&|line| regex.is_match(line)),
            Self::Json(wanted) => any(&|line| {
                serde_json::from_slice::<Json>(line).is_ok_and(|found| found == *wanted)
            }),
        }
    }

    /// Of a body, which is always there: `false` means that it is empty.
    pub(super) fn fits_body(&self, body: &[u8]) -> bool {
        match self {
            Self::Is(value) => body == &**value,
            _ if body.is_empty() => match self {
                Self::Absent => true,
                Self::Matches(regex) => regex.is_match(body),
                Self::Contains(part) => part.is_empty(),
                _ => false,
            },
            _ => self.fits(&[body]),
        }
    }
}

/// What it wants, for a person.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("(none)"),
            Self::Present => f.write_str("(any)"),
            Self::Is(value) => f.write_str(&shown(value)),
            Self::Lines(lines) => f.write_str(&shown_lines(lines.iter().map(Vec::as_slice))),
            Self::Contains(part) => write!(f, "(contains) {part}"),
            Self::Matches(regex) => {
                let text = regex.as_str();
                let text = text.strip_prefix(r"\A(?:").and_then(|text| text.strip_suffix(r")\z"));
                write!(f, "(matches) {}", text.unwrap_or(regex.as_str()))
            }
            Self::Json(json) => write!(f, "{json:#}"),
        }
    }
}

/// Octets for a terminal: line ends stay, everything else that would move its cursor
/// is escaped.
pub(super) fn shown(octets: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(octets).chars() {
        if c.is_control() && c != '\n' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Lines of a field, one below the other.
pub(super) fn shown_lines<'l>(lines: impl Iterator<Item = &'l [u8]>) -> String {
    lines.map(shown).collect::<Vec<_>>().join("\n")
}
