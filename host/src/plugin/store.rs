//! What plugins keep beyond their instances: one of it for the process.
//!
//! State belongs to a plugin's configured name, so that it outlives instances and
//! swaps. It lives for as long as something uses it: what a removed plugin kept
//! goes with the last exchange that it handles.
//!
//! Everything here is used by all workers at once, without a lock: the maps are
//! lock-free, and what they hold are atomics or immutable values.

// Nanoseconds since the process began.
mod clock;
// Numbers that all workers add to.
pub mod counters;
// Values in a file.
mod file;
// A Redis that several proxies share.
mod fleet;
// Rate limits.
pub mod limits;
// Counters, gauges and histograms for the admin endpoint.
pub mod series;
// How much of a quota is used.
mod usage;
// Values by key.
pub mod values;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use clock::Clock;
use counters::Counters;
pub use file::Counts;
use file::StoreFile;
use fleet::Fleet;
pub use fleet::FleetCounts;
use limits::Limits;
use series::Metrics;
use values::Values;

use crate::config::{Capabilities, Redis, Secrets};

/// How often what has had its time is removed.
const SWEEP: Duration = Duration::from_secs(1);

/// The states of all plugins.
#[derive(Debug, Default)]
pub struct Store {
    clock: Arc<Clock>,
    counters: States<Counters>,
    values: States<Values>,
    limits: States<Limits>,
    metrics: States<Metrics>,
    /// What `values` are written to, if anything.
    file: OnceLock<Arc<StoreFile>>,
    /// Where values, counters and limits are instead, if anywhere.
    fleet: OnceLock<Arc<Fleet>>,
    swept: OnceLock<()>,
}

/// What one plugin was granted, ready to use: made when it is loaded, shared by
/// all its instances. What was not granted is there too, and admits nothing.
#[derive(Debug)]
pub struct Services {
    /// `counter`
    pub(super) counters: counters::Service,
    /// `secrets`
    pub(super) secrets: Secrets,
    /// `kv`
    pub(super) values: values::Service,
    /// `rate_limit`
    pub(super) limits: Arc<limits::Service>,
    /// `metrics`
    pub metrics: series::Service,
    /// `counter`, `kv` and `rate_limit` where a fleet shares them.
    pub(super) shared: Option<Shared>,
}

/// What one plugin was granted in the store of a fleet.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) counters: counters::shared::Shared,
    pub(super) values: values::shared::Shared,
    pub(super) limits: limits::shared::Shared,
    /// How long one hook may wait for the store in all.
    pub(super) patience: Duration,
}

/// What one instance has defined, by the numbers that it was given for it.
#[derive(Debug, Default)]
pub(super) struct Defined {
    pub(super) limits: Vec<Arc<limits::Limit>>,
    pub(super) metrics: Vec<Arc<series::Metric>>,
}

impl Store {
    /// From now on values are kept in this file. Once, before plugins are loaded.
    ///
    /// # Errors
    ///
    /// A sentence about the file.
    pub fn persist(&self, path: &Path) -> Result<(), String> {
        let file = StoreFile::open(path)?;
        self.file.set(file).map_err(|_| "it is open already".to_owned())
    }

    /// From now on values, counters and limits are in this Redis. Once, before plugins are
    /// loaded. Blocks until it is connected, or for a second; a Redis that is away is no
    /// error.
    ///
    /// # Errors
    ///
    /// A sentence about this process.
    pub fn join(&self, redis: &Redis) -> Result<(), String> {
        let fleet = Fleet::join(redis)?;
        self.fleet.set(Arc::new(fleet)).map_err(|_| "it is in use already".to_owned())
    }

    /// Writes what is not written yet, and ends.
    pub fn close(&self) {
        if let Some(file) = self.file.get() {
            file.close();
        }
    }

    /// What happened to the file; none if there is none.
    pub fn counts(&self) -> Option<&Counts> {
        self.file.get().map(|file| file.counts())
    }

    /// What happened to the Redis; none if there is none.
    pub fn fleet_counts(&self) -> Option<&FleetCounts> {
        self.fleet.get().map(|fleet| fleet.counts())
    }

