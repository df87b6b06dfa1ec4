//! What the operator writes under `config`.

// The build script compiles this file by its path, for the schema; a `mod` inside
// it would then be looked for elsewhere without its own path.
#[path = "config/methods.rs"]
mod methods;
#[path = "config/oidc.rs"]
mod oidc;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use methods::{
    ApiKey, Basic, Certificate, CertificateEntry, CertificateName, Forward, Jwks, Jwt, Method,
    Unavailable,
};
pub(crate) use oidc::{ClientAuthentication, Oidc};

/// Who a client is, and what it may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// How clients may say who they are, tried in this order; the first that finds somebody decides.
    pub(crate) methods: Vec<Method>,
    /// Who may do what: the first rule that matches decides, and what no rule matches is refused.
    pub(crate) rules: Vec<Rule>,
    /// Fields that tell the endpoint who asks, by name: `subject`, `method`, `groups` or `claim:NAME`. A client's own are removed.
    pub(crate) identity_headers: BTreeMap<String, String>,
    /// How the path is read that rules are about.
    pub(crate) path: Path,
    /// How many verified credentials each instance remembers of each method, 16 to 65536; 1024 unless said.
    pub(crate) remember: Option<u32>,
}

/// One rule.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rule {
    /// What annotations call it; without a name there is no annotation `rule`.
    pub(crate) name: Option<String>,
    /// It is for paths that begin with one of these, whole segments only: `/a` is no prefix of `/ab`. None: any path.
    pub(crate) path: Vec<String>,
    /// It is for these HTTP methods. None: any method.
    pub(crate) method: Vec<String>,
    /// It is for clients in one of these networks. None: any address.
    pub(crate) address: Vec<String>,
    /// It is for requests of which this CEL expression is true.
    pub(crate) when: Option<String>,
    /// Refuses what the rule is for, whoever asks.
    pub(crate) deny: bool,
    /// Who may pass: `identity`, somebody that a method has found, or `anonymous`, anybody.
    pub(crate) require: Require,
    /// Who passes has to be in one of these groups.
    pub(crate) groups: Vec<String>,
    /// Who passes has to be found by a method of one of these names.
    pub(crate) by: Vec<String>,
}

/// Who may pass.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Require {
    /// Somebody that a method has found.
    #[default]
    Identity,
    /// Anybody.
    Anonymous,
}

/// How the path is read that rules are about.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Path {
    /// Spellings that endpoints read differently and that are refused with 400, unless they are here: the endpoint is then trusted to take them literally.
    pub(crate) literal: Vec<Spelling>,
    /// Whether `/A` is `/a`, for endpoints that take them for one; rules then see lower case.
    pub(crate) ignore_case: bool,
}

/// A spelling that endpoints read differently.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spelling {
    /// `%2F` and `%5C`: slashes for whoever decodes before splitting.
    EncodedSlash,
    /// `//`: one slash for whoever merges them.
    DoubleSlash,
    /// `;` and `%3B`: begins a parameter, which some cut off.
    Semicolon,
    /// `%25`: an escape for whoever decodes twice.
    EncodedPercent,
}
