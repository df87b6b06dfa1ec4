//! Asks for request fields and looks at each: what a subscription costs.
//!
//! Configuration: `{ "fields": ["accept", …] }`.

use plugin_sdk::{Flow, Plugin, Reply, Request, Result, Subscription};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    fields: Vec<String>,
}

struct Asks {
    fields: Vec<String>,
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Asks {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { fields: config.fields })
    }

    fn subscription(&self) -> Subscription {
        self.fields.iter().fold(Subscription::new(), |all, name| all.request_header(name))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        for name in &self.fields {
            if request.header(name) == Some(b"refused") {
                return Ok(Reply::new(403).into());
            }
        }
        Ok(Flow::Continue)
    }
}
