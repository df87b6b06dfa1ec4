//! Tries to reach `address`, and answers 200 if it could and else 403 with the
//! error.

use std::net::TcpStream;

use plugin_sdk::{Flow, Plugin, Reply, Request, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    address: String,
}

struct Sockets(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Sockets {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        Ok(match TcpStream::connect(&self.0.address) {
            Ok(_) => Reply::new(200).text("connected"),
            Err(error) => Reply::new(403).text(error.to_string()),
        }
        .into())
    }
}
