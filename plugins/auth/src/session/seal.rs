//! Sealed text: nobody else can read, make or change it.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), whose nonces are long enough to be
//! drawn: instances need not agree on a counter.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use plugin_sdk::{Error, Result};

use crate::jose::base64;

/// Keys: the first seals, all open.
pub(crate) struct Sealer(Vec<XChaCha20Poly1305>);

const NONCE: usize = 24;

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// Keys of 32 octets each, in base64.
    pub(crate) fn new(keys: &[String]) -> Result<Self> {
        if keys.is_empty() {
            return Err(Error::new("there is no key (`openssl rand -base64 32`)"));
        }
        let key = |(number, text): (usize, &String)| {
            let octets =
                base64::decode_padded(text.trim()).and_then(|o| <[u8; 32]>::try_from(o).ok());
            let octets = octets.ok_or_else(|| {
                Error::new(format!(
                    "[{number}]: a key is 32 octets in base64 (`openssl rand -base64 32`)"
                ))
            })?;
            if octets.iter().all(|octet| *octet == octets[0]) {
                return Err(Error::new(format!("[{number}]: this key is not random")));
            }
            Ok(XChaCha20Poly1305::new(&octets.into()))
        };
        Ok(Self(keys.iter().enumerate().map(key).collect::<Result<_>>()?))
    }

    /// Seals for one purpose: what was sealed for another does not open.
    pub(crate) fn seal(&self, purpose: &str, text: &[u8]) -> Result<String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let payload = Payload { msg: text, aad: purpose.as_bytes() };
        let sealed = self.0[0].encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::new("the text is too long to be sealed"))?;
        Ok(base64::encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for this purpose, by one of the keys.
    pub(crate) fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let octets = base64::decode(sealed)?;
        let (nonce, sealed) = octets.split_first_chunk::<NONCE>()?;
        let nonce = XNonce::from(*nonce);
        self.0.iter().find_map(|key| {
            key.decrypt(&nonce, Payload { msg: sealed, aad: purpose.as_bytes() }).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: [&str; 2] = [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
    ];

    fn sealer(keys: &[&str]) -> Sealer {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        Sealer::new(&keys).expect("keys")
    }

    #[test]
    fn keys_rotate() {
        let old = sealer(&KEYS[..1]).seal("a", b"text").expect("sealed");
        let rotated = sealer(&[KEYS[1], KEYS[0]]);
        assert_eq!(rotated.open("a", old.as_bytes()).as_deref(), Some(b"text".as_slice()));
        let new = rotated.seal("a", b"text").expect("sealed");
        assert_eq!(sealer(&KEYS[..1]).open("a", new.as_bytes()), None);
        assert!(sealer(&KEYS[1..]).open("a", new.as_bytes()).is_some());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in [
            "",
            "AAAA",
            "not base64",
            &"A".repeat(43),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert!(Sealer::new(&[key.to_owned()]).is_err(), "{key}");
        }
        assert!(Sealer::new(&[]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_changed_or_cut_does_not_open(text in "[ -~]{0,40}", at in any::<usize>(), bit in 0..6_u32) {
            let sealer = sealer(&KEYS);
            let sealed = sealer.seal("a", text.as_bytes()).expect("sealed");
            prop_assert_eq!(sealer.open("a", sealed.as_bytes()), Some(text.clone().into_bytes()));
            prop_assert_eq!(sealer.open("b", sealed.as_bytes()), None);
            let at = at % sealed.len();
            prop_assert_eq!(sealer.open("a", &sealed.as_bytes()[..at]), None);
            prop_assert_eq!(sealer.open("a", &sealed.as_bytes()[at + 1..]), None);
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let mut other = sealed.into_bytes();
            let digit = alphabet.iter().position(|b| *b == other[at]).expect("in the alphabet");
            other[at] = alphabet[digit ^ (1 << bit)];
            prop_assert_eq!(sealer.open("a", &other), None);
        }
    }
}