    /// What a plugin of this name uses with these grants.
    ///
    /// # Errors
    ///
    /// What it kept cannot be read.
    pub fn services(
        self: &Arc<Self>,
        name: &Arc<str>,
        capabilities: &Capabilities,
    ) -> Result<Services, String> {
        let clock = || Arc::clone(&self.clock);
        let mut services = Services {
            counters: counters::Service::default(),
            values: values::Service::closed(clock()),
            limits: Arc::new(limits::Service::closed(clock())),
            metrics: series::Service::default(),
            secrets: capabilities.secrets.clone(),
            shared: None,
        };
        if let Some(quota) = &capabilities.counter {
            let counters = self.counters.of(name, Counters::default);
            services.counters = counters::Service::new(counters, quota);
        }
        if let Some(quota) = &capabilities.kv {
            let values = self.values(name)?;
            services.values = values::Service::new(values, quota);
            self.keep_swept();
        }
        if let Some(quota) = &capabilities.rate_limit {
            let limits = self.limits.of(name, || Limits::new(clock()));
            services.limits = Arc::new(limits::Service::new(limits, quota));
            self.keep_swept();
        }
        if let Some(quota) = &capabilities.metrics {
            let metrics = self.metrics.of(name, Metrics::default);
            services.metrics = series::Service::new(metrics, quota);
        }
        if let Some(fleet) = self.fleet.get() {
            // What is not granted is not linked.
            let counter = capabilities.counter.clone().unwrap_or_default();
            let kv = capabilities.kv.clone().unwrap_or_default();
            let (fleet, own) = (|| Arc::clone(fleet), Arc::clone(&services.limits));
            services.shared = Some(Shared {
                counters: counters::shared::Shared::new(fleet(), name, &counter),
                values: values::shared::Shared::new(fleet(), name, &kv),
                limits: limits::shared::Shared::new(fleet(), name, own),
                patience: fleet().patience(),
            });
        }
        Ok(services)
    }

    fn values(&self, name: &Arc<str>) -> Result<Arc<Values>, String> {
        let clock = Arc::clone(&self.clock);
        let Some(file) = self.file.get() else {
            return Ok(self.values.of(name, || Values::new(clock)));
        };
        let mut loaded = Ok(());
        let restored = self.values.of(name, || {
            let restore = |journal, kept| Values::restored(Arc::clone(&clock), journal, kept);
            file.load(name, restore).unwrap_or_else(|error| {
                loaded = Err(error);
                Values::new(Arc::clone(&clock))
            })
        });
        file.watch(&restored);
        loaded.map(|()| restored)
    }

    /// Starts the thread that sweeps, once there is something to sweep; it ends with
    /// the store.
    fn keep_swept(self: &Arc<Self>) {
        self.swept.get_or_init(|| {
            let store = Arc::downgrade(self);
            let started =
                std::thread::Builder::new().name("wasmgate-sweeper".to_owned()).spawn(move || {
                    while let Some(store) = store.upgrade() {
                        store.sweep();
                        drop(store);
                        std::thread::sleep(SWEEP);
                    }
                });
            if let Err(error) = started {
                tracing::error!(%error, "cannot start a thread: what plugins keep is not swept, \
                    and fills their quotas");
            }
        });
    }

    /// Removes what has had its time.
    fn sweep(&self) {
        self.values.all().iter().for_each(|values| values.sweep());
        self.limits.all().iter().for_each(|limits| limits.sweep());
    }
}

/// One state for each plugin that has any. Locked when plugins are loaded, and by
/// who looks after all of them; never for an exchange.
#[derive(Debug)]
struct States<T>(Mutex<HashMap<Arc<str>, Weak<T>>>);

impl<T> Default for States<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> States<T> {
    /// The state of that name, or a new one.
    fn of(&self, name: &Arc<str>, new: impl FnOnce() -> T) -> Arc<T> {
        let mut all = self.lock();
        if let Some(known) = all.get(name).and_then(Weak::upgrade) {
            return known;
        }
        all.retain(|_, state| state.strong_count() > 0);
        let new = Arc::new(new());
        all.insert(Arc::clone(name), Arc::downgrade(&new));
        new
    }

