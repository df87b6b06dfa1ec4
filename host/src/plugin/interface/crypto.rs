//! `crypto`: hashes and signatures, computed natively.

use aws_lc_rs::digest::{self, Algorithm};
use aws_lc_rs::signature::{self as signatures, ParsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{constant_time, hmac};
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::bindings::wasmgate::plugin::crypto::{Hash, Host, SignatureAlgorithm};
use crate::plugin::instance::HostState;

/// A call cannot be interrupted: this much takes about a millisecond.
const MESSAGE_MAX: usize = 1 << 20;

impl Host for HostState {
    fn equal(&mut self, one: Vec<u8>, other: Vec<u8>) -> wasmtime::Result<bool> {
        Ok(equal(&one, &other))
    }

    fn digest(&mut self, hash: Hash, message: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        bounded(&message)?;
        Ok(digest::digest(algorithm(hash), &message).as_ref().to_vec())
    }

    fn hmac(&mut self, hash: Hash, key: Vec<u8>, message: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        bounded(&key)?;
        bounded(&message)?;
        let algorithm = match hash {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        Ok(hmac::sign(&hmac::Key::new(algorithm, &key), &message).as_ref().to_vec())
    }

    fn verify(
        &mut self,
        algorithm: SignatureAlgorithm,
        public_key: Vec<u8>,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, String>> {
        bounded(&message)?;
        Ok(verify(algorithm, &public_key, &message, &signature))
    }
}

/// Whether both are the same; in constant time for equal lengths.
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// Ends the instance that asks for what would hold the worker up.
pub(super) fn bounded(message: &[u8]) -> wasmtime::Result<()> {
    wasmtime::ensure!(
        message.len() <= MESSAGE_MAX,
        "{} octets at once are too many: cryptography in the host takes up to {MESSAGE_MAX}",
        message.len()
    );
    Ok(())
}

fn algorithm(hash: Hash) -> &'static Algorithm {
    match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    }
}

fn verify(
    algorithm: SignatureAlgorithm,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let (kind, algorithm) = scheme(algorithm);
    kind.check(public_key)?;
    let key = ParsedPublicKey::new(algorithm, public_key)
        .map_err(|rejected| format!("the key cannot be used: {rejected}"))?;
    Ok(key.verify_sig(message, signature).is_ok())
}

fn scheme(algorithm: SignatureAlgorithm) -> (KeyKind, &'static dyn VerificationAlgorithm) {
    use SignatureAlgorithm as Asked;
    match algorithm {
        Asked::Ed25519 => (ED25519, &signatures::ED25519),
        Asked::EcdsaP256Sha256 => (EC, &signatures::ECDSA_P256_SHA256_FIXED),
        Asked::EcdsaP384Sha384 => (EC, &signatures::ECDSA_P384_SHA384_FIXED),
        Asked::RsaPkcs1Sha256 => (RSA, &signatures::RSA_PKCS1_2048_8192_SHA256),
        Asked::RsaPkcs1Sha384 => (RSA, &signatures::RSA_PKCS1_2048_8192_SHA384),
        Asked::RsaPkcs1Sha512 => (RSA, &signatures::RSA_PKCS1_2048_8192_SHA512),
        Asked::RsaPssSha256 => (RSA, &signatures::RSA_PSS_2048_8192_SHA256),
        Asked::RsaPssSha384 => (RSA, &signatures::RSA_PSS_2048_8192_SHA384),
        Asked::RsaPssSha512 => (RSA, &signatures::RSA_PSS_2048_8192_SHA512),
    }
}

/// A kind of key, as a SubjectPublicKeyInfo names it.
#[derive(Clone, Copy)]
struct KeyKind {
    name: &'static str,
    oid: ObjectIdentifier,
}

const ED25519: KeyKind =
    KeyKind { name: "Ed25519", oid: ObjectIdentifier::new_unwrap("1.3.101.112") };
const EC: KeyKind =
    KeyKind { name: "elliptic-curve", oid: ObjectIdentifier::new_unwrap("1.2.840.10045.2.1") };
const RSA: KeyKind =
    KeyKind { name: "RSA", oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1") };

impl KeyKind {
    /// The library would take raw keys too, and say little about wrong ones.
    fn check(self, key: &[u8]) -> Result<(), String> {
        let key = SubjectPublicKeyInfoRef::from_der(key)
            .map_err(|error| format!("the key is no SubjectPublicKeyInfo in DER: {error}"))?;
        if key.algorithm.oid == self.oid {
            return Ok(());
        }
        let known = [ED25519, EC, RSA].into_iter().find(|kind| kind.oid == key.algorithm.oid);
        let found =
            known.map_or_else(|| key.algorithm.oid.to_string(), |kind| kind.name.to_owned());
        Err(format!("the algorithm needs a key of the kind {}, this one is {found}", self.name))
    }
}

#[cfg(test)]
mod tests;
