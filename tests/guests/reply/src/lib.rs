//! Answers by itself, at the request or, with `at = "response"`, in the place of
//! another response.

use std::collections::BTreeMap;

use plugin_sdk::{Flow, Plugin, Reply, Request, Response, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
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

struct Answer(Config);

impl Answer {
    fn reply(&self) -> Reply {
        let headers = self.0.headers.iter();
        headers
            .fold(Reply::new(self.0.status), |reply, (name, value)| {
                reply.header(name.as_str(), value.as_str())
            })
            .body(self.0.body.as_str())
    }
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Answer {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        if self.0.at == At::Request {
            return Ok(self.reply().into());
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        if self.0.at == At::Response {
            response.replace(self.reply());
        }
        Ok(())
    }
}
