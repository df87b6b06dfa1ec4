//! The path that rules are about: the normalized one, decoded once.
//!
//! The host leaves a path that has one spelling as far as RFC 3986 goes, without dot
//! segments, hidden ones included. What endpoints read differently beyond that is
//! refused here: a rule for `/admin` must not be skipped by a spelling that only the
//! endpoint takes for `/admin`.

use std::borrow::Cow;

use crate::config::{self, Spelling};

/// How paths are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    encoded_slash: bool,
    double_slash: bool,
    semicolon: bool,
    encoded_percent: bool,
    ignore_case: bool,
}

/// A path that endpoints could read in two ways; the text says which spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous(pub(crate) &'static str);

impl Reading {
    pub(crate) fn new(config: &config::Path) -> Self {
        let literal = |spelling| config.literal.contains(&spelling);
        Self {
            encoded_slash: literal(Spelling::EncodedSlash),
            double_slash: literal(Spelling::DoubleSlash),
            semicolon: literal(Spelling::Semicolon),
            encoded_percent: literal(Spelling::EncodedPercent),
            ignore_case: config.ignore_case,
        }
    }

    /// The path of a normalized target, decoded.
    ///
    /// # Errors
    /// It has a spelling that endpoints read differently.
    pub(crate) fn read(self, path: &str) -> Result<Cow<'_, str>, Ambiguous> {
        if !self.double_slash && path.contains("//") {
            return Err(Ambiguous("two slashes"));
        }
        if !self.semicolon && path.contains(';') {
            return Err(Ambiguous("a semicolon"));
        }
        if !path.contains('%') {
            return Ok(self.fold(Cow::Borrowed(path)));
        }
        let mut decoded = Vec::with_capacity(path.len());
        let mut octets = path.bytes();
        while let Some(octet) = octets.next() {
            if octet != b'%' {
                decoded.push(octet);
                continue;
            }
            let mut digit = || octets.next().and_then(|d| char::from(d).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(Ambiguous("an incomplete escape"));
            };
            // Two hexadecimal digits make an octet.
            let octet = (high << 4 | low) as u8;
            self.admit(octet)?;
            // An encoded slash that is data must not become a segment's end for rules.
            match octet {
                b'/' => decoded.extend_from_slice(b"%2F"),
                b'%' => decoded.extend_from_slice(b"%25"),
                _ => decoded.push(octet),
            }
        }
        match String::from_utf8(decoded) {
            Ok(decoded) => Ok(self.fold(Cow::Owned(decoded))),
            Err(_) => Err(Ambiguous("octets that are not UTF-8")),
        }
    }

    /// Whether an encoded octet may stand in a path.
    fn admit(self, octet: u8) -> Result<(), Ambiguous> {
        match octet {
            b'/' | b'\\' if !self.encoded_slash => Err(Ambiguous("an encoded slash")),
            b';' if !self.semicolon => Err(Ambiguous("a semicolon")),
            b'%' if !self.encoded_percent => Err(Ambiguous("an encoded percent sign")),
            0..=0x1f | 0x7f => Err(Ambiguous("an encoded control character")),
            _ => Ok(()),
        }
    }

    fn fold(self, path: Cow<'_, str>) -> Cow<'_, str> {
        if self.ignore_case && path.chars().any(char::is_uppercase) {
            return Cow::Owned(path.to_lowercase());
        }
        path
    }
}

/// A prefix of whole segments.
#[derive(Clone, Debug)]
pub(crate) struct Prefix {
    /// Without the slash at its end.
    text: String,
    /// Whether the prefix itself does not count: it was written with a slash at its end.
    below: bool,
}

impl Prefix {
    /// A prefix as configured; none if it is not one.
    pub(crate) fn new(text: &str, reading: Reading) -> Option<Self> {
        let legal = text.starts_with('/') && !text.contains(['?', '#', '%', '*']);
        if !legal || text.contains("//") {
            return None;
        }
        let stem = text.trim_end_matches('/');
        let text_of = reading.fold(Cow::Borrowed(stem)).into_owned();
        Some(Self { text: text_of, below: text.ends_with('/') && !stem.is_empty() })
    }

    /// Whether the path begins with these segments.
    pub(crate) fn matches(&self, path: &str) -> bool {
        match path.strip_prefix(self.text.as_str()) {
            Some("") => !self.below,
            Some(rest) => rest.starts_with('/'),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strict() -> Reading {
        Reading::default()
    }

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(strict().read("/a%20b/%C3%BC"), Ok("/a b/ü".into()));
        assert!(matches!(strict().read("/a/b"), Ok(Cow::Borrowed("/a/b"))));
    }

    #[test]
    fn what_endpoints_read_differently_is_refused() {
        let paths = [
            "//admin",
            "/x//admin",
            "/admin;x",
            "/admin%3Bx",
            "/x%2Fadmin",
            "/x%5Cadmin",
            "/%2561dmin",
            "/admin%0A",
            "/admin%7F",
            "/admin%FF",
        ];
        for path in paths {
            assert!(strict().read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn what_the_endpoint_takes_literally_is_data() {
        let all = Reading {
            encoded_slash: true,
            double_slash: true,
            semicolon: true,
            encoded_percent: true,
            ignore_case: false,
        };
        assert_eq!(all.read("/a%2Fb//c;d/%2541"), Ok("/a%2Fb//c;d/%2541".into()));
        let admin = Prefix::new("/a", strict()).expect("a prefix");
        assert!(!admin.matches(&all.read("/a%2Fb").expect("literal")));
    }

    #[test]
    fn case_is_ignored_where_the_endpoint_does() {
        let reading = Reading { ignore_case: true, ..strict() };
        let admin = Prefix::new("/Admin", reading).expect("a prefix");
        assert!(admin.matches(&reading.read("/aDMIN/x").expect("a path")));
    }

    #[test]
    fn prefixes_are_whole_segments() {
        let matches = |prefix: &str, path: &str| {
            Prefix::new(prefix, strict()).expect("a prefix").matches(path)
        };
        assert!(matches("/a", "/a") && matches("/a", "/a/b") && !matches("/a", "/ab"));
        assert!(!matches("/a/", "/a") && matches("/a/", "/a/b"));
        assert!(matches("/", "/") && matches("/", "/a"));
        assert!(Prefix::new("a", strict()).is_none() && Prefix::new("/a/*", strict()).is_none());
    }

    proptest! {
        /// What passes has no second reading by the usual liberties of endpoints.
        #[test]
        fn what_is_read_reads_the_same_for_every_endpoint(path in "(/|%2F|%5C|%25|%3B|;|a|%41|%C3%BC|%){0,12}") {
            if let Ok(read) = strict().read(&path) {
                prop_assert!(!read.contains("//") && !read.contains([';', '\\', '%']));
            }
        }
    }
}
