//! The cookie's value: who the client is, which endpoint answered it and when, signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plugin_sdk::crypto::{self, Hash};

/// What a cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// A random number. Clients of an endpoint that is gone are told apart by it.
    pub(crate) client: u64,
    /// Seconds since 1970.
    pub(crate) issued: u32,
    pub(crate) endpoint: Tag,
}

/// An endpoint, without its URL: nobody who lacks the secret can tell which it is, nor
/// find out whether it is one that he guesses.
pub(crate) type Tag = [u8; 8];

/// Makes and verifies tokens.
pub(crate) struct Signer {
    secret: Vec<u8>,
    /// What is signed before the token: keeps this use of the secret apart from others.
    purpose: Vec<u8>,
}

/// Client, time and endpoint.
const SAID: usize = 8 + 4 + 8;
/// HMAC-SHA-256 cut to 128 bits (RFC 2104, section 5).
const SIGNATURE: usize = 16;
/// Octets in base64.
const TEXT: usize = (SAID + SIGNATURE) / 3 * 4;

impl Signer {
    pub(crate) fn new(secret: String, cookie: &str) -> Self {
        let purpose = [b"wasmgate sticky 1\0", cookie.as_bytes(), b"\0"].concat();
        Self { secret: secret.into_bytes(), purpose }
    }

    /// The tag of an endpoint's URL.
    pub(crate) fn tag(&self, url: &str) -> Tag {
        let message = [b"wasmgate sticky endpoint\0", url.as_bytes()].concat();
        let hash = crypto::hmac(Hash::Sha256, &self.secret, message);
        first(&hash)
    }

    /// The cookie's value.
    pub(crate) fn write(&self, token: Token) -> String {
        let mut octets = Vec::with_capacity(SAID + SIGNATURE);
        octets.extend(token.client.to_be_bytes());
        octets.extend(token.issued.to_be_bytes());
        octets.extend(token.endpoint);
        octets.extend(self.sign(&octets));
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// What a cookie's value says, if it is one of ours.
    pub(crate) fn read(&self, text: &[u8]) -> Option<Token> {
        // Before anything is computed: the length is known.
        if text.len() != TEXT {
            return None;
        }
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, signature) = octets.split_at_checked(SAID)?;
        if !is_same(&self.sign(said), signature) {
            return None;
        }
        Some(Token {
            client: u64::from_be_bytes(first(said)),
            issued: u32::from_be_bytes(first(&said[8..])),
            endpoint: first(&said[12..]),
        })
    }

    fn sign(&self, said: &[u8]) -> Vec<u8> {
        let mut hash = crypto::hmac(Hash::Sha256, &self.secret, [&self.purpose, said].concat());
        hash.truncate(SIGNATURE);
        hash
    }
}

/// In a time that tells nothing of where they differ. In the plugin, for a call to the
/// host would cost more than the comparison.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

/// The first octets; zeros where there are none, which the lengths above rule out.
fn first<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut found = [0; N];
    found.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
    found
}
