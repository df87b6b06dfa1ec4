//! Where an entry stands: an optional host, and a path or a prefix.

use plugin_sdk::{Error, Result};

/// For which requests an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// In lower case, without a port.
    pub(crate) host: Option<String>,
    /// As the proxy writes paths; a prefix has no slash at its end.
    pub(crate) path: String,
    pub(crate) is_prefix: bool,
}

impl Place {
    /// Reads `/path`, `/path/*`, or one of them with a host before it.
    ///
    /// # Errors
    /// The text says what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let error = |why: &str| Err(Error::new(format!("`{text}` {why}")));
        let Some(at) = text.find('/') else {
            return error("is no path; write `/path`, or `example.com/path`");
        };
        let (host, path) = text.split_at(at);
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._[]".contains(&b);
        if !host.bytes().all(legal) {
            return error("has no host before its path; leave out scheme and port");
        }
        if path.contains(['?', '#']) {
            return error("has a query or a fragment; entries go by the path alone");
        }
        let (path, is_prefix) = match path.strip_suffix("/*") {
            Some(prefix) => (prefix, true),
            None => (path, false),
        };
        if path.contains('*') {
            return error("has a `*` that does not stand alone at the end, after a slash");
        }
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return error("has a `.` or `..` segment, which no request has");
        }
        Ok(Self {
            host: (!host.is_empty()).then(|| host.to_ascii_lowercase()),
            path: normalized(path),
            is_prefix,
        })
    }
}

/// A path as the proxy writes it: what a path cannot hold is percent-encoded, escapes
/// are in upper case, and none stands for what needs none.
fn normalized(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut octets = path.bytes();
    while let Some(octet) = octets.next() {
        let escaped = (octet == b'%').then(|| {
            let mut digits = octets.clone();
            let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
            let (high, low) = (digit(digits.next())?, digit(digits.next())?);
            u8::try_from(high << 4 | low).ok().map(|octet| (octet, digits))
        });
        match escaped.flatten() {
            Some((octet, rest)) => {
                octets = rest;
                if is_unreserved(octet) {
                    out.push(char::from(octet));
                } else {
                    escape(octet, &mut out);
                }
            }
            None if is_path_octet(octet) => out.push(char::from(octet)),
            None => escape(octet, &mut out),
        }
    }
    out
}

fn escape(octet: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(octet >> 4)]));
    out.push(char::from(DIGITS[usize::from(octet & 15)]));
}

/// RFC 3986, section 2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

/// RFC 3986, section 3.3.
fn is_path_octet(octet: u8) -> bool {
    is_unreserved(octet) || b"!$&'()*+,;=:@/".contains(&octet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_and_prefixes_are_told_apart() {
        let parse = |text| {
            let Place { host, path, is_prefix } = Place::parse(text).expect("a good place");
            (host, path, is_prefix)
        };
        let host = Some("example.com".to_owned());
        assert_eq!(parse("/a"), (None, "/a".to_owned(), false));
        assert_eq!(parse("/a/*"), (None, "/a".to_owned(), true));
        assert_eq!(parse("/*"), (None, String::new(), true));
        assert_eq!(parse("Example.com/A/"), (host, "/A/".to_owned(), false));
        assert_eq!(parse("/\u{fc}ber uns/%7ea%2fb%").1, "/%C3%BCber%20uns/~a%2Fb%25");
        for text in ["a", "", "https://a/b", "a:80/b", "/a?b", "/a#b", "/a*", "/*/a", "/a/../b"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalizing_twice_is_once(path in "/[ -~\u{e4}]{0,20}") {
            let once = normalized(&path);
            prop_assert_eq!(normalized(&once), once);
        }
    }
}
