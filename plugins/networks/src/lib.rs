//! Addresses of clients and sets of networks.
//!
//! A set is a sorted list of ranges that do not touch: finding an address among ten
//! thousand networks takes some fourteen comparisons, and a network takes 8 octets
//! of memory (IPv4) or 32 (IPv6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network, or a single address. An IPv4 network in an IPv6 one
/// (`::ffff:10.0.0.0/104`) is that IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// First and last address.
    V4(u32, u32),
    /// First and last address.
    V6(u128, u128),
}

/// A set of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    line: usize,
    text: String,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or an address. What `10.1.2.3/8` says
    /// beyond its prefix does not count.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let number = |length: &str| {
            let digits = length.bytes().all(|b| b.is_ascii_digit());
            length.parse::<u32>().ok().filter(|_| digits)
        };
        match (address.parse::<IpAddr>().ok()?, length) {
            (IpAddr::V4(address), None) => Some(Self::v4(address, 32)),
            (IpAddr::V6(address), None) => Some(Self::v6(address, 128)),
            (IpAddr::V4(address), Some(length)) => {
                number(length).filter(|l| *l <= 32).map(|l| Self::v4(address, l))
            }
            (IpAddr::V6(address), Some(length)) => {
                number(length).filter(|l| *l <= 128).map(|l| Self::v6(address, l))
            }
        }
    }

    fn v4(address: Ipv4Addr, length: u32) -> Self {
        let rest = u32::MAX.checked_shr(length).unwrap_or(0);
        let first = u32::from(address) & !rest;
        Self::V4(first, first | rest)
    }

    fn v6(address: Ipv6Addr, length: u32) -> Self {
        if let (Some(mapped), 96..) = (address.to_ipv4_mapped(), length) {
            return Self::v4(mapped, length - 96);
        }
        let rest = u128::MAX.checked_shr(length).unwrap_or(0);
        let first = u128::from(address) & !rest;
        Self::V6(first, first | rest)
    }
}

impl Networks {
    /// Reads texts of one network a line; what follows a `#` or `;`, and empty lines,
    /// do not count.
    ///
    /// # Errors
    /// The first line that holds something else.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for text in texts {
            for (number, line) in (1..).zip(text.lines()) {
                let end = line.find(['#', ';']).unwrap_or(line.len());
                let network = line[..end].trim();
                match Network::parse(network) {
                    Some(Network::V4(first, last)) => v4.push((first, last)),
                    Some(Network::V6(first, last)) => v6.push((first, last)),
                    None if network.is_empty() => {}
                    None => return Err(Invalid { line: number, text: network.to_owned() }),
                }
            }
        }
        Ok(Self {
            v4: merged(v4, |last| last.checked_add(1)),
            v6: merged(v6, |last| last.checked_add(1)),
        })
    }

    /// Whether the set holds this address; one in the form `::ffff:192.0.2.1` is
    /// taken as the IPv4 address that it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => holds(&self.v4, u32::from(address)),
            IpAddr::V6(address) => holds(&self.v6, u128::from(address)),
        }
    }

    /// Whether there is no network in it.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(60).flat_map(char::escape_debug).collect();
        if self.line > 1 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "`{shown}` is no network such as `10.0.0.0/8` or `2001:db8::/32`, and no address")
    }
}

impl std::error::Error for Invalid {}

/// The client's address from its text, with an IPv4 address as such; a zone
/// (`fe80::1%eth0`) does not count.
pub fn client(text: &str) -> Option<IpAddr> {
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Sorted, with what touches put together.
fn merged<T: Copy + Ord>(mut ranges: Vec<(T, T)>, next: fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(known) if next(known.1).is_none_or(|next| first <= next) => {
                known.1 = known.1.max(last);
            }
            _ => merged.push((first, last)),
        }
    }
    merged.shrink_to_fit();
    merged
}

fn holds<T: Copy + Ord>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).is_some_and(|at| ranges[at].1 >= address)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(texts: &[&str]) -> Networks {
        Networks::parse(texts.iter().copied()).expect("good networks")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let networks = set(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
        for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.7", "2001:db8:ffff::1", "::1"] {
            assert!(networks.contains(address(inside)), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.6", "2001:db9::", "::2", "::"] {
            assert!(!networks.contains(address(outside)), "{outside}");
        }
        assert!(set(&["0.0.0.0/0"]).contains(address("255.255.255.255")));
        assert!(set(&["::/0"]).contains(address("ffff::")));
        assert!(!set(&["::/0"]).contains(address("192.0.2.1")), "families are apart");
    }

    #[test]
    fn an_ipv4_address_in_an_ipv6_one_is_that_address() {
        assert!(set(&["10.0.0.0/8"]).contains(address("::ffff:10.1.2.3")));
        assert!(set(&["::ffff:10.0.0.0/104"]).contains(address("10.1.2.3")));
        assert!(set(&["::ffff:10.1.2.3"]).contains(address("10.1.2.3")));
        assert_eq!(client("::ffff:192.0.2.1"), Some(address("192.0.2.1")));
        assert_eq!(client("fe80::1%eth0"), Some(address("fe80::1")));
    }

    #[test]
    fn lists_may_have_comments_and_say_which_line_is_wrong() {
        let list = "# office\n10.1.2.3/8 ; see the wiki\r\n\n  2001:db8::1  \n";
        assert!(set(&[list]).contains(address("10.200.0.1")));
        let wrong = Networks::parse(["10.0.0.0/8\n10.0.0.0/33\n"]).expect_err("no network");
        assert_eq!(
            wrong.to_string(),
            "line 2: `10.0.0.0/33` is no network such as `10.0.0.0/8` or `2001:db8::/32`, and no address"
        );
        for text in ["10.0.0.0/+8", "10.0.0.0/", "10.0.0/8", "a", "::/129", "10.0.0.0/8 x", "/8"] {
            assert!(Networks::parse([text]).is_err(), "{text}");
        }
    }

    proptest! {
        /// The ranges say the same as the networks one by one.
        #[test]
        fn a_set_holds_what_any_of_its_networks_holds(
            networks in proptest::collection::vec((0u32..256, 20u32..=32), 0..20),
            last in 0u32..4096,
        ) {
            // Few high bits, so that networks overlap and touch.
            let base = |n: u32| Ipv4Addr::from(0x0a00_0000 | (n << 4));
            let texts: Vec<String> =
                networks.iter().map(|(n, length)| format!("{}/{length}", base(*n))).collect();
            let all = Networks::parse(texts.iter().map(String::as_str)).expect("good networks");
            let probe = Ipv4Addr::from(0x0a00_0000 | last);
            let any = networks.iter().any(|(n, length)| {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                u32::from(base(*n)) & mask == u32::from(probe) & mask
            });
            prop_assert_eq!(all.contains(probe.into()), any);
        }

        #[test]
        fn no_text_panics(text in "[0-9a-f:./%#; \n]{0,40}") {
            let _ = (Networks::parse([text.as_str()]), client(&text));
        }
    }
}
