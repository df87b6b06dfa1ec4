#![allow(unused_imports, unused_macros)]

use plugin_sdk::{NoConfig, Plugin, Result};

struct Guard;

#[plugin_sdk::export(on_request)]
impl Plugin for Guard {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

fn main() {}
