//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;
use units::Size;

/// Limits on bodies. The first of `rules` that matches a request decides; what it leaves open is said beside the list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The most octets that a request's body may have; more is answered 413.
    pub(crate) max: Option<Size>,
    /// The fewest octets that a request's body must have, if there is one; fewer is answered 400.
    pub(crate) min: Option<Size>,
    /// The content types that bodies may have, such as `application/json` or `image/*`; others are answered 415.
    pub(crate) content_types: Option<Vec<String>>,
    /// Whether a body has to announce its length; one that does not is answered 411.
    pub(crate) require_length: Option<bool>,
    /// The most octets that a response's body may have; a longer one is replaced by 502, or ended in the middle if its length was not announced.
    pub(crate) response_max: Option<Size>,
    /// Methods whose requests may have no body; one is answered 400.
    pub(crate) bodyless_methods: Vec<String>,
    /// Exceptions, tried in order; the first that matches is the only one that counts.
    pub(crate) rules: Vec<Rule>,
}

/// Other limits for some requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rule {
    /// The path starts with one of these, whole segments only; none means every path.
    pub(crate) paths: Vec<String>,
    /// The method is one of these; none means every method.
    pub(crate) methods: Vec<String>,
    /// The content type is one of these, such as `application/json` or `image/*`; none means every one.
    pub(crate) match_content_types: Vec<String>,
    /// As above, for these requests.
    pub(crate) max: Option<Size>,
    /// As above, for these requests.
    pub(crate) min: Option<Size>,
    /// As above, for these requests; `["*/*"]` allows every one.
    pub(crate) content_types: Option<Vec<String>>,
    /// As above, for these requests.
    pub(crate) require_length: Option<bool>,
    /// As above, for the responses to these requests.
    pub(crate) response_max: Option<Size>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max: Some(Size::from_octets(1 << 20)),
            min: None,
            content_types: None,
            require_length: None,
            response_max: None,
            // A body has no meaning there (RFC 9110, sections 9.3.1, 9.3.2 and 9.3.5),
            // and hides a second request from whoever overlooks it.
            bodyless_methods: ["GET", "HEAD", "DELETE"].map(str::to_owned).into(),
            rules: Vec::new(),
        }
    }
}
