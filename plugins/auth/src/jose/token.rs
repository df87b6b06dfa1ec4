//! A token in compact form, taken apart.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::key::KeySet;
use super::{Fault, base64, json};

/// A token whose form is right. Nothing of it may be believed before
/// [`verify`](Self::verify) has taken it.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: Option<String>,
    pub(crate) kind: Option<String>,
    signed: &'a [u8],
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// It is too long or malformed, its algorithm is not among `accepted`, it has
    /// extensions that are critical, or names a place to take the key from.
    pub(crate) fn parse(
        text: &'a str,
        accepted: &[Algorithm],
        longest: usize,
    ) -> Result<Self, Fault> {
        if text.len() > longest {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::Malformed)?;
        if payload.contains('.') {
            return Err(Fault::Malformed);
        }
        let header = base64::decode(header).ok_or(Fault::Malformed)?;
        let header = json::object(&header).ok_or(Fault::Malformed)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Fault::Malformed),
        };
        // `b64` (RFC 7797) has to be critical, and so is refused here too.
        if header.contains_key("crit") {
            return Err(Fault::Critical);
        }
        // Keys come from the configuration alone. A token that says where to take its
        // key from is meant for a verifier that believes it.
        if ["jku", "jwk", "x5u"].iter().any(|name| header.contains_key(*name)) {
            return Err(Fault::BringsKey);
        }
        let algorithm = text("alg")?.ok_or(Fault::Malformed)?;
        let algorithm = Algorithm::named(&algorithm).ok_or(Fault::Algorithm)?;
        if !accepted.contains(&algorithm) {
            return Err(Fault::Algorithm);
        }
        Ok(Self {
            algorithm,
            key: text("kid")?,
            kind: text("typ")?,
            signed: signed.as_bytes(),
            payload,
            signature: base64::decode(signature).ok_or(Fault::Malformed)?,
        })
    }

    /// The claims, if the signature is by one of the keys.
    ///
    /// # Errors
    /// It is not, or what was signed are no claims.
    pub(crate) fn verify(&self, keys: &KeySet) -> Result<Map<String, Value>, Fault> {
        keys.verify(self.key.as_deref(), self.algorithm, self.signed, &self.signature)?;
        let payload = base64::decode(self.payload).ok_or(Fault::Malformed)?;
        json::object(&payload).ok_or(Fault::Malformed)
    }
}
