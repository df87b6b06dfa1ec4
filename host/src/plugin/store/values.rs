//! Values by key, in memory: with a time to live, with versions, within a quota.

// Values in the store of a fleet.
pub(in crate::plugin) mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use papaya::{Compute, HashMap, Operation};

use super::clock::Clock;
use super::file::Journal;
use super::usage::Usage;
use crate::config::KvQuota;

/// Octets of a longer key.
const KEY_MAX: usize = 1024;
/// Octets of a larger value.
const VALUE_MAX: usize = 1024 * 1024;
/// What an entry costs beside its key and its value.
const ENTRY_BYTES: u64 = 64;
const NANOS_PER_MS: u64 = 1_000_000;
/// [`Entry::expires`] of what stays.
const NEVER: u64 = u64::MAX;
/// Entries that [`Service::keys`] and [`Values::sweep`] look at before others get a
/// turn: some twenty microseconds.
const SCAN_MAX: usize = 512;

/// The values of one plugin.
///
/// The map is lock-free and entries are immutable: a read writes to nothing that
/// workers share, a write replaces the entry or finds that another one did.
#[derive(Debug)]
pub struct Values {
    entries: HashMap<Arc<str>, Entry>,
    usage: Usage,
    /// The last one that was given; see [`first_version`].
    versions: AtomicU64,
    clock: Arc<Clock>,
    /// Where changes are noted, if they are to survive the process.
    journal: Option<Journal>,
}

/// A value as it is written down.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) value: Arc<[u8]>,
    pub(super) version: u64,
    /// Milliseconds that it still stays; none = for good.
    pub(super) left: Option<u64>,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Arc<[u8]>,
    version: u64,
    /// Nanoseconds of the clock.
    expires: u64,
}

/// The values as one plugin may use them.
#[derive(Debug)]
pub(in crate::plugin) struct Service {
    values: Arc<Values>,
    quota: KvQuota,
}

/// What a key must be at for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum Expected {
    /// Whatever it is.
    Any,
    /// Not there.
    Absent,
    /// At this version.
    Version(u64),
}

/// Why a write was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum WriteError {
    /// It would exceed the quota.
    Quota,
    /// The key or the value is too long.
    TooLarge,
    /// The store cannot be reached.
    Unavailable,
}

impl Values {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self {
            entries: HashMap::new(),
            usage: Usage::default(),
            versions: AtomicU64::new(first_version()),
            clock,
            journal: None,
        }
    }

    /// With what was kept before, and where changes are noted from now on.
    pub(super) fn restored(clock: Arc<Clock>, journal: Journal, kept: Vec<(String, Kept)>) -> Self {
        let values = Self { journal: Some(journal), ..Self::new(clock) };
        let now = values.clock.now();
        for (key, Kept { value, version, left }) in kept {
            let expires = left.map_or(NEVER, |left| after(now, left));
            let entry = Entry { value, version, expires };
            // It was within a quota once; a smaller one keeps it from growing.
            values.usage.take((entry.cost(&key), 1), (u64::MAX, u64::MAX));
            values.versions.fetch_max(version, Ordering::Relaxed);
            values.entries.pin().insert(key.into(), entry);
        }
        values
    }

    /// Where changes are noted, if anywhere.
    pub(super) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// The file has missed something.
    pub(super) fn fall_behind(&self) {
        self.journal.iter().for_each(Journal::fall_behind);
    }

    /// What a key is at.
    pub(super) fn kept(&self, key: &str) -> Option<Kept> {
        let entries = self.entries.pin();
        let now = self.clock.now();
        let entry = entries.get(key).filter(|entry| !entry.expired(now))?;
        let left = (entry.expires != NEVER).then(|| (entry.expires - now).div_ceil(NANOS_PER_MS));
        Some(Kept { value: Arc::clone(&entry.value), version: entry.version, left })
    }

    /// Every key.
    pub(super) fn all_keys(&self) -> Vec<Arc<str>> {
        self.entries.pin().keys().cloned().collect()
    }

    fn note(self: &Arc<Self>, key: &Arc<str>) {
        if let Some(journal) = &self.journal {
            journal.note(self, key);
        }
    }

    /// Removes what has expired. Takes long: not on a worker.
    pub(super) fn sweep(self: &Arc<Self>) {
        let now = self.clock.now();
        let entries = self.entries.pin();
        for (key, entry) in &entries {
            if entry.expired(now)
                && let Ok(Some((key, entry))) =
                    entries.remove_if(key, |_, current| current.version == entry.version)
            {
                self.usage.release(entry.cost(key), 1);
                self.note(key);
            }
        }
    }
}

