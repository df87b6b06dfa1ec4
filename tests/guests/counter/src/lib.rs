//! Counts in the host, as the request's path says: `/add/NAME/DELTA`, `/get/NAME`
//! and `/reset/NAME` answer with the number, or 507 or 503 with the error.

use plugin_sdk::counter::{self, CounterError};
use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result};

struct Counter;

#[plugin_sdk::export]
impl Plugin for Counter {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let path = request.path().to_owned();
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let counted = match *words.as_slice() {
            ["add", name, delta] => counter::add(name, delta.parse()?),
            ["get", name] => Ok(counter::get(name)),
            ["reset", name] => Ok(counter::reset(name)),
            _ => return Ok(Flow::Continue),
        };
        Ok(match counted {
            Ok(number) => Reply::new(200).text(number.to_string()).into(),
            Err(CounterError::Quota) => Reply::new(507).text("quota").into(),
            Err(CounterError::Unavailable) => Reply::new(503).text("unavailable").into(),
        })
    }
}
