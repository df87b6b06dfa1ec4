//! Rate limits in a Redis: a bucket is a key there, which a script checks and spends from
//! at one moment, by Redis's own clock.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use redis::Script;

use super::lease::{Answer, Ask, Lease, Step, Terms};
use super::meter::{Algorithm, Verdict};
use super::{KEY_MAX, Limit, LimitError, Service};
use crate::config::Unavailable;
use crate::plugin::store::fleet::Fleet;
use crate::plugin::store::usage::Usage;

static GCRA: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("gcra.lua")));
static TOKEN_BUCKET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("token_bucket.lua")));

/// What a refused check is told to wait for a Redis that is away: there is no better
/// answer, and a second is not long.
const CLOSED_RETRY_MS: u32 = 1_000;

/// The limits of one plugin, in the store of a fleet.
#[derive(Debug)]
pub(in crate::plugin) struct Shared {
    fleet: Arc<Fleet>,
    /// What the keys of buckets begin with.
    keys: String,
    /// This proxy's own count, and what is granted.
    own: Arc<Service>,
}

/// What a limit is in a Redis, and what this proxy knows of its buckets. A part of every
/// limit, empty without a Redis.
#[derive(Debug)]
pub(super) struct SharedLimit {
    /// Between the plugin's prefix and the key.
    place: Vec<u8>,
    script: &'static LazyLock<Script>,
    /// The script's first arguments.
    numbers: Vec<String>,
    terms: Terms,
    leases: papaya::HashMap<Box<[u8]>, Arc<Mutex<Lease>>>,
}

impl Shared {
    pub(in crate::plugin::store) fn new(
        fleet: Arc<Fleet>,
        plugin: &str,
        own: Arc<Service>,
    ) -> Self {
        let keys = format!("{}limit:", fleet.keys_of(plugin));
        Self { fleet, keys, own }
    }

    /// What is known about a check without asking Redis.
    pub(in crate::plugin) fn known(
        &self,
        limit: &Limit,
        key: &[u8],
        cost: u32,
    ) -> Result<Check, LimitError> {
        if cost > limit.meter.most() || key.len() > KEY_MAX {
            return Err(LimitError::Illegal);
        }
        let (shared, limits) = (&limit.shared, &self.own.limits);
        let lease = shared.lease(key, &limits.leased, self.own.quota.keys)?;
        let step = lock(&lease).check(shared.terms, limits.clock.now(), cost);
        Ok(match step {
            Step::Known(verdict) => Check::Known(verdict),
            Step::Ask(ask) => Check::Ask(Asking { lease, ask }),
        })
    }

    /// Spends what [`Self::known`] did not know about if it is allowed, nothing otherwise.
    pub(in crate::plugin) async fn spend(
        &self,
        limit: &Limit,
        key: &[u8],
        asking: Asking,
    ) -> Result<Verdict, LimitError> {
        let (shared, ask) = (&limit.shared, asking.ask);
        match self.ask(shared, key, ask).await {
            Some(answer) => {
                let now = self.own.limits.clock.now();
                Ok(lock(&asking.lease).settle(shared.terms, ask, answer, now))
            }
            None => self.without_store(limit, key, ask.cost),
        }
    }

    async fn ask(&self, shared: &SharedLimit, key: &[u8], ask: Ask) -> Option<Answer> {
        let place = [self.keys.as_bytes(), &shared.place, key].concat();
        let [cost, more] = [ask.cost, ask.more].map(|number| number.to_string());
        let numbers = shared.numbers.iter().chain([&cost, &more]);
        let arguments: Vec<&[u8]> = numbers.map(String::as_bytes).collect();
        let answer = self.fleet.run(shared.script, &[&place], &arguments).await.ok()?;
        let (allowed, leased, remaining, retry, reset): (u8, u32, u32, u64, u64) = answer;
        let nanos = |micros: u64| micros.saturating_mul(1_000);
        Some(Answer {
            allowed: allowed == 1,
            leased: leased.min(ask.more),
            remaining,
            retry_after: nanos(retry),
            reset_after: nanos(reset),
        })
    }

