//! What claims have to say (RFC 7519, section 4.1).

use serde_json::{Map, Value};

use super::Fault;
use crate::identity::lookup;

/// What is demanded of a token's claims.
#[derive(Debug, Default)]
pub(crate) struct Demands {
    /// Empty: any.
    pub(crate) issuers: Vec<String>,
    /// Empty: any.
    pub(crate) audiences: Vec<String>,
    /// In seconds.
    pub(crate) leeway: i64,
    /// Names, and values where they matter.
    pub(crate) required: Vec<(Vec<String>, Option<String>)>,
}

impl Demands {
    /// Until when the token is good.
    ///
    /// # Errors
    /// The first demand that it does not meet.
    pub(crate) fn check(&self, claims: &Map<String, Value>, now: i64) -> Result<i64, Fault> {
        let expires = date(claims, "exp")?.ok_or(Fault::Required)?;
        let end = expires.saturating_add(self.leeway);
        if now >= end {
            return Err(Fault::Expired);
        }
        for name in ["nbf", "iat"] {
            let begins = date(claims, name)?;
            if begins.is_some_and(|begins| begins > now.saturating_add(self.leeway)) {
                return Err(Fault::NotYet);
            }
        }
        let issuer = claims.get("iss").and_then(Value::as_str);
        if !self.issuers.is_empty() && !issuer.is_some_and(|i| self.issuers.iter().any(|o| o == i))
        {
            return Err(Fault::Issuer);
        }
        if !self.audiences.is_empty() && !self.is_audience(claims.get("aud")) {
            return Err(Fault::Audience);
        }
        for (path, wanted) in &self.required {
            let value = lookup(claims, path).filter(|value| !value.is_null());
            let value = value.ok_or(Fault::Required)?;
            if wanted.as_ref().is_some_and(|wanted| !equals(value, wanted)) {
                return Err(Fault::Required);
            }
        }
        Ok(end)
    }

    fn is_audience(&self, claim: Option<&Value>) -> bool {
        let known = |text: &str| self.audiences.iter().any(|one| one == text);
        match claim {
            Some(Value::String(text)) => known(text),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(known),
            _ => false,
        }
    }
}

/// A date in seconds since 1970; fractions count down, which is the earlier end and
/// makes a token no more valid than it says.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Fault> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match (value.as_i64(), value.as_f64()) {
            (Some(whole), _) => Ok(Some(whole)),
            // Rust's conversion saturates.
            (None, Some(number)) => Ok(Some(number.floor() as i64)),
            _ => Err(Fault::Malformed),
        },
    }
}

fn equals(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Bool(truth) => truth.to_string() == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Array(values) => values.iter().any(|value| value.as_str() == Some(wanted)),
        _ => false,
    }
}
