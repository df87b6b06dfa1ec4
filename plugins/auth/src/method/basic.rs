//! User names and passwords (RFC 7617).
//!
//! Passwords are hashed slowly, on purpose. So a verified one is remembered for a
//! while: as its HMAC by a key that this instance drew and never tells. It is not in
//! `kv`: there it could outlive the process in a file, as a fast hash of a password.

mod hash;
mod htpasswd;

#[cfg(test)]
pub(crate) use hash::hashed;

use std::rc::Rc;

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::{Error, Request, Result};

use self::hash::PasswordHash;
use self::htpasswd::File;
use super::{Extras, Outcome, Refusal, quoted};
use crate::cache::Cache;
use crate::clock;
use crate::config;
use crate::credential::{Place, after};
use crate::identity::{Identity, IdentityHeaders};
use crate::jose::base64;

#[derive(Debug)]
pub(crate) struct Basic {
    pub(crate) name: String,
    realm: String,
    users: Vec<User>,
    file: Option<File>,
    /// Seconds.
    remember: i64,
    verified: Cache<[u8; 32], (Rc<Identity>, i64)>,
    key: [u8; 32],
    forward: bool,
}

#[derive(Debug)]
struct User {
    name: String,
    hash: PasswordHash,
    groups: Vec<String>,
}

/// No password is longer; and nobody makes a slow hash read more.
const LONGEST: usize = 1024;

impl Basic {
    pub(crate) fn new(config: config::Basic, remembered: usize) -> Result<Self> {
        let mut users = Vec::new();
        for (name, user) in config.users {
            let within = |e: Error| e.within(format_args!("users.{name}.hash"));
            if name.contains(':') {
                return Err(Error::new(format!(
                    "users: `{name}` has a colon, which no user name has"
                )));
            }
            let hash = PasswordHash::parse(&user.hash).map_err(within)?;
            users.push(User { name, hash, groups: user.groups });
        }
        let file = config.htpasswd.map(File::open).transpose().map_err(|e| e.within("htpasswd"))?;
        if users.is_empty() && file.as_ref().is_none_or(|file| file.users().is_empty()) {
            return Err(Error::new("there is no user: name some in `users` or in `htpasswd`"));
        }
        let remember = config.remember.as_std().as_secs();
        if remember > 3600 {
            return Err(Error::new("remember: an hour is the most"));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self {
            name: config.name,
            realm: config.realm,
            users,
            file,
            remember: i64::try_from(remember).unwrap_or(0),
            verified: Cache::new(remembered),
            key,
            forward: config.forward,
        })
    }

    pub(crate) fn identify(&mut self, request: &Request, headers: &IdentityHeaders) -> Outcome {
        let wrong = || Outcome::Refused(Refusal::new("the user or the password is wrong"));
        let value = request.header("authorization");
        let Some(sent) = value.and_then(|value| after(value, "Basic")) else {
            return Outcome::Absent;
        };
        if sent.len() > 2 * LONGEST {
            return wrong();
        }
        let now = clock::now();
        if self.file.as_mut().is_some_and(|file| file.renew(now)) {
            // A password may have changed, or a user gone.
            self.verified.clear();
        }
        let mac = crypto::hmac(Hash::Sha256, self.key, sent);
        let mac: [u8; 32] = mac.try_into().unwrap_or_default();
        if let Some((identity, until)) = self.verified.find(&mac)
            && now < until
        {
            return Outcome::Known(identity, Extras::default());
        }
        let Some(credential) = base64::decode_padded(sent) else { return wrong() };
        let Some(colon) = credential.iter().position(|b| *b == b':') else { return wrong() };
        let (name, password) = (&credential[..colon], &credential[colon + 1..]);
        if password.len() > LONGEST {
            return wrong();
        }
        let Some(identity) = self.verify(name, password) else { return wrong() };
        let identity = Rc::new(headers.complete(identity));
        if self.remember > 0 {
            self.verified.insert(mac, (Rc::clone(&identity), now + self.remember));
        }
        Outcome::Known(identity, Extras::default())
    }

    /// Whom the password belongs to. A user that there is not costs what a wrong
    /// password costs: it is held against somebody's hash, the same one each time.
    fn verify(&self, name: &[u8], password: &[u8]) -> Option<Identity> {
        let from_file = self.file.as_ref().map(|file| file.users()).unwrap_or_default();
        let all = || self.users.iter().chain(from_file);
        let user = all().find(|user| user.name.as_bytes() == name);
        let decoy = || {
            let secret = all().map(|user| user.hash.text()).next().unwrap_or_default();
            let draw = crypto::hmac(Hash::Sha256, secret, name);
            let draw = draw.first_chunk::<8>().map_or(0, |octets| u64::from_le_bytes(*octets));
            let number = usize::try_from(draw % all().count().max(1) as u64).unwrap_or(0);
            all().nth(number)
        };
        let is_known = user.is_some();
        let user = user.or_else(decoy)?;
        if !user.hash.verify(password) || !is_known {
            return None;
        }
        Some(Identity {
            method: self.name.clone(),
            subject: user.name.clone(),
            groups: user.groups.clone(),
            ..Identity::default()
        })
    }

    /// How many credentials are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.verified.len()
    }

    pub(crate) fn challenge(&self) -> String {
        format!("Basic realm={}, charset=\"UTF-8\"", quoted(&self.realm))
    }

    pub(crate) fn hidden(&self) -> Vec<Place> {
        if self.forward {
            return Vec::new();
        }
        vec![Place::Header("authorization".to_owned(), Some("Basic"))]
    }
}
