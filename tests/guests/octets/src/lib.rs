//! Sets a field of the request and of the response to these octets.

use plugin_sdk::{Flow, Plugin, Request, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
    octets: Vec<u8>,
}

struct Octets(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Octets {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let Config { name, octets } = &self.0;
        request.set_header(name.as_str(), octets.clone());
        request.response_headers().set(name.as_str(), octets.clone());
        Ok(Flow::Continue)
    }
}