    /// What the operator wants a check to be answered that Redis does not answer.
    pub(in crate::plugin) fn without_store(
        &self,
        limit: &Limit,
        key: &[u8],
        cost: u32,
    ) -> Result<Verdict, LimitError> {
        let verdict = |allowed, remaining, millis| Verdict {
            allowed,
            remaining,
            retry_after_ms: millis,
            reset_after_ms: millis,
        };
        match self.own.quota.unavailable {
            Unavailable::Local => self.own.check(limit, key, cost),
            Unavailable::Open => Ok(verdict(true, limit.meter.most() - cost, 0)),
            Unavailable::Closed => Ok(verdict(false, 0, CLOSED_RETRY_MS)),
            Unavailable::Error => Err(LimitError::Unavailable),
        }
    }
}

impl SharedLimit {
    /// Of a legal algorithm.
    pub(super) fn new(name: &str, algorithm: &Algorithm) -> Self {
        // The same name with other numbers is another limit, and the name's length keeps
        // a name from reaching into the key.
        let (script, kind, numbers) = match *algorithm {
            Algorithm::Gcra { rate, period_ms, burst } => {
                // Microseconds that one unit takes.
                let unit = f64::from(period_ms) * 1_000.0 / f64::from(rate);
                let kind = format!("gcra:{rate}:{period_ms}:{burst}");
                (&GCRA, kind, vec![unit.to_string(), burst.to_string()])
            }
            Algorithm::TokenBucket { capacity, refill, period_ms } => {
                let kind = format!("bucket:{capacity}:{refill}:{period_ms}");
                let refill = refill.min(capacity);
                let micros = u64::from(period_ms) * 1_000;
                let numbers = [u64::from(capacity), u64::from(refill), micros];
                (&TOKEN_BUCKET, kind, numbers.map(|number| number.to_string()).to_vec())
            }
        };
        Self {
            place: format!("{kind}:{}:{name}:", name.len()).into_bytes(),
            script,
            numbers,
            terms: Terms::new(algorithm),
            leases: papaya::HashMap::new(),
        }
    }

    fn lease(
        &self,
        key: &[u8],
        usage: &Usage,
        keys_max: u64,
    ) -> Result<Arc<Mutex<Lease>>, LimitError> {
        let leases = self.leases.pin();
        if let Some(lease) = leases.get(key) {
            return Ok(Arc::clone(lease));
        }
        if !usage.take((0, 1), (0, keys_max)) {
            return Err(LimitError::Quota);
        }
        let new = leases.try_insert(key.into(), Arc::default());
        let lease = new.unwrap_or_else(|taken| {
            usage.release(0, 1);
            taken.current
        });
        Ok(Arc::clone(lease))
    }

    /// Forgets what has had its time. A worker that has just found one of them loses a
    /// lease or a refusal, and asks again.
    pub(super) fn sweep(&self, usage: &Usage, now: u64) {
        let leases = self.leases.pin();
        for (key, lease) in &leases {
            if lock(lease).is_over(now) && leases.remove(key).is_some() {
                usage.release(0, 1);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }
}

/// What there is to be done about a check.
pub(in crate::plugin) enum Check {
    /// Nothing.
    Known(Verdict),
    /// Redis has to be asked.
    Ask(Asking),
}

/// A question under way, until this is dropped: the client may leave meanwhile.
pub(in crate::plugin) struct Asking {
    lease: Arc<Mutex<Lease>>,
    ask: Ask,
}

impl Drop for Asking {
    fn drop(&mut self) {
        lock(&self.lease).end(self.ask);
    }
}

/// Held for a handful of instructions.
fn lock(lease: &Mutex<Lease>) -> MutexGuard<'_, Lease> {
    lease.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
