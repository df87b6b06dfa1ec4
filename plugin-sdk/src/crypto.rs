//! Hashes and signatures, computed by the host: several times as fast as in the
//! plugin, and nothing to link.
//!
//! A message may have up to 1 MiB; a longer one ends the instance. In native tests
//! hashes are real, and of signatures those verify that the test says are good; see
//! [`Exchange::signature`](crate::testing::Exchange::signature).

use crate::{Error, Result, host};

pub use crate::bindings::imports::wasmgate::plugin::crypto::{Hash, SignatureAlgorithm};

/// Whether both are the same octets; in constant time for equal lengths.
pub fn equal(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    host::crypto::equal(one.as_ref(), other.as_ref())
}

/// The hash of a message: 32, 48 or 64 octets.
pub fn digest(hash: Hash, message: impl AsRef<[u8]>) -> Vec<u8> {
    host::crypto::digest(hash, message.as_ref())
}

/// HMAC (RFC 2104) of a message: as long as the hash.
pub fn hmac(hash: Hash, key: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> Vec<u8> {
    host::crypto::hmac(hash, key.as_ref(), message.as_ref())
}

/// Whether the signature is that of the message by the owner of the key.
///
/// `public_key` is a SubjectPublicKeyInfo (RFC 5280) in DER: what is between the
/// lines of a PEM file that begins with `BEGIN PUBLIC KEY`, decoded. ECDSA
/// signatures are `r` and `s` one after the other, as in a JWS.
///
/// # Errors
/// The key cannot be used with this algorithm.
pub fn verify(
    algorithm: SignatureAlgorithm,
    public_key: impl AsRef<[u8]>,
    message: impl AsRef<[u8]>,
    signature: impl AsRef<[u8]>,
) -> Result<bool> {
    let (public_key, message) = (public_key.as_ref(), message.as_ref());
    host::crypto::verify(algorithm, public_key, message, signature.as_ref()).map_err(Error::new)
}
