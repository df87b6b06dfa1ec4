//! A host that has one meaning, whoever reads it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::scalar::is_host;

/// A name or an address. Two spellings of one host are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// In lower case, without a dot at the end.
    Name(String),
    /// An IPv6 address that only wraps an IPv4 address (`::ffff:10.0.0.1`) is that
    /// one.
    Address(IpAddr),
}

impl Host {
    /// Reads a DNS name, an IPv4 address of four decimal numbers, or an IPv6 address
    /// in brackets.
    ///
    /// What some resolvers or browsers take for an address and others for a name
    /// (`2130706433`, `0x7f.1`, `127.1`, `010.0.0.1`) is refused, as are escapes, names
    /// that are not ASCII and a dot at the end.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or("its bracket is not closed")?;
            let address: Ipv6Addr =
                inner.parse().map_err(|_| "what is in brackets is no IPv6 address")?;
            return Ok(Self::Address(address.to_canonical()));
        }
        if !text.is_ascii() {
            return Err("it is not ASCII; write the form that begins with `xn--`");
        }
        if text.ends_with('.') {
            return Err("it ends with a dot");
        }
        if !is_host(text) {
            return Err("it is neither a name nor an address");
        }
        if ends_in_number(text) {
            let address: Ipv4Addr = text
                .parse()
                .map_err(|_| "it ends in a number and is no IPv4 address of four decimal ones")?;
            return Ok(Self::Address(address.into()));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

/// Whether some readers would take a host for an IPv4 address: the rule of the URL
/// standard, which is the most generous of them.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    last.bytes().all(|octet| octet.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|octet| octet.is_ascii_hexdigit()))
}

/// As it stands in a URL.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}
