//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Consistent hashing with bounded loads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// What is hashed, the first of these that a request has: `header:NAME`, `cookie:NAME`, or `hash` for what the cluster's `hash` says; `["hash"]` unless configured.
    pub(crate) key: Vec<String>,
    /// How many times its fair share of the exchanges under way an endpoint may have, from 1.01 to 100 in steps of 0.01; 1.25 unless configured.
    pub(crate) load: f64,
    /// Proxies with the same seed agree; another seed draws anew.
    pub(crate) seed: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { key: vec!["hash".to_owned()], load: 1.25, seed: String::new() }
    }
}
