//! What the operator writes under `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Who may come in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The request field that carries the key.
    #[serde(default = "x_api_key")]
    pub(crate) header: String,
    /// Each key, and what to call its owner in the access log.
    pub(crate) keys: BTreeMap<String, String>,
}

fn x_api_key() -> String {
    "x-api-key".to_owned()
}
