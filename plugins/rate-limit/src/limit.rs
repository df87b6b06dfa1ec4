//! One limit: which requests it is about, and what it says to one.

use plugin_sdk::field::is_name;
use plugin_sdk::rate_limit::{self, RateLimitError, Verdict};
use plugin_sdk::{Error, Result};

use crate::client::Client;
use crate::config::{self, Overflow};
use crate::key::Key;
use crate::meter::Meter;
use crate::path;

pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) meter: Meter,
    pub(crate) dry_run: bool,
    /// Its item of `RateLimit-Policy`.
    pub(crate) policy: String,
    condition: Condition,
    overflow: Overflow,
    unavailable: Overflow,
    handle: rate_limit::Limit,
}

/// What a limit says to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// It has room for it, or had before this was spent.
    Yes(Verdict),
    /// It has none for so many milliseconds.
    No(Verdict, u64),
    /// It cannot be counted.
    Full(Overflow),
}

struct Condition {
    method: Vec<String>,
    path_prefix: Vec<String>,
}

impl Limit {
    pub(crate) fn new(config: config::Limit) -> Result<Self> {
        let name = config.name.clone();
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
            return Err(Error::new(format!(
                "`{}` is not 1 to 64 letters, digits, `-`, `_` and `.`",
                name.escape_debug()
            ))
            .within("name"));
        }
        let key = Key::new(&config)?;
        let meter = Meter::new(&config)?;
        // What counts by another key is another limit, whatever its name.
        let definition = format!(
            "{name} {} {:?} {}/{}",
            config.key.join(","),
            config.missing,
            config.ipv4_prefix,
            config.ipv6_prefix
        );
        Ok(Self {
            key,
            policy: meter.policy(&name),
            handle: meter.define(&definition)?,
            meter,
            name,
            dry_run: config.dry_run,
            condition: Condition::new(config.condition).map_err(|e| e.within("match"))?,
            overflow: config.overflow,
            unavailable: config.unavailable,
        })
    }

    pub(crate) fn concerns(&self, client: &Client<'_>) -> bool {
        let Condition { method, path_prefix } = &self.condition;
        (method.is_empty() || method.iter().any(|m| m == client.request.method()))
            && (path_prefix.is_empty()
                || path_prefix.iter().any(|prefix| path::below(client.path(), prefix)))
    }

    /// Looks without spending.
    pub(crate) fn look(&self, key: &[u8]) -> Result<Said> {
        self.said(self.handle.check(key, 0), |seen| {
            (!self.meter.admits(&seen)).then(|| self.meter.retry_after(&seen))
        })
    }

    /// Spends, if there is room.
    pub(crate) fn spend(&self, key: &[u8]) -> Result<Said> {
        self.said(self.handle.check(key, self.meter.cost()), |seen| {
            (!seen.allowed).then_some(seen.retry_after_ms.into())
        })
    }

    fn said(
        &self,
        verdict: Result<Verdict, RateLimitError>,
        retry: impl Fn(Verdict) -> Option<u64>,
    ) -> Result<Said> {
        match verdict {
            Ok(verdict) => Ok(match retry(verdict) {
                None => Said::Yes(verdict),
                Some(after) => Said::No(verdict, after),
            }),
            Err(RateLimitError::Quota) => Ok(Said::Full(self.overflow)),
            Err(RateLimitError::Unavailable) => Ok(Said::Full(self.unavailable)),
            Err(error) => Err(Error::from(error).within(&self.name)),
        }
    }
}

impl Condition {
    fn new(config: config::Condition) -> Result<Self> {
        if let Some(method) = config.method.iter().find(|m| !is_name(m)) {
            return Err(Error::new(format!("method: `{method}` is no method")));
        }
        let prefix = |text: &String| {
            if !text.starts_with('/') || text.contains(['?', '#']) {
                return Err(Error::new(format!(
                    "path_prefix: `{text}` is no path prefix: it starts with `/` and holds no `?` or `#`"
                )));
            }
            Ok(path::loose(text).trim_end_matches('/').to_owned())
        };
        let path_prefix = config.path_prefix.iter().map(prefix).collect::<Result<_>>()?;
        Ok(Self { method: config.method, path_prefix })
    }
}
