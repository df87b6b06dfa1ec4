//! The bundled plugin `security-headers`. Its README has the keys.
//!
//! Nothing here depends on the response, so that all edits go with the request's
//! decision and there is no hook at the response.

mod config;
mod csp;
mod fields;
mod nonce;

use plugin_sdk::{Flow, HeaderEdits, Plugin, Request, Result};

use crate::config::{Config, EndpointHeaders};
use crate::csp::Policy;
use crate::nonce::Nonces;

const CSP: &str = "content-security-policy";
const CSP_REPORT_ONLY: &str = "content-security-policy-report-only";

struct SecurityHeaders {
    remove: Vec<String>,
    constant: Vec<(&'static str, String)>,
    hsts: Option<String>,
    /// Policies with a nonce; one without is among the constant fields.
    policies: Vec<(&'static str, Policy)>,
    nonce_header: String,
    nonces: Nonces,
    replaces: bool,
}

#[plugin_sdk::export]
impl Plugin for SecurityHeaders {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let mut constant = fields::constant(&config)?;
        let mut policies = Vec::new();
        for (name, key, text) in [
            (CSP, "content_security_policy", &config.content_security_policy),
            (
                CSP_REPORT_ONLY,
                "content_security_policy_report_only",
                &config.content_security_policy_report_only,
            ),
        ] {
            let Some(text) = text else { continue };
            let report_only = name == CSP_REPORT_ONLY;
            let policy = Policy::parse(text, report_only, &config.reporting_endpoints)
                .map_err(|e| e.within(key))?;
            if policy.has_nonce() {
                policies.push((name, policy));
            } else {
                let value = String::from_utf8(policy.with(&[])).unwrap_or_default();
                constant.push((name, value));
            }
        }
        let remove = config.remove.iter().enumerate().map(|(index, name)| {
            fields::editable(name).map_err(|e| e.within(format!("remove[{index}]")))
        });
        Ok(Self {
            remove: remove.collect::<Result<_>>()?,
            constant,
            hsts: fields::hsts(&config.strict_transport_security)
                .map_err(|e| e.within("strict_transport_security"))?,
            policies,
            nonce_header: fields::editable(&config.nonce_header)
                .map_err(|e| e.within("nonce_header"))?,
            nonces: Nonces::new(),
            replaces: config.endpoint_headers == EndpointHeaders::Replace,
        })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let is_https = self.hsts.is_some() && request.scheme() == "https";
        let response = request.response_headers();
        for name in &self.remove {
            response.remove(name.as_str());
        }
        for (name, value) in &self.constant {
            self.put(response, name, value.as_str());
        }
        if let Some(value) = self.hsts.as_ref().filter(|_| is_https) {
            self.put(response, "strict-transport-security", value.as_str());
        }
        if !self.policies.is_empty() {
            let nonce = self.nonces.next()?;
            for (name, policy) in &self.policies {
                self.put(response, name, policy.with(&nonce));
            }
            // Also drops what the client sent under that name: a nonce of its choice
            // in the page would admit its script.
            request.set_header(self.nonce_header.as_str(), nonce);
        }
        Ok(Flow::Continue)
    }
}

impl SecurityHeaders {
    fn put(&self, response: &mut HeaderEdits, name: &str, value: impl Into<Vec<u8>>) {
        if self.replaces {
            response.set(name, value);
        } else {
            response.set_default(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
