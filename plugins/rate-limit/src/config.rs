//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

/// Limits on requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// A request must be within all of them; up to 16.
    pub(crate) limits: Vec<Limit>,
    /// Clients in these networks are not limited; a text may be a whole list, one network a line.
    pub(crate) exempt: Vec<String>,
    /// Refuses and delays nothing; what would have been is annotated.
    pub(crate) dry_run: bool,
    /// Whether responses carry `RateLimit-Policy` and `RateLimit`; they do unless configured.
    pub(crate) fields: bool,
    /// What a refused request is answered with.
    pub(crate) refusal: Refusal,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            exempt: Vec::new(),
            dry_run: false,
            fields: true,
            refusal: Refusal::default(),
        }
    }
}

/// A limit on requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    /// Up to 64 letters, digits, `-`, `_` and `.`; routes whose limits agree in name and numbers share one.
    pub(crate) name: String,
    /// How it is counted, see below; `gcra` unless configured.
    #[serde(default)]
    pub(crate) algorithm: Algorithm,
    /// How many requests in a period.
    pub(crate) rate: u32,
    /// The period, up to 49 days.
    pub(crate) period: Duration,
    /// How many requests at once; `rate` unless configured.
    pub(crate) burst: Option<u32>,
    /// What has a limit of its own: `client_address`, `header:NAME`, `cookie:NAME`, `value:PLUGIN/NAME`, `route`, `method`, `host` or `path:SEGMENTS`, or several of them together; an empty list limits all requests as one. The client's address unless configured.
    #[serde(default = "client_address")]
    pub(crate) key: Vec<String>,
    /// What a request goes by that lacks a part of the key; `client_address` unless configured.
    #[serde(default)]
    pub(crate) missing: Missing,
    /// How many of the leading bits of an IPv4 address count; 32 unless configured.
    #[serde(default = "ipv4_prefix")]
    pub(crate) ipv4_prefix: u8,
    /// How many of the leading bits of an IPv6 address count; 64 unless configured.
    #[serde(default = "ipv6_prefix")]
    pub(crate) ipv6_prefix: u8,
    /// What a request spends; 1 unless configured.
    #[serde(default = "cost")]
    pub(crate) cost: u32,
    /// How long a request may be held until it is within the limit, up to 900ms; with `gcra` only.
    pub(crate) delay: Option<Duration>,
    /// What happens to a request of a new key when the plugin may count no more keys; `refuse` unless configured.
    #[serde(default)]
    pub(crate) overflow: Overflow,
    /// What happens to a request while the Redis that counts is away and the grant says `unavailable = "error"`; `refuse` unless configured.
    #[serde(default)]
    pub(crate) unavailable: Overflow,
    /// Refuses and delays nothing; what would have been is annotated.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Which requests it is about; none of these means all.
    #[serde(default, rename = "match")]
    pub(crate) condition: Condition,
}

/// How requests are counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    /// Evenly spread.
    #[default]
    Gcra,
    /// Refilled at the end of each period.
    TokenBucket,
}

/// What a request goes by that lacks a part of the key.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    /// The client's address stands in.
    #[default]
    ClientAddress,
    /// All that lack it share one limit.
    Shared,
    /// It is refused.
    Refuse,
    /// The limit does not concern it.
    Skip,
}

/// What happens when it cannot be counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overflow {
    /// The request is refused.
    #[default]
    Refuse,
    /// The request passes.
    Allow,
}

/// Which requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Condition {
    /// The method is one of these.
    pub(crate) method: Vec<String>,
    /// The path starts with one of these, whole segments only: `/a` is no prefix of `/ab`.
    pub(crate) path_prefix: Vec<String>,
}

/// A refusal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Refusal {
    /// 400 to 599; 429 unless configured.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
    /// The body's `content-type`.
    pub(crate) content_type: String,
}

impl Default for Refusal {
    fn default() -> Self {
        Self {
            status: 429,
            body: "too many requests\n".to_owned(),
            content_type: "text/plain; charset=utf-8".to_owned(),
        }
    }
}

fn client_address() -> Vec<String> {
    vec!["client_address".to_owned()]
}

fn ipv4_prefix() -> u8 {
    32
}

fn ipv6_prefix() -> u8 {
    64
}

fn cost() -> u32 {
    1
}
