//! Hashes of passwords, as `htpasswd` and the argon2 tools write them.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc;
use md5::{Digest, Md5};
use plugin_sdk::{Error, Result};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::jose::base64;

/// A password's hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PasswordHash {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Argon2,
    Bcrypt,
    Apr1,
    Sha,
}

/// In KiB. What is hashed has to fit into the instance.
const ARGON2_MEMORY: u32 = 256 * 1024;
/// A bcrypt of more takes seconds.
const BCRYPT_COST: u32 = 15;

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({:?})", self.kind)
    }
}

impl PasswordHash {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let kind = match text {
            _ if text.starts_with("$argon2") => argon2(text)?,
            _ if ["$2a$", "$2b$", "$2y$"].iter().any(|start| text.starts_with(start)) => {
                bcrypt(text)?
            }
            _ if text.starts_with("$apr1$") => {
                let parts: Vec<&str> = text.split('$').collect();
                let [_, _, salt, hash] = parts[..] else { return Err(damaged("apr1")) };
                if salt.len() > 8 || hash.len() != 22 {
                    return Err(damaged("apr1"));
                }
                Kind::Apr1
            }
            _ if text.starts_with("{SHA}") => {
                let hash = base64::decode_padded(&text[5..]);
                if hash.is_none_or(|hash| hash.len() != 20) {
                    return Err(damaged("{SHA}"));
                }
                Kind::Sha
            }
            _ => {
                return Err(Error::new(
                    "this is no hash: `$argon2id$…`, `$2y$…` (bcrypt), `$apr1$…` and `{SHA}…` are known (`htpasswd -nB USER`)",
                ));
            }
        };
        Ok(Self { text: text.to_owned(), kind })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the hash is this password's. Takes long, on purpose, but for `{SHA}`.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        #[cfg(test)]
        HASHED.set(HASHED.get() + 1);
        match self.kind {
            Kind::Argon2 => phc::PasswordHash::new(&self.text)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::Apr1 => {
                let mut parts = self.text.split('$').skip(2);
                let (salt, hash) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
                apr1(password, salt.as_bytes()).as_bytes().ct_eq(hash.as_bytes()).into()
            }
            Kind::Sha => {
                let hash = base64::encode_padded(Sha1::digest(password));
                hash.as_bytes().ct_eq(&self.text.as_bytes()[5..]).into()
            }
        }
    }
}

#[cfg(test)]
thread_local! {
    static HASHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many passwords were hashed on this thread.
#[cfg(test)]
pub(crate) fn hashed() -> usize {
    HASHED.get()
}

fn damaged(kind: &str) -> Error {
    Error::new(format!("this {kind} hash is damaged"))
}

fn argon2(text: &str) -> Result<Kind> {
    let hash = phc::PasswordHash::new(text).map_err(|_| damaged("argon2"))?;
    let params = argon2::Params::try_from(&hash).map_err(|_| damaged("argon2"))?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(damaged("argon2"));
    }
    if params.m_cost() > ARGON2_MEMORY {
        return Err(Error::new("this argon2 hash takes more than 256 MiB of memory"));
    }
    Ok(Kind::Argon2)
}

fn bcrypt(text: &str) -> Result<Kind> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| damaged("bcrypt"))?;
    if parts.get_cost() > BCRYPT_COST {
        return Err(Error::new(format!("this bcrypt hash has a cost of more than {BCRYPT_COST}")));
    }
    Ok(Kind::Bcrypt)
}

/// Apache's variant of MD5-crypt, without its prefix and salt.
fn apr1(password: &[u8], salt: &[u8]) -> String {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password);
    let inner = inner.finalize();
    let mut first = Md5::new();
    first.update(password);
    first.update(b"$apr1$");
    first.update(salt);
    for start in (0..password.len()).step_by(16) {
        first.update(&inner[..(password.len() - start).min(16)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        match (bits & 1, password.first()) {
            (0, Some(octet)) => first.update([*octet]),
            _ => first.update([0]),
        }
        bits >>= 1;
    }
    let mut sum = first.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        if round % 2 == 1 {
            next.update(password)
        } else {
            next.update(sum)
        };
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        if round % 2 == 1 {
            next.update(sum)
        } else {
            next.update(password)
        };
        sum = next.finalize();
    }
    written(&sum)
}

/// The hash in crypt's own base64, in crypt's own order of octets.
fn written(sum: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut text = String::with_capacity(22);
    let mut push = |mut number: u32, digits: u32| {
        for _ in 0..digits {
            text.push(char::from(DIGITS[(number & 63) as usize]));
            number >>= 6;
        }
    };
    for [high, middle, low] in ORDER {
        let octet = |at: usize| u32::from(sum[at]);
        push(octet(high) << 16 | octet(middle) << 8 | octet(low), 4);
    }
    push(u32::from(sum[11]), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_made_by_other_programs_are_verified() {
        // By `openssl passwd -apr1`, and the Python packages bcrypt and argon2-cffi.
        let hashes = [
            ("password", "$apr1$12345678$9pHAGSBYtlmFtid2xxNog0"),
            ("a longer password of 33 octets !!", "$apr1$abc$P53DszQ4vgSvfw.6U.0Uo."),
            ("password", "$2b$04$ycdXANn5gWeQ59CENUUpPeTthXaXydd1YZlT0v9Lun6zVjZAfd1cu"),
            (
                "password",
                "$argon2id$v=19$m=64,t=1,p=1$0ldk66TI10dMnP6DoTBz0w$38v0RyxxWg0KKMDeRMoV2YdlxI5Jv2/sNoc04ks35aw",
            ),
            ("password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
        ];
        for (password, hash) in hashes {
            let hash = PasswordHash::parse(hash).expect(hash);
            assert!(hash.verify(password.as_bytes()), "{}", hash.text());
            assert!(!hash.verify(b"Password") && !hash.verify(b""), "{}", hash.text());
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let texts = [
            "",
            "password",
            "$1$salt$hash",
            "$apr1$salt",
            "$apr1$123456789$9pHAGSBYtlmFtid2xxNog0",
            "{SHA}short",
            "$2y$04$short",
            "$2y$31$",
            "$argon2id$v=19$m=16,t=1,p=1",
            "$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        ];
        for text in texts {
            assert!(PasswordHash::parse(text).is_err(), "{text}");
        }
    }
}
