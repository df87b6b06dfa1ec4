//! Waits `ms` milliseconds at each request: a wait in the host, which costs no
//! running time.

use std::time::Duration;

use plugin_sdk::{Flow, Plugin, Request, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    ms: u64,
}

struct Sleepy(Duration);

#[plugin_sdk::export(no_schema)]
impl Plugin for Sleepy {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(Duration::from_millis(config.ms)))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        std::thread::sleep(self.0);
        Ok(Flow::Continue)
    }
}
