//! Time as the fakes of `kv` and `rate_limit` see it: it stands still until a test
//! moves it.
//!
//! ```
//! use std::time::Duration;
//!
//! use plugin_sdk::{kv, testing};
//!
//! kv::set_for("session", b"alice", Duration::from_secs(60))?;
//! testing::clock::advance(Duration::from_secs(61));
//! assert!(kv::get("session").is_none());
//! # Ok::<(), kv::KvError>(())
//! ```

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Lets this much time pass on the current thread.
pub fn advance(by: Duration) {
    NOW.set(NOW.get() + by);
}

pub(crate) fn now() -> Duration {
    NOW.get()
}
