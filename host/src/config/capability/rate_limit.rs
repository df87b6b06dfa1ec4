//! `capabilities.rate_limit`

use schemars::JsonSchema;

use super::Quota;
use crate::config::document::Table;

/// How much a plugin may limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitQuota {
    /// Keys of which something is spent, over all limits.
    pub keys: u64,
}

impl Default for RateLimitQuota {
    fn default() -> Self {
        // Clients within the time in which a spent limit comes back; about ten
        // megabytes.
        Self { keys: 100_000 }
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
}

impl Quota for RateLimitQuota {
    type Schema = RateLimitQuotaFile;

    fn read(table: &mut Table<'_>) -> Self {
        let default = Self::default();
        Self { keys: table.or("keys", default.keys, |value| value.number(1..=100_000_000)) }
    }

    fn show(&self) -> String {
        format!("{} keys", self.keys)
    }
}
