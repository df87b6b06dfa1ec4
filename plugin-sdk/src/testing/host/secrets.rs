//! `secrets` in a native test: what the test grants on its thread.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::crypto;
use crate::crypto::Hash;

thread_local! {
    static GRANTED: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Grants a secret to the plugins that this thread's tests load from now on.
pub fn grant_secret(name: impl Into<String>, octets: impl Into<Vec<u8>>) {
    GRANTED.with_borrow_mut(|granted| granted.insert(name.into(), octets.into()));
}

pub(crate) struct Secret(Vec<u8>);

pub(crate) fn find(name: &str) -> Option<Secret> {
    GRANTED.with_borrow(|granted| granted.get(name).cloned().map(Secret))
}

impl Secret {
    pub(crate) fn reveal(&self) -> Vec<u8> {
        self.0.clone()
    }

    pub(crate) fn equals(&self, octets: &[u8]) -> bool {
        crypto::equal(&self.0, octets)
    }

    pub(crate) fn hmac_sha256(&self, message: &[u8]) -> Vec<u8> {
        crypto::hmac(Hash::Sha256, &self.0, message)
    }
}