/// Versions are not given twice, not even after a restart: a plugin may have kept
/// one somewhere. Four million writes in each second since it began is more than any
/// process makes. Below 2⁵³ for seventy years: JavaScript's numbers are exact to there.
fn first_version() -> u64 {
    const YEAR_2024: Duration = Duration::from_secs(1_704_067_200);
    let since = SystemTime::now().duration_since(UNIX_EPOCH + YEAR_2024).unwrap_or_default();
    (since.as_millis() as u64) << 12
}

impl Entry {
    fn expired(&self, now: u64) -> bool {
        self.expires <= now
    }

    fn cost(&self, key: &str) -> u64 {
        cost(key, &self.value)
    }
}

fn after(now: u64, millis: u64) -> u64 {
    now.saturating_add(millis.saturating_mul(NANOS_PER_MS))
}

fn cost(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64 + ENTRY_BYTES
}

impl Service {
    pub(super) fn new(values: Arc<Values>, quota: &KvQuota) -> Self {
        Self { values, quota: quota.clone() }
    }

    /// For a plugin that was not granted any.
    pub(super) fn closed(clock: Arc<Clock>) -> Self {
        Self { values: Arc::new(Values::new(clock)), quota: KvQuota { bytes: 0, entries: 0 } }
    }

    /// The value and its version.
    pub(in crate::plugin) fn get(&self, key: &str) -> Option<(Vec<u8>, u64)> {
        let entries = self.values.entries.pin();
        let entry = entries.get(key).filter(|entry| self.is_live(entry))?;
        Some((entry.value.to_vec(), entry.version))
    }

