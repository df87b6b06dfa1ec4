//! `capabilities.http`: where a plugin may send requests of its own, and what they
//! may take.
//!
//! Two questions are answered here and nowhere else, without a socket: whether a
//! scheme, host and port are granted ([`HttpGrant::allows`]), and whether an
//! address may be reached for them ([`HttpGrant::reaches`]).

mod address;
mod host;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use address::Refused;
pub use host::Host;

use super::scalar::{Invalid, split_port};

/// `http = […]` or `http = { hosts = […], … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// At least one.
    pub hosts: Vec<Destination>,
    /// Networks outside of the public internet whose addresses a granted name may
    /// have.
    pub private: Vec<IpNet>,
    /// For one request, from the name's resolution to the body's last octet, and for
    /// all requests of one hook together.
    pub timeout: Duration,
    /// Octets of a response's body.
    pub body: usize,
    /// Requests under way at once, over all workers.
    pub in_flight: usize,
    /// PEM file of the authorities that sign the hosts' certificates; none = the
    /// system's roots.
    pub ca: Option<PathBuf>,
}

/// One entry of `hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// None = either.
    pub scheme: Option<Scheme>,
    /// Which host or hosts.
    pub host: HostGrant,
    /// The port.
    pub port: u16,
}

/// How to speak to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// The host of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostGrant {
    /// This one.
    Exact(Host),
    /// `*.example.com`, kept as `example.com`: any name below it, not itself.
    Below(String),
}

/// The entry that allows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// By its name: the addresses that it has must be looked at.
    ByName,
    /// The operator wrote this very address.
    ByAddress,
}

impl HttpGrant {
    /// The entry that allows requests to this scheme, host and port, if there is one.
    pub fn allows(&self, scheme: Scheme, host: &Host, port: u16) -> Option<Allowed> {
        let fits = |entry: &&Destination| {
            entry.port == port
                && entry.scheme.is_none_or(|granted| granted == scheme)
                && entry.host.covers(host)
        };
        self.hosts.iter().find(fits).map(|_| match host {
            Host::Name(_) => Allowed::ByName,
            Host::Address(_) => Allowed::ByAddress,
        })
    }

    /// The address to connect to instead of one that an allowed host has: itself, or
    /// the IPv4 address that is written in it.
    ///
    /// # Errors
    ///
    /// When it is outside of the public internet and not granted.
    pub fn reaches(&self, allowed: Allowed, address: IpAddr) -> Result<IpAddr, Refused> {
        address::judge(address, |special| {
            // Nothing stands between what the operator wrote and the address: no
            // name, and so nobody who answers for it.
            allowed == Allowed::ByAddress
                || self.private.iter().any(|network| network.contains(&special))
        })
    }
}

impl HostGrant {
    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(granted), host) => granted == host,
            (Self::Below(parent), Host::Name(name)) => {
                name.strip_suffix(parent.as_str()).is_some_and(|below| {
                    below.strip_suffix('.').is_some_and(|labels| !labels.is_empty())
                })
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port of a URL without one.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// In any case, as RFC 3986 has it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(text))
    }
}

impl Destination {
    /// Reads `HOST:PORT`, `http://HOST[:PORT]` or `https://HOST[:PORT]`, where the
    /// host may be `*.NAME`.
    ///
    /// # Errors
    ///
    /// When it is something else, with what to write instead.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid =
            |why: &str| Invalid::new(format!("`{}` is not a host: {why}", text.escape_debug()));
        let (scheme, authority) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) => {
                let scheme = Scheme::parse(scheme).ok_or_else(|| {
                    invalid("plugins can send to http:// and https:// alone")
                        .help("write \"https://HOST\", or \"HOST:PORT\" for either scheme")
                })?;
                (Some(scheme), rest.strip_suffix('/').unwrap_or(rest))
            }
        };
        if authority.contains('@') {
            // Not shown: what stands before the `@` may be a password.
            return Err(Invalid::new("a granted host cannot hold a user name").help("leave it out"));
        }
        if authority.contains(['/', '?', '#']) {
            return Err(invalid("it goes on after the host")
                .help("leave the path out: a grant is for every path"));
        }
        let (host, port) = split_port(authority)
            .ok_or_else(|| invalid("its port is not a number from 1 to 65535"))?;
        let port = port.or(scheme.map(Scheme::default_port)).ok_or_else(|| {
            let host = host.escape_debug();
            invalid("it has neither a port nor a scheme that implies one")
                .help(format!("write \"https://{host}\" (port 443) or \"{host}:PORT\""))
        })?;
        let host = HostGrant::parse(host).map_err(|why| invalid(&why))?;
        Ok(Self { scheme, host, port })
    }
}

impl HostGrant {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(parent) = text.strip_prefix("*.") else {
            let host = Host::parse(text).map_err(str::to_owned)?;
            return match &host {
                Host::Address(address) => match address::judge(*address, |_| true) {
                    Ok(_) => Ok(Self::Exact(host)),
                    Err(refused) => Err(refused.to_string()),
                },
                Host::Name(_) => Ok(Self::Exact(host)),
            };
        };
        match Host::parse(parent) {
            Ok(Host::Name(name)) => Ok(Self::Below(name)),
            Ok(Host::Address(_)) => Err("an address has no names below it".to_owned()),
            Err(why) => Err(why.to_owned()),
        }
    }
}

/// What `private = true` stands for: the networks that RFC 1918, RFC 6598 and RFC
/// 4193 set apart for use within an organization. This machine (loopback) and its
/// link, where cloud providers answer with credentials, have to be named.
pub(super) fn private_use() -> Vec<IpNet> {
    let networks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];
    networks.iter().filter_map(|network| network.parse().ok()).collect()
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.as_str())?;
        }
        match &self.host {
            HostGrant::Exact(host) => write!(f, "{host}")?,
            HostGrant::Below(parent) => write!(f, "*.{parent}")?,
        }
        write!(f, ":{}", self.port)
    }
}

#[cfg(test)]
mod tests;
