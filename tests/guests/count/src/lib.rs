//! Counts in the instance: `x-count` on the response is how many exchanges this
//! instance has seen.

use plugin_sdk::{Flow, NoConfig, Plugin, Request, Result};

struct Count(u64);

#[plugin_sdk::export]
impl Plugin for Count {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self(0))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        self.0 += 1;
        request.response_headers().set("x-count", self.0.to_string());
        Ok(Flow::Continue)
    }
}
