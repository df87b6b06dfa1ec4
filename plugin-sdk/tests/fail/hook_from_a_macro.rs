#![allow(unused_imports, unused_macros)]

use plugin_sdk::{Flow, NoConfig, Plugin, Request, Result};

struct Guard;

macro_rules! hooks {
    () => {
        fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
            Ok(Flow::Continue)
        }
    };
}

#[plugin_sdk::export]
impl Plugin for Guard {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    hooks!();
}

fn main() {}
