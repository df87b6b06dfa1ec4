//! Networks.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use super::named;

/// Networks of both families. An IPv4 address in an IPv6 one (`::ffff:192.0.2.1`)
/// is that IPv4 address.
#[derive(Debug, Default)]
pub struct NetworkSet {
    v4: PrefixMap<Ipv4Net, Vec<u32>>,
    v6: PrefixMap<Ipv6Net, Vec<u32>>,
}

impl NetworkSet {
    pub(super) fn new(networks: &[String]) -> Result<Self, String> {
        let mut set = Self::default();
        for (place, text) in (0..).zip(networks) {
            match network(text) {
                Some(IpNet::V4(network)) => set.v4.entry(network).or_default().push(place),
                Some(IpNet::V6(network)) => set.v6.entry(network).or_default().push(place),
                None => {
                    return Err(format!(
                        "{}: no network such as `10.0.0.0/8` or `2001:db8::/32`, and no address",
                        named("network", place as usize, text)
                    ));
                }
            }
        }
        Ok(set)
    }

    pub(super) fn is_match(&self, subject: &[u8]) -> bool {
        address(subject).is_some_and(|address| self.contains(address))
    }

    pub(super) fn matches(&self, subject: &[u8]) -> Vec<u32> {
        address(subject).map(|address| self.containing(address)).unwrap_or_default()
    }

    fn contains(&self, address: IpAddr) -> bool {
        match IpNet::from(address) {
            IpNet::V4(network) => self.v4.get_spm(&network).is_some(),
            IpNet::V6(network) => self.v6.get_spm(&network).is_some(),
        }
    }

    fn containing(&self, address: IpAddr) -> Vec<u32> {
        let mut found: Vec<u32> = match IpNet::from(address) {
            IpNet::V4(network) => self.v4.cover_values(&network).flatten().copied().collect(),
            IpNet::V6(network) => self.v6.cover_values(&network).flatten().copied().collect(),
        };
        found.sort_unstable();
        found
    }
}

/// What `10.1.2.3/8` says of the rest does not count.
fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>().or_else(|_| single()).ok()?;
    Some(network.trunc())
}

fn address(subject: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(subject).ok()?.trim_ascii();
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
