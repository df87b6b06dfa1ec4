//! Which origins are allowed.

use plugin_sdk::{Error, Result};

/// The origins of the configuration, ready to be compared with what browsers send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// `*`
    Any,
    These {
        /// Sorted, for a search by halves.
        exact: Vec<Box<str>>,
        patterns: Vec<Pattern>,
    },
}

/// An origin with a part left open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Up to and with `://`.
    scheme: Box<str>,
    /// The host, or what follows the open labels, with its dot.
    host: Box<str>,
    any_label: bool,
    port: Port,
}

#[derive(Debug, PartialEq, Eq)]
enum Port {
    /// `:8443`, or nothing.
    Is(Box<str>),
    Any,
}

impl Origins {
    /// Reads the list.
    ///
    /// # Errors
    /// One is no origin, or `*` does not stand alone; the text names it.
    pub(crate) fn parse(list: &[String]) -> Result<Self> {
        if list.is_empty() {
            return Err(Error::new(
                "no origin is allowed; list them, such as \"https://app.example.com\", or write \
                 [\"*\"] for everyone",
            ));
        }
        if list.iter().any(|text| text == "*") {
            return match list {
                [_] => Ok(Self::Any),
                _ => Err(Error::new("`*` allows every origin and stands alone")),
            };
        }
        let mut exact = Vec::new();
        let mut patterns = Vec::new();
        for (index, text) in list.iter().enumerate() {
            let pattern = Pattern::parse(text).map_err(|why| {
                Error::new(format!("`{text}` {why}")).within(format!("[{index}]"))
            })?;
            match pattern {
                Pattern { any_label: false, port: Port::Is(_), .. } => {
                    exact.push(text.as_str().into());
                }
                pattern => patterns.push(pattern),
            }
        }
        exact.sort_unstable();
        Ok(Self::These { exact, patterns })
    }

    /// Whether this value of the field `origin` is allowed. What is no origin, such as
    /// two of them or `null`, is allowed by `*` only.
    pub(crate) fn allow(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::These { exact, patterns } => {
                exact.binary_search_by(|one| one.as_bytes().cmp(origin)).is_ok()
                    || patterns.iter().any(|pattern| pattern.fits(origin))
            }
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "null" {
            return Err("is what every sandboxed frame of any site sends; it cannot be allowed");
        }
        let Some(at) = text.find("://") else {
            return Err("is no origin; write scheme and host, such as `https://app.example.com`");
        };
        let (scheme, rest) = text.split_at(at + 3);
        if !is_scheme(&scheme[..at]) {
            return Err("does not begin with a scheme in lower case, such as `https`");
        }
        let (host, port) = split_port(rest);
        let port = match port {
            None => Port::Is("".into()),
            Some("*") => Port::Any,
            Some(port) if port.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == port) => {
                if matches!((scheme, port), ("https://", "443") | ("http://", "80")) {
                    return Err("has the scheme's own port, which browsers leave out; do so too");
                }
                Port::Is(format!(":{port}").into())
            }
            Some(_) => return Err("has no port from 1 to 65535, and not `*`, after its colon"),
        };
        let (any_label, host) = match host.strip_prefix('*') {
            Some(host) if host.starts_with('.') => (true, host),
            Some(_) => return Err("has a `*` that is no whole label; write `*.` and a host"),
            None => (false, host),
        };
        let labels = host.strip_prefix('.').filter(|_| any_label).unwrap_or(host);
        if !is_host(labels) {
            return Err("has no host in lower case; an origin has no path, not even `/`, and a \
                        host outside of ASCII is written in its `xn--` form");
        }
        Ok(Self { scheme: scheme.into(), host: host.into(), any_label, port })
    }

    fn fits(&self, origin: &[u8]) -> bool {
        let Some(rest) = origin.strip_prefix(self.scheme.as_bytes()) else { return false };
        let rest = match &self.port {
            Port::Is(port) => rest.strip_suffix(port.as_bytes()),
            Port::Any => Some(without_port(rest)),
        };
        let Some(host) = rest else { return false };
        if !self.any_label {
            return host == self.host.as_bytes();
        }
        host.strip_suffix(self.host.as_bytes()).is_some_and(are_labels)
    }
}

fn split_port(rest: &str) -> (&str, Option<&str>) {
    // The colons of an IPv6 address stand within brackets.
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}

fn without_port(rest: &[u8]) -> &[u8] {
    let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let at = rest.len() - digits;
    if (1..=5).contains(&digits) && at > 0 && rest[at - 1] == b':' { &rest[..at - 1] } else { rest }
}

