//! Refuses every configuration.

use plugin_sdk::{Error, Flow, NoConfig, Plugin, Request, Result};

struct RefuseConfig;

#[plugin_sdk::export]
impl Plugin for RefuseConfig {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Err(Error::new("colour: `none` is no colour; try `red`"))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}
