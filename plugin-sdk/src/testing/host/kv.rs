//! `kv` in a native test: one plugin's values on one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::kv::{Entry, KvError};
use crate::testing::clock;

const ENTRIES: usize = 100_000;
const KEY_BYTES: usize = 1024;
const VALUE_BYTES: usize = 1024 * 1024;

#[derive(Default)]
struct Values {
    kept: BTreeMap<String, Kept>,
    version: u64,
}

struct Kept {
    entry: Entry,
    until: Option<Duration>,
}

thread_local! {
    static VALUES: RefCell<Values> = RefCell::default();
}

/// What has not expired.
fn with<T>(use_it: impl FnOnce(&mut Values) -> T) -> T {
    VALUES.with_borrow_mut(|values| {
        let now = clock::now();
        values.kept.retain(|_, kept| kept.until.is_none_or(|until| until > now));
        use_it(values)
    })
}

pub(crate) fn get(key: &str) -> Option<Entry> {
    with(|values| values.kept.get(key).map(|kept| kept.entry.clone()))
}

pub(crate) fn set(key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, KvError> {
    with(|values| values.set(key, value, ttl_ms))
}

pub(crate) fn compare_and_set(
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_ms: Option<u64>,
) -> Result<Option<u64>, KvError> {
    with(|values| {
        let version = values.kept.get(key).map(|kept| kept.entry.version);
        if version != expected {
            return Ok(None);
        }
        values.set(key, value, ttl_ms).map(Some)
    })
}

pub(crate) fn delete(key: &str) -> bool {
    with(|values| values.kept.remove(key).is_some())
}

pub(crate) fn keys(prefix: &str, most: u32) -> Vec<String> {
    with(|values| {
        let keys = values.kept.keys().filter(|key| key.starts_with(prefix));
        keys.take(most as usize).cloned().collect()
    })
}

impl Values {
    fn set(&mut self, key: &str, value: &[u8], ttl_ms: Option<u64>) -> Result<u64, KvError> {
        if key.len() > KEY_BYTES || value.len() > VALUE_BYTES {
            return Err(KvError::TooLarge);
        }
        if self.kept.len() >= ENTRIES && !self.kept.contains_key(key) {
            return Err(KvError::Quota);
        }
        self.version += 1;
        let entry = Entry { value: value.to_vec(), version: self.version };
        let until = ttl_ms.map(|ttl| clock::now().saturating_add(Duration::from_millis(ttl)));
        self.kept.insert(key.to_owned(), Kept { entry, until });
        Ok(self.version)
    }
}
