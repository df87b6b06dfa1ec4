//! What the operator writes under `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Rules for requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Tried in order; each sees what the ones before it made of the request.
    pub(crate) rules: Vec<Rule>,
}

/// What to do with the requests that match. The keys are applied in this order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rule {
    /// Which requests: all of the conditions must hold; none means every request.
    #[serde(rename = "match")]
    pub(crate) condition: Condition,
    /// Takes this off the path's start, if it is there.
    pub(crate) strip_prefix: Option<String>,
    /// Puts one prefix in another's place, if it is there.
    pub(crate) replace_prefix: Option<ReplacePrefix>,
    /// Replaces the path by an expression, if the path matches.
    pub(crate) replace_path: Option<ReplacePath>,
    /// Puts this before the path.
    pub(crate) add_prefix: Option<String>,
    /// Edits of the query's parameters.
    pub(crate) query: Option<Query>,
    /// The host and optional port that the endpoint sees; may use variables. No legal host: 400.
    pub(crate) host: Option<String>,
    /// The cluster to go to instead of the route's.
    pub(crate) cluster: Option<String>,
    /// The route to hand the exchange to; its plugins run as well.
    pub(crate) route: Option<String>,
    /// Answers with a redirect; no further rule is tried.
    pub(crate) redirect: Option<Redirect>,
    /// Whether this is the last rule for a request that it matches.
    pub(crate) stop: bool,
}

/// Which requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Condition {
    /// The path starts with this, whole segments only: `/a` is no prefix of `/ab`.
    pub(crate) path_prefix: Option<String>,
    /// The path matches this regular expression; anchor it with `^` and `$`.
    pub(crate) path_regex: Option<String>,
    /// The host without port is one of these; `*.example.com` is any name below.
    pub(crate) host: Vec<String>,
    /// The method is one of these.
    pub(crate) method: Vec<String>,
    /// Each of these fields has such a value.
    pub(crate) headers: BTreeMap<String, Value>,
    /// Each of these parameters, decoded, has such a value.
    pub(crate) query: BTreeMap<String, Value>,
    /// Each of these cookies has such a value.
    pub(crate) cookies: BTreeMap<String, Value>,
    /// A part of the users, the same ones each time.
    pub(crate) share: Option<Share>,
}

/// What a value must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Value {
    /// It is exactly this.
    Equals(String),
    /// It starts with this.
    Prefix(String),
    /// It matches this regular expression.
    Regex(String),
    /// It is there (`true`), whatever it is, or is not (`false`).
    Present(bool),
}

/// A part of the users.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    /// 0 to 100, in steps of 0.01.
    pub(crate) percent: f64,
    /// What makes a user: `client_address`, `cookie:NAME` or `header:NAME`; who lacks it goes by address.
    #[serde(default = "client_address")]
    pub(crate) by: String,
    /// Rules with the same seed share out users alike; another seed draws anew.
    #[serde(default)]
    pub(crate) seed: String,
}

fn client_address() -> String {
    "client_address".to_owned()
}

/// One prefix in another's place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplacePrefix {
    /// The prefix, whole segments only.
    pub(crate) from: String,
    /// What stands there instead.
    pub(crate) to: String,
}

/// A path made of another's parts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplacePath {
    /// What the path must match; the whole path is then replaced.
    pub(crate) regex: String,
    /// The new path; may use groups (`$1`, `${name}`) and variables.
    pub(crate) with: String,
}

/// Edits of a query: keep, remove, set, add, in this order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Query {
    /// Drops every parameter but these.
    pub(crate) keep: Option<Vec<String>>,
    /// Drops these parameters.
    pub(crate) remove: Vec<String>,
    /// Replaces every parameter of that name by this value; may use variables.
    pub(crate) set: BTreeMap<String, String>,
    /// Adds this value at the end; may use variables.
    pub(crate) add: BTreeMap<String, String>,
}

/// An answer that sends the client elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redirect {
    /// 301, 302, 307 or 308.
    #[serde(default = "found")]
    pub(crate) status: u16,
    /// An absolute URL or a path; may use variables and the groups of `match.path_regex`.
    pub(crate) to: String,
    /// Whether the request's query is kept when `to` has none of its own.
    #[serde(default = "yes")]
    pub(crate) keep_query: bool,
}

fn found() -> u16 {
    302
}

fn yes() -> bool {
    true
}
