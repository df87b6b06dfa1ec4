//! Counters in a Redis: one hash for each plugin.

use std::sync::{Arc, LazyLock};

use redis::{Script, cmd};

use super::NAME_MAX;
use crate::config::CounterQuota;
use crate::plugin::store::fleet::{Failure, Fleet};

static ADD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("add.lua")));
static RESET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reset.lua")));

/// Attempts at an addition that wraps around while others add.
const ATTEMPTS: usize = 16;

/// The counters of one plugin, in the store of a fleet.
#[derive(Debug)]
pub(in crate::plugin) struct Shared {
    fleet: Arc<Fleet>,
    sums: String,
    names_max: String,
}

/// Why nothing was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum AddError {
    /// It would be one counter too many, or its name is too long.
    Quota,
    /// The store cannot be reached.
    Unavailable,
}

impl Shared {
    pub(in crate::plugin::store) fn new(
        fleet: Arc<Fleet>,
        plugin: &str,
        quota: &CounterQuota,
    ) -> Self {
        let sums = format!("{}counters", fleet.keys_of(plugin));
        Self { fleet, sums, names_max: quota.names.to_string() }
    }

    /// Adds, and answers with the sum.
    pub(in crate::plugin) async fn add(&self, name: &str, delta: i64) -> Result<i64, AddError> {
        if name.len() > NAME_MAX {
            return Err(AddError::Quota);
        }
        // Redis refuses what would wrap around, and its scripts cannot calculate in 64
        // bits: the sum is then made here, and written if nobody else has added.
        let mut wrapped: Option<(i64, i64)> = None;
        for _ in 0..ATTEMPTS {
            let [delta_text, was, sum] = match wrapped {
                None => [delta.to_string(), String::new(), String::new()],
                Some((was, sum)) => [delta.to_string(), was.to_string(), sum.to_string()],
            };
            let arguments = [name, &delta_text, &self.names_max, &was, &sum].map(str::as_bytes);
            let answer: (String, String) =
                self.fleet.run(&ADD, &[self.sums.as_bytes()], &arguments).await?;
            let number = answer.1.parse().map_err(|_| AddError::Unavailable);
            match answer.0.as_str() {
                "sum" => return number,
                "wraps" => wrapped = number.map(|was: i64| Some((was, was.wrapping_add(delta))))?,
                _ => return Err(AddError::Quota),
            }
        }
        Err(AddError::Unavailable)
    }

    /// The sum so far; 0 if it cannot be read.
    pub(in crate::plugin) async fn get(&self, name: &str) -> i64 {
        let mut get = cmd("HGET");
        get.arg(&self.sums).arg(name);
        let sum: Result<Option<i64>, Failure> = self.fleet.ask(&get).await;
        sum.ok().flatten().unwrap_or_default()
    }

    /// Back to 0; answers with what it was, or 0 if it cannot be reached.
    pub(in crate::plugin) async fn reset(&self, name: &str) -> i64 {
        let was = self.fleet.run(&RESET, &[self.sums.as_bytes()], &[name.as_bytes()]).await;
        was.unwrap_or_default()
    }
}

impl From<Failure> for AddError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable => Self::Unavailable,
            Failure::Full => Self::Quota,
        }
    }
}

#[cfg(test)]
mod tests;
