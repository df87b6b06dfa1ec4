//! Signed tokens: JWS in compact form (RFC 7515), JWK (RFC 7517), JWT (RFC 7519),
//! by the advice of RFC 8725.
//!
//! A parser of our own, and not the crate `jsonwebtoken` 11 with a provider that asks
//! the host. The crate would be left with the parsing, and that is not strict: of
//! duplicate claims the last one counts, `crit` is read and minded nowhere, and a token
//! that names a place for its key is taken. Its providers are one for the process and
//! get RSA keys as two numbers, while the host takes a SubjectPublicKeyInfo. Here a key
//! is of one kind, and a token that could be read in two ways is none.

pub(crate) mod algorithm;
pub(crate) mod base64;
pub(crate) mod claims;
pub(crate) mod json;
pub(crate) mod key;
pub(crate) mod remote;
mod spki;
pub(crate) mod token;

use std::fmt;

/// A point of P-256 as the host gets it.
#[cfg(test)]
pub(crate) fn public_point(x: &[u8], y: &[u8]) -> Vec<u8> {
    spki::point(algorithm::Kind::P256, x, y)
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLong,
    Malformed,
    Algorithm,
    Critical,
    BringsKey,
    Kind,
    UnknownKey,
    Signature,
    Expired,
    NotYet,
    Issuer,
    Audience,
    Required,
    Nonce,
}

impl Fault {
    /// For annotations and challenges: it says nothing of keys.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "the token is too long",
            Self::Malformed => "the token is malformed",
            Self::Algorithm => "the token's algorithm is not accepted",
            Self::Critical => "the token has critical extensions",
            Self::BringsKey => "the token brings its own key",
            Self::Kind => "the token is of another type",
            Self::UnknownKey => "the token's key is unknown",
            Self::Signature => "the token's signature is wrong",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::Required => "the token lacks a required claim",
            Self::Nonce => "the token is of another login",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
