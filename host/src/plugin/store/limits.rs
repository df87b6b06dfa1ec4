//! Rate limits, counted over all workers.

// What one proxy knows of a bucket that a fleet shares.
mod lease;
// How a limit counts.
pub(in crate::plugin) mod meter;
// Limits in the store of a fleet.
pub(in crate::plugin) mod shared;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meter::{Algorithm, Meter, Verdict};
use shared::SharedLimit;

use super::clock::Clock;
use super::usage::Usage;
use crate::config::RateLimitQuota;

/// Limits of one plugin.
const LIMITS_MAX: usize = 1_000;
/// Octets of a limit's name.
const NAME_MAX: usize = 1024;
/// Octets of a key.
const KEY_MAX: usize = 1024;
/// How long a bucket has been full before it is forgotten, in nanoseconds: a worker
/// that has read the clock may be kept waiting for that long before it looks, and
/// must not find a new bucket where there was an empty one.
const GRACE: u64 = 1_000_000_000;

/// The limits of one plugin.
#[derive(Debug)]
pub struct Limits {
    /// By name and algorithm: the same name with another algorithm is another limit,
    /// which begins anew. Locked when an instance is configured, never for a check.
    defined: Mutex<HashMap<Definition, Arc<Limit>>>,
    /// Counts keys alone.
    usage: Usage,
    /// Likewise, those of which something is known where a fleet shares them.
    leased: Usage,
    clock: Arc<Clock>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Definition {
    name: String,
    algorithm: Algorithm,
}

/// One limit and what is spent of it.
#[derive(Debug)]
pub(in crate::plugin) struct Limit {
    meter: Meter,
    /// Horizons; see [`meter`].
    buckets: papaya::HashMap<Box<[u8]>, AtomicU64>,
    shared: SharedLimit,
}

/// The horizon of a bucket that is being removed: whoever meets it looks again. A
/// bucket that comes to it by counting is put off by one.
const GONE: u64 = u64::MAX;

/// The limits as one plugin may use them.
#[derive(Debug)]
pub(in crate::plugin) struct Service {
    limits: Arc<Limits>,
    quota: RateLimitQuota,
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum LimitError {
    /// An algorithm, a cost, a name or a key that cannot be.
    Illegal,
    /// Too many limits or keys.
    Quota,
    /// The store cannot be reached, and the plugin is to decide.
    Unavailable,
}

impl Limits {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self { defined: Mutex::default(), usage: Usage::default(), leased: Usage::default(), clock }
    }

    /// Forgets buckets from which nothing is spent any more, and limits that have
    /// none and that no instance has. Takes long: not on a worker.
    pub(super) fn sweep(&self) {
        let limits: Vec<Arc<Limit>> = self.defined().values().cloned().collect();
        for limit in &limits {
            self.sweep_buckets(limit);
            limit.shared.sweep(&self.leased, self.clock.now());
        }
        drop(limits);
        // Others get hold of a limit under this lock alone.
        self.defined().retain(|_, limit| {
            let is_known = !limit.buckets.is_empty() || !limit.shared.is_empty();
            Arc::strong_count(limit) > 1 || is_known
        });
    }

    fn sweep_buckets(&self, limit: &Limit) {
        let Some(past) = self.clock.now().checked_sub(GRACE) else { return };
        let buckets = limit.buckets.pin();
        for (key, bucket) in &buckets {
            let horizon = bucket.load(Ordering::Relaxed);
            // Marked first: a worker that has found the bucket and spends from it
            // wins, or sees the mark.
            if limit.meter.is_full(horizon, past)
                && bucket
                    .compare_exchange(horizon, GONE, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                self.remove(limit, key);
            }
        }
    }

    fn remove(&self, limit: &Limit, key: &[u8]) {
        let buckets = limit.buckets.pin();
        let removed = buckets.remove_if(key, |_, bucket| bucket.load(Ordering::Relaxed) == GONE);
        if let Ok(Some(_)) = removed {
            self.usage.release(0, 1);
        }
    }

    fn defined(&self) -> MutexGuard<'_, HashMap<Definition, Arc<Limit>>> {
        self.defined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    pub(super) fn new(limits: Arc<Limits>, quota: &RateLimitQuota) -> Self {
        Self { limits, quota: quota.clone() }
    }

