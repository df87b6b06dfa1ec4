//! Keys that are sent with each request.
//!
//! Only SHA-256 of a key is stored: keys are random, so a slow hash would protect
//! nothing more, and it is computed for each request.

use std::collections::HashMap;
use std::rc::Rc;

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::{Error, Request, Result};
use subtle::ConstantTimeEq;

use super::{Extras, Outcome, Refusal};
use crate::config;
use crate::credential::{self, Place};
use crate::identity::{Identity, IdentityHeaders};

#[derive(Debug)]
pub(crate) struct ApiKey {
    pub(crate) name: String,
    places: Vec<Place>,
    keys: Keys,
    forward: bool,
}

/// Keys by the first octets of their hash. What a client sends decides where is
/// looked, and the rest is compared in constant time.
#[derive(Debug, Default)]
struct Keys(HashMap<[u8; 8], Vec<Known>>);

#[derive(Debug)]
struct Known {
    hash: [u8; 32],
    identity: Rc<Identity>,
}

/// No key is longer; and nobody makes the host hash more.
const LONGEST: usize = 1024;

impl ApiKey {
    pub(crate) fn new(config: config::ApiKey, headers: &IdentityHeaders) -> Result<Self> {
        let places = credential::places(config.header, config.query, config.cookie)?;
        if places.is_empty() {
            return Err(Error::new("say where the key is: `header`, `query` or `cookie`"));
        }
        if config.keys.is_empty() {
            return Err(Error::new("keys: there is none, so nobody could pass"));
        }
        let mut keys = Keys::default();
        for (number, key) in config.keys.into_iter().enumerate() {
            let identity = Identity {
                method: config.name.clone(),
                subject: key.name,
                groups: key.groups,
                ..Identity::default()
            };
            let hash = hash(&key.hash)
                .ok_or_else(|| {
                    Error::new(
                        "hash: write `sha256:` and 64 hexadecimal digits (`printf %s KEY | sha256sum`)",
                    )
                })
                .and_then(|hash| keys.insert(hash, Rc::new(headers.complete(identity))))
                .map_err(|e| e.within(format_args!("keys[{number}]")));
            hash?;
        }
        Ok(Self { name: config.name, places, keys, forward: config.forward })
    }

    pub(crate) fn identify(&self, request: &Request) -> Outcome {
        let mut found = self.places.iter().filter_map(|place| place.find(request));
        let Some(key) = found.next().filter(|key| !key.is_empty()) else {
            return Outcome::Absent;
        };
        if key.len() > LONGEST {
            return Outcome::Refused(Refusal::new("the key is unknown"));
        }
        match self.keys.find(&crypto::digest(Hash::Sha256, &key)) {
            Some(identity) => Outcome::Known(identity, Extras::default()),
            None => Outcome::Refused(Refusal::new("the key is unknown")),
        }
    }

    pub(crate) fn challenge(&self) -> Option<String> {
        let bearer = |place: &Place| matches!(place, Place::Header(_, Some(_)));
        self.places.iter().any(bearer).then(|| "Bearer".to_owned())
    }

    pub(crate) fn fields(&self) -> Vec<&str> {
        self.places.iter().filter_map(Place::field).collect()
    }

    pub(crate) fn hidden(&self) -> Vec<Place> {
        if self.forward { Vec::new() } else { self.places.clone() }
    }
}

impl Keys {
    fn insert(&mut self, hash: [u8; 32], identity: Rc<Identity>) -> Result<()> {
        let mut start = [0; 8];
        start.copy_from_slice(&hash[..8]);
        let known = self.0.entry(start).or_default();
        if known.iter().any(|known| known.hash == hash) {
            return Err(Error::new("hash: two keys have it"));
        }
        known.push(Known { hash, identity });
        Ok(())
    }

    fn find(&self, hash: &[u8]) -> Option<Rc<Identity>> {
        let known = self.0.get(hash.first_chunk::<8>()?)?;
        let same = |known: &&Known| bool::from(known.hash.ct_eq(hash));
        known.iter().find(same).map(|known| Rc::clone(&known.identity))
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:")?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (octet, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |d: u8| char::from(d).to_digit(16);
        // Two hexadecimal digits make an octet.
        *octet = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(hash)
}
