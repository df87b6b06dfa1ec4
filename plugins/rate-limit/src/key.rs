//! What a limit counts by.

use std::net::IpAddr;

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Result, exchange};

use crate::client::Client;
use crate::config::{self, Missing};
use crate::path;

/// A key's parts, in order; none of them: all requests have one key.
pub(crate) struct Key {
    parts: Vec<Part>,
    missing: Missing,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
}

enum Part {
    ClientAddress,
    Header(String),
    Cookie(String),
    Value {
        plugin: String,
        name: String,
    },
    Route,
    Method,
    Host,
    /// So many leading segments.
    Path(usize),
}

/// What a request comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The key.
    Key,
    /// The limit does not concern it.
    Skip,
    /// It lacks what it must have.
    Refuse,
}

/// A longer value is replaced by its hash: the host takes keys of up to 1 KiB, and
/// what a client sends should not decide how much memory a key takes.
const LONGEST: usize = 64;

/// Before each part, so that no two lists of parts make the same octets.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Tag {
    V4 = b'4',
    V6 = b'6',
    Text = b't',
    Hash = b'#',
    /// A part is missing; the client's address may follow.
    Missing = b'-',
}

impl Key {
    pub(crate) fn new(limit: &config::Limit) -> Result<Self> {
        let parts = limit.key.iter().enumerate().map(|(index, text)| {
            Part::new(text).map_err(|e| e.within(format_args!("key[{index}]")))
        });
        if limit.key.len() > 8 {
            return Err(Error::new("a key has at most 8 parts").within("key"));
        }
        for (name, prefix, most) in
            [("ipv4_prefix", limit.ipv4_prefix, 32), ("ipv6_prefix", limit.ipv6_prefix, 128)]
        {
            if prefix == 0 || prefix > most {
                return Err(Error::new(format!("{prefix} is not from 1 to {most}")).within(name));
            }
        }
        Ok(Self {
            parts: parts.collect::<Result<_>>()?,
            missing: limit.missing,
            ipv4_prefix: limit.ipv4_prefix,
            ipv6_prefix: limit.ipv6_prefix,
        })
    }

    /// The request fields that are read.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Header(name) => Some(name.as_str()),
            Part::Cookie(_) => Some("cookie"),
            _ => None,
        })
    }

    /// Writes the request's key into `key`.
    pub(crate) fn of(&self, client: &Client<'_>, key: &mut Vec<u8>) -> Found {
        key.clear();
        for part in &self.parts {
            if part.write(self, client, key) {
                continue;
            }
            match self.missing {
                Missing::Skip => return Found::Skip,
                Missing::Refuse => return Found::Refuse,
                Missing::Shared => key.push(Tag::Missing as u8),
                Missing::ClientAddress => {
                    key.push(Tag::Missing as u8);
                    self.write_address(client.address(), key);
                }
            }
        }
        Found::Key
    }

    fn write_address(&self, address: Option<IpAddr>, key: &mut Vec<u8>) -> bool {
        match address {
            None => return false,
            Some(IpAddr::V4(address)) => {
                let mask = u32::MAX << (32 - u32::from(self.ipv4_prefix));
                key.push(Tag::V4 as u8);
                key.extend((u32::from(address) & mask).to_be_bytes());
            }
            Some(IpAddr::V6(address)) => {
                let mask = u128::MAX << (128 - u32::from(self.ipv6_prefix));
                key.push(Tag::V6 as u8);
                key.extend((u128::from(address) & mask).to_be_bytes());
            }
        }
        true
    }
}

impl Part {
    fn new(text: &str) -> Result<Self> {
        let part = match text.split_once(':') {
            None => match text {
                "client_address" => Some(Self::ClientAddress),
                "route" => Some(Self::Route),
                "method" => Some(Self::Method),
                "host" => Some(Self::Host),
                _ => None,
            },
            Some(("header", name)) if is_name(name) => {
                Some(Self::Header(name.to_ascii_lowercase()))
            }
            Some(("cookie", name)) if is_name(name) => Some(Self::Cookie(name.to_owned())),
            Some(("value", path)) => match path.split_once('/') {
                Some((plugin, name)) if !plugin.is_empty() && !name.is_empty() => {
                    Some(Self::Value { plugin: plugin.to_owned(), name: name.to_owned() })
                }
                _ => None,
            },
            Some(("path", segments)) => {
                segments.parse().ok().filter(|n| (1..=16).contains(n)).map(Self::Path)
            }
            Some(_) => None,
        };
        part.ok_or_else(|| {
            Error::new(format!(
                "`{text}` is none of `client_address`, `header:NAME`, `cookie:NAME`, \
                 `value:PLUGIN/NAME`, `route`, `method`, `host` and `path:SEGMENTS` (1 to 16)"
            ))
        })
    }

    /// Whether the request has it.
    fn write(&self, all: &Key, client: &Client<'_>, key: &mut Vec<u8>) -> bool {
        let request = client.request;
        match self {
            Self::ClientAddress => all.write_address(client.address(), key),
            Self::Header(name) => write(request.header(name), key),
            Self::Cookie(name) => write(request.cookie(name), key),
            Self::Value { plugin, name } => write(exchange::value_of(plugin, name).as_deref(), key),
            Self::Route => write(Some(request.route().as_bytes()), key),
            Self::Method => write(Some(request.method().as_bytes()), key),
            // Names of hosts know no case, and must not have a bucket for each
            // spelling.
            Self::Host => write(Some(request.host().to_ascii_lowercase().as_bytes()), key),
            Self::Path(segments) => {
                write(Some(path::leading(client.path(), *segments).as_bytes()), key)
            }
        }
    }
}

/// Empty is as good as missing: it tells nobody from anybody else.
fn write(value: Option<&[u8]>, key: &mut Vec<u8>) -> bool {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return false };
    match u8::try_from(value.len()) {
        Ok(length) if value.len() <= LONGEST => {
            key.extend([Tag::Text as u8, length]);
            key.extend(value);
        }
        _ => {
            key.push(Tag::Hash as u8);
            key.extend(crypto::digest(Hash::Sha256, value));
        }
    }
    true
}
