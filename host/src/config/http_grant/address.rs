//! Which addresses are the public internet's.
//!
//! Whatever is not known to be public is special: the registries of special-purpose
//! addresses (RFC 6890) grow, and what they do not yet name must not be open.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Why an address may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Outside of the public internet.
    #[error("{address} is {kind}, and such addresses are reached only when they are granted")]
    Special {
        /// The one that has to be granted.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
    /// Nothing that one host answers at.
    #[error("{address} is {kind}, which is no host")]
    NoHost {
        /// The address.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
}

/// What an address is for.
enum Kind {
    Public,
    /// Reached when it is granted.
    Special(&'static str),
    /// Never reached.
    NoHost(&'static str),
    /// A way to this IPv4 address.
    Wraps(Ipv4Addr),
}

/// The address to connect to, if `granted` says that it may be when it is special.
pub(super) fn judge(address: IpAddr, granted: impl Fn(IpAddr) -> bool) -> Result<IpAddr, Refused> {
    // `::ffff:10.0.0.1` is 10.0.0.1 to the kernel: it is judged, and connected to,
    // as such.
    let address = address.to_canonical();
    let mut judged = address;
    loop {
        let kind = match judged {
            IpAddr::V4(v4) => kind_of_v4(v4),
            IpAddr::V6(v6) => kind_of_v6(v6),
        };
        match kind {
            Kind::Public => return Ok(address),
            Kind::Special(_) if granted(judged) => return Ok(address),
            Kind::Special(kind) => return Err(Refused::Special { address: judged, kind }),
            Kind::NoHost(kind) => return Err(Refused::NoHost { address: judged, kind }),
            // Once at the most: what is wrapped is an IPv4 address.
            Kind::Wraps(inner) => judged = inner.into(),
        }
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    use Kind::{NoHost, Public, Special};
    match address.octets() {
        // Linux takes 0.0.0.0 for this machine.
        [0, ..] => NoHost("unspecified"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Special("private"),
        [100, 64..=127, ..] => Special("shared by a provider's customers"),
        [127, ..] => Special("loopback"),
        [169, 254, ..] => Special("link-local"),
        [192, 0, 0, _] => Special("set apart for protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Special("for documentation"),
        [192, 88, 99, _] => Special("a relay"),
        [198, 18..=19, ..] => Special("for benchmarks"),
        [224..=239, ..] => NoHost("multicast"),
        [240..=255, ..] => NoHost("reserved"),
        _ => Public,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Kind {
    use Kind::{NoHost, Public, Special, Wraps};
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => NoHost("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Special("loopback"),
        [0xff00..=0xffff, ..] => NoHost("multicast"),
        // IPv4-compatible: given up in 2006, and a wrapping of IPv4 addresses.
        [0, 0, 0, 0, 0, 0, ..] => NoHost("reserved"),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Wraps(v4(segments[6], segments[7])),
        [0x64, 0xff9b, 1, ..] => Special("a translation within an organization"),
        [0xfc00..=0xfdff, ..] => Special("private"),
        [0xfe80..=0xfebf, ..] => Special("link-local"),
        [0xfec0..=0xfeff, ..] => Special("site-local"),
        [0x2001, 0..=0x1ff, ..] => Special("set apart for protocols"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Special("for documentation"),
        [0x2002, ..] => Wraps(v4(segments[1], segments[2])),
        // ISATAP, below any prefix.
        [0x2000..=0x3fff, .., 0 | 0x200, 0x5efe, _, _] => Wraps(v4(segments[6], segments[7])),
        [0x2000..=0x3fff, ..] => Public,
        _ => Special("not of the public internet"),
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}
