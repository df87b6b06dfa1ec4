//! Signature algorithms (RFC 7518, section 3; RFC 8037).

use plugin_sdk::crypto::{Hash, SignatureAlgorithm};
use plugin_sdk::{Error, Result};

/// An algorithm that a token may be signed with. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// What a key is for. A key is of one kind, so no public key is ever a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

const NAMES: [(&str, Algorithm); 13] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("EdDSA", Algorithm::EdDsa),
    // RFC 9864.
    ("Ed25519", Algorithm::EdDsa),
];

impl Algorithm {
    /// By its registered name; case matters.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Those of a configuration.
    pub(crate) fn all(names: &[String]) -> Result<Vec<Self>> {
        let one = |name: &String| {
            Self::named(name).ok_or_else(|| {
                let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
                Error::new(format!("`{name}` is none of {}", known.join(", ")))
            })
        };
        names.iter().map(one).collect()
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Kind::Secret,
            Self::Rs256 | Self::Rs384 | Self::Rs512 => Kind::Rsa,
            Self::Ps256 | Self::Ps384 | Self::Ps512 => Kind::Rsa,
            Self::Es256 => Kind::P256,
            Self::Es384 => Kind::P384,
            Self::EdDsa => Kind::Ed25519,
        }
    }

    /// The hash of an HMAC.
    pub(crate) fn hash(self) -> Option<Hash> {
        match self {
            Self::Hs256 => Some(Hash::Sha256),
            Self::Hs384 => Some(Hash::Sha384),
            Self::Hs512 => Some(Hash::Sha512),
            _ => None,
        }
    }

    /// What the host calls it.
    pub(crate) fn signature(self) -> Option<SignatureAlgorithm> {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => None,
            Self::Rs256 => Some(SignatureAlgorithm::RsaPkcs1Sha256),
            Self::Rs384 => Some(SignatureAlgorithm::RsaPkcs1Sha384),
            Self::Rs512 => Some(SignatureAlgorithm::RsaPkcs1Sha512),
            Self::Ps256 => Some(SignatureAlgorithm::RsaPssSha256),
            Self::Ps384 => Some(SignatureAlgorithm::RsaPssSha384),
            Self::Ps512 => Some(SignatureAlgorithm::RsaPssSha512),
            Self::Es256 => Some(SignatureAlgorithm::EcdsaP256Sha256),
            Self::Es384 => Some(SignatureAlgorithm::EcdsaP384Sha384),
            Self::EdDsa => Some(SignatureAlgorithm::Ed25519),
        }
    }

    /// The least length of a shared secret: that of the hash (RFC 7518, section 3.2).
    pub(crate) fn secret_length(self) -> usize {
        match self {
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 32,
        }
    }
}
