//! The fields of the configuration, checked and written out.

use std::collections::BTreeMap;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Result};

use crate::config::{
    Config, EmbedderPolicy, FrameOptions, Hsts, OpenerPolicy, ReferrerPolicy, ResourcePolicy,
};

/// What hstspreload.org asks for.
const PRELOAD_SECONDS: u64 = 365 * 24 * 60 * 60;

/// Fields that belong to the connection; the host fails a plugin that edits them.
const CONNECTION_FIELDS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The value of `strict-transport-security`, if it is to be sent.
pub(crate) fn hsts(hsts: &Hsts) -> Result<Option<String>> {
    if !hsts.enabled {
        return Ok(None);
    }
    let seconds = hsts.max_age.as_secs();
    if !hsts.max_age.is_whole_seconds() {
        return Err(
            Error::new(format!("{} is no whole number of seconds", hsts.max_age)).within("max_age")
        );
    }
    if hsts.preload && !(hsts.include_subdomains && seconds >= PRELOAD_SECONDS) {
        return Err(Error::new(
            "browsers take a host into their lists with `include_subdomains = true` and a \
             `max_age` of 365d or more only",
        )
        .within("preload"));
    }
    let mut value = format!("max-age={seconds}");
    if hsts.include_subdomains {
        value.push_str("; includeSubDomains");
    }
    if hsts.preload {
        value.push_str("; preload");
    }
    Ok(Some(value))
}

/// The fields that are the same in every response, in order.
pub(crate) fn constant(config: &Config) -> Result<Vec<(&'static str, String)>> {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name: &'static str, value: Option<String>| {
        fields.extend(value.map(|value| (name, value)));
    };
    let endpoints = &config.reporting_endpoints;
    add("reporting-endpoints", reporting(endpoints).map_err(|e| e.within("reporting_endpoints"))?);
    add("x-content-type-options", config.x_content_type_options.then(|| "nosniff".to_owned()));
    add("x-frame-options", frame_options(config.x_frame_options).map(str::to_owned));
    add("referrer-policy", referrer_policy(config.referrer_policy).map(str::to_owned));
    add(
        "permissions-policy",
        permissions(&config.permissions_policy).map_err(|e| e.within("permissions_policy"))?,
    );
    add(
        "permissions-policy-report-only",
        permissions(&config.permissions_policy_report_only)
            .map_err(|e| e.within("permissions_policy_report_only"))?,
    );
    let report_to = match &config.cross_origin_report_to {
        None => String::new(),
        Some(name) if endpoints.contains_key(name) => format!("; report-to=\"{name}\""),
        Some(name) => {
            return Err(Error::new(format!("`{name}` is none of `reporting_endpoints`"))
                .within("cross_origin_report_to"));
        }
    };
    let reported = |value: Option<&str>| value.map(|value| format!("{value}{report_to}"));
    add("cross-origin-opener-policy", reported(opener(config.cross_origin_opener_policy)));
    add(
        "cross-origin-opener-policy-report-only",
        reported(opener(config.cross_origin_opener_policy_report_only)),
    );
    add("cross-origin-embedder-policy", reported(embedder(config.cross_origin_embedder_policy)));
    add(
        "cross-origin-embedder-policy-report-only",
        reported(embedder(config.cross_origin_embedder_policy_report_only)),
    );
    add(
        "cross-origin-resource-policy",
        resource(config.cross_origin_resource_policy).map(str::to_owned),
    );
    Ok(fields)
}

/// A name that a plugin may edit, in lower case.
pub(crate) fn editable(name: &str) -> Result<String> {
    if !is_name(name) {
        return Err(Error::new(format!("`{name}` is no field name")));
    }
    let name = name.to_ascii_lowercase();
    if name == "host" || CONNECTION_FIELDS.contains(&name.as_str()) {
        return Err(Error::new(format!("`{name}` belongs to the connection and cannot be edited")));
    }
    Ok(name)
}

