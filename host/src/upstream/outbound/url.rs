//! The URL of a plugin's request: one meaning, or none.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use http::uri::PathAndQuery;

use crate::config::http_grant::{Host, Scheme};

/// Longer ones are refused; the default of `limits.target_bytes`, and what RFC 9110,
/// section 4.1, asks for at least.
const URL_MAX: usize = 8 << 10;

/// Scheme, host, port, path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// How.
    pub scheme: Scheme,
    /// Where.
    pub host: Host,
    /// Written, or the scheme's.
    pub port: u16,
    /// What; never empty.
    pub target: PathAndQuery,
}

impl Url {
    /// Reads `http://HOST[:PORT][/PATH][?QUERY]`, or the same with `https`.
    ///
    /// Everything that two readers could take differently is refused instead of
    /// being repaired: user names, fragments, back slashes, white space, empty
    /// ports, escapes in the host.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > URL_MAX {
            return Err("the URL is longer than 8 KiB");
        }
        let (scheme, rest) = text.split_once("://").ok_or("the URL has no scheme")?;
        let scheme =
            Scheme::parse(scheme).ok_or("the URL's scheme is neither `http` nor `https`")?;
        if rest.contains('#') {
            return Err("the URL has a fragment");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("the URL has a user name");
        }
        let (host, port) = match authority.rfind(':') {
            // The colons of an IPv6 address end with its bracket.
            Some(colon) if !authority[colon..].contains(']') => {
                (&authority[..colon], port(&authority[colon + 1..])?)
            }
            _ => (authority, scheme.default_port()),
        };
        let host = Host::parse(host).map_err(
            |_| "the URL's host is neither a name in ASCII nor an address in its usual form",
        )?;
        Ok(Self { scheme, host, port, target: self::target(target)? })
    }

    /// What `Host` or `:authority` says.
    pub fn authority(&self) -> String {
        let Self { scheme, host, port, .. } = self;
        if *port == scheme.default_port() { host.to_string() } else { format!("{host}:{port}") }
    }

    /// The same as a field's value.
    pub fn authority_value(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.authority()).ok()
    }

    /// Without path and query, and with the port.
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    // `parse` would take a sign, and five digits are as many as there can be.
    let plain = text.len() <= 5 && text.bytes().all(|octet| octet.is_ascii_digit());
    let port = text.parse().ok().filter(|port| plain && *port > 0);
    port.ok_or("the URL's port is not a number from 1 to 65535")
}

/// Path and query, sent as they are.
fn target(text: &str) -> Result<PathAndQuery, &'static str> {
    // Not left to the http crate, which takes more than RFC 3986 has.
    let plain =
        |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'\\' | b'"' | b'<' | b'>');
    if !text.bytes().all(plain) {
        return Err("the URL's path or query has a character that must be escaped");
    }
    let whole = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    PathAndQuery::from_maybe_shared(Bytes::from(whole))
        .map_err(|_| "the URL's path or query cannot be sent")
}

/// Another spelling of the same: reading it gives what was written.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_meaning() {
        for (text, expected) in [
            ("http://a", "http://a/"),
            ("HTTP://A.Example:80", "http://a.example/"),
            ("https://a:443/x", "https://a/x"),
            ("https://a:80", "https://a:80/"),
            ("http://a?q=1", "http://a/?q=1"),
            ("http://a/b/../c?d=%2F&e={f}|g", "http://a/b/../c?d=%2F&e={f}|g"),
            ("http://a//b", "http://a//b"),
            ("http://a/x@y:z", "http://a/x@y:z"),
            ("http://a/http://b", "http://a/http://b"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("http://[::ffff:10.0.0.1]/", "http://10.0.0.1/"),
            ("http://127.0.0.1:00080/", "http://127.0.0.1/"),
        ] {
            let url = Url::parse(text).expect(text);
            assert_eq!(url.to_string(), expected, "{text}");
            assert_eq!(Url::parse(expected).as_ref(), Ok(&url), "{text}");
        }
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        for (text, why) in [
            ("", "scheme"),
            ("/path", "scheme"),
            ("//a/", "scheme"),
            ("http:a", "scheme"),
            ("http:/a", "scheme"),
            ("ftp://a", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("unix:///run/docker.sock", "scheme"),
            ("h2c://a", "scheme"),
            ("ws://a", "scheme"),
            (" http://a", "scheme"),
            ("http://a#b", "fragment"),
            ("http://a/#", "fragment"),
            ("http://good@evil/", "user name"),
            ("http://good:80@evil/", "user name"),
            ("http://@evil/", "user name"),
            ("http://user:pass@[::1]/", "user name"),
            ("http://", "host"),
            ("http:///a", "host"),
            ("http://?a", "host"),
            ("http://:80/", "host"),
            ("http://a\\@b/", "user name"),
            ("http://a\\b/", "host"),
            ("http://a b/", "host"),
            ("http://a\t/", "host"),
            ("http://a\r\n/", "host"),
            ("http://a\0/", "host"),
            ("http://a%2eb/", "host"),
            ("http://a%00/", "host"),
            ("http://ä/", "host"),
            ("http://a./", "host"),
            ("http://2130706433/", "host"),
            ("http://0x7f.1/", "host"),
            ("http://0177.0.0.1/", "host"),
            ("http://127.1/", "host"),
            ("http://::1/", "host"),
            ("http://[::1/", "host"),
            ("http://[::1%25lo]/", "host"),
            ("http://[::1]x/", "host"),
            ("http://[::1]:80:80/", "host"),
            ("http://a:/", "port"),
            ("http://a:0/", "port"),
            ("http://a:+80/", "port"),
            ("http://a:-1/", "port"),
            ("http://a:65536/", "port"),
            ("http://a:000080/", "port"),
            ("http://a:80 /", "port"),
            ("http://a:８０/", "port"),
            ("http://a/b c", "escaped"),
            ("http://a/b\\c", "escaped"),
            ("http://a/\r\nx: y", "escaped"),
            ("http://a/ä", "escaped"),
            ("http://a/?\"", "escaped"),
        ] {
            let error = Url::parse(text).expect_err(text);
            assert!(error.contains(why), "{text:?}: {error}");
        }
        assert!(Url::parse(&format!("http://a/{}", "a".repeat(URL_MAX))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn printed_and_read_it_is_the_same(text in "(?i)https?://[a-z0-9.\\[\\]:@\\\\%-]{1,20}[/?]?[ -~]{0,20}") {
            if let Ok(url) = Url::parse(&text) {
                proptest::prop_assert_eq!(Url::parse(&url.to_string()), Ok(url));
            }
        }
    }
}
