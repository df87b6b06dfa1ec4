//! Strings that stand for something: what they must look like.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Why a string does not stand for what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, without naming the key that it was found at.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Invalid {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Invalid {}

/// An address to listen on. Names are refused: which of their addresses is meant
/// would be decided by whoever answers the lookup.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Invalid> {
    text.parse().map_err(|_| {
        let invalid = Invalid::new(format!("`{}` is not an address and port", text.escape_debug()));
        match text.rsplit_once(':') {
            Some(("" | "*", port)) if port.parse::<u16>().is_ok() => invalid.help(format!(
                "write \"0.0.0.0:{port}\" for every IPv4 address, \"[::]:{port}\" for IPv6, or \"127.0.0.1:{port}\" for this machine only"
            )),
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => {
                invalid.help(format!("write \"127.0.0.1:{port}\""))
            }
            _ => invalid.help("write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\""),
        }
    })
}

/// A network in CIDR notation, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, Invalid> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|network| network.trunc())
        .map_err(|_| {
            Invalid::new(format!("`{}` is not a network", text.escape_debug()))
                .help("write an address such as \"10.0.0.7\" or a network such as \"10.0.0.0/8\"")
        })
}

/// The operator's name for something. It stands in logs, in metric labels and on
/// the admin page, so what would have to be escaped there is refused here.
pub(crate) fn name(text: &str) -> Result<String, Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        return Err(Invalid::new(format!("`{}` is not a good name", text.escape_debug()))
            .help("use 1 to 64 of the characters a-z A-Z 0-9 - _ ."));
    }
    Ok(text.to_owned())
}

/// The name of a listener or a route: one printable line.
pub(crate) fn title(text: &str) -> Result<String, Invalid> {
    if text.trim().is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err(Invalid::new(format!("`{}` is not a good name", text.escape_debug()))
            .help("use one line of 1 to 256 octets"));
    }
    Ok(text.to_owned())
}

/// A host to send as `Host` or `:authority`: a name or address, perhaps a port.
pub(crate) fn authority(text: &str) -> Result<String, Invalid> {
    let invalid = || {
        Invalid::new(format!("`{}` is not a host", text.escape_debug()))
            .help("write a name or an address, and a port if it needs one: \"app.internal:8080\"")
    };
    let (host, _) = split_port(text).ok_or_else(invalid)?;
    if !is_host(host) {
        return Err(invalid());
    }
    Ok(text.to_ascii_lowercase())
}

/// The name in an endpoint's certificate, to verify it against.
pub(super) fn server_name(text: &str) -> Result<String, Invalid> {
    if !is_host(text) || text.starts_with('[') {
        return Err(Invalid::new(format!("`{}` is not a server name", text.escape_debug()))
            .help("write the DNS name in the endpoint's certificate, without scheme and port"));
    }
    Ok(text.to_ascii_lowercase())
}

/// A host and its port, if there is one. None = what follows the colon is none.
pub(super) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    // The colons of an IPv6 address end with its bracket.
    let host_end = authority.rfind(']').unwrap_or(0);
    let Some(colon) = authority[host_end..].rfind(':') else {
        return Some((authority, None));
    };
    let (host, port) = authority.split_at(host_end + colon);
    let digits = &port[1..];
    // `parse` would take a sign.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| plain && *port > 0)?;
    Some((host, Some(port)))
}

/// A DNS name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A method, in upper case as the registered ones are.
pub(crate) fn method(text: &str) -> Result<String, Invalid> {
    http::Method::from_bytes(text.to_ascii_uppercase().as_bytes())
        .map(|method| method.as_str().to_owned())
        .map_err(|_| {
            Invalid::new(format!("`{}` is not a method", text.escape_debug()))
                .help("write one such as \"GET\", or a list such as [\"GET\", \"HEAD\"]")
        })
}

/// A field name, in lower case.
pub(crate) fn header_name(text: &str) -> Result<String, Invalid> {
    http::HeaderName::from_bytes(text.as_bytes())
        .map(|name| name.as_str().to_owned())
        .map_err(|_| Invalid::new(format!("`{}` is not the name of a header", text.escape_debug())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_how_to_write_them() {
        assert!(listen("127.0.0.1:80").is_ok());
        assert!(listen("[::1]:80").is_ok());
        let help = |text: &str| listen(text).expect_err(text).help.expect("has help");
        assert!(help(":80").contains("0.0.0.0:80"));
        assert!(help("*:80").contains("0.0.0.0:80"));
        assert!(help("localhost:80").contains("127.0.0.1:80"));
        assert!(help("127.0.0.1").contains("and a port"));
        assert!(help("example.com:80").contains("IP address"));
    }

    #[test]
    fn networks_are_networks_or_addresses() {
        assert_eq!(network("10.1.2.3/8").map(|net| net.to_string()), Ok("10.0.0.0/8".to_owned()));
        assert_eq!(network("::1").map(|net| net.to_string()), Ok("::1/128".to_owned()));
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("host").is_err());
    }

    #[test]
    fn names_need_no_escaping() {
        assert!(name("waf-2.a_B").is_ok());
        for bad in ["", "a b", "a\"", "ä", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(title("example.com /api/").is_ok());
        for bad in ["", " ", "a\nb"] {
            assert!(title(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for good in ["a", "a.b-c", "_grpc.x", "10.0.0.1", "[::1]"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "a..b", "-a", "a-", "a b", "[::1", "::1", "a:80", "ä", "a.", "*.a"] {
            assert!(!is_host(bad), "{bad}");
        }
        assert_eq!(authority("App.internal:8080").as_deref(), Ok("app.internal:8080"));
        for bad in ["", "http://a", "a@b", "a:", "a:99999", "a/b"] {
            assert!(authority(bad).is_err(), "{bad}");
        }
        assert!(server_name("app.internal").is_ok());
        assert!(server_name("app.internal:443").is_err());
    }

    #[test]
    fn methods_and_header_names_are_tokens() {
        assert_eq!(method("get").as_deref(), Ok("GET"));
        assert!(method("GE T").is_err());
        assert!(method("").is_err());
        assert_eq!(header_name("X-Team").as_deref(), Ok("x-team"));
        assert!(header_name("x team").is_err());
        assert!(header_name("").is_err());
    }
}
