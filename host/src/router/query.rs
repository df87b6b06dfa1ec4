//! Query parameters, read where they stand: nothing is decoded that is compared
//! with as it is.

use regex::bytes::Regex;
use smallvec::SmallVec;

/// Whether a parameter called `name` has a value that `accepts` agrees to.
pub(super) fn any_value(query: &[u8], name: &[u8], accepts: impl Fn(Encoded<'_>) -> bool) -> bool {
    query.split(|octet| *octet == b'&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (key, value) = match memchr::memchr(b'=', pair) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        Encoded(key).is(name) && accepts(Encoded(value))
    })
}

/// A name or a value as `application/x-www-form-urlencoded` writes it: `+` is a
/// space, and a percent sign that no two digits follow is itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoded<'a>(&'a [u8]);

impl<'a> Encoded<'a> {
    pub(super) fn is(self, text: &[u8]) -> bool {
        if self.is_plain() { self.0 == text } else { self.decode().eq(text.iter().copied()) }
    }

    pub(super) fn matches(self, expression: &Regex) -> bool {
        if self.is_plain() {
            return expression.is_match(self.0);
        }
        // On the stack for all but values of unusual length.
        let decoded: SmallVec<[u8; 256]> = self.decode().collect();
        expression.is_match(&decoded)
    }

    fn is_plain(self) -> bool {
        memchr::memchr2(b'%', b'+', self.0).is_none()
    }

    fn decode(self) -> impl Iterator<Item = u8> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (octet, after) = match rest {
                [] => return None,
                [b'+', after @ ..] => (b' ', after),
                [b'%', high, low, after @ ..] => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => (high << 4 | low, after),
                    _ => (b'%', &rest[1..]),
                },
                [octet, after @ ..] => (*octet, after),
            };
            rest = after;
            Some(octet)
        })
    }
}

fn digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(query: &str, name: &str) -> Vec<Vec<u8>> {
        let found = std::cell::RefCell::new(Vec::new());
        any_value(query.as_bytes(), name.as_bytes(), |value| {
            found.borrow_mut().push(value.decode().collect());
            false
        });
        found.into_inner()
    }

    #[test]
    fn names_and_values_are_decoded() {
        assert_eq!(values("a=1&b=2&a=3", "a"), [b"1", b"3"]);
        assert_eq!(values("%61=%2B+%2b", "a"), [b"+ +"]);
        assert_eq!(values("a+b=1", "a b"), [b"1"]);
        assert_eq!(values("flag&a", "a"), [b""]);
        assert_eq!(values("a=b=c", "a"), [b"b=c"]);
    }

    #[test]
    fn a_broken_escape_stands_for_itself() {
        assert_eq!(values("a=%&a=%4&a=%zz&a=%%41", "a"), [&b"%"[..], b"%4", b"%zz", b"%A"]);
    }

    #[test]
    fn nothing_is_no_parameter() {
        assert!(values("", "").is_empty());
        assert!(values("&&", "").is_empty());
    }

    #[test]
    fn expressions_see_the_decoded_value() {
        let expression = Regex::new("^a b$").expect("it is valid");
        assert!(any_value(b"q=a%20b", b"q", |value| value.matches(&expression)));
        assert!(any_value(b"q=a+b", b"q", |value| value.matches(&expression)));
        assert!(!any_value(b"q=a%2Bb", b"q", |value| value.matches(&expression)));
    }
}
