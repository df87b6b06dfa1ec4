//! Values that outlive exchanges, instances and swaps, and restarts where the
//! operator configured a store. They are the plugin's own. Needs the grant `kv`.
//!
//! Where that store is a Redis, other proxies see the same values, and a write may
//! answer [`KvError::Unavailable`].
//!
//! ```
//! use std::time::Duration;
//!
//! use plugin_sdk::kv;
//!
//! kv::set_for("session/42", b"alice", Duration::from_secs(600))?;
//! assert_eq!(kv::get("session/42").unwrap().value, b"alice");
//! # Ok::<(), kv::KvError>(())
//! ```

use std::time::Duration;

pub use crate::bindings::imports::wasmgate::plugin::kv::{Entry, KvError};
use crate::host;

/// The value of a key and its version; `None` also if the store cannot be reached.
pub fn get(key: &str) -> Option<Entry> {
    host::kv::get(key)
}

/// Keeps a value until it is replaced or deleted. Returns its version.
///
/// # Errors
/// The plugin's quota, a key over 1 KiB, a value over 1 MiB, or a store that cannot be
/// reached.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<u64, KvError> {
    host::kv::set(key, value.as_ref(), None)
}

/// Keeps a value for so long at most.
///
/// # Errors
/// As for [`set`].
pub fn set_for(key: &str, value: impl AsRef<[u8]>, time: Duration) -> Result<u64, KvError> {
    host::kv::set(key, value.as_ref(), Some(millis(time)))
}

/// Keeps a value if the key is at the version `expected`, or is absent where that
/// is `None`. Returns the new version; `None` if it was at another.
///
/// # Errors
/// As for [`set`].
///
/// ```
/// use plugin_sdk::kv;
///
/// /// Adds to a number that others add to at the same time.
/// fn add(key: &str, more: u64) -> Result<u64, kv::KvError> {
///     loop {
///         let entry = kv::get(key);
///         let number = entry.as_ref().and_then(|entry| entry.value[..].try_into().ok());
///         let sum = number.map_or(0, u64::from_le_bytes) + more;
///         let version = entry.map(|entry| entry.version);
///         if kv::compare_and_set(key, version, sum.to_le_bytes(), None)?.is_some() {
///             return Ok(sum);
///         }
///     }
/// }
/// assert_eq!((add("n", 2)?, add("n", 3)?), (2, 5));
/// # Ok::<(), kv::KvError>(())
/// ```
pub fn compare_and_set(
    key: &str,
    expected: Option<u64>,
    value: impl AsRef<[u8]>,
    time: Option<Duration>,
) -> Result<Option<u64>, KvError> {
    host::kv::compare_and_set(key, expected, value.as_ref(), time.map(millis))
}

/// Removes a key. Whether there was one; `false` also if the store cannot be reached.
pub fn delete(key: &str) -> bool {
    host::kv::delete(key)
}

/// Keys with this prefix, so many at most, in no order. Looks at every key of the
/// plugin, which takes long where there are many.
pub fn keys(prefix: &str, most: u32) -> Vec<String> {
    host::kv::keys(prefix, most)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
