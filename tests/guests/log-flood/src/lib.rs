//! Writes `lines` lines of `length` octets at each request, and as many again to
//! standard error.

use plugin_sdk::{Flow, Plugin, Request, Result, log};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    lines: usize,
    #[serde(default)]
    length: usize,
}

struct LogFlood(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for LogFlood {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    #[expect(clippy::print_stderr, reason = "what this fixture is for")]
    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        let filling = "x".repeat(self.0.length);
        for number in 0..self.0.lines {
            log::warn!("line {number}\u{1b}[31m\n{filling}");
            eprintln!("standard error {number} {filling}");
        }
        Ok(Flow::Continue)
    }
}
