//! Which requests a rule is for.

use std::collections::BTreeMap;
use std::hash::Hasher;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result};
use siphasher::sip::SipHasher13;
use template::View;

use crate::config;
use crate::path::{self, Pattern};

/// Conditions that must all hold, cheapest first.
pub(crate) struct Condition {
    method: Vec<String>,
    path_prefix: Option<String>,
    host: Vec<Host>,
    headers: Vec<(String, Value)>,
    cookies: Vec<(String, Value)>,
    query: Vec<(String, Value)>,
    share: Option<Share>,
    path_regex: Option<Pattern>,
}

enum Host {
    Exact(String),
    /// With its leading dot.
    Below(String),
}

enum Value {
    Equals(String),
    Prefix(String),
    Regex(Pattern),
    Present(bool),
}

struct Share {
    /// Out of [`BUCKETS`].
    buckets: u64,
    by: User,
    seed: String,
}

enum User {
    ClientAddress,
    Cookie(String),
    Header(String),
}

/// A hundredth of a percent each.
const BUCKETS: u64 = 10_000;

impl Condition {
    pub(crate) fn new(config: config::Condition) -> Result<Self> {
        let prefix = config.path_prefix.map(|p| path::prefix(&p));
        let regex = config.path_regex.map(|r| Pattern::new(&r));
        let hosts = config.host.iter().map(|h| Host::new(h));
        let hosts: Result<_> = hosts.collect();
        if let Some(method) = config.method.iter().find(|m| !is_name(m)) {
            return Err(Error::new(format!("method: `{method}` is no method")));
        }
        if let Some(name) = config.headers.keys().find(|n| !is_name(n)) {
            return Err(Error::new(format!("headers: `{name}` is no field name")));
        }
        Ok(Self {
            method: config.method,
            path_prefix: prefix.transpose().map_err(|e| e.within("path_prefix"))?,
            host: hosts.map_err(|e| e.within("host"))?,
            headers: values(config.headers).map_err(|e| e.within("headers"))?,
            cookies: values(config.cookies).map_err(|e| e.within("cookies"))?,
            query: values(config.query).map_err(|e| e.within("query"))?,
            share: config.share.map(Share::new).transpose().map_err(|e| e.within("share"))?,
            path_regex: regex.transpose().map_err(|e| e.within("path_regex"))?,
        })
    }

    /// The names of the groups that a match yields.
    pub(crate) fn groups(&self) -> Vec<Option<&str>> {
        self.path_regex.as_ref().map(Pattern::groups).unwrap_or_default()
    }

    /// The request fields that are read.
    pub(crate) fn fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.headers.iter().map(|(name, _)| name.clone()).collect();
        let by = self.share.as_ref().map(|share| &share.by);
        if let Some(User::Header(name)) = by {
            fields.push(name.clone());
        }
        if !self.cookies.is_empty() || matches!(by, Some(User::Cookie(_))) {
            fields.push("cookie".to_owned());
        }
        fields
    }

    /// The groups of `path_regex` if the conditions hold.
    pub(crate) fn matches(&self, view: &View<'_>) -> Option<Vec<Option<String>>> {
        let request = view.request;
        let holds = (self.method.is_empty() || self.method.iter().any(|m| m == request.method()))
            && self.path_prefix.as_ref().is_none_or(|p| path::strip(view.path(), p).is_some())
            && (self.host.is_empty() || self.matches_host(view.host()))
            && self.headers.iter().all(|(name, value)| value.matches(request.header(name)))
            && self.cookies.iter().all(|(name, value)| value.matches(request.cookie(name)))
            && self.query.iter().all(|(name, value)| {
                let parameter = view.parameter(name);
                value.matches(parameter.as_deref().map(str::as_bytes))
            })
            && self.share.as_ref().is_none_or(|share| share.includes(request));
        if !holds {
            return None;
        }
        match &self.path_regex {
            Some(pattern) => pattern.captures(view.path()),
            None => Some(Vec::new()),
        }
    }

    fn matches_host(&self, authority: &str) -> bool {
        let name = match authority.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => authority,
        };
        self.host.iter().any(|host| host.matches(name))
    }
}

impl Host {
    fn new(text: &str) -> Result<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        if name.is_empty() || !name.bytes().all(is_host_octet) {
            return Err(Error::new(format!("`{text}` is neither a host nor `*.` and a host")));
        }
        Ok(if name.len() == text.len() {
            Self::Exact(name.to_owned())
        } else {
            Self::Below(format!(".{name}"))
        })
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(host) => host.eq_ignore_ascii_case(name),
            Self::Below(suffix) => {
                let name = name.as_bytes();
                let start = name.len().checked_sub(suffix.len()).filter(|start| *start > 0);
                start.is_some_and(|start| name[start..].eq_ignore_ascii_case(suffix.as_bytes()))
            }
        }
    }
}

/// What a host and port are made of, brackets and colons of IPv6 included.
pub(crate) fn is_host_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._:[]".contains(&octet)
}

impl Value {
    fn matches(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Self::Present(wanted), value) => value.is_some() == *wanted,
            (_, None) => false,
            (Self::Equals(wanted), Some(value)) => value == wanted.as_bytes(),
            (Self::Prefix(wanted), Some(value)) => value.starts_with(wanted.as_bytes()),
            (Self::Regex(pattern), Some(value)) => pattern.is_match(value),
        }
    }
}

fn values(config: BTreeMap<String, config::Value>) -> Result<Vec<(String, Value)>> {
    let value = |(name, value): (String, config::Value)| {
        let value = match value {
            config::Value::Equals(text) => Value::Equals(text),
            config::Value::Prefix(text) => Value::Prefix(text),
            config::Value::Present(wanted) => Value::Present(wanted),
            config::Value::Regex(text) => {
                Value::Regex(Pattern::new(&text).map_err(|e| e.within(&name))?)
            }
        };
        Ok((name, value))
    };
    config.into_iter().map(value).collect()
}

impl Share {
    fn new(config: config::Share) -> Result<Self> {
        if !(0.0..=100.0).contains(&config.percent) {
            return Err(Error::new(format!("percent: {} is not from 0 to 100", config.percent)));
        }
        let by = match config.by.split_once(':') {
            None if config.by == "client_address" => User::ClientAddress,
            Some(("cookie", name)) if is_name(name) => User::Cookie(name.to_owned()),
            Some(("header", name)) if is_name(name) => User::Header(name.to_ascii_lowercase()),
            _ => {
                return Err(Error::new(format!(
                    "by: `{}` is none of `client_address`, `cookie:NAME` and `header:NAME`",
                    config.by
                )));
            }
        };
        // In range by the check above.
        let buckets = (config.percent * 100.0).round() as u64;
        Ok(Self { buckets, by, seed: config.seed })
    }

    /// Whether the user falls into the share. A larger share includes every user
    /// of a smaller one, so that raising the percentage moves nobody back.
    fn includes(&self, request: &Request) -> bool {
        let user = match &self.by {
            User::ClientAddress => None,
            User::Cookie(name) => request.cookie(name),
            User::Header(name) => request.header(name),
        };
        let user = user.or_else(|| request.client_address().map(str::as_bytes));
        bucket(&self.seed, user.unwrap_or_default()) < self.buckets
    }
}

/// The hash is a fixed one: users stay where they are across restarts, versions
/// and machines.
fn bucket(seed: &str, user: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(seed.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(user);
    hasher.finish() % BUCKETS
}