    /// For a plugin that was not granted any.
    pub(super) fn closed(clock: Arc<Clock>) -> Self {
        Self {
            limits: Arc::new(Limits::new(clock)),
            quota: RateLimitQuota { keys: 0, ..RateLimitQuota::default() },
        }
    }

    /// The limit of that name and algorithm, or a new one.
    pub(in crate::plugin) fn define(
        &self,
        name: String,
        algorithm: Algorithm,
    ) -> Result<Arc<Limit>, LimitError> {
        let meter = Meter::new(&algorithm).ok_or(LimitError::Illegal)?;
        if name.len() > NAME_MAX {
            return Err(LimitError::Illegal);
        }
        let mut defined = self.limits.defined();
        let is_full = defined.len() >= LIMITS_MAX;
        let definition = Definition { name, algorithm };
        if let Some(known) = defined.get(&definition) {
            return Ok(Arc::clone(known));
        }
        if is_full {
            return Err(LimitError::Quota);
        }
        let shared = SharedLimit::new(&definition.name, &definition.algorithm);
        let limit = Arc::new(Limit { meter, buckets: papaya::HashMap::new(), shared });
        defined.insert(definition, Arc::clone(&limit));
        Ok(limit)
    }

    /// Spends `cost` if it is allowed, nothing otherwise.
    pub(in crate::plugin) fn check(
        &self,
        limit: &Limit,
        key: &[u8],
        cost: u32,
    ) -> Result<Verdict, LimitError> {
        let Limit { meter, buckets, .. } = limit;
        if cost > meter.most() || key.len() > KEY_MAX {
            return Err(LimitError::Illegal);
        }
        let now = self.limits.clock.now();
        let buckets = buckets.pin();
        loop {
            let bucket = match buckets.get(key) {
                Some(bucket) => bucket,
                // Looking is no reason to remember a key.
                None if cost == 0 => return Ok(meter.check(meter.full(now), now, 0).0),
                None => {
                    if !self.limits.usage.take((0, 1), (0, self.quota.keys)) {
                        return Err(LimitError::Quota);
                    }
                    let new = AtomicU64::new(unmarked(meter.full(now)));
                    buckets.try_insert(key.into(), new).unwrap_or_else(|taken| {
                        self.limits.usage.release(0, 1);
                        taken.current
                    })
                }
            };
            if let Some(verdict) = spend(meter, bucket, now, cost) {
                return Ok(verdict);
            }
            self.limits.remove(limit, key);
        }
    }
}

/// None if the bucket is being removed.
fn spend(meter: &Meter, bucket: &AtomicU64, now: u64, cost: u32) -> Option<Verdict> {
    let mut horizon = bucket.load(Ordering::Relaxed);
    while horizon != GONE {
        let (verdict, moved) = meter.check(horizon, now, cost);
        let Some(moved) = moved else { return Some(verdict) };
        let set = bucket.compare_exchange_weak(
            horizon,
            unmarked(moved),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        match set {
            Ok(_) => return Some(verdict),
            Err(other) => horizon = other,
        }
    }
    None
}

fn unmarked(horizon: u64) -> u64 {
    if horizon == GONE { GONE - 1 } else { horizon }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TEN_A_SECOND: Algorithm = Algorithm::Gcra { rate: 10, period_ms: 1_000, burst: 5 };
    const BUCKET: Algorithm = Algorithm::TokenBucket { capacity: 5, refill: 5, period_ms: 1_000 };

    fn service(keys: u64) -> Service {
        Service::new(
            Arc::new(Limits::new(Arc::default())),
            &RateLimitQuota { keys, ..RateLimitQuota::default() },
        )
    }

    fn allowed(service: &Service, limit: &Limit, key: &str) -> bool {
        service.check(limit, key.as_bytes(), 1).unwrap().allowed
    }

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        for algorithm in [TEN_A_SECOND, BUCKET] {
            let service = service(10);
            let limit = service.define("logins".into(), algorithm).unwrap();
            for _ in 0..5 {
                assert!(allowed(&service, &limit, "a"));
            }
            assert!(!allowed(&service, &limit, "a"));
            assert!(allowed(&service, &limit, "b"));
            service.limits.clock.advance(Duration::from_secs(1));
            assert!(allowed(&service, &limit, "a"));
        }
    }

    #[test]
    fn a_cost_of_nothing_only_looks() {
        let service = service(10);
        let limit = service.define("logins".into(), BUCKET).unwrap();
        service.check(&limit, b"a", 3).unwrap();
        for _ in 0..3 {
            let verdict = service.check(&limit, b"a", 0).unwrap();
            assert_eq!((verdict.allowed, verdict.remaining), (true, 2));
        }
        assert_eq!(service.check(&limit, b"new", 0).unwrap().remaining, 5);
        assert_eq!(service.limits.usage.read().1, 1);
        assert_eq!(service.check(&limit, b"a", 6), Err(LimitError::Illegal));
        assert_eq!(service.check(&limit, &[0; KEY_MAX + 1], 1), Err(LimitError::Illegal));
    }

    #[test]
    fn a_definition_is_the_same_limit_and_another_algorithm_another() {
        let service = service(10);
        let limit = service.define("logins".into(), BUCKET).unwrap();
        service.check(&limit, b"a", 5).unwrap();
        let again = service.define("logins".into(), BUCKET).unwrap();
        assert!(!allowed(&service, &again, "a"));
        let other = service.define("logins".into(), TEN_A_SECOND).unwrap();
        assert!(allowed(&service, &other, "a"));
        let illegal = Algorithm::Gcra { rate: 0, period_ms: 1, burst: 1 };
        assert_eq!(service.define("x".into(), illegal).unwrap_err(), LimitError::Illegal);
    }

    #[test]
    fn full_buckets_and_unused_limits_are_forgotten() {
        let service = service(2);
        let limit = service.define("logins".into(), BUCKET).unwrap();
        assert!(allowed(&service, &limit, "a") && allowed(&service, &limit, "b"));
        assert_eq!(service.check(&limit, b"c", 1), Err(LimitError::Quota));
        service.limits.sweep();
        assert_eq!(service.limits.usage.read().1, 2, "they are not full");
        drop(limit);
        service.limits.sweep();
        assert_eq!(service.limits.defined().len(), 1, "something is spent of it");
        service.limits.clock.advance(Duration::from_secs(2));
        service.limits.sweep();
        assert_eq!((service.limits.usage.read().1, service.limits.defined().len()), (0, 0));
    }

    #[test]
    fn definitions_are_bounded() {
        let service = service(2);
        let define = |number: usize| service.define(number.to_string(), BUCKET);
        let all: Vec<_> = (0..LIMITS_MAX).map(|number| define(number).unwrap()).collect();
        assert_eq!(define(LIMITS_MAX).unwrap_err(), LimitError::Quota);
        assert!(define(0).is_ok());
        drop(all);
        service.limits.sweep();
        assert!(define(LIMITS_MAX).is_ok());
    }

    /// Many threads spend while full buckets are removed under them: no more may
    /// come through than the burst and what time has brought.
    #[test]
    fn many_workers_spend_no_more_than_there_is() {
        const STEPS: u64 = 50;
        let service = service(1_000);
        let limit = service.define("logins".into(), TEN_A_SECOND).unwrap();
        let began = service.limits.clock.now();
        let spent = AtomicU64::new(0);
        // A clock that jumps while a check is under way would be another matter.
        let checking = std::sync::RwLock::new(());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let _checking = checking.read().unwrap();
                        spent.fetch_add(allowed(&service, &limit, "a").into(), Ordering::Relaxed);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..STEPS {
                    // Long enough to fill the bucket, so that it may be removed.
                    let jumping = checking.write().unwrap();
                    service.limits.clock.advance(Duration::from_millis(1_700));
                    drop(jumping);
                    service.limits.sweep();
                }
            });
        });
        let passed = service.limits.clock.now() - began;
        let most = 5 + passed / 100_000_000;
        assert!(spent.load(Ordering::Relaxed) <= most, "{spent:?} of {most}");
        assert!(spent.load(Ordering::Relaxed) > 5);
        let keys = limit.buckets.len() as u64;
        assert_eq!(service.limits.usage.read().1, keys, "each removal was counted once");
    }
}
