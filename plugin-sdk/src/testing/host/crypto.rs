//! The fake of `crypto`: hashes are real, signatures what the test says.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::CURRENT;
use crate::crypto::{Hash, SignatureAlgorithm};
use crate::testing::exchange::Signature;

pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    one == other
}

pub(crate) fn digest(hash: Hash, message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha256 => Sha256::digest(message).to_vec(),
        Hash::Sha384 => Sha384::digest(message).to_vec(),
        Hash::Sha512 => Sha512::digest(message).to_vec(),
    }
}

pub(crate) fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha256 => mac::<Sha256>(64, key, message),
        Hash::Sha384 => mac::<Sha384>(128, key, message),
        Hash::Sha512 => mac::<Sha512>(128, key, message),
    }
}

/// RFC 2104, with a hash that works on blocks of this many octets.
fn mac<D: Digest>(block: usize, key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut key = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
    key.resize(block, 0);
    let keyed =
        |pad: u8| D::new_with_prefix(key.iter().map(|octet| octet ^ pad).collect::<Vec<_>>());
    let inner = keyed(0x36).chain_update(message).finalize();
    keyed(0x5c).chain_update(inner).finalize().to_vec()
}

pub(crate) fn verify(
    algorithm: SignatureAlgorithm,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let good = |known: &Signature| {
        known.algorithm == algorithm
            && known.public_key == public_key
            && known.message == message
            && known.signature == signature
    };
    CURRENT.with(|c| {
        let current = c.borrow();
        let exchange = current.as_ref().map(|current| &current.exchange);
        Ok(exchange.is_some_and(|exchange| exchange.signatures.iter().any(good)))
    })
}
