//! Media types (RFC 9110, section 8.3.1), as far as they are compared.

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Result};

/// A media type of the configuration, in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// `*/*`
    Any,
    /// `image/*`, with its slash.
    Type(String),
    Exactly(String),
}

impl Range {
    /// Reads a list.
    ///
    /// # Errors
    /// One is no media type; the text names its place.
    pub(crate) fn all(texts: &[String]) -> Result<Vec<Self>> {
        let parse = |(index, text): (usize, &String)| {
            Self::parse(text).ok_or_else(|| {
                Error::new(format!(
                    "`{text}` is no content type; write one without parameters, such as \
                     `application/json`, or `image/*`"
                ))
                .within(format!("[{index}]"))
            })
        };
        texts.iter().enumerate().map(parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (kind, sub) = text.split_once('/')?;
        match (kind, sub) {
            ("*", "*") => Some(Self::Any),
            ("*", _) => None,
            (kind, "*") if is_name(kind) => Some(Self::Type(format!("{kind}/"))),
            (kind, sub) if is_name(kind) && is_name(sub) => Some(Self::Exactly(text)),
            _ => None,
        }
    }

    /// Whether a field `content-type` says this. Two lines of it say nothing: who reads
    /// the first and who reads the last would see two types.
    pub(crate) fn fits(&self, content_type: Option<&[u8]>) -> bool {
        let essence = content_type.map(essence).unwrap_or_default();
        let starts = |prefix: &str| {
            essence.len() > prefix.len()
                && essence[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
        };
        match self {
            Self::Any => true,
            Self::Type(kind) => starts(kind) && is_essence(essence),
            Self::Exactly(whole) => essence.eq_ignore_ascii_case(whole.as_bytes()),
        }
    }
}

/// The type without its parameters.
fn essence(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
    value[..end].trim_ascii()
}

fn is_essence(essence: &[u8]) -> bool {
    std::str::from_utf8(essence)
        .ok()
        .and_then(|text| text.split_once('/'))
        .is_some_and(|(kind, sub)| is_name(kind) && is_name(sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(range: &str, content_type: &str) -> bool {
        Range::parse(range).expect("a range").fits(Some(content_type.as_bytes()))
    }

    #[test]
    fn parameters_and_case_do_not_count() {
        assert!(fits("application/json", "Application/JSON ; charset=utf-8"));
        assert!(fits("image/*", "image/png"));
        assert!(fits("*/*", "nonsense"));
        for other in ["application/jsonx", "application/json, text/html", "text/json", "", ";a"] {
            assert!(!fits("application/json", other), "{other}");
        }
        for other in ["image/", "image/a, text/html", "imagex/a", "image"] {
            assert!(!fits("image/*", other), "{other}");
        }
        assert!(!Range::parse("image/*").expect("a range").fits(None));
        assert!(Range::parse("*/*").expect("a range").fits(None));
    }

    #[test]
    fn what_is_no_media_type_is_a_mistake() {
        for text in ["json", "*/json", "a/b;c=d", "a/", "/b", "a/b/c", "*"] {
            assert!(Range::parse(text).is_none(), "{text}");
        }
    }
}
