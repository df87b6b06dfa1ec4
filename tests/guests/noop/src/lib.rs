//! Lets every request go on: what a hook costs by itself.

use plugin_sdk::{Flow, NoConfig, Plugin, Request, Result};

struct Noop;

#[plugin_sdk::export]
impl Plugin for Noop {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}
