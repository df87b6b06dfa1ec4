//! The host that a request names.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use thiserror::Error;

/// Octets of a name (RFC 1035, section 2.3.4, without the root).
const NAME: usize = 253;

/// Octets of one of its labels.
const LABEL: usize = 63;

/// A host in its normal form, and the port if one was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// In lower case, without a trailing dot; an IPv6 address in brackets, as RFC
    /// 5952 writes it.
    pub host: Cow<'a, str>,
    /// As named, not the scheme's default.
    pub port: Option<u16>,
}

/// Why a `Host` field or an `:authority` is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AuthorityError {
    /// There is no host.
    #[error("empty host")]
    Empty,
    /// `user@host`: never sent for http and https (RFC 9110, section 4.2.4).
    #[error("user information before the host")]
    UserInfo,
    /// Not a name and not an address.
    #[error("malformed host")]
    Host,
    /// Not a number up to 65535.
    #[error("malformed port")]
    Port,
}

/// Checks and normalizes the value of a `Host` field or an `:authority`. Borrowed
/// when it already is in its normal form.
///
/// Narrower than RFC 3986: of the names that its `reg-name` allows, only those of
/// letters, digits, `-`, `_` and dots can be looked up, and anything else in a
/// host is a way to be understood differently by the next server.
///
/// ```
/// use wasmgate::http::normalize::authority;
///
/// let authority = authority("Example.COM.:8443").unwrap();
/// assert_eq!((&*authority.host, authority.port), ("example.com", Some(8443)));
/// ```
///
/// # Errors
///
/// [`AuthorityError`]: each is the client's fault, status 400.
pub fn authority(text: &str) -> Result<Authority<'_>, AuthorityError> {
    if text.contains('@') {
        return Err(AuthorityError::UserInfo);
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(literal) => {
            let (address, port) = literal.split_once(']').ok_or(AuthorityError::Host)?;
            (ipv6(&text[..address.len() + 2], address)?, port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (name(&text[..end])?, &text[end..])
        }
    };
    Ok(Authority { host, port: self::port(port)? })
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

fn ipv6<'a>(literal: &'a str, address: &str) -> Result<Cow<'a, str>, AuthorityError> {
    let address: Ipv6Addr = address.parse().map_err(|_| AuthorityError::Host)?;
    let normal = format!("[{address}]");
    Ok(if normal == literal { Cow::Borrowed(literal) } else { Cow::Owned(normal) })
}

fn name(name: &str) -> Result<Cow<'_, str>, AuthorityError> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err(AuthorityError::Empty);
    }
    if name.len() > NAME {
        return Err(AuthorityError::Host);
    }
    let (mut label, mut upper) = (0, false);
    for octet in name.bytes() {
        match octet {
            b'.' if label > 0 => label = 0,
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' if label < LABEL => label += 1,
            b'A'..=b'Z' if label < LABEL => {
                label += 1;
                upper = true;
            }
            _ => return Err(AuthorityError::Host),
        }
    }
    match (label, upper) {
        (0, _) => Err(AuthorityError::Host),
        (_, true) => Ok(Cow::Owned(name.to_ascii_lowercase())),
        (_, false) => Ok(Cow::Borrowed(name)),
    }
}

/// `text` is what follows the host.
fn port(text: &str) -> Result<Option<u16>, AuthorityError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix(':').ok_or(AuthorityError::Host)?;
    if digits.is_empty() {
        // RFC 3986, section 6.2.3: the same as none.
        return Ok(None);
    }
    // `parse` would take a sign.
    if digits.len() > 5 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(AuthorityError::Port);
    }
    digits.parse().map(Some).map_err(|_| AuthorityError::Port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn normal_hosts_are_borrowed() {
        for text in ["a", "example.com", "a-b_c.d1", "127.0.0.1", "[::1]", "[2001:db8::1]"] {
            for port in ["", ":80"] {
                let whole = format!("{text}{port}");
                let authority = authority(&whole).unwrap();
                assert!(matches!(authority.host, Cow::Borrowed(host) if host == text), "{text}");
                assert_eq!(authority.to_string(), whole);
            }
        }
    }

    #[test]
    fn other_spellings_become_the_normal_one() {
        let cases = [
            ("EXAMPLE.com", "example.com", None),
            ("example.com.", "example.com", None),
            ("Example.com.:443", "example.com", Some(443)),
            ("a:", "a", None),
            ("a:0080", "a", Some(80)),
            ("[2001:DB8:0::0:1]:1", "[2001:db8::1]", Some(1)),
        ];
        for (text, host, port) in cases {
            assert_eq!(authority(text), Ok(Authority { host: host.into(), port }), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        use AuthorityError as E;
        let long_label = "a".repeat(64);
        let long_name = ["a"; 128].join(".");
        let cases = [
            ("", E::Empty),
            (".", E::Empty),
            (":80", E::Empty),
            ("user@a", E::UserInfo),
            ("user:pass@a:80", E::UserInfo),
            ("a..", E::Host),
            (".a", E::Host),
            ("a..b", E::Host),
            ("a b", E::Host),
            ("a/b", E::Host),
            ("a,b", E::Host),
            ("a%41", E::Host),
            ("a\0", E::Host),
            ("é", E::Host),
            ("*.a", E::Host),
            (&long_label, E::Host),
            (&long_name, E::Host),
            ("[::1", E::Host),
            ("::1", E::Empty),
            ("1::1", E::Port),
            ("[]", E::Host),
            ("[127.0.0.1]", E::Host),
            ("[fe80::1%25eth0]", E::Host),
            ("[v1.a]", E::Host),
            ("[::1]a", E::Host),
            ("[::1]]", E::Host),
            ("[[::1]]", E::Host),
            ("a:b", E::Port),
            ("a:+1", E::Port),
            ("a:65536", E::Port),
            ("a:000080", E::Port),
            ("a:1:2", E::Port),
            ("a: 1", E::Port),
        ];
        for (text, error) in cases {
            assert_eq!(authority(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn twice_is_once(text in prop_oneof![
            "[A-Za-z0-9._-]{0,20}(:[0-9]{0,6})?",
            any::<(u128, u16)>().prop_map(|(address, port)| {
                format!("[{}]:{port}", Ipv6Addr::from(address)).to_uppercase()
            }),
            "\\PC{0,20}",
        ]) {
            if let Ok(first) = authority(&text) {
                let text = first.to_string();
                let second = authority(&text).unwrap();
                prop_assert!(matches!(second.host, Cow::Borrowed(_)));
                prop_assert_eq!(first, second);
            }
        }
    }
}
