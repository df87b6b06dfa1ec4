//! Traps.
//!
//! With `at = "request"` (the default), `"response"`, `"complete"` or `"new"`; on
//! exchanges with the field `x-trap`, or always if `always` is set.

use plugin_sdk::{Flow, Outcome, Plugin, Request, Response, Result, exchange};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    at: At,
    #[serde(default)]
    always: bool,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum At {
    New,
    #[default]
    Request,
    Response,
    Complete,
}

struct Trap(Config);

impl Trap {
    fn is_told_to(&self, at: At) -> bool {
        self.0.at == at && (self.0.always || exchange::request_header("x-trap").is_some())
    }
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Trap {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.at == At::New {
            trap();
        }
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        if self.is_told_to(At::Request) {
            trap();
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, _: &mut Response) -> Result<()> {
        if self.is_told_to(At::Response) {
            trap();
        }
        Ok(())
    }

    fn on_complete(&mut self, _: &Outcome) {
        if self.is_told_to(At::Complete) {
            trap();
        }
    }
}

#[expect(clippy::panic, reason = "what this fixture is for")]
fn trap() {
    panic!("told to");
}