/// RFC 3986, section 3.1; lower case, as browsers send it.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| is_lower(b) || b"+-.".contains(&b))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']');
        return address.is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok());
    }
    are_labels(host.as_bytes())
}

/// Names between dots. What a client sends in place of the open labels must be such
/// too, since it is sent back.
fn are_labels(labels: &[u8]) -> bool {
    labels
        .split(|b| *b == b'.')
        .all(|label| !label.is_empty() && label.iter().all(|b| is_lower(*b) || b"-_".contains(b)))
}

fn is_lower(octet: u8) -> bool {
    octet.is_ascii_lowercase() || octet.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(list: &[&str]) -> Result<Origins, String> {
        let list: Vec<String> = list.iter().map(|s| (*s).to_owned()).collect();
        Origins::parse(&list).map_err(|e| e.to_string())
    }

    fn allowed(list: &[&str], origin: &str) -> bool {
        parse(list).expect("good origins").allow(origin.as_bytes())
    }

    #[test]
    fn an_exact_origin_is_compared_as_a_whole() {
        let list = ["https://app.example.com", "http://[::1]:3000", "https://b.example:8443"];
        for origin in list {
            assert!(allowed(&list, origin), "{origin}");
        }
        for origin in [
            "https://app.example.com.evil.example",
            "https://app.example.com:8443",
            "https://app.example.co",
            "https://evil.example/https://app.example.com",
            "http://app.example.com",
            "https://APP.example.com",
            "https://app.example.com, https://app.example.com",
            "null",
            "",
        ] {
            assert!(!allowed(&list, origin), "{origin}");
        }
    }

    #[test]
    fn a_wildcard_is_one_or_more_labels_before_a_dot() {
        let list = ["https://*.example.com"];
        for origin in ["https://a.example.com", "https://a.b-c.example.com"] {
            assert!(allowed(&list, origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://.example.com",
            "https://aexample.com",
            "https://evil.example/.example.com",
            "https://evil.example?.example.com",
            "https://evil.example#.example.com",
            "https://user@a.example.com",
            "https://a..example.com",
            "https://a.example.com:8443",
            "https://evil\r\n.example.com",
            "https://a.example.com.evil",
            "https://a.example.com, https://b.example.com",
        ] {
            assert!(!allowed(&list, origin), "{origin}");
        }
        assert!(allowed(&["https://*.example.com:8443"], "https://a.example.com:8443"));
        assert!(!allowed(&["https://*.example.com:8443"], "https://a.example.com"));
    }

    #[test]
    fn a_port_can_be_left_open() {
        let list = ["http://localhost:*"];
        for origin in ["http://localhost", "http://localhost:3000"] {
            assert!(allowed(&list, origin), "{origin}");
        }
        for origin in ["http://localhost:", "http://localhost:30000000", "http://localhost:a"] {
            assert!(!allowed(&list, origin), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_told() {
        for (text, why) in [
            ("app.example.com", "write scheme and host"),
            ("https://app.example.com/", "no path"),
            ("https://app.example.com/a", "no path"),
            ("https://App.example.com", "lower case"),
            ("HTTPS://app.example.com", "lower case"),
            ("https://app.example.com:443", "leave out"),
            ("http://app.example.com:80", "leave out"),
            ("https://a:0", "no port"),
            ("https://a:080", "no port"),
            ("https://a:70000", "no port"),
            ("https://*example.com", "no whole label"),
            ("https://*", "no whole label"),
            ("https://a.*.example.com", "no host"),
            ("https://", "no host"),
            ("https://[::g]", "no host"),
            ("null", "sandboxed"),
            ("https://exämple.com", "xn--"),
        ] {
            let error = parse(&["https://ok.example", text]).expect_err(text);
            assert!(error.contains(why) && error.starts_with("[1]: "), "{text}: {error}");
        }
        assert!(parse(&["*", "https://a.example"]).expect_err("two").contains("stands alone"));
        assert!(parse(&[]).expect_err("none").contains("no origin is allowed"));
    }

    proptest! {
        /// Nothing but an origin below the pattern's host is let through.
        #[test]
        fn what_a_wildcard_allows_is_an_origin_below(origin in "https://[ -~]{0,16}\\.example\\.com") {
            if allowed(&["https://*.example.com"], &origin) {
                let host = &origin["https://".len()..];
                prop_assert!(host.ends_with(".example.com"));
                prop_assert!(host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
            }
        }
    }
}
