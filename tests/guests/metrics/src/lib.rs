//! Measures, as the request's path says: `/count/LABEL`, `/gauge/LABEL/VALUE`,
//! `/observe/LABEL/VALUE`, `/flood/NUMBER` for as many series, and `/forge` for a
//! label that would be a line. Answers `ok` or
//! the error's word.

use plugin_sdk::metrics::{Counter, Gauge, Histogram, MetricsError};
use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result};

struct Metrics {
    hits: Counter,
    level: Gauge,
    size: Histogram,
}

#[plugin_sdk::export]
impl Plugin for Metrics {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self {
            hits: Counter::new("hits_total", "How \"often\"\nit was asked", &["what"])?,
            level: Gauge::new("level", "How high it is", &["what"])?,
            size: Histogram::new("size", "How large it was", &["what"], &[1.0, 10.0])?,
        })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let path = request.path().to_owned();
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let done = match *words.as_slice() {
            ["count", label] => self.hits.add(&[label], 1.0),
            ["gauge", label, value] => self.level.set(&[label], value.parse()?),
            ["observe", label, value] => self.size.observe(&[label], value.parse()?),
            ["forge"] => self.hits.add(&["x\"} 1\nforged{} 1"], 1.0),
            ["flood", number] => (0..number.parse::<u32>()?)
                .map(|number| self.hits.add(&[&format!("flood {number}")], 1.0))
                .fold(Ok(()), Result::and),
            _ => return Ok(Flow::Continue),
        };
        let word = match done {
            Ok(()) => "ok",
            Err(MetricsError::Illegal) => "illegal",
            Err(MetricsError::Conflict) => "conflict",
            Err(MetricsError::Cardinality) => "cardinality",
            Err(MetricsError::Unknown) => "unknown",
        };
        Ok(Reply::new(200).text(word).into())
    }
}
