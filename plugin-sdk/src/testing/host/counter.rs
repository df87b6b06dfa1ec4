//! `counter` in a native test: one plugin's counters on one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::counter::CounterError;

const NAMES: usize = 10_000;
const NAME_BYTES: usize = 1024;

thread_local! {
    static SUMS: RefCell<BTreeMap<String, i64>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn add(name: &str, delta: i64) -> Result<i64, CounterError> {
    SUMS.with_borrow_mut(|sums| {
        let is_new = !sums.contains_key(name);
        if is_new && (sums.len() >= NAMES || name.len() > NAME_BYTES) {
            return Err(CounterError::Quota);
        }
        let sum = sums.entry(name.to_owned()).or_default();
        *sum = sum.wrapping_add(delta);
        Ok(*sum)
    })
}

pub(crate) fn get(name: &str) -> i64 {
    SUMS.with_borrow(|sums| sums.get(name).copied().unwrap_or_default())
}

pub(crate) fn reset(name: &str) -> i64 {
    SUMS.with_borrow_mut(|sums| sums.get_mut(name).map(std::mem::take).unwrap_or_default())
}
