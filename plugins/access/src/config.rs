//! What the operator writes under `config`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who may pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Tried in order: the first that matches decides.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// What becomes of a request that no rule matches.
    pub(crate) default: Action,
    /// MaxMind files that tell where an address is.
    #[serde(default)]
    pub(crate) databases: Databases,
    /// Refuses nothing; what would have been is annotated.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// What a refused request is answered with.
    #[serde(default)]
    pub(crate) refusal: Refusal,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// It passes.
    Allow,
    /// It is refused.
    Deny,
}

/// A rule matches a request if all of its conditions hold; at least one is needed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// What annotations call it.
    pub(crate) name: String,
    /// What becomes of a request that it matches.
    pub(crate) action: Action,
    /// The client's address is in one of these networks; a text may be a whole list, one network a line.
    #[serde(default)]
    pub(crate) networks: Vec<String>,
    /// Or in a network of these files below granted directories, one a line; changed files are read again.
    #[serde(default)]
    pub(crate) network_files: Vec<String>,
    /// The client's country is one of these codes of ISO 3166-1, or `unknown`.
    #[serde(default)]
    pub(crate) countries: Vec<String>,
    /// The client's network is one of these autonomous systems; 0 is an unknown one.
    #[serde(default)]
    pub(crate) asns: Vec<u32>,
    /// The method is one of these.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    /// It is one of these times.
    #[serde(default)]
    pub(crate) times: Vec<Window>,
}

/// A time of the week.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// On these days; every day unless configured.
    #[serde(default)]
    pub(crate) days: Vec<Day>,
    /// From this minute on, such as `08:00`.
    #[serde(default = "midnight")]
    pub(crate) from: String,
    /// Until before this minute, up to `24:00`; if it is not after `from`, that of the next day.
    #[serde(default = "end_of_day")]
    pub(crate) to: String,
    /// `UTC`, an offset such as `+01:00`, or a name of the IANA database such as `Europe/Amsterdam`.
    pub(crate) zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// MaxMind files, in the format of GeoLite2 and GeoIP2, below granted directories.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Databases {
    /// Tells countries: a Country or City database.
    pub(crate) country: Option<String>,
    /// Tells autonomous systems: an ASN or ISP database.
    pub(crate) asn: Option<String>,
}

/// A refusal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Refusal {
    /// 400 to 599; 403 unless configured.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
    /// The body's `content-type`.
    pub(crate) content_type: String,
}

impl Default for Refusal {
    fn default() -> Self {
        Self {
            status: 403,
            body: "forbidden\n".to_owned(),
            content_type: "text/plain; charset=utf-8".to_owned(),
        }
    }
}

fn midnight() -> String {
    "00:00".to_owned()
}

fn end_of_day() -> String {
    "24:00".to_owned()
}
