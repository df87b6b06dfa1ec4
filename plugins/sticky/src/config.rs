//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;

/// A cookie that names an endpoint.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Signs the cookie, and is the same on all proxies: 32 octets or more, such as `{ env = "STICKY_SECRET" }`.
    pub(crate) secret: String,
    /// The cookie; see below.
    #[serde(default)]
    pub(crate) cookie: cookies::Config,
}
