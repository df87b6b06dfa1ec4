//! Paths: prefixes of whole segments, and regular expressions.

use plugin_sdk::{Error, Result};
use regex::bytes::{Regex, RegexBuilder};

/// A prefix as configured, without the slash at its end.
pub(crate) fn prefix(text: &str) -> Result<String> {
    let legal = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b);
    if !text.starts_with('/') || text.starts_with("//") || !text.bytes().all(legal) {
        return Err(Error::new(format!(
            "`{text}` is no path prefix: it starts with one `/` and holds no `?` or `#`"
        )));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// What follows a prefix: nothing, or something that starts with a slash. None
/// when the path does not start with these segments.
pub(crate) fn strip<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The path with exactly one slash at its start: two would be read as the start
/// of an authority wherever the path is used as a reference.
pub(crate) fn rooted(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\']))
}

/// A path below a prefix; `rest` is empty or starts with a slash.
pub(crate) fn join(prefix: &str, rest: &str) -> String {
    rooted(&format!("{prefix}{rest}"))
}

/// A regular expression over octets: `.` and the classes are those of ASCII,
/// which is what a target is made of.
#[derive(Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self> {
        // The limit keeps an instance small: ten times what a long alternation
        // of names needs.
        let built = RegexBuilder::new(text).unicode(false).size_limit(1 << 20).build();
        Ok(Self(built?))
    }

    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// The names of the groups; the first is the whole match.
    pub(crate) fn groups(&self) -> Vec<Option<&str>> {
        self.0.capture_names().collect()
    }

    /// The groups, if the text matches.
    pub(crate) fn captures(&self, text: &str) -> Option<Vec<Option<String>>> {
        let captures = self.0.captures(text.as_bytes())?;
        let owned = |m: regex::bytes::Match<'_>| String::from_utf8_lossy(m.as_bytes()).into_owned();
        Some(captures.iter().map(|group| group.map(owned)).collect())
    }
}
