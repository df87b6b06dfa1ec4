#![allow(unused_imports, unused_macros)]

use plugin_sdk::{NoConfig, Plugin, Result};

struct Guard;

#[plugin_sdk::export]
impl Plugin for Guard {
    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

fn main() {}
