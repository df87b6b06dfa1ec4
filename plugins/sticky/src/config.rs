//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

/// A cookie that names an endpoint.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Signs the cookie, and is the same on all proxies: 32 octets or more, such as `{ env = "STICKY_SECRET" }`.
    pub(crate) secret: String,
    /// The cookie.
    #[serde(default)]
    pub(crate) cookie: Cookie,
}

/// The cookie's name and attributes (RFC 6265).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cookie {
    /// `endpoint` unless configured; with `__Host-` or `__Secure-` before it browsers hold the attributes to that.
    pub(crate) name: String,
    /// `/` unless configured.
    pub(crate) path: String,
    /// The host alone unless configured.
    pub(crate) domain: Option<String>,
    /// How long browsers keep it, renewed after half of that; until they are closed unless configured.
    pub(crate) max_age: Option<Duration>,
    /// Whether it is sent over TLS only; `auto`, unless configured, does so if it was set over TLS.
    pub(crate) secure: Secure,
    /// Whether scripts cannot read it; they cannot unless configured.
    pub(crate) http_only: bool,
    /// Which requests from other sites carry it; `lax` unless configured.
    pub(crate) same_site: SameSite,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "endpoint".to_owned(),
            path: "/".to_owned(),
            domain: None,
            max_age: None,
            secure: Secure::Auto,
            http_only: true,
            same_site: SameSite::Lax,
        }
    }
}

/// Whether a cookie is sent over TLS only.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Secure {
    /// If it was set over TLS.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which requests from other sites carry a cookie.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SameSite {
    /// None.
    Strict,
    /// Those that open a page.
    Lax,
    /// All, over TLS.
    None,
}
