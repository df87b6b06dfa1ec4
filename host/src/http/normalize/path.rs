//! RFC 3986, section 6.2.2, for paths.

use std::borrow::Cow;

use thiserror::Error;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    Relative,
    /// A percent sign without two hexadecimal digits.
    #[error("malformed percent-escape in the path")]
    Escape,
    /// `%00`: where text ends for an endpoint written in C.
    #[error("encoded NUL in the path")]
    Nul,
    /// A character that no path has: a control character, a space, `?` or `#`.
    #[error("illegal character in the path")]
    Character,
    /// More `..` than segments before it.
    #[error("the path climbs above its root")]
    AboveRoot,
    /// `..` that is a segment only for an endpoint which decodes `%2F` or `%5C`,
    /// takes a backslash for a slash, or cuts `;` and what follows off.
    #[error("'..' hidden behind an encoded slash, a backslash or a parameter")]
    HiddenDots,
}

/// Brings the path of a request target to its normal form; see the
/// [module](super) for what that is. Borrowed when it already is in that form.
///
/// ```
/// use wasmgate::http::normalize::{PathError, path};
///
/// assert_eq!(path("/a/b/../%7Ec%2fd"), Ok("/a/~c%2Fd".into()));
/// assert_eq!(path("/a/%2e%2E/.."), Err(PathError::AboveRoot));
/// ```
///
/// # Errors
///
/// [`PathError`]: each is the client's fault, status 400.
pub fn path(path: &str) -> Result<Cow<'_, str>, PathError> {
    if is_normal(path.as_bytes()) { Ok(Cow::Borrowed(path)) } else { rewrite(path) }
}

/// What an octet means for a path.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    /// Stands for itself, encoded or not.
    Unreserved,
    /// Stands for itself; encoded it means something else.
    Delimiter,
    Dot,
    Slash,
    Percent,
    /// Has to be encoded.
    Foreign,
    Illegal,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Foreign; 256];
    let mut octet = 0;
    while octet < 256 {
        classes[octet] = match octet as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => Class::Unreserved,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':'
            | b'@' => Class::Delimiter,
            b'.' => Class::Dot,
            b'/' => Class::Slash,
            b'%' => Class::Percent,
            0..=b' ' | 0x7f | b'?' | b'#' => Class::Illegal,
            _ => Class::Foreign,
        };
        octet += 1;
    }
    classes
};

fn class(octet: u8) -> Class {
    CLASSES[usize::from(octet)]
}

/// Whether the path is certainly in its normal form. May be wrong about a normal
/// one whose segment begins with a dot or holds an escape.
fn is_normal(path: &[u8]) -> bool {
    let mut before = 0;
    for &octet in path {
        match class(octet) {
            Class::Unreserved | Class::Delimiter => {}
            Class::Dot if before != b'/' => {}
            Class::Slash => {}
            _ => return false,
        }
        before = octet;
    }
    path.first() == Some(&b'/')
}

fn rewrite(path: &str) -> Result<Cow<'_, str>, PathError> {
    let mut rest = path.strip_prefix('/').ok_or(PathError::Relative)?;
    let mut normal = Vec::with_capacity(path.len() + 16);
    normal.push(b'/');
    loop {
        let (segment, more) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        // Always behind a slash.
        let start = normal.len();
        push_segment(&mut normal, segment.as_bytes())?;
        match &normal[start..] {
            b"." => normal.truncate(start),
            b".." => {
                let parent = &normal[..start - 1];
                let slash =
                    parent.iter().rposition(|&octet| octet == b'/').ok_or(PathError::AboveRoot)?;
                normal.truncate(slash + 1);
            }
            segment if hides_dots(segment) => return Err(PathError::HiddenDots),
            _ if more.is_some() => normal.push(b'/'),
            _ => {}
        }
        match more {
            Some(more) => rest = more,
            None => break,
        }
    }
    if normal == path.as_bytes() {
        return Ok(Cow::Borrowed(path));
    }
    let normal = String::from_utf8(normal).expect("all that is not ASCII has been encoded");
    Ok(Cow::Owned(normal))
}

fn push_segment(normal: &mut Vec<u8>, segment: &[u8]) -> Result<(), PathError> {
    let mut octets = segment.iter();
    while let Some(&octet) = octets.next() {
        match class(octet) {
            Class::Illegal => return Err(PathError::Character),
            Class::Foreign => push_escape(normal, octet),
            Class::Percent => {
                let mut digit = || octets.next().and_then(|&digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(PathError::Escape);
                };
                // Two hexadecimal digits make an octet.
                let octet = (high << 4 | low) as u8;
                match class(octet) {
                    _ if octet == 0 => return Err(PathError::Nul),
                    Class::Unreserved | Class::Dot => normal.push(octet),
                    _ => push_escape(normal, octet),
                }
            }
            _ => normal.push(octet),
        }
    }
    Ok(())
}

fn push_escape(normal: &mut Vec<u8>, octet: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS[usize::from(value)];
    normal.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet & 15)]);
}

