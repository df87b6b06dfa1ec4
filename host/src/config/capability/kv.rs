//! `capabilities.kv`

use schemars::JsonSchema;

use super::Quota;
use crate::config::document::Table;
use crate::config::file::Size;
use crate::config::units::show_size;

/// How much a plugin may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvQuota {
    /// Octets of all keys and values, with 64 for each entry.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

impl Default for KvQuota {
    fn default() -> Self {
        // Sessions or tokens of a busy site, and little against what an instance
        // may use.
        Self { bytes: 16 << 20, entries: 100_000 }
    }
}

/// How much a plugin may keep.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "KvQuota")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct KvQuotaFile {
    /// All keys and values together, with 64 octets for each entry.
    bytes: Option<Size>,
    /// Entries.
    #[schemars(range(min = 1, max = 100_000_000))]
    entries: Option<u64>,
}

impl Quota for KvQuota {
    type Schema = KvQuotaFile;

    fn read(table: &mut Table<'_>) -> Self {
        let default = Self::default();
        Self {
            bytes: table.or("bytes", default.bytes, |value| value.size(1 << 10..=64 << 30)),
            entries: table.or("entries", default.entries, |value| value.number(1..=100_000_000)),
        }
    }

    fn show(&self) -> String {
        format!("{} in {} entries", show_size(self.bytes), self.entries)
    }
}
