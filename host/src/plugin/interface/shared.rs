//! `counter`, `kv` and `rate-limit` where a fleet shares them: the same interfaces, with
//! functions that wait for Redis.
//!
//! They are linked instead of those for memory, not beside them: a function that may wait
//! costs every call a future, which memory does not need.

/// Generated once more, with every function async.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::needless_pass_by_value,
    clippy::use_self,
    clippy::unwrap_used,
    reason = "generated code"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package wasmgate:host;
            world shared {
                import wasmgate:plugin/counter@0.1.0;
                import wasmgate:plugin/kv@0.1.0;
                import wasmgate:plugin/rate-limit@0.1.0;
            }
        ",
        world: "wasmgate:host/shared",
        require_store_data_send: true,
        imports: { default: async },
    });
}

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{HasSelf, Linker};

use self::bindings::wasmgate::plugin::counter::{self, CounterError};
use self::bindings::wasmgate::plugin::kv::{self, Entry, KvError};
use self::bindings::wasmgate::plugin::rate_limit::{self, Algorithm, RateLimitError, Verdict};
use super::kv::KEYS_MAX;
use crate::plugin::instance::HostState;
use crate::plugin::store::counters::shared::AddError;
use crate::plugin::store::limits::shared::Check;
use crate::plugin::store::limits::{LimitError, meter};
use crate::plugin::store::values::{Expected, WriteError};
use crate::plugin::store::{Services, Shared};

/// Links them.
pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    counter::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    kv::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    rate_limit::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)
}

/// One hook's question to the store.
struct Question {
    services: Arc<Services>,
    began: Instant,
}

impl Question {
    /// There is always one where these functions are linked.
    fn shared(&self) -> Option<&Shared> {
        self.services.shared.as_ref()
    }
}

impl HostState {
    /// None if the hook has waited for as long as it may, or there is no such store.
    fn ask(&self) -> Option<Question> {
        let services = Arc::clone(&self.services);
        let most = services.shared.as_ref()?.patience;
        let is_left = self.requests.store_waited < most;
        is_left.then(|| Question { services, began: Instant::now() })
    }

    fn asked(&mut self, question: &Question) {
        self.requests.store_waited += question.began.elapsed();
    }
}

impl counter::Host for HostState {
    async fn add(&mut self, name: String, delta: i64) -> Result<i64, CounterError> {
        let question = self.ask().ok_or(CounterError::Unavailable)?;
        let shared = question.shared().ok_or(CounterError::Unavailable)?;
        let sum = shared.counters.add(&name, delta).await;
        self.asked(&question);
        Ok(sum?)
    }

    async fn get(&mut self, name: String) -> i64 {
        let Some(question) = self.ask() else { return 0 };
        let Some(shared) = question.shared() else { return 0 };
        let sum = shared.counters.get(&name).await;
        self.asked(&question);
        sum
    }

    async fn reset(&mut self, name: String) -> i64 {
        let Some(question) = self.ask() else { return 0 };
        let Some(shared) = question.shared() else { return 0 };
        let was = shared.counters.reset(&name).await;
        self.asked(&question);
        was
    }
}

impl HostState {
    async fn write(
        &mut self,
        key: &str,
        expected: Expected,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, KvError> {
        let question = self.ask().ok_or(KvError::Unavailable)?;
        let shared = question.shared().ok_or(KvError::Unavailable)?;
        let version = shared.values.write(key, expected, value, ttl_ms).await;
        self.asked(&question);
        Ok(version?)
    }
}

impl kv::Host for HostState {
    async fn get(&mut self, key: String) -> Option<Entry> {
        let question = self.ask()?;
        let found = question.shared()?.values.get(&key).await;
        self.asked(&question);
        found.map(|(value, version)| Entry { value, version })
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<u64, KvError> {
        let version = self.write(&key, Expected::Any, &value, ttl_ms).await?;
        version.ok_or(KvError::Unavailable)
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, KvError> {
        let expected = expected.map_or(Expected::Absent, Expected::Version);
        self.write(&key, expected, &value, ttl_ms).await
    }

    async fn delete(&mut self, key: String) -> bool {
        let Some(question) = self.ask() else { return false };
        let Some(shared) = question.shared() else { return false };
        let deleted = shared.values.delete(&key).await;
        self.asked(&question);
        deleted
    }

    async fn keys(&mut self, prefix: String, most: u32) -> Vec<String> {
        let Some(question) = self.ask() else { return Vec::new() };
        let Some(shared) = question.shared() else { return Vec::new() };
        let keys = shared.values.list(&prefix, (most as usize).min(KEYS_MAX)).await;
        self.asked(&question);
        keys
    }
}

impl rate_limit::Host for HostState {
    async fn define(&mut self, name: String, algorithm: Algorithm) -> Result<u32, RateLimitError> {
        // A definition is every proxy's own; what is spent is not.
        Ok(self.define_limit(name, algorithm.into())?)
    }

    async fn check(
        &mut self,
        limit: u32,
        key: Vec<u8>,
        cost: u32,
    ) -> Result<Verdict, RateLimitError> {
        let limit = self.defined.limits.get(limit as usize).ok_or(RateLimitError::Unknown)?;
        let limit = Arc::clone(limit);
        let shared = self.services.shared.as_ref().ok_or(RateLimitError::Unavailable)?;
        let verdict = match shared.limits.known(&limit, &key, cost)? {
            Check::Known(verdict) => verdict,
            Check::Ask(asking) => match self.ask() {
                Some(question) => {
                    let shared = question.shared().ok_or(RateLimitError::Unavailable)?;
                    let verdict = shared.limits.spend(&limit, &key, asking).await;
                    self.asked(&question);
                    verdict?
                }
                None => shared.limits.without_store(&limit, &key, cost)?,
            },
        };
        Ok(Verdict {
            allowed: verdict.allowed,
            remaining: verdict.remaining,
            retry_after_ms: verdict.retry_after_ms,
            reset_after_ms: verdict.reset_after_ms,
        })
    }
}

impl From<AddError> for CounterError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Quota => Self::Quota,
            AddError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<WriteError> for KvError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Quota => Self::Quota,
            WriteError::TooLarge => Self::TooLarge,
            WriteError::Unavailable => Self::Unavailable,
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

impl From<Algorithm> for meter::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Gcra(rate_limit::Gcra { rate, period_ms, burst }) => {
                Self::Gcra { rate, period_ms, burst }
            }
            Algorithm::TokenBucket(rate_limit::TokenBucket { capacity, refill, period_ms }) => {
                Self::TokenBucket { capacity, refill, period_ms }
            }
        }
    }
}