/// `segment` is in its normal form, so slash and backslash have one spelling.
fn hides_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    loop {
        let end = rest.windows(3).position(|escape| escape == b"%2F" || escape == b"%5C");
        let piece = end.map_or(rest, |end| &rest[..end]);
        let name = piece.split(|&octet| octet == b';').next();
        if name == Some(b"..") {
            return true;
        }
        match end {
            Some(end) => rest = &rest[end + 3..],
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn normal_paths_are_borrowed() {
        let paths = [
            "/",
            "//",
            "/a",
            "/a/",
            "/a//b",
            "/a.b/c..d/e.",
            "/.well-known/x",
            "/...",
            "/..a",
            "/a%20b",
            "/%2F%5C%25",
            "/a;b=c,d",
            "/!$&'()*+,;=:@-_~",
            "/%C3%A9",
            "/a%2Fb..%2Fc",
        ];
        for text in paths {
            assert!(matches!(path(text), Ok(Cow::Borrowed(same)) if same == text), "{text}");
        }
    }

    #[test]
    fn other_spellings_become_the_normal_one() {
        let cases = [
            ("/%61%5A%30%2D%5f%7e", "/aZ0-_~"),
            ("/%2f%5c%3a", "/%2F%5C%3A"),
            ("/./a/./b/.", "/a/b/"),
            ("/a/b/../c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a/..", "/"),
            ("/a/%2e%2E/b/%2e", "/b/"),
            ("/a/.%2e/b", "/b"),
            ("/a//../b", "/a/b"),
            ("//..", "/"),
            ("/a/../", "/"),
            // Decoded once, never twice.
            ("/%252e%252e/%2541", "/%252e%252e/%2541"),
            ("/a\\b", "/a%5Cb"),
            ("/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"),
            ("/é", "/%C3%A9"),
            ("/%c3%a9", "/%C3%A9"),
            ("/%0a%7f%ff", "/%0A%7F%FF"),
        ];
        for (text, normal) in cases {
            assert_eq!(path(text).as_deref(), Ok(normal), "{text}");
        }
    }

    #[test]
    fn what_has_no_normal_form_is_refused() {
        use PathError as E;
        let cases = [
            ("", E::Relative),
            ("*", E::Relative),
            ("a/b", E::Relative),
            ("/%", E::Escape),
            ("/%2", E::Escape),
            ("/%/20", E::Escape),
            ("/%2/0", E::Escape),
            ("/%g0", E::Escape),
            ("/%+1", E::Escape),
            ("/%é", E::Escape),
            ("/a%00", E::Nul),
            ("/a b", E::Character),
            ("/a?b", E::Character),
            ("/a#b", E::Character),
            ("/a\0", E::Character),
            ("/..", E::AboveRoot),
            ("/a/../..", E::AboveRoot),
            ("/%2e%2e/a", E::AboveRoot),
            ("/./../a", E::AboveRoot),
            ("/a/..%2fb", E::HiddenDots),
            ("/a/b%2f..", E::HiddenDots),
            ("/a/b%2F%2e%2e%2Fc", E::HiddenDots),
            ("/a/..\\b", E::HiddenDots),
            ("/a/..%5cb", E::HiddenDots),
            ("/a/..;/b", E::HiddenDots),
            ("/a/..;x=y", E::HiddenDots),
            ("/a/x%2f..;p", E::HiddenDots),
        ];
        for (text, error) in cases {
            assert_eq!(path(text), Err(error), "{text}");
        }
    }

    fn paths() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(&[
            "/", "/", ".", "..", "%2e", "%2F", "%5c", "%41", "%7e", "%20", "%", "a", "Z", "~", ";",
            "\\", "é", "%C3", "%25",
        ]);
        prop_oneof![
            prop::collection::vec(piece, 0..20).prop_map(|pieces| format!("/{}", pieces.concat())),
            "/\\PC{0,20}",
        ]
    }

    /// All escapes decoded, so two spellings of a path can be compared.
    fn decoded(path: &str) -> Vec<u8> {
        percent_encoding::percent_decode_str(path).collect()
    }

    proptest! {
        #[test]
        fn twice_is_once(text in paths()) {
            if let Ok(normal) = path(&text) {
                let again = path(&normal);
                prop_assert!(matches!(&again, Ok(Cow::Borrowed(same)) if *same == normal));
            }
        }

        #[test]
        fn normal_form_is_as_promised(text in paths()) {
            let Ok(normal) = path(&text) else { return Ok(()) };
            prop_assert!(normal.starts_with('/'));
            prop_assert!(normal.bytes().all(|octet| !matches!(
                class(octet),
                Class::Foreign | Class::Illegal
            )));
            prop_assert!(normal.split('/').all(|segment| segment != "." && segment != ".."));
            for escape in normal.split('%').skip(1) {
                let octet = u8::from_str_radix(&escape[..2], 16).unwrap();
                prop_assert!(!matches!(class(octet), Class::Unreserved | Class::Dot));
                prop_assert_eq!(&escape[..2], format!("{octet:02X}"));
                prop_assert_ne!(octet, 0);
            }
        }

        #[test]
        fn without_dots_nothing_is_lost_or_moved(text in "/[a-zA-Z~%;/\\\\é]{0,30}") {
            if let Ok(normal) = path(&text) {
                prop_assert_eq!(decoded(&normal), decoded(&text));
                prop_assert_eq!(normal.matches('/').count(), text.matches('/').count());
            }
        }
    }
}
