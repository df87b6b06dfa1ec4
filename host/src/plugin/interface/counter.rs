//! `counter`: numbers that all workers add to.

use super::bindings::wasmgate::plugin::counter::{CounterError, Host};
use crate::plugin::instance::HostState;

impl Host for HostState {
    fn add(&mut self, name: String, delta: i64) -> Result<i64, CounterError> {
        self.services.counters.add(&name, delta).ok_or(CounterError::Quota)
    }

    fn get(&mut self, name: String) -> i64 {
        self.services.counters.get(&name)
    }

    fn reset(&mut self, name: String) -> i64 {
        self.services.counters.reset(&name)
    }
}
