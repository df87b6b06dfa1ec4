//! Numbers that all workers add to.

// Counters in the store of a fleet.
pub(in crate::plugin) mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use papaya::HashMap;

use crate::config::CounterQuota;

/// Octets of a longer name would be a value, not a name.
const NAME_MAX: usize = 1024;

/// The counters of one plugin.
#[derive(Debug, Default)]
pub struct Counters {
    /// Nothing is ever removed, so that adding is one lookup and one addition.
    sums: HashMap<Box<str>, AtomicI64>,
    names: AtomicU64,
}

/// The counters as one plugin may use them.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Service {
    counters: Arc<Counters>,
    names_max: u64,
}

/// Looks for a name that is about to be there; it is a few instructions away unless its
/// worker was interrupted.
const LOOKS: usize = 1_000;

impl Service {
    pub(super) fn new(counters: Arc<Counters>, quota: &CounterQuota) -> Self {
        Self { counters, names_max: quota.names }
    }

    /// Adds, and answers with the sum; none if that would be one counter too many.
    pub(in crate::plugin) fn add(&self, name: &str, delta: i64) -> Option<i64> {
        let add = |sum: &AtomicI64| sum.fetch_add(delta, Ordering::Relaxed).wrapping_add(delta);
        let sums = self.counters.sums.pin();
        if let Some(sum) = sums.get(name) {
            return Some(add(sum));
        }
        if name.len() > NAME_MAX {
            return None;
        }
        if !self.admit() {
            // The last one that was admitted may be this very name, by another worker
            // that has not put it there yet.
            let names = &self.counters.names;
            for _ in 0..LOOKS {
                if let Some(sum) = sums.get(name) {
                    return Some(add(sum));
                }
                if sums.len() as u64 >= names.load(Ordering::Relaxed) {
                    break;
                }
                std::hint::spin_loop();
            }
            return sums.get(name).map(add);
        }
        match sums.try_insert(name.into(), AtomicI64::new(0)) {
            Ok(sum) => Some(add(sum)),
            // Another worker was faster.
            Err(taken) => {
                self.counters.names.fetch_sub(1, Ordering::Relaxed);
                Some(add(taken.current))
            }
        }
    }

    /// The sum so far.
    pub(in crate::plugin) fn get(&self, name: &str) -> i64 {
        let sums = self.counters.sums.pin();
        sums.get(name).map_or(0, |sum| sum.load(Ordering::Relaxed))
    }

    /// Back to 0; answers with what it was.
    pub(in crate::plugin) fn reset(&self, name: &str) -> i64 {
        let sums = self.counters.sums.pin();
        sums.get(name).map_or(0, |sum| sum.swap(0, Ordering::Relaxed))
    }

    /// Counts one more name, unless there are too many.
    fn admit(&self) -> bool {
        let more = |names| (names < self.names_max).then_some(names + 1);
        let names = &self.counters.names;
        names.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(names: u64) -> Service {
        Service::new(Arc::default(), &CounterQuota { names })
    }

    #[test]
    fn a_counter_adds_wraps_and_begins_anew() {
        let service = service(10);
        assert_eq!(service.get("a"), 0);
        assert_eq!(service.add("a", i64::MAX), Some(i64::MAX));
        assert_eq!(service.add("a", 1), Some(i64::MIN));
        assert_eq!(service.reset("a"), i64::MIN);
        assert_eq!(service.reset("a"), 0);
        assert_eq!(service.add("a", -3), Some(-3));
        assert_eq!(service.get("a"), -3);
    }

    #[test]
    fn the_quota_bounds_names_and_not_sums() {
        let service = service(2);
        assert!(service.add("a", 1).is_some() && service.add("b", 1).is_some());
        assert_eq!(service.add("c", 1), None);
        assert_eq!(service.add("a", 1), Some(2));
        assert_eq!(service.add(&"x".repeat(NAME_MAX + 1), 1), None);
    }

    #[test]
    fn no_addition_is_lost_and_no_name_is_counted_twice() {
        let service = service(8);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..8_000 {
                        service.add(&(round % 8).to_string(), 1);
                    }
                });
            }
        });
        let sum: i64 = (0..8).map(|name| service.get(&name.to_string())).sum();
        assert_eq!(sum, 4 * 8_000);
        assert_eq!(service.counters.names.load(Ordering::Relaxed), 8);
    }
}
