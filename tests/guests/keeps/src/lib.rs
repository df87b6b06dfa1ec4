//! Uses one capability at each request: for measuring what a call to it costs, and
//! for floods.
//!
//! Configuration: `what` is `none`, `kv`, `counter` or `rate-limit` for one call, or
//! `kv-flood` or `metric-flood` for a thousand new keys or series.

use plugin_sdk::metrics::Counter;
use plugin_sdk::rate_limit::Limit;
use plugin_sdk::{Error, Flow, Plugin, Request, Result, counter, kv};
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    what: What,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    None,
    Kv,
    Counter,
    RateLimit,
    KvFlood,
    MetricFlood,
}

struct Keeps {
    what: What,
    limit: Option<Limit>,
    metric: Option<Counter>,
    calls: u64,
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Keeps {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let what = config.what;
        let mut keeps = Self { what, limit: None, metric: None, calls: 0 };
        match what {
            What::Kv => {
                kv::set("key", b"a value of the usual length")?;
            }
            What::RateLimit => {
                let limit = Limit::gcra("all", 1_000_000, Duration::from_millis(1), 1_000_000)?;
                keeps.limit = Some(limit);
            }
            What::MetricFlood => keeps.metric = Some(Counter::new("flood", "Many", &["n"])?),
            What::None | What::Counter | What::KvFlood => {}
        }
        Ok(keeps)
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        self.calls += 1;
        match self.what {
            What::None => {}
            What::Kv => {
                kv::get("key").ok_or_else(|| Error::new("the value is gone"))?;
            }
            What::Counter => {
                counter::add("calls", 1)?;
            }
            What::RateLimit => {
                self.limit.iter().try_for_each(|limit| limit.check("key", 1).map(drop))?;
            }
            What::KvFlood => {
                for number in 0..1_000 {
                    // It is refused sooner or later.
                    let _ = kv::set(&format!("{}/{number}", self.calls), vec![0; 1_000]);
                }
            }
            What::MetricFlood => {
                for number in 0..1_000 {
                    let label = format!("{}/{number}", self.calls);
                    // Likewise.
                    let _ = self.metric.iter().try_for_each(|metric| metric.add(&[&label], 1.0));
                }
            }
        }
        Ok(Flow::Continue)
    }
}