    /// Writes if the key is as expected, and answers with the new version; none if
    /// it was not.
    pub(in crate::plugin) fn write(
        &self,
        key: String,
        expected: Expected,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, WriteError> {
        if key.len() > KEY_MAX || value.len() > VALUE_MAX {
            return Err(WriteError::TooLarge);
        }
        let values = &self.values;
        let key: Arc<str> = key.into();
        let mut new = Entry { value: value.into(), version: 0, expires: NEVER };
        if let Some(ttl) = ttl_ms {
            new.expires = after(values.clock.now(), ttl);
        }
        let entries = values.entries.pin();
        loop {
            let current = entries.get(&*key);
            if !self.is_expected(current, expected) {
                return Ok(None);
            }
            // Room is taken before the write and given back after it, so that the
            // quota holds at every moment, whatever others write meanwhile.
            let (old_cost, new_cost) =
                (current.map_or(0, |current| current.cost(&key)), new.cost(&key));
            let more = (new_cost.saturating_sub(old_cost), u64::from(current.is_none()));
            if !values.usage.take(more, (self.quota.bytes, self.quota.entries)) {
                return Err(WriteError::Quota);
            }
            new.version = values.versions.fetch_add(1, Ordering::Relaxed) + 1;
            let seen = current.map(|current| current.version);
            let done = entries.compute(Arc::clone(&key), |now| {
                match now.map(|(_, entry)| entry.version) == seen {
                    true => Operation::Insert(new.clone()),
                    false => Operation::Abort(()),
                }
            });
            if matches!(done, Compute::Aborted(())) {
                values.usage.release(more.0, more.1);
                continue;
            }
            values.usage.release(old_cost.saturating_sub(new_cost), 0);
            values.note(&key);
            return Ok(Some(new.version));
        }
    }

    /// Whether there was one.
    pub(in crate::plugin) fn delete(&self, key: &str) -> bool {
        let entries = self.values.entries.pin();
        let Some((key, entry)) = entries.remove_entry(key) else { return false };
        self.values.usage.release(entry.cost(key), 1);
        self.values.note(key);
        self.is_live(entry)
    }

    /// Keys with this prefix, so many at most. Looks at every key, and lets others
    /// go on in between.
    pub(in crate::plugin) async fn keys(&self, prefix: &str, most: usize) -> Vec<String> {
        let mut found = Vec::new();
        let entries = self.values.entries.pin_owned();
        for (index, (key, entry)) in entries.iter().enumerate() {
            if found.len() >= most {
                break;
            }
            if key.starts_with(prefix) && self.is_live(entry) {
                found.push(key.to_string());
            }
            if index % SCAN_MAX == SCAN_MAX - 1 {
                tokio::task::yield_now().await;
            }
        }
        found
    }

    fn is_live(&self, entry: &Entry) -> bool {
        // The clock is asked only about what will expire.
        entry.expires == NEVER || !entry.expired(self.values.clock.now())
    }

    fn is_expected(&self, current: Option<&Entry>, expected: Expected) -> bool {
        let live = || current.filter(|entry| self.is_live(entry));
        match expected {
            Expected::Any => true,
            Expected::Absent => live().is_none(),
            Expected::Version(version) => live().is_some_and(|entry| entry.version == version),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn service(bytes: u64, entries: u64) -> Service {
        let values = Arc::new(Values::new(Arc::default()));
        Service::new(values, &KvQuota { bytes, entries })
    }

    fn set(service: &Service, key: &str, value: &[u8]) -> Result<Option<u64>, WriteError> {
        service.write(key.to_owned(), Expected::Any, value.to_vec(), None)
    }

    fn keys(service: &Service, prefix: &str, most: usize) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut keys = runtime.block_on(service.keys(prefix, most));
        keys.sort();
        keys
    }

    #[test]
    fn versions_are_exact_in_javascript() {
        assert!(first_version() > 0);
        assert!(first_version() < 1 << 52, "half of them are left");
    }

    #[test]
    fn a_value_stays_and_changes_its_version() {
        let service = service(1 << 20, 100);
        assert_eq!(service.get("a"), None);
        let first = set(&service, "a", b"one").unwrap().unwrap();
        assert_eq!(service.get("a"), Some((b"one".to_vec(), first)));
        let second = set(&service, "a", b"one").unwrap().unwrap();
        assert!(first != 0 && second != first);
        assert!(service.delete("a") && !service.delete("a"));
        let third = set(&service, "a", b"one").unwrap().unwrap();
        assert!(third != first && third != second, "not even after it was deleted");
    }

    #[test]
    fn a_write_that_expects_something_else_changes_nothing() {
        let service = service(1 << 20, 100);
        let write = |expected, value: &[u8]| {
            service.write("a".to_owned(), expected, value.to_vec(), None).unwrap()
        };
        assert_eq!(write(Expected::Version(1), b"x"), None);
        let version = write(Expected::Absent, b"one").unwrap();
        assert_eq!(write(Expected::Absent, b"x"), None);
        assert_eq!(write(Expected::Version(version + 1), b"x"), None);
        assert_eq!(service.get("a"), Some((b"one".to_vec(), version)));
        assert!(write(Expected::Version(version), b"two").is_some());
    }

    #[test]
    fn a_value_ends_with_its_time() {
        let service = service(1 << 20, 1);
        let write = |key: &str, expected, ttl| {
            service.write(key.to_owned(), expected, b"v".to_vec(), Some(ttl))
        };
        write("a", Expected::Any, 1_000).unwrap();
        service.values.clock.advance(Duration::from_millis(900));
        assert!(service.get("a").is_some());
        service.values.clock.advance(Duration::from_millis(200));
        assert_eq!(service.get("a"), None);
        assert_eq!(keys(&service, "", 10), [""; 0]);
        assert!(write("a", Expected::Absent, 1_000).unwrap().is_some(), "it counts as absent");
        service.values.clock.advance(Duration::from_secs(2));
        assert!(!service.delete("a"));
        write("b", Expected::Any, u64::MAX).unwrap();
        service.values.clock.advance(Duration::from_secs(1_000_000));
        assert!(service.get("b").is_some());
    }

    #[test]
    fn what_has_expired_is_swept_and_gives_its_room_back() {
        let service = service(1 << 20, 2);
        let write = |key: &str, ttl| service.write(key.into(), Expected::Any, vec![1], ttl);
        write("stays", None).unwrap();
        write("goes", Some(1)).unwrap();
        assert_eq!(write("more", None), Err(WriteError::Quota));
        service.values.clock.advance(Duration::from_secs(1));
        service.values.sweep();
        assert!(write("more", None).is_ok());
        assert!(service.get("stays").is_some());
    }

    #[test]
    fn the_quota_counts_what_is_there() {
        let service = service(3 * (ENTRY_BYTES + 11), 100);
        for key in ["a", "b", "c"] {
            set(&service, key, &[0; 10]).unwrap();
        }
        assert_eq!(set(&service, "a", &[0; 11]), Err(WriteError::Quota));
        assert_eq!(service.get("a").unwrap().0, [0; 10], "the old value stays");
        set(&service, "a", &[0; 9]).unwrap();
        set(&service, "b", &[0; 11]).unwrap();
        assert!(service.delete("c"));
        set(&service, "d", &[0; 10]).unwrap();
        assert_eq!(set(&service, &"k".repeat(KEY_MAX + 1), b""), Err(WriteError::TooLarge));
        assert_eq!(set(&service, "k", &vec![0; VALUE_MAX + 1]), Err(WriteError::TooLarge));
    }

    #[test]
    fn keys_are_found_by_prefix() {
        let service = service(1 << 20, 5_000);
        for number in 0..2_000 {
            set(&service, &format!("n/{number}"), b"").unwrap();
        }
        set(&service, "other", b"").unwrap();
        assert_eq!(keys(&service, "other", 10), ["other"]);
        assert_eq!(keys(&service, "n/", 10_000).len(), 2_000);
        assert_eq!(keys(&service, "n/", 7).len(), 7);
        assert_eq!(keys(&service, "none", 7), [""; 0]);
    }

    /// Increments by compare-and-set from many threads: none may be lost, and what
    /// the quota counts has to be what is there in the end.
    #[test]
    fn no_write_is_lost_among_many() {
        const THREADS: u64 = 4;
        const ROUNDS: u64 = 500;
        let service = service(1 << 20, 10);
        let increment = || {
            loop {
                let (number, expected) = match service.get("n") {
                    Some((value, version)) => {
                        let number = u64::from_le_bytes(value[..8].try_into().unwrap());
                        (number, Expected::Version(version))
                    }
                    None => (0, Expected::Absent),
                };
                // Of changing length, for the account.
                let mut value = (number + 1).to_le_bytes().to_vec();
                value.resize(8 + number as usize % 5, 0);
                if service.write("n".into(), expected, value, None).unwrap().is_some() {
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        increment();
                        set(&service, &(round % 3).to_string(), b"x").unwrap();
                        service.delete(&(round % 2).to_string());
                    }
                });
            }
        });
        let (value, _) = service.get("n").unwrap();
        assert_eq!(u64::from_le_bytes(value[..8].try_into().unwrap()), THREADS * ROUNDS);
        let entries = service.values.entries.pin();
        let there: u64 = entries.iter().map(|(key, entry)| entry.cost(key)).sum();
        assert_eq!(service.values.usage.read(), (there, entries.len() as u64));
    }
}
