//! Numbers that all instances on all workers add to. They outlive instances and
//! swaps. Needs the grant `counter`.
//!
//! ```
//! use plugin_sdk::counter;
//!
//! let so_far = counter::add("logins", 1)?;
//! assert_eq!(counter::get("logins"), so_far);
//! # Ok::<(), counter::CounterError>(())
//! ```

pub use crate::bindings::imports::wasmgate::plugin::counter::CounterError;
use crate::host;

/// Adds, and returns the sum. It wraps around at the ends of 64 bits.
///
/// # Errors
/// More counters than the operator granted, a name over 1 KiB, or a store that cannot
/// be reached.
pub fn add(name: &str, delta: i64) -> Result<i64, CounterError> {
    host::counter::add(name, delta)
}

/// The sum so far; 0 for one that was never added to, and if the store cannot be
/// reached.
pub fn get(name: &str) -> i64 {
    host::counter::get(name)
}

/// Back to 0; returns what it was.
pub fn reset(name: &str) -> i64 {
    host::counter::reset(name)
}
