//! `rate-limit` in a native test: one plugin's limits on one thread.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::bindings::imports::wasmgate::plugin::rate_limit::{Algorithm, Gcra, TokenBucket};
use crate::rate_limit::{RateLimitError, Verdict};
use crate::testing::clock;

const KEYS: usize = 100_000;
const KEY_BYTES: usize = 1024;

#[derive(Default)]
struct Limits {
    defined: Vec<(String, Algorithm)>,
    /// By limit and key: until when its sender is ahead, in the limit's own units.
    spent: HashMap<(u32, Vec<u8>), u128>,
}

thread_local! {
    static LIMITS: RefCell<Limits> = RefCell::default();
}

pub(crate) fn define(name: &str, algorithm: Algorithm) -> Result<u32, RateLimitError> {
    let has_zero = match algorithm {
        Algorithm::Gcra(Gcra { rate, period_ms, burst }) => [rate, period_ms, burst].contains(&0),
        Algorithm::TokenBucket(TokenBucket { capacity, refill, period_ms }) => {
            [capacity, refill, period_ms].contains(&0)
        }
    };
    if has_zero {
        return Err(RateLimitError::Illegal);
    }
    LIMITS.with_borrow_mut(|limits| {
        let same = |(known, other): &(String, Algorithm)| {
            known == name && numbers(other) == numbers(&algorithm)
        };
        let known = limits.defined.iter().position(same);
        let index = known.unwrap_or_else(|| {
            limits.defined.push((name.to_owned(), algorithm));
            limits.defined.len() - 1
        });
        u32::try_from(index).map_err(|_| RateLimitError::Quota)
    })
}

pub(crate) fn check(limit: u32, key: &[u8], cost: u32) -> Result<Verdict, RateLimitError> {
    LIMITS.with_borrow_mut(|limits| {
        let defined = limits.defined.get(limit as usize).ok_or(RateLimitError::Unknown)?;
        let (unit, most, step) = pace(&defined.1);
        if cost > most || key.len() > KEY_BYTES {
            return Err(RateLimitError::Illegal);
        }
        let key = (limit, key.to_vec());
        if limits.spent.len() >= KEYS && !limits.spent.contains_key(&key) {
            return Err(RateLimitError::Quota);
        }
        let nanos = clock::now().as_nanos();
        let now = step.map_or(nanos, |(refill, period)| nanos / period * refill);
        let ahead = limits.spent.get(&key).copied().unwrap_or_default().max(now) - now;
        let (wanted, depth) = (unit * u128::from(cost), unit * u128::from(most));
        let allowed = ahead + wanted <= depth;
        let after = if allowed { ahead + wanted } else { ahead };
        if allowed && cost > 0 {
            limits.spent.insert(key, now + after);
        }
        let millis = |debt: u128| {
            let nanos = match step {
                _ if debt == 0 => 0,
                None => debt,
                Some((refill, period)) => debt.div_ceil(refill) * period - nanos % period,
            };
            u32::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u32::MAX)
        };
        Ok(Verdict {
            allowed,
            remaining: u32::try_from((depth - after) / unit).unwrap_or(u32::MAX),
            retry_after_ms: if allowed { 0 } else { millis(ahead + wanted - depth) },
            reset_after_ms: millis(after),
        })
    })
}

/// What one unit of cost takes, the most at once, and for a bucket its refill and
/// period: time in nanoseconds, or in tokens.
fn pace(algorithm: &Algorithm) -> (u128, u32, Option<(u128, u128)>) {
    let nanos = |ms: u32| u128::from(ms) * 1_000_000;
    match *algorithm {
        Algorithm::Gcra(Gcra { rate, period_ms, burst }) => {
            (nanos(period_ms).div_ceil(rate.into()), burst, None)
        }
        Algorithm::TokenBucket(TokenBucket { capacity, refill, period_ms }) => {
            (1, capacity, Some((refill.min(capacity).into(), nanos(period_ms))))
        }
    }
}

fn numbers(algorithm: &Algorithm) -> (bool, [u32; 3]) {
    match *algorithm {
        Algorithm::Gcra(Gcra { rate, period_ms, burst }) => (true, [rate, period_ms, burst]),
        Algorithm::TokenBucket(TokenBucket { capacity, refill, period_ms }) => {
            (false, [capacity, refill, period_ms])
        }
    }
}
