#![allow(unused_imports, unused_macros)]

use plugin_sdk::{Flow, NoConfig, Plugin, Request, Result};

struct Guard;

#[plugin_sdk::export]
impl Plugin for Guard {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_reqest(&mut self, _: &mut Request) -> Result<Flow> {
        Ok(Flow::Continue)
    }
}

fn main() {}
