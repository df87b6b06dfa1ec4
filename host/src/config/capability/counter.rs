//! `capabilities.counter`

use schemars::JsonSchema;

use super::Quota;
use crate::config::document::Table;

/// How much a plugin may count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterQuota {
    /// Counters, each with a name of its own.
    pub names: u64,
}

impl Default for CounterQuota {
    fn default() -> Self {
        // One for each of many tenants or paths; with names of the usual length
        // about a megabyte.
        Self { names: 10_000 }
    }
}

/// How much a plugin may count.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "CounterQuota")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct CounterQuotaFile {
    /// Counters, each with a name of its own.
    #[schemars(range(min = 1, max = 10_000_000))]
    names: Option<u64>,
}

impl Quota for CounterQuota {
    type Schema = CounterQuotaFile;

    fn read(table: &mut Table<'_>) -> Self {
        let default = Self::default();
        Self { names: table.or("names", default.names, |value| value.number(1..=10_000_000)) }
    }

    fn show(&self) -> String {
        format!("{} names", self.names)
    }
}
