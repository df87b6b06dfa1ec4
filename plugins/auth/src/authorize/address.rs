//! Networks, held against the client's address.

use std::net::IpAddr;

use plugin_sdk::{Error, Result};

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: u128,
    mask: u128,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let wrong = || Error::new(format!("`{text}` is no network such as `10.0.0.0/8`"));
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        let length: u32 = match length {
            // `parse` takes a plus sign.
            Some(length) if length.bytes().all(|b| b.is_ascii_digit()) => {
                length.parse().map_err(|_| wrong())?
            }
            Some(_) => return Err(wrong()),
            None => bits,
        };
        if length > bits {
            return Err(wrong());
        }
        let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
        let address = number(ip);
        if address & mask != address {
            return Err(Error::new(format!("`{text}` has bits beyond its length")));
        }
        // IPv4 addresses are compared in their place inside of IPv6 (RFC 4291).
        Ok(Self { address, mask })
    }

    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        number(ip) & self.mask == self.address
    }
}

/// The client's address as the host tells it.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let contains = |network: &str, ip: &str| {
            Network::new(network).expect(network).contains(parse(ip).expect(ip))
        };
        assert!(contains("10.0.0.0/8", "10.1.2.3") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::1", "2001:db8::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/+8", "10/8", "", "::/129"] {
            assert!(Network::new(text).is_err(), "{text}");
        }
    }
}
