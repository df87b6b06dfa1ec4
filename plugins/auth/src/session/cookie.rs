//! Cookies that only this site gets (RFC 6265; the prefix `__Host-` of RFC 6265bis).
//!
//! A value that is too long for one cookie is spread over several: `NAME`, `NAME.1`
//! and so on, the first of which says how many there are.

use plugin_sdk::Request;

/// A cookie's name and how it travels.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    attributes: &'static str,
}

/// Browsers take 4096 octets for name, value and attributes (RFC 6265, section 6.1).
const LONGEST: usize = 3800;
/// So many cookies for one value: with more of them endpoints refuse the request.
const PIECES: usize = 5;

impl Cookie {
    /// `insecure`: it travels without TLS as well, and has no prefix.
    pub(crate) fn new(name: &str, insecure: bool) -> Self {
        match insecure {
            true => Self { name: name.to_owned(), attributes: "Path=/; HttpOnly; SameSite=Lax" },
            false => Self {
                name: format!("__Host-{name}"),
                attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
            },
        }
    }

    /// The value, put together. None if a piece is missing.
    pub(crate) fn value(&self, request: &Request) -> Option<Vec<u8>> {
        let first = request.cookie(&self.name)?;
        let (&[count, dot], start) = first.split_first_chunk()?;
        let count = usize::from(count.checked_sub(b'0')?);
        if dot != b'.' || !(1..=PIECES).contains(&count) {
            return None;
        }
        let mut value = start.to_vec();
        for number in 1..count {
            value.extend_from_slice(request.cookie(&format!("{}.{number}", self.name))?);
        }
        Some(value)
    }

    /// The lines of `Set-Cookie` for a value; none if it is too long.
    pub(crate) fn set(&self, value: &str, seconds: i64) -> Option<Vec<String>> {
        let pieces: Vec<&[u8]> = value.as_bytes().chunks(LONGEST).collect();
        if pieces.is_empty() || pieces.len() > PIECES {
            return None;
        }
        let line = |(number, piece): (usize, &&[u8])| {
            let piece = String::from_utf8_lossy(piece);
            let value = match number {
                0 => format!("{}={}.{piece}", self.name, pieces.len()),
                _ => format!("{}.{number}={piece}", self.name),
            };
            format!("{value}; {}; Max-Age={seconds}", self.attributes)
        };
        Some(pieces.iter().enumerate().map(line).collect())
    }

    /// The lines of `Set-Cookie` that remove what the browser has of it.
    pub(crate) fn clear(&self, request: &Request) -> Vec<String> {
        let names = (0..PIECES).map(|number| match number {
            0 => self.name.clone(),
            _ => format!("{}.{number}", self.name),
        });
        let there = names.filter(|name| request.cookie(name).is_some());
        there.map(|name| self.removal(&name)).collect()
    }

    /// A cookie of its own for each number, such as for each login under way.
    pub(crate) fn numbered(&self, number: u32) -> Self {
        Self { name: format!("{}.{number}", self.name), attributes: self.attributes }
    }

    /// The names of numbered cookies that the browser has.
    pub(crate) fn numbers(&self, request: &Request) -> Vec<String> {
        let cookies = request.header("cookie").unwrap_or_default();
        let name = |pair: &[u8]| {
            let name = pair.split(|b| *b == b'=').next()?.trim_ascii();
            let number = name.strip_prefix(self.name.as_bytes())?.strip_prefix(b".")?;
            let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
            is_number.then(|| String::from_utf8_lossy(name).into_owned())
        };
        cookies.split(|b| *b == b';').filter_map(name).collect()
    }

    /// The line of `Set-Cookie` that removes a cookie of this name.
    pub(crate) fn removal(&self, name: &str) -> String {
        format!("{name}=; {}; Max-Age=0", self.attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_spread_as_far_as_it_may() {
        let cookie = Cookie::new("s", false);
        let lines = |length| cookie.set(&"x".repeat(length), 60).map(|lines| lines.len());
        assert_eq!((lines(1), lines(LONGEST), lines(LONGEST + 1)), (Some(1), Some(1), Some(2)));
        assert_eq!((lines(LONGEST * PIECES), lines(LONGEST * PIECES + 1)), (Some(PIECES), None));
        let line = &cookie.set("x", 60).expect("a line")[0];
        assert_eq!(line, "__Host-s=1.x; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60");
        assert!(line.len() < 4096);
    }
}
