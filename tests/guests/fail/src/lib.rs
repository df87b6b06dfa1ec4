//! Cannot decide: fails with `reason` at the request, or at the response if `at`
//! is `"response"`.

use plugin_sdk::{Error, Flow, Plugin, Request, Response, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    reason: String,
    #[serde(default)]
    at: At,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum At {
    #[default]
    Request,
    Response,
}

struct Fail(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Fail {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        if self.0.at == At::Request {
            return Err(Error::new(self.0.reason.as_str()));
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, _: &mut Response) -> Result<()> {
        if self.0.at == At::Response {
            return Err(Error::new(self.0.reason.as_str()));
        }
        Ok(())
    }
}
