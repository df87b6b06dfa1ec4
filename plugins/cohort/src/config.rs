//! What the operator writes under `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Cohorts of users.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// In order; users that are in none of them are in `default`.
    pub(crate) cohorts: Vec<Cohort>,
    /// What the cohort of all others is called; `default` unless configured.
    #[serde(default = "rest")]
    pub(crate) default: String,
    /// What makes a user: `cookie` (one that the plugin sets), `client_address`, `header:NAME`, `cookie:NAME` or `value:PLUGIN/NAME`; `cookie` unless configured.
    #[serde(default = "cookie")]
    pub(crate) user: String,
    /// Plugins with the same seed and cohorts share out users alike; another seed draws anew.
    #[serde(default)]
    pub(crate) seed: String,
    /// The cookie that makes a user; see below.
    #[serde(default)]
    pub(crate) cookie: cookies::Config,
    /// A field that tells endpoints the cohort; a client's own is dropped.
    #[serde(default)]
    pub(crate) header: Option<String>,
}

/// A part of the users.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cohort {
    /// Up to 64 letters, digits, `-`, `_` and `.`.
    pub(crate) name: String,
    /// Which share of the users, 0 to 100 in steps of 0.01; all cohorts together have 100 at most. 0 unless configured.
    #[serde(default)]
    pub(crate) percent: f64,
    /// The cluster that it goes to instead of the route's.
    #[serde(default)]
    pub(crate) cluster: Option<String>,
    /// The route that it is handed to; its plugins run as well.
    #[serde(default)]
    pub(crate) route: Option<String>,
    /// Who is in it in any case.
    #[serde(default)]
    pub(crate) force: Force,
}

/// Who is in a cohort whatever the share: one of these is enough.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Force {
    /// Who sends such a field with this value.
    pub(crate) headers: BTreeMap<String, String>,
    /// Who sends such a cookie with this value.
    pub(crate) cookies: BTreeMap<String, String>,
}

fn rest() -> String {
    "default".to_owned()
}

fn cookie() -> String {
    "cookie".to_owned()
}
