//! What the operator writes under `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

/// Response fields that tell browsers to be strict.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// That the site is reached by HTTPS only (RFC 6797); sent over HTTPS only.
    pub(crate) strict_transport_security: Hsts,
    /// What pages may load and do. `'nonce-${nonce}'` is a fresh nonce in every response. None unless written.
    pub(crate) content_security_policy: Option<String>,
    /// A policy that is only reported, beside the other or before it.
    pub(crate) content_security_policy_report_only: Option<String>,
    /// The request field in which the endpoint gets the nonce for its pages.
    pub(crate) nonce_header: String,
    /// Names and URLs of where browsers send reports; a policy's `report-to` takes the name.
    pub(crate) reporting_endpoints: BTreeMap<String, String>,
    /// Whether `x-content-type-options: nosniff` is sent: a file is what its content type says.
    pub(crate) x_content_type_options: bool,
    /// Who may put pages into a frame; `frame-ancestors` of the content security policy says it better.
    pub(crate) x_frame_options: FrameOptions,
    /// How much of a page's address other sites are told.
    pub(crate) referrer_policy: ReferrerPolicy,
    /// Who may use a feature: a list of `self`, `*` and origins; an empty one turns it off.
    pub(crate) permissions_policy: BTreeMap<String, Vec<String>>,
    /// Likewise, only reported.
    pub(crate) permissions_policy_report_only: BTreeMap<String, Vec<String>>,
    /// Whether pages share a window group with pages of other origins.
    pub(crate) cross_origin_opener_policy: OpenerPolicy,
    /// Likewise, only reported.
    pub(crate) cross_origin_opener_policy_report_only: OpenerPolicy,
    /// What has to be said by a resource of another origin that a page loads.
    pub(crate) cross_origin_embedder_policy: EmbedderPolicy,
    /// Likewise, only reported.
    pub(crate) cross_origin_embedder_policy_report_only: EmbedderPolicy,
    /// The name among `reporting_endpoints` that the four policies of openers and embedders report to.
    pub(crate) cross_origin_report_to: Option<String>,
    /// Which sites may load what this one serves.
    pub(crate) cross_origin_resource_policy: ResourcePolicy,
    /// Fields that are removed from every response.
    pub(crate) remove: Vec<String>,
    /// What becomes of such fields that the endpoint set itself: they stay as they are, or these stand in their place.
    pub(crate) endpoint_headers: EndpointHeaders,
}

/// HTTP strict transport security.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hsts {
    /// Whether it is sent at all.
    pub(crate) enabled: bool,
    /// How long browsers remember it, in whole seconds; `0s` makes them forget it.
    pub(crate) max_age: Duration,
    /// Whether it holds for every host below as well.
    pub(crate) include_subdomains: bool,
    /// Whether browsers may build the host in; needs `include_subdomains` and a `max_age` of 365d or more.
    pub(crate) preload: bool,
}

/// Who may frame a page.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename_all = "lowercase")]
pub(crate) enum FrameOptions {
    Off,
    Deny,
    SameOrigin,
}

/// <https://www.w3.org/TR/referrer-policy/>
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum ReferrerPolicy {
    Off,
    NoReferrer,
    NoReferrerWhenDowngrade,
    Origin,
    OriginWhenCrossOrigin,
    SameOrigin,
    StrictOrigin,
    StrictOriginWhenCrossOrigin,
    UnsafeUrl,
}

/// HTML, "Cross-origin opener policies".
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum OpenerPolicy {
    Off,
    UnsafeNone,
    SameOriginAllowPopups,
    NoopenerAllowPopups,
    SameOrigin,
}

/// HTML, "Cross-origin embedder policies".
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum EmbedderPolicy {
    Off,
    UnsafeNone,
    Credentialless,
    RequireCorp,
}

/// Fetch, "`Cross-Origin-Resource-Policy` header".
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename_all = "kebab-case")]
pub(crate) enum ResourcePolicy {
    Off,
    SameOrigin,
    SameSite,
    CrossOrigin,
}

/// What becomes of the endpoint's own fields.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename_all = "lowercase")]
pub(crate) enum EndpointHeaders {
    Keep,
    Replace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strict_transport_security: Hsts::default(),
            content_security_policy: None,
            content_security_policy_report_only: None,
            nonce_header: "x-csp-nonce".to_owned(),
            reporting_endpoints: BTreeMap::new(),
            x_content_type_options: true,
            x_frame_options: FrameOptions::SameOrigin,
            // What browsers do by themselves, for those that do not.
            referrer_policy: ReferrerPolicy::StrictOriginWhenCrossOrigin,
            permissions_policy: BTreeMap::new(),
            permissions_policy_report_only: BTreeMap::new(),
            // Off: each of them breaks a site that loads from others, or is opened by them.
            cross_origin_opener_policy: OpenerPolicy::Off,
            cross_origin_opener_policy_report_only: OpenerPolicy::Off,
            cross_origin_embedder_policy: EmbedderPolicy::Off,
            cross_origin_embedder_policy_report_only: EmbedderPolicy::Off,
            cross_origin_report_to: None,
            cross_origin_resource_policy: ResourcePolicy::Off,
            remove: ["server", "x-powered-by"].map(str::to_owned).into(),
            // An endpoint that says `DENY` must not end up with our default.
            endpoint_headers: EndpointHeaders::Keep,
        }
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            enabled: true,
            max_age: Duration::from_secs(365 * 24 * 60 * 60),
            // Hosts below may not speak HTTPS; only the operator knows.
            include_subdomains: false,
            preload: false,
        }
    }
}
