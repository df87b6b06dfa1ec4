//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

/// Cross-origin resource sharing, as the Fetch standard has it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Who may read responses: `https://app.example.com`, `https://*.example.com` for any name below, `http://localhost:*` for any port; or `*` alone for everyone. Required.
    pub(crate) origins: Vec<String>,
    /// Whether scripts of these origins may send cookies and client certificates. Never together with `*`, in any key.
    pub(crate) credentials: bool,
    /// The methods that preflights allow; `*` alone allows every one.
    pub(crate) methods: Vec<String>,
    /// The request fields that preflights allow; `*` means every one but `authorization`, which has to be named.
    pub(crate) request_headers: Vec<String>,
    /// The response fields that scripts may read beside the usual ones; `*` means every one.
    pub(crate) exposed_headers: Vec<String>,
    /// How long a browser may remember the answer to a preflight, in whole seconds; `0s` means not at all. Without this key, browsers take five seconds.
    pub(crate) max_age: Option<Duration>,
    /// Whether preflights from a public site for this private network are allowed (`access-control-allow-private-network`).
    pub(crate) private_network: bool,
    /// Whether the plugin answers preflights itself, or lets them on and edits what the endpoint answers.
    pub(crate) preflight: Preflight,
    /// What happens to a request from an origin that is not allowed: it passes and its response cannot be read by the script, or it is refused with 403.
    pub(crate) disallowed: Disallowed,
    /// What becomes of such fields from the endpoint: this policy's stand in their place, or the endpoint's are kept where this policy allows nothing.
    pub(crate) endpoint_headers: EndpointHeaders,
}

/// What happens to preflights.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Preflight {
    #[default]
    Answer,
    Pass,
}

/// What happens to requests from other origins.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Disallowed {
    #[default]
    Pass,
    Refuse,
}

/// What becomes of the endpoint's own fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename_all = "lowercase")]
pub(crate) enum EndpointHeaders {
    #[default]
    Replace,
    Keep,
}

impl Default for Config {
    fn default() -> Self {
        let methods = ["GET", "HEAD", "POST"].map(str::to_owned);
        Self {
            origins: Vec::new(),
            credentials: false,
            // Those that need no preflight by themselves (CORS-safelisted).
            methods: methods.into(),
            request_headers: Vec::new(),
            exposed_headers: Vec::new(),
            max_age: None,
            private_network: false,
            preflight: Preflight::default(),
            disallowed: Disallowed::default(),
            endpoint_headers: EndpointHeaders::default(),
        }
    }
}
