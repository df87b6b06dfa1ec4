//! Who the client is when proxies stand in between.
//!
//! Anyone can send `X-Forwarded-For` and `Forwarded`. They are believed as far as
//! trusted proxies wrote them, and no further: the lists are read from the right,
//! where the nearest proxy wrote, and the first address that is not a trusted
//! proxy's is the client. At an entry that is no address (`unknown`, an obfuscated
//! identifier, garbage) the trail ends, and the proxy that reported it is the
//! nearest to the client that is known.
//!
//! `X-Forwarded-For` goes before `Forwarded` (RFC 7239) when both are there: a
//! trusted proxy has to remove or extend both, or a client can forge the one that
//! the proxy does not know.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName, HeaderValue};
use ipnet::IpNet;

mod forwarded;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// Never an IPv4 address in IPv6 clothes.
    pub ip: IpAddr,
    /// None when a proxy stands in between that does not name it.
    pub port: Option<u16>,
    /// What the client used, if a trusted proxy says so; none = what the connection
    /// itself uses.
    pub scheme: Option<Scheme>,
}

/// How the client speaks to the first proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl ClientAddress {
    /// The client of a request that came from `peer` with these `headers`.
    ///
    /// Costs nothing but the look at `trusted` when the peer is not in there.
    pub fn find(peer: SocketAddr, trusted: &[IpNet], headers: &HeaderMap) -> Self {
        let direct = Self { ip: peer.ip().to_canonical(), port: Some(peer.port()), scheme: None };
        if !is_trusted(direct.ip, trusted) {
            return direct;
        }
        if headers.contains_key(X_FORWARDED_FOR) {
            return Self { scheme: x_forwarded_proto(headers), ..direct }
                .follow(x_forwarded_for(headers), trusted);
        }
        if headers.contains_key(FORWARDED) {
            let lines = headers.get_all(FORWARDED).iter().rev();
            return direct.follow(lines.flat_map(forwarded::hops), trusted);
        }
        Self { scheme: x_forwarded_proto(headers), ..direct }
    }

    /// Walks from a trusted proxy along what it and those before it reported.
    fn follow(self, hops: impl Iterator<Item = Hop>, trusted: &[IpNet]) -> Self {
        let mut nearest = self;
        for hop in hops {
            // What an entry says of the scheme holds for the entry's address, but
            // is as good for the last known one when there is no address.
            nearest.scheme = hop.scheme.or(nearest.scheme);
            let Some(Node { ip, port }) = hop.node else { break };
            (nearest.ip, nearest.port) = (ip, port);
            if !is_trusted(ip, trusted) {
                break;
            }
        }
        nearest
    }
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else if text.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else {
            None
        }
    }
}

/// What one proxy says of the one that it got the request from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hop {
    /// None when it says something else than an address.
    node: Option<Node>,
    scheme: Option<Scheme>,
}

/// An address, with a port if one was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    ip: IpAddr,
    port: Option<u16>,
}

impl Node {
    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`;
    /// a port may be obfuscated (`:_x`), which is as good as none.
    fn parse(text: &str) -> Option<Self> {
        let (ip, port) = match text.strip_prefix('[') {
            Some(literal) => {
                let (ip, port) = literal.split_once(']')?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
                (IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?), port)
            }
            None => match text.parse() {
                Ok(ip) => (ip, None),
                Err(_) => {
                    let (ip, port) = text.split_once(':')?;
                    (IpAddr::V4(ip.parse().ok()?), Some(port))
                }
            },
        };
        let port = match port {
            None => None,
            Some(port) if port.starts_with('_') => None,
            // `parse` would take a sign.
            Some(port) if !port.bytes().all(|digit| digit.is_ascii_digit()) => return None,
            Some(port) => Some(port.parse().ok()?),
        };
        Some(Self { ip: ip.to_canonical(), port })
    }
}

/// Whether one of the networks has this address.
pub fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// From the right, over all lines.
fn x_forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    headers.get_all(X_FORWARDED_FOR).iter().rev().flat_map(|line| {
        line.as_bytes().rsplit(|&octet| octet == b',').map(<[u8]>::trim_ascii).filter_map(|entry| {
            // RFC 9110, section 5.6.1: empty list elements count for nothing.
            if entry.is_empty() {
                return None;
            }
            let node = str::from_utf8(entry).ok().and_then(Node::parse);
            Some(Hop { node, scheme: None })
        })
    })
}

/// What the nearest proxy says: the last entry of the last line. Proxies replace
/// this field rather than extend it, and what stands further left may be the
/// client's own.
fn x_forwarded_proto(headers: &HeaderMap) -> Option<Scheme> {
    let line: &HeaderValue = headers.get_all(X_FORWARDED_PROTO).iter().next_back()?;
    Scheme::parse(line.to_str().ok()?.rsplit(',').next()?.trim_ascii())
}

#[cfg(test)]
mod tests;
