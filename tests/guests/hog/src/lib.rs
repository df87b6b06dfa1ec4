//! Takes memory without end.
//!
//! With `at = "request"` (the default), `"response"`, `"complete"` or `"new"`; on
//! exchanges with the field `x-hog`, or always if `always` is set.

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

struct Hog(Config);

impl Hog {
    fn is_told_to(&self, at: At) -> bool {
        self.0.at == at && (self.0.always || exchange::request_header("x-hog").is_some())
    }
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Hog {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.at == At::New {
            hog();
        }
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        if self.is_told_to(At::Request) {
            hog();
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, _: &mut Response) -> Result<()> {
        if self.is_told_to(At::Response) {
            hog();
        }
        Ok(())
    }

    fn on_complete(&mut self, _: &Outcome) {
        if self.is_told_to(At::Complete) {
            hog();
        }
    }
}

fn hog() {
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}
