//! What the operator writes under `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Answers that need no endpoint. What no entry is for goes on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Answers with a body or without.
    pub(crate) responses: Vec<Response>,
    /// Redirects.
    pub(crate) redirects: Vec<Redirect>,
    /// Files with redirects that end with `.csv` or `.toml`, in directories that `capabilities.files` grants; read again when they have changed, up to 64 KiB of them.
    pub(crate) redirect_files: Vec<String>,
    /// The status of redirects that have none of their own: 301, 302, 303, 307 or 308.
    pub(crate) redirect_status: u16,
    /// Whether a redirect keeps the request's query if its target has none.
    pub(crate) keep_query: bool,
}

/// An answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    /// For which path: `/robots.txt`, or `/old/*` for a path and all below it. Before it there may stand a host: `example.com/robots.txt`.
    pub(crate) from: String,
    /// The status, 200 to 599.
    #[serde(default = "ok")]
    pub(crate) status: u16,
    /// The body, as text.
    #[serde(default)]
    pub(crate) body: Option<String>,
    /// The body, as a file in a directory that `capabilities.files` grants; read when the plugin is loaded.
    #[serde(default)]
    pub(crate) file: Option<String>,
    /// The content type; by the name's ending unless written, of the file or of the path.
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    /// Further fields of the response.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

/// A redirect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redirect {
    /// For which path, as above.
    pub(crate) from: String,
    /// Where to: a path or a URL; `*` at its end, after a slash, is what followed the prefix.
    pub(crate) to: String,
    /// The status, if it is not `redirect_status`.
    #[serde(default)]
    pub(crate) status: Option<u16>,
}

fn ok() -> u16 {
    200
}

impl Default for Config {
    fn default() -> Self {
        Self {
            responses: Vec::new(),
            redirects: Vec::new(),
            redirect_files: Vec::new(),
            // Keeps the method, and browsers may remember it.
            redirect_status: 308,
            keep_query: true,
        }
    }
}
