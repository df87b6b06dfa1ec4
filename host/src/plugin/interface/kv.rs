//! `kv`: values that outlive an exchange and an instance.

use super::bindings::wasmgate::plugin::kv::{Entry, Host, KvError};
use crate::plugin::instance::HostState;
use crate::plugin::store::values::{Expected, WriteError};

/// More keys than this are not handed over at once.
pub(super) const KEYS_MAX: usize = 10_000;

impl Host for HostState {
    fn get(&mut self, key: String) -> Option<Entry> {
        let (value, version) = self.services.values.get(&key)?;
        Some(Entry { value, version })
    }

    fn set(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<u64, KvError> {
        let version = self.services.values.write(key, Expected::Any, value, ttl_ms)?;
        Ok(version.expect("whatever the key is at is expected"))
    }

    fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, KvError> {
        let expected = expected.map_or(Expected::Absent, Expected::Version);
        Ok(self.services.values.write(key, expected, value, ttl_ms)?)
    }

    fn delete(&mut self, key: String) -> bool {
        self.services.values.delete(&key)
    }

    async fn keys(&mut self, prefix: String, most: u32) -> Vec<String> {
        self.services.values.keys(&prefix, (most as usize).min(KEYS_MAX)).await
    }
}

impl From<WriteError> for KvError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Quota => Self::Quota,
            WriteError::TooLarge => Self::TooLarge,
            WriteError::Unavailable => Self::Unavailable,
        }
    }
}
