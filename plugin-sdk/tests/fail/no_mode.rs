#![allow(unused_imports, unused_macros)]

use plugin_sdk::{BodyFlow, NoConfig, Plugin, RequestBody, Result};

struct Guard;

#[plugin_sdk::export]
impl Plugin for Guard {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_request_body(&mut self, _: &mut RequestBody) -> Result<BodyFlow> {
        Ok(BodyFlow::Continue)
    }
}

fn main() {}
