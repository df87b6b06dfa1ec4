//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

/// When a site is being worked on, who gets through, and what all others see. One of `enabled`, `windows` and `flag_file` says when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Whether it is now, whatever the other two say.
    pub(crate) enabled: Option<bool>,
    /// Times at which it is.
    pub(crate) windows: Vec<Window>,
    /// It is as long as this file exists, in a directory that `capabilities.files` grants.
    pub(crate) flag_file: Option<String>,
    /// Only these paths are concerned, and what is below them; none means every path.
    pub(crate) paths: Vec<String>,
    /// These paths are not, nor what is below them.
    pub(crate) except_paths: Vec<String>,
    /// What clients are told to wait, in whole seconds; within one of `windows` it is the time to its end.
    pub(crate) retry_after: Duration,
    /// The page, as HTML.
    pub(crate) html: Option<String>,
    /// The page, as an HTML file in a directory that `capabilities.files` grants; read when the plugin is loaded.
    pub(crate) html_file: Option<String>,
    /// The page, as plain text.
    pub(crate) text: Option<String>,
    /// What clients get that prefer JSON to HTML; a problem document (RFC 9457) unless written.
    pub(crate) json: Option<String>,
    /// Who gets through: whoever one of these is true of.
    pub(crate) allow: Allow,
}

/// A time in which the site is being worked on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// Its first moment, with the offset from UTC: `2026-12-01T02:00:00Z` (RFC 3339).
    pub(crate) start: String,
    /// The first moment after it.
    pub(crate) end: String,
    /// Whether it comes again, at the same time of UTC.
    #[serde(default)]
    pub(crate) every: Option<Period>,
}

/// How often a window comes again.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename_all = "lowercase")]
pub(crate) enum Period {
    Day,
    Week,
}

/// Who gets through.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Allow {
    /// Clients with an address in one of these networks, or with one of these addresses.
    pub(crate) networks: Vec<String>,
    /// Requests with a field of this value; the endpoint does not get it.
    pub(crate) header: Option<Pass>,
    /// Requests with a cookie of this value.
    pub(crate) cookie: Option<Pass>,
}

/// A name and a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pass {
    /// What it is called.
    pub(crate) name: String,
    /// The secret, 16 octets or more; write `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub(crate) value: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: None,
            windows: Vec::new(),
            flag_file: None,
            paths: Vec::new(),
            except_paths: Vec::new(),
            // Short: whoever waits longer than the work takes is a visitor lost.
            retry_after: Duration::from_secs(300),
            html: None,
            html_file: None,
            text: None,
            json: None,
            allow: Allow::default(),
        }
    }
}

/// Without the secret.
impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("name", &self.name).finish_non_exhaustive()
    }
}