/// A dictionary of strings (RFC 9651), as the Reporting API reads it.
fn reporting(endpoints: &BTreeMap<String, String>) -> Result<Option<String>> {
    let mut members = Vec::new();
    for (name, url) in endpoints {
        if !is_key(name) {
            return Err(Error::new(format!(
                "`{name}` is no name; write lower-case letters, digits, `-` and `_`"
            )));
        }
        let is_url = url.starts_with("https://") || url.starts_with('/');
        if !is_url || !url.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b)) {
            return Err(Error::new(format!(
                "`{url}` is no place for reports; write an https URL or a path"
            ))
            .within(name));
        }
        members.push(format!("{name}=\"{url}\""));
    }
    Ok((!members.is_empty()).then(|| members.join(", ")))
}

/// A dictionary of lists (RFC 9651), as Permissions Policy reads it.
fn permissions(features: &BTreeMap<String, Vec<String>>) -> Result<Option<String>> {
    let mut members = Vec::new();
    for (name, who) in features {
        if !is_key(name) {
            return Err(Error::new(format!(
                "`{name}` is no feature; write lower-case letters and `-`, such as `camera`"
            )));
        }
        let mut allowed = Vec::new();
        for one in who {
            allowed.push(match one.as_str() {
                "*" if who.len() > 1 => {
                    return Err(Error::new("`*` allows everyone and stands alone").within(name));
                }
                "*" | "self" | "src" => one.clone(),
                origin if is_origin(origin) => format!("\"{origin}\""),
                _ => {
                    return Err(Error::new(format!(
                        "`{one}` is none of `self`, `*` and an origin such as \
                         `https://maps.example`"
                    ))
                    .within(name));
                }
            });
        }
        members.push(match allowed.as_slice() {
            [star] if star == "*" => format!("{name}=*"),
            allowed => format!("{name}=({})", allowed.join(" ")),
        });
    }
    Ok((!members.is_empty()).then(|| members.join(", ")))
}

fn is_key(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"));
    host.is_some_and(|(_, host)| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]*".contains(&b))
    })
}

fn frame_options(options: FrameOptions) -> Option<&'static str> {
    match options {
        FrameOptions::Off => None,
        FrameOptions::Deny => Some("DENY"),
        FrameOptions::SameOrigin => Some("SAMEORIGIN"),
    }
}

fn referrer_policy(policy: ReferrerPolicy) -> Option<&'static str> {
    match policy {
        ReferrerPolicy::Off => None,
        ReferrerPolicy::NoReferrer => Some("no-referrer"),
        ReferrerPolicy::NoReferrerWhenDowngrade => Some("no-referrer-when-downgrade"),
        ReferrerPolicy::Origin => Some("origin"),
        ReferrerPolicy::OriginWhenCrossOrigin => Some("origin-when-cross-origin"),
        ReferrerPolicy::SameOrigin => Some("same-origin"),
        ReferrerPolicy::StrictOrigin => Some("strict-origin"),
        ReferrerPolicy::StrictOriginWhenCrossOrigin => Some("strict-origin-when-cross-origin"),
        ReferrerPolicy::UnsafeUrl => Some("unsafe-url"),
    }
}

fn opener(policy: OpenerPolicy) -> Option<&'static str> {
    match policy {
        OpenerPolicy::Off => None,
        OpenerPolicy::UnsafeNone => Some("unsafe-none"),
        OpenerPolicy::SameOriginAllowPopups => Some("same-origin-allow-popups"),
        OpenerPolicy::NoopenerAllowPopups => Some("noopener-allow-popups"),
        OpenerPolicy::SameOrigin => Some("same-origin"),
    }
}

fn embedder(policy: EmbedderPolicy) -> Option<&'static str> {
    match policy {
        EmbedderPolicy::Off => None,
        EmbedderPolicy::UnsafeNone => Some("unsafe-none"),
        EmbedderPolicy::Credentialless => Some("credentialless"),
        EmbedderPolicy::RequireCorp => Some("require-corp"),
    }
}

fn resource(policy: ResourcePolicy) -> Option<&'static str> {
    match policy {
        ResourcePolicy::Off => None,
        ResourcePolicy::SameOrigin => Some("same-origin"),
        ResourcePolicy::SameSite => Some("same-site"),
        ResourcePolicy::CrossOrigin => Some("cross-origin"),
    }
}
