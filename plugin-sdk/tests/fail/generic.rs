#![allow(unused_imports, unused_macros)]

use plugin_sdk::{NoConfig, Plugin, Result};

struct Guard<T>(Option<T>);

#[plugin_sdk::export]
impl<T> Plugin for Guard<T> {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self(None))
    }
}

fn main() {}
