//! Leaves its `name` on what passes: a line `x-order` on the request, and one on
//! the response from its own response hook.

use plugin_sdk::{Flow, Plugin, Request, Response, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
}

struct Order(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Order {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        request.add_header("x-order", self.0.name.as_str());
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        response.add_header("x-order", self.0.name.as_str());
        Ok(())
    }
}
