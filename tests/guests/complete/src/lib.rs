//! Logs how each exchange ended, and nothing else.

use plugin_sdk::{NoConfig, Outcome, Plugin, Result, exchange, log};

struct Complete;

#[plugin_sdk::export]
impl Plugin for Complete {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_complete(&mut self, outcome: &Outcome) {
        let Outcome { status, bytes_in, bytes_out, duration, upstream, error } = outcome;
        // The whole takes longer than a part of it.
        let timed = !duration.is_zero() && upstream.is_none_or(|part| part <= *duration);
        log::info!(
            "complete target={} status={} in={bytes_in} out={bytes_out} upstream={} error={} \
             endpoint={} timed={timed}",
            exchange::target(),
            status.unwrap_or(0),
            upstream.is_some(),
            error.as_deref().unwrap_or("-"),
            exchange::endpoint().as_deref().unwrap_or("-"),
        );
    }
}