    fn all(&self) -> Vec<Arc<T>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lasts_while_something_uses_it() {
        let store = Arc::new(Store::default());
        let capabilities =
            Capabilities { counter: Some(Default::default()), ..Capabilities::default() };
        let services = |name: &str| store.services(&name.into(), &capabilities).unwrap();
        let before = services("a");
        assert_eq!(before.counters.add("hits", 2), Some(2));
        let after = services("a");
        drop(before);
        assert_eq!(after.counters.get("hits"), 2, "as over a swap");
        assert_eq!(services("b").counters.get("hits"), 0, "another plugin's");
        drop(after);
        assert_eq!(services("a").counters.get("hits"), 0, "after it was removed");
    }

    fn kv(store: &Arc<Store>, name: &str) -> Services {
        let capabilities = Capabilities { kv: Some(Default::default()), ..Capabilities::default() };
        store.services(&name.into(), &capabilities).unwrap()
    }

    fn set(services: &Services, key: &str, ttl_ms: Option<u64>) {
        let value = key.as_bytes().to_vec();
        services.values.write(key.to_owned(), values::Expected::Any, value, ttl_ms).unwrap();
    }

    fn opened(path: &Path) -> Arc<Store> {
        let store = Arc::new(Store::default());
        store.persist(path).unwrap();
        store
    }

    #[test]
    fn values_survive_a_restart_with_the_time_that_is_left_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let store = opened(&path);
        let (a, b) = (kv(&store, "a"), kv(&store, "b"));
        set(&a, "stays", None);
        set(&a, "lasts", Some(60_000));
        set(&a, "goes", Some(1));
        set(&a, "deleted", None);
        a.values.delete("deleted");
        set(&b, "other", None);
        let version = a.values.get("stays").unwrap().1;
        store.close();
        drop((a, b, store));

        let store = opened(&path);
        let a = kv(&store, "a");
        assert_eq!(a.values.get("stays"), Some((b"stays".to_vec(), version)));
        assert!(a.values.get("lasts").is_some());
        for gone in ["goes", "deleted", "other"] {
            assert_eq!(a.values.get(gone), None, "{gone}");
        }
        set(&a, "stays", None);
        assert!(a.values.get("stays").unwrap().1 > version);
        store.clock.advance(Duration::from_secs(61));
        assert_eq!(a.values.get("lasts"), None);
    }

    #[test]
    fn a_plugin_that_comes_back_finds_its_values() {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(&folder.path().join("state.redb"));
        let before = kv(&store, "a");
        set(&before, "key", None);
        drop(before);
        assert!(kv(&store, "a").values.get("key").is_some());
    }

    #[test]
    fn what_the_queue_has_no_room_for_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        let store = opened(&path);
        let a = kv(&store, "a");
        for key in 0..90_000 {
            set(&a, &key.to_string(), None);
        }
        store.close();
        drop((a, store));
        let store = opened(&path);
        let a = kv(&store, "a");
        assert!((0..90_000).all(|key: u32| a.values.get(&key.to_string()).is_some()));
    }

    #[test]
    fn a_damaged_file_is_said_to_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        std::fs::write(&path, "this is a text, and a long one at that".repeat(1_000)).unwrap();
        let error = Store::default().persist(&path).unwrap_err();
        assert!(error.contains("move it away"), "{error}");

        let path = folder.path().join("good.redb");
        let store = opened(&path);
        let error = Store::default().persist(&path).unwrap_err();
        assert!(error.contains("another process"), "{error}");
        let a = kv(&store, "a");
        (0..1_000).for_each(|key| set(&a, &key.to_string(), None));
        store.close();
        drop((a, store));
        let mut octets = std::fs::read(&path).unwrap();
        let middle = octets.len() / 4..octets.len() * 3 / 4;
        octets[middle].iter_mut().for_each(|octet| *octet ^= 0x55);
        std::fs::write(&path, octets).unwrap();
        let error = Store::default().persist(&path).unwrap_err();
        assert!(error.contains("move it away"), "{error}");
    }

    #[test]
    fn what_is_not_granted_admits_nothing() {
        let store = Arc::new(Store::default());
        let services = store.services(&"a".into(), &Capabilities::default()).unwrap();
        assert_eq!(services.counters.add("hits", 1), None);
        let expected = values::Expected::Any;
        assert!(services.values.write("k".into(), expected, Vec::new(), None).is_err());
    }
}
