//! `rate-limit`: limits that are counted over all workers.

use std::sync::Arc;

use super::bindings::wasmgate::plugin::rate_limit::{
    Algorithm, Gcra, Host, RateLimitError, TokenBucket, Verdict,
};
use crate::plugin::instance::HostState;
use crate::plugin::store::limits::LimitError;
use crate::plugin::store::limits::meter;

impl Host for HostState {
    fn define(&mut self, name: String, algorithm: Algorithm) -> Result<u32, RateLimitError> {
        Ok(self.define_limit(name, algorithm.into())?)
    }

    fn check(&mut self, limit: u32, key: Vec<u8>, cost: u32) -> Result<Verdict, RateLimitError> {
        let limit = self.defined.limits.get(limit as usize).ok_or(RateLimitError::Unknown)?;
        let verdict = self.services.limits.check(limit, &key, cost)?;
        Ok(Verdict {
            allowed: verdict.allowed,
            remaining: verdict.remaining,
            retry_after_ms: verdict.retry_after_ms,
            reset_after_ms: verdict.reset_after_ms,
        })
    }
}

impl HostState {
    /// A limit's number, which is the instance's own.
    pub(super) fn define_limit(
        &mut self,
        name: String,
        algorithm: meter::Algorithm,
    ) -> Result<u32, LimitError> {
        let limit = self.services.limits.define(name, algorithm)?;
        let limits = &mut self.defined.limits;
        // Definitions of one plugin are bounded, and with them this list.
        let known = limits.iter().position(|known| Arc::ptr_eq(known, &limit));
        let index = known.unwrap_or_else(|| {
            limits.push(limit);
            limits.len() - 1
        });
        u32::try_from(index).map_err(|_| LimitError::Quota)
    }
}

impl From<Algorithm> for meter::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Gcra(Gcra { rate, period_ms, burst }) => {
                Self::Gcra { rate, period_ms, burst }
            }
            Algorithm::TokenBucket(TokenBucket { capacity, refill, period_ms }) => {
                Self::TokenBucket { capacity, refill, period_ms }
            }
        }
    }
}

impl From<LimitError> for RateLimitError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Illegal => Self::Illegal,
            LimitError::Quota => Self::Quota,
            LimitError::Unavailable => Self::Unavailable,
        }
    }
}
