//! What a plugin has cost so far: calls, time, instances and their memory.
//!
//! Each worker has an account of its own for each plugin, which only it writes;
//! whoever asks sums. Time is sampled: one call in [`SAMPLE`] is timed, since two
//! looks at the clock for each would cost more than many a hook does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::limits::Hook;

/// One call in so many is timed, the first among them.
const SAMPLE: u64 = 64;

/// A number that one thread writes and others read.
///
/// Adding is a load and a store, not an atomic addition: there is one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// By its one writer.
    pub fn add(&self, more: u64) {
        self.set(self.read().wrapping_add(more));
    }

    /// By its one writer.
    pub fn subtract(&self, less: u64) {
        self.set(self.read().wrapping_sub(less));
    }

    /// By its one writer.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// By anyone.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One plugin's account on one worker.
#[derive(Debug, Default)]
pub struct Account {
    calls: [Counter; Hook::ALL.len()],
    timed: Counter,
    nanos: Counter,
    instances: Counter,
    memory: Counter,
}

/// When a call that is timed began.
#[derive(Clone, Copy)]
#[must_use]
pub(super) struct Began(Option<Instant>);

impl Account {
    /// A hook is called.
    pub(super) fn began(&self, hook: Hook) -> Began {
        let calls = &self.calls[hook as usize];
        let sampled = calls.read().is_multiple_of(SAMPLE);
        calls.add(1);
        Began(sampled.then(Instant::now))
    }

    /// It has ended, well or not.
    pub(super) fn ended(&self, began: Began) {
        if let Some(began) = began.0 {
            self.timed.add(1);
            self.nanos.add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// There is one more instance.
    pub(super) fn made(&self) {
        self.instances.add(1);
    }

    /// There is one fewer, and its memory is free.
    pub(super) fn dropped(&self, memory: usize) {
        self.instances.subtract(1);
        self.memory.subtract(memory as u64);
    }

    /// An instance has so much more memory.
    pub(super) fn grew(&self, more: usize) {
        self.memory.add(more as u64);
    }
}

/// A plugin's accounts on all workers.
#[derive(Debug, Default)]
pub struct Accounts(Mutex<Vec<Arc<Account>>>);

/// What a plugin has cost, over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// By hook, in the order of [`Hook::ALL`].
    pub calls: [u64; Hook::ALL.len()],
    /// Calls that were timed.
    pub timed: u64,
    /// Time in those, waits included.
    pub time: Duration,
    /// Instances that live now.
    pub instances: u64,
    /// Octets of their linear memory.
    pub memory: u64,
}

impl Accounts {
    /// One more, for a worker's instances.
    pub(super) fn open(&self) -> Arc<Account> {
        let account = Arc::default();
        self.lock().push(Arc::clone(&account));
        account
    }

    /// Over all workers.
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for account in self.lock().iter() {
            sums.add(&Sums {
                calls: account.calls.each_ref().map(Counter::read),
                timed: account.timed.read(),
                time: Duration::from_nanos(account.nanos.read()),
                instances: account.instances.read(),
                memory: account.memory.read(),
            });
        }
        sums
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Account>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    /// Adds what another plugin, or an earlier version of this one, has cost.
    pub fn add(&mut self, more: &Self) {
        for (sum, more) in self.calls.iter_mut().zip(more.calls) {
            *sum += more;
        }
        self.timed += more.timed;
        self.time += more.time;
        self.instances += more.instances;
        self.memory += more.memory;
    }

    /// Of all hooks.
    pub fn all_calls(&self) -> u64 {
        self.calls.iter().sum()
    }

    /// Of all calls, from those that were timed.
    pub fn estimated_time(&self) -> Duration {
        let scale = self.all_calls() as f64 / self.timed.max(1) as f64;
        Duration::try_from_secs_f64(self.time.as_secs_f64() * scale).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_some_are_timed() {
        let accounts = Accounts::default();
        let workers = [accounts.open(), accounts.open()];
        for worker in &workers {
            for _ in 0..SAMPLE + 1 {
                let began = worker.began(Hook::Request);
                worker.ended(began);
            }
            let began = worker.began(Hook::Complete);
            worker.ended(began);
        }
        let sums = accounts.sums();
        assert_eq!(sums.calls, [130, 0, 2, 0, 0, 0, 0, 0]);
        assert_eq!(sums.timed, 6, "the first and the 65th request, the first end");
        assert!(sums.estimated_time() >= sums.time);
    }

    #[test]
    fn memory_goes_with_its_instance() {
        let accounts = Accounts::default();
        let worker = accounts.open();
        worker.made();
        worker.grew(100);
        worker.made();
        worker.grew(1);
        worker.dropped(100);
        let sums = accounts.sums();
        assert_eq!((sums.instances, sums.memory), (1, 1));
    }
}
