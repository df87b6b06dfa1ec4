//! `capabilities.rate_limit`

use schemars::JsonSchema;

use super::Quota;
use crate::config::document::Table;

/// How much a plugin may limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitQuota {
    /// Keys of which something is spent, over all limits.
    pub keys: u64,
    /// What becomes of a check while the Redis that counts cannot be reached.
    pub unavailable: Unavailable,
}

/// What a check is answered while the store cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unavailable {
    /// By this proxy's own count, which begins anew: a fleet then allows as many times
    /// the limit as it has proxies.
    #[default]
    Local,
    /// Allowed.
    Open,
    /// Refused.
    Closed,
    /// The error `unavailable`: the plugin decides.
    Error,
}

const UNAVAILABLE: [(&str, Unavailable); 4] = [
    ("local", Unavailable::Local),
    ("open", Unavailable::Open),
    ("closed", Unavailable::Closed),
    ("error", Unavailable::Error),
];

impl Default for RateLimitQuota {
    fn default() -> Self {
        // Clients within the time in which a spent limit comes back; about ten
        // megabytes.
        Self { keys: 100_000, unavailable: Unavailable::Local }
    }
}

/// How much a plugin may limit.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "RateLimitQuota")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct RateLimitQuotaFile {
    /// Keys of which something is spent, over all limits.
    #[schemars(range(min = 1, max = 100_000_000))]
    keys: Option<u64>,
    /// What a check is answered while the Redis of `[store]` cannot be reached: by this
    /// proxy's own count, allowed, refused, or with an error that the plugin sees.
    unavailable: Option<Unavailable>,
}

impl Quota for RateLimitQuota {
    type Schema = RateLimitQuotaFile;

    fn read(table: &mut Table<'_>) -> Self {
        let default = Self::default();
        Self {
            keys: table.or("keys", default.keys, |value| value.number(1..=100_000_000)),
            unavailable: table
                .or("unavailable", default.unavailable, |value| value.choice(&UNAVAILABLE)),
        }
    }

    fn show(&self) -> String {
        let named = UNAVAILABLE.iter().find(|(_, choice)| *choice == self.unavailable);
        match named {
            Some((name, choice)) if *choice != Unavailable::default() => {
                format!("{} keys, {name} without the store", self.keys)
            }
            _ => format!("{} keys", self.keys),
        }
    }
}
