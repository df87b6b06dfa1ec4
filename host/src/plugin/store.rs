//! What plugins keep beyond their instances: one of it for the process.
//!
//! State belongs to a plugin's configured name, so that it outlives instances and
//! swaps. It lives for as long as something uses it: what a removed plugin kept
//! goes with the last exchange that it handles.
//!
//! Everything here is used by all workers at once, without a lock: the maps are
//! lock-free, and what they hold are atomics or immutable values.

// Numbers that all workers add to.
pub mod counters;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use counters::Counters;

use crate::config::{Capabilities, Secrets};

/// The states of all plugins.
#[derive(Debug, Default)]
pub struct Store {
    counters: States<Counters>,
}

/// What one plugin was granted, ready to use: made when it is loaded, shared by
/// all its instances. What was not granted is there too, and admits nothing.
#[derive(Debug, Default)]
pub struct Services {
    /// `counter`
    pub(super) counters: counters::Service,
    /// `secrets`
    pub(super) secrets: Secrets,
}

impl Store {
    /// What a plugin of this name uses with these grants.
    pub fn services(&self, name: &Arc<str>, capabilities: &Capabilities) -> Services {
        let mut services =
            Services { secrets: capabilities.secrets.clone(), ..Services::default() };
        if let Some(quota) = &capabilities.counter {
            services.counters = counters::Service::new(self.counters.of(name), quota);
        }
        services
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

impl<T: Default> States<T> {
    /// The state of that name, or a new one.
    fn of(&self, name: &Arc<str>) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(name).and_then(Weak::upgrade) {
            return known;
        }
        all.retain(|_, state| state.strong_count() > 0);
        let new = Arc::new(T::default());
        all.insert(Arc::clone(name), Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lasts_while_something_uses_it() {
        let store = Store::default();
        let capabilities =
            Capabilities { counter: Some(Default::default()), ..Capabilities::default() };
        let services = |name: &str| store.services(&name.into(), &capabilities);
        let before = services("a");
        assert_eq!(before.counters.add("hits", 2), Some(2));
        let after = services("a");
        drop(before);
        assert_eq!(after.counters.get("hits"), 2, "as over a swap");
        assert_eq!(services("b").counters.get("hits"), 0, "another plugin's");
        drop(after);
        assert_eq!(services("a").counters.get("hits"), 0, "after it was removed");
    }

    #[test]
    fn what_is_not_granted_admits_nothing() {
        let store = Store::default();
        let services = store.services(&"a".into(), &Capabilities::default());
        assert_eq!(services.counters.add("hits", 1), None);
    }
}
