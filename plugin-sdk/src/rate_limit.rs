//! Rate limits, counted in the host over all workers. Needs the grant `rate_limit`.
//!
//! A limit is defined in [`Plugin::new`](crate::Plugin::new) and checked in hooks.
//!
//! ```
//! use std::time::Duration;
//!
//! use plugin_sdk::rate_limit::Limit;
//!
//! // Ten a second, evenly, three at once.
//! let logins = Limit::gcra("logins", 10, Duration::from_secs(1), 3)?;
//!
//! let verdict = logins.check("203.0.113.7", 1)?;
//! assert!(verdict.allowed);
//! assert_eq!(verdict.remaining, 2);
//! # Ok::<(), plugin_sdk::rate_limit::RateLimitError>(())
//! ```

use std::time::Duration;

use crate::bindings::imports::wasmgate::plugin::rate_limit::{Algorithm, Gcra, TokenBucket};
pub use crate::bindings::imports::wasmgate::plugin::rate_limit::{RateLimitError, Verdict};
use crate::host;

/// One limit; what is spent of it is counted for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// The generic cell rate algorithm: `rate` in `period`, evenly, with `burst` at
    /// once. The same name and numbers are the same limit in all instances and after
    /// a swap.
    ///
    /// # Errors
    /// A 0, a period below a millisecond, or too many limits.
    pub fn gcra(
        name: &str,
        rate: u32,
        period: Duration,
        burst: u32,
    ) -> Result<Self, RateLimitError> {
        let period_ms = millis(period)?;
        Self::define(name, Algorithm::Gcra(Gcra { rate, period_ms, burst }))
    }

    /// A bucket of `capacity` tokens to which `refill` are added at the end of each
    /// `period`. Likewise.
    ///
    /// # Errors
    /// As for [`Limit::gcra`].
    pub fn token_bucket(
        name: &str,
        capacity: u32,
        refill: u32,
        period: Duration,
    ) -> Result<Self, RateLimitError> {
        let period_ms = millis(period)?;
        Self::define(name, Algorithm::TokenBucket(TokenBucket { capacity, refill, period_ms }))
    }

    /// Spends `cost` for this key if it is allowed, nothing otherwise. A cost of 0
    /// only looks.
    ///
    /// # Errors
    /// A cost over what can be spent at once, a key over 1 KiB, more keys than the
    /// operator granted, or a store that cannot be reached where the operator wants the
    /// plugin to decide about that.
    pub fn check(&self, key: impl AsRef<[u8]>, cost: u32) -> Result<Verdict, RateLimitError> {
        host::rate_limit::check(self.0, key.as_ref(), cost)
    }

    fn define(name: &str, algorithm: Algorithm) -> Result<Self, RateLimitError> {
        host::rate_limit::define(name, algorithm).map(Self)
    }
}

fn millis(period: Duration) -> Result<u32, RateLimitError> {
    u32::try_from(period.as_millis()).map_err(|_| RateLimitError::Illegal)
}
