//! `capabilities.metrics`

use schemars::JsonSchema;

use super::Quota;
use crate::config::document::Table;

/// How much a plugin may measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsQuota {
    /// Series that whoever stores the metrics gets from it.
    pub series: u64,
}

impl Default for MetricsQuota {
    fn default() -> Self {
        // What Prometheus' makers call much for one metric of one program.
        Self { series: 1_000 }
    }
}

/// How much a plugin may measure.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "MetricsQuota")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct MetricsQuotaFile {
    /// Series: one for each set of label values, and in a histogram one for each of
    /// its buckets and three more.
    #[schemars(range(min = 1, max = 1_000_000))]
    series: Option<u64>,
}

impl Quota for MetricsQuota {
    type Schema = MetricsQuotaFile;

    fn read(table: &mut Table<'_>) -> Self {
        let default = Self::default();
        Self { series: table.or("series", default.series, |value| value.number(1..=1_000_000)) }
    }

    fn show(&self) -> String {
        format!("{} series", self.series)
    }
}
