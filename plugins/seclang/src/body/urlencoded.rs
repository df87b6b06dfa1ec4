//! `application/x-www-form-urlencoded`, and query strings.

use crate::transform::Transform;

/// Hands over each name and value, decoded once. Answers whether there was a
/// percent sign without two digits.
pub(crate) fn parse(text: &[u8], separator: u8, mut pair: impl FnMut(&[u8], &[u8])) -> bool {
    let mut broken = false;
    for part in text.split(|b| *b == separator).filter(|part| !part.is_empty()) {
        let equals = memchr::memchr(b'=', part);
        let (name, value) = match equals {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &[][..]),
        };
        broken |= is_broken(part);
        let decoded = |text: &[u8]| Transform::UrlDecode.apply(text);
        let (new_name, new_value) = (decoded(name), decoded(value));
        pair(new_name.as_deref().unwrap_or(name), new_value.as_deref().unwrap_or(value));
    }
    broken
}

fn is_broken(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).any(|at| {
        let digits = text.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
