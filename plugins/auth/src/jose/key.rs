//! Keys: JSON Web Keys (RFC 7517) and PEM.

use plugin_sdk::{Error, Result, crypto};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Kind};
use super::{Fault, base64, json, spki};

/// The keys of one issuer.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// A key: of one kind, and for one algorithm if it says so.
pub(crate) struct Key {
    id: Option<String>,
    kind: Kind,
    algorithm: Option<Algorithm>,
    /// A SubjectPublicKeyInfo in DER, or the octets of a shared secret.
    octets: Vec<u8>,
}

/// A token without `kid` is tried with so many keys: each try is a verification.
const TRIES: usize = 4;
/// More keys than any provider has.
const KEYS: usize = 100;

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {:?})", self.id, self.kind)
    }
}

impl KeySet {
    /// A JSON Web Key Set. Keys that cannot verify a signature here are left out, as
    /// RFC 7517, section 5 wants it: other curves, keys for encryption, shared secrets,
    /// which have no place in a published set.
    ///
    /// # Errors
    /// It is none, or has no key that can be used.
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let set = json::object(text).ok_or_else(|| Error::new("this is no JSON object"))?;
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| Error::new("there is no list `keys`"))?;
        let keys: Vec<Key> = keys.iter().take(KEYS).filter_map(Key::of_jwk).collect();
        if keys.is_empty() {
            return Err(Error::new("there is no key in it that can verify a signature"));
        }
        Ok(Self { keys })
    }

    pub(crate) fn push(&mut self, key: Key) {
        self.keys.push(key);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.keys.extend(other.keys);
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.keys.iter().map(|key| key.kind)
    }

    /// Whether there is a key of this name; without a name, whether there is any.
    pub(crate) fn has(&self, id: Option<&str>) -> bool {
        match id {
            Some(_) => self.keys.iter().any(|key| key.id.as_deref() == id),
            None => !self.keys.is_empty(),
        }
    }

    /// Verifies a signature by the keys that are meant: those of this name, or all of
    /// the algorithm's kind if the token names none.
    pub(crate) fn verify(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Fault> {
        let meant = |key: &&Key| {
            (id.is_none() || key.id.as_deref() == id)
                && key.kind == algorithm.kind()
                && key.algorithm.is_none_or(|only| only == algorithm)
        };
        let mut keys = self.keys.iter().filter(meant).take(TRIES).peekable();
        if keys.peek().is_none() {
            return Err(Fault::UnknownKey);
        }
        match keys.any(|key| key.verifies(algorithm, message, signature)) {
            true => Ok(()),
            false => Err(Fault::Signature),
        }
    }
}

impl Key {
    /// A secret that is shared with the issuer.
    pub(crate) fn secret(octets: Vec<u8>) -> Self {
        Self { id: None, kind: Kind::Secret, algorithm: None, octets }
    }

    /// A public key in PEM.
    ///
    /// # Errors
    /// It is none, or of a kind that is not supported.
    pub(crate) fn pem(id: &str, text: &str) -> Result<Self> {
        let wrong = || Error::new("this is no public key in PEM (`-----BEGIN PUBLIC KEY-----`)");
        let body = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----").ok_or_else(wrong)?;
        let body = body.strip_suffix("-----END PUBLIC KEY-----").ok_or_else(wrong)?;
        let body: String = body.split_ascii_whitespace().collect();
        let octets = base64::decode_padded(body).ok_or_else(wrong)?;
        let kind = spki::kind(&octets)
            .ok_or_else(|| Error::new("the key is neither RSA, P-256, P-384 nor Ed25519"))?;
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        Ok(Self { id, kind, algorithm: None, octets })
    }

    /// A JSON Web Key; none if it is not for verifying signatures here.
    fn of_jwk(jwk: &Value) -> Option<Self> {
        let jwk = jwk.as_object()?;
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops") {
            operations.as_array()?.iter().find(|o| o.as_str() == Some("verify"))?;
        }
        let algorithm = match text("alg") {
            // An algorithm that is not known here is none to verify with.
            Some(name) => Some(Algorithm::named(name)?),
            None => None,
        };
        let (kind, octets) = public(jwk)?;
        if algorithm.is_some_and(|algorithm| algorithm.kind() != kind) {
            return None;
        }
        Some(Self { id: text("kid").map(str::to_owned), kind, algorithm, octets })
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (algorithm.hash(), algorithm.signature()) {
            (Some(hash), _) => crypto::equal(crypto::hmac(hash, &self.octets, message), signature),
            // A key that the host refuses, such as RSA of 1024 bits, verifies nothing.
            (_, Some(algorithm)) => {
                crypto::verify(algorithm, &self.octets, message, signature).unwrap_or(false)
            }
            _ => false,
        }
    }
}

/// The public key of a JSON Web Key (RFC 7518, section 6; RFC 8037).
fn public(jwk: &Map<String, Value>) -> Option<(Kind, Vec<u8>)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let octets = |name: &str| text(name).and_then(base64::decode);
    let sized = |name: &str, size: usize| octets(name).filter(|o| o.len() == size);
    match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let (modulus, exponent) = (octets("n")?, octets("e")?);
            // The host's bounds: 8192 bits, and an exponent that fits into 64.
            if modulus.len() > 1025 || exponent.is_empty() || exponent.len() > 8 {
                return None;
            }
            Some((Kind::Rsa, spki::rsa(&modulus, &exponent)))
        }
        ("EC", Some("P-256")) => {
            Some((Kind::P256, spki::point(Kind::P256, &sized("x", 32)?, &sized("y", 32)?)))
        }
        ("EC", Some("P-384")) => {
            Some((Kind::P384, spki::point(Kind::P384, &sized("x", 48)?, &sized("y", 48)?)))
        }
        ("OKP", Some("Ed25519")) => Some((Kind::Ed25519, spki::ed25519(&sized("x", 32)?))),
        _ => None,
    }
}
