//! Sends the request that an exchange describes in its field `x-call`, as JSON, and
//! answers with what came of it. With `url`, sends a GET there for every other
//! exchange and goes on when it is answered 200; with `at = "new"`, while it is made.

use std::time::Duration;

use plugin_sdk::{Error, Flow, Plugin, Reply, Request, Result, Subscription, http};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: Option<String>,
    #[serde(default)]
    at: String,
}

struct Caller(Option<String>);

#[plugin_sdk::export(no_schema)]
impl Plugin for Caller {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.at == "new" {
            let url = config.url.clone().unwrap_or_default();
            let sent = http::Request::get(url).send();
            return Err(Error::new(format!("{sent:?}")));
        }
        Ok(Self(config.url))
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header("x-call")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        if let Some(call) = request.header("x-call") {
            let call: Call = serde_json::from_slice(call)?;
            let outcomes: Vec<Value> = (0..call.times).map(|_| call.send()).collect();
            return Ok(Reply::new(200).body(serde_json::to_vec(&outcomes)?).into());
        }
        let Some(url) = &self.0 else { return Ok(Flow::Continue) };
        let answer = http::Request::get(url).send()?;
        match answer.status {
            200 => Ok(Flow::Continue),
            status => Ok(Reply::new(status).into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    timeout_ms: Option<u64>,
    #[serde(default = "once")]
    times: usize,
}

fn get() -> String {
    "GET".to_owned()
}

fn once() -> usize {
    1
}

impl Call {
    fn send(&self) -> Value {
        let mut request = http::Request::new(&self.method, &self.url).body(self.body.as_bytes());
        for (name, value) in &self.headers {
            request = request.header(name, value.as_bytes());
        }
        if let Some(ms) = self.timeout_ms {
            request = request.timeout(Duration::from_millis(ms));
        }
        match request.send() {
            Ok(answer) => {
                let line = |(name, value): &(String, Vec<u8>)| {
                    json!([name, String::from_utf8_lossy(value)])
                };
                let headers: Vec<Value> = answer.headers.iter().map(line).collect();
                let body = String::from_utf8_lossy(&answer.body);
                json!({ "status": answer.status, "headers": headers, "body": body })
            }
            Err(error) => json!({ "error": word(&error), "text": error.to_string() }),
        }
    }
}

fn word(error: &http::Error) -> &'static str {
    match error {
        http::Error::Denied(_) => "denied",
        http::Error::Illegal(_) => "illegal",
        http::Error::Timeout => "timeout",
        http::Error::TooLarge => "too-large",
        http::Error::Unreachable(_) => "unreachable",
        http::Error::Busy => "busy",
    }
}
