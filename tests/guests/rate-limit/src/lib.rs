//! Limits the rate of requests for each client, which `x-client` names.
//!
//! Configuration: `name`, `rate`, `period` in milliseconds, `burst`, and `bucket`
//! for a token bucket of the size `burst` instead. `x-cost` is the cost of a request.
//! Responses say what remains in `x-remaining` and how long the rest takes to come
//! back in `x-reset`; a refused one is 429 with `x-retry`. An error is 500 with its
//! word.

use std::time::Duration;

use plugin_sdk::rate_limit::{Limit, RateLimitError};
use plugin_sdk::{Flow, Plugin, Reply, Request, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    name: String,
    rate: u32,
    period: u64,
    burst: u32,
    bucket: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { name: "requests".to_owned(), rate: 1, period: 3_600_000, burst: 5, bucket: false }
    }
}

struct RateLimit(Limit);

#[plugin_sdk::export(no_schema)]
impl Plugin for RateLimit {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let Config { name, rate, burst, .. } = &config;
        let period = Duration::from_millis(config.period);
        let limit = match config.bucket {
            true => Limit::token_bucket(name, *burst, *rate, period)?,
            false => Limit::gcra(name, *rate, period, *burst)?,
        };
        Ok(Self(limit))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let client = request.header("x-client").unwrap_or_default().to_vec();
        let cost = request.header_str("x-cost").map_or(Ok(1), str::parse)?;
        let verdict = match self.0.check(client, cost) {
            Ok(verdict) => verdict,
            Err(error) => {
                let word = match error {
                    RateLimitError::Illegal => "illegal",
                    RateLimitError::Unknown => "unknown",
                    RateLimitError::Quota => "quota",
                    RateLimitError::Unavailable => "unavailable",
                };
                return Ok(Reply::new(500).text(word).into());
            }
        };
        if !verdict.allowed {
            let retry = verdict.retry_after_ms.to_string();
            return Ok(Reply::new(429).header("x-retry", retry).into());
        }
        let edits = request.response_headers();
        edits.set("x-remaining", verdict.remaining.to_string());
        edits.set("x-reset", verdict.reset_after_ms.to_string());
        Ok(Flow::Continue)
    }
}
