//! Time as what plugins keep counts it.

use std::time::Instant;
#[cfg(test)]
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Nanoseconds since the process began, unmoved by changes of the wall clock.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    #[cfg(test)]
    ahead: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(test)]
            ahead: AtomicU64::new(0),
        }
    }
}

impl Clock {
    /// Nanoseconds; they last for 584 years.
    pub(super) fn now(&self) -> u64 {
        let now = self.start.elapsed().as_nanos() as u64;
        #[cfg(test)]
        let now = now + self.ahead.load(Ordering::Relaxed);
        now
    }

    /// Sets the clock forward.
    #[cfg(test)]
    pub(super) fn advance(&self, by: Duration) {
        self.ahead.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
    }
}
