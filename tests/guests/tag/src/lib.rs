//! Says on the response which configuration answered: `x-tag`, the value of the
//! key `value`.

use plugin_sdk::{Flow, Plugin, Request, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    value: String,
}

struct Tag(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Tag {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        request.response_headers().set("x-tag", self.0.value.as_str());
        Ok(Flow::Continue)
    }
}
