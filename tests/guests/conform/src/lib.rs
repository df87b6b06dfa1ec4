//! The conformance guest: answers by every hook and every capability, each case by
//! its name in `x-case`. `tests/guests/languages` has the same in other languages, and
//! all have to answer alike (`tests/suite/conformance.rs`).

use std::time::Duration;

use plugin_sdk::crypto::{Hash, digest};
use plugin_sdk::exchange::{self, Visible};
use plugin_sdk::matcher::{RegexOptions, Set, Subject};
use plugin_sdk::metrics::Counter;
use plugin_sdk::rate_limit::Limit;
use plugin_sdk::{
    Attempt, BodyFlow, BodyMode, Endpoint, Error, Flow, Outcome, Pick, Plugin, Reply, Request,
    RequestBody, Response, ResponseBody, Result, Subscription,
};
use plugin_sdk::{body, connection, counter, http, kv, log, secrets};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What `http` asks.
    #[serde(default)]
    url: String,
}

struct Conform {
    url: String,
    words: Set,
    loopback: Set,
    limit: Limit,
    cases: Counter,
}

/// More of a body than any case has.
const WHOLE: BodyMode = BodyMode::Whole(65_536);

fn failed(what: &str, error: impl std::fmt::Debug) -> Error {
    Error::new(format!("{what}: {error:?}"))
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Conform {
    type Config = Config;

    fn new(Config { url }: Config) -> Result<Self> {
        let hour = Duration::from_secs(3600);
        Ok(Self {
            url,
            words: Set::regex(["b+", "z"], RegexOptions::default())?,
            loopback: Set::networks(["127.0.0.0/8"])?,
            limit: Limit::gcra("conform", 1, hour, 1).map_err(|e| failed("rate-limit", e))?,
            cases: Counter::new("conform_cases", "Cases", &["case"])
                .map_err(|e| failed("metrics", e))?,
        })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new()
            .request_header("x-case")
            .response_header("x-origin")
            .pick_header("x-endpoint")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let Some(case) = request.header_str("x-case").map(str::to_owned) else {
            return Ok(Flow::Continue);
        };
        let result = match case.as_str() {
            "request" => {
                request.set_header("x-seen", "request");
                request.set_target("/changed");
                "request".to_owned()
            }
            "respond" => {
                let reply = Reply::new(418).header("content-type", "text/plain");
                return Ok(reply.body("short and stout\n").into());
            }
            "fail" => return Err(Error::new("as asked")),
            case => match self.result(case) {
                Some(result) => result,
                None => return Ok(Flow::Continue),
            },
        };
        request.response_headers().set("x-result", result);
        Ok(Flow::Continue)
    }

    fn request_body(&self) -> BodyMode {
        WHOLE
    }

    fn on_request_body(&mut self, body: &mut RequestBody) -> Result<BodyFlow> {
        if is_case("request-body") {
            body.replace(body.octets().to_ascii_uppercase());
        }
        Ok(BodyFlow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        if is_case("response") {
            let origin = response.header_str("x-origin").unwrap_or("-");
            let result = format!("{} {origin}", response.status());
            response.set_header("x-result", result);
        } else if is_case("values") {
            response.set_header("x-kept", text(exchange::value("kept")));
        }
        Ok(())
    }

    fn response_body(&self) -> BodyMode {
        WHOLE
    }

    fn on_response_body(&mut self, body: &mut ResponseBody) -> Result<BodyFlow> {
        if is_case("response-body") {
            body.replace([body.octets(), b"!"].concat());
        }
        Ok(BodyFlow::Continue)
    }

    fn on_complete(&mut self, outcome: &Outcome) {
        if outcome.status == Some(200) {
            count("completed", 1);
        }
    }

    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        let second = pick.header("x-endpoint") == Some(b"1");
        let loads = pick.loads();
        loads.get(usize::from(second)).or(loads.first()).map(|load| load.id)
    }

    fn on_endpoints(&mut self, _: &str, endpoints: &[Endpoint]) {
        counter::reset("endpoints");
        count("endpoints", endpoints.len() as i64);
    }

    fn on_attempt(&mut self, _: &Attempt) {
        count("attempts", 1);
    }

    fn on_tick(&mut self) {
        count("ticks", 1);
    }

    fn tick_interval(&self) -> Duration {
        Duration::from_millis(50)
    }
}

impl Conform {
    /// What a case that changes nothing else comes to; none if it is not one.
    fn result(&self, case: &str) -> Option<String> {
        Some(match case {
            "exchange" => {
                let other = text(exchange::request_header("x-other"));
                format!("{} {} {other}", exchange::method(), exchange::target())
            }
            "values" => word(exchange::set_value("kept", "kept", Visible::Own), "set", "refused"),
            "connection" => connection::client_address().unwrap_or_else(|| "-".to_owned()),
            "body" => body::request_has_body().to_string(),
            "annotate" => word(exchange::annotate("case", "annotated"), "ok", "refused"),
            "log" => {
                log::info!("a line of the guest");
                "ok".to_owned()
            }
            "crypto" => {
                let digest = digest(Hash::Sha256, "abc");
                digest[..4].iter().map(|octet| format!("{octet:02x}")).collect()
            }
            "kv" => keys().unwrap_or_else(|error| format!("{error:?}")),
            "counter" => {
                count("sum", 2);
                let [sum, before] = [count("sum", 3), counter::reset("sum")];
                format!("{sum} {before} {}", counter::get("sum"))
            }
            "counted" => some(counter::get("completed")),
            "ticked" => some(counter::get("ticks")),
            "attempted" => some(counter::get("attempts")),
            "endpoints" => counter::get("endpoints").to_string(),
            "rate-limit" => [(), ()]
                .map(|()| self.limit.check("key", 1).is_ok_and(|v| v.allowed).to_string())
                .join(" "),
            "http" => self.ask(),
            "matcher" => {
                let found = self.words.matches(&Subject::Octets(b"abba".to_vec()));
                let found: Vec<_> = found.iter().map(u32::to_string).collect();
                let near = self.loopback.is_match(&Subject::ClientAddress);
                let other = self.words.is_match(&Subject::RequestHeader("x-other".to_owned()));
                format!("{} {near} {other}", found.join(","))
            }
            "metrics" => word(self.cases.add(&["metrics"], 1.0), "ok", "error"),
            "secrets" => {
                let secret = secrets::find("token")?;
                let other = secrets::find("none").map_or("none", |_| "some");
                let revealed = text(Some(secret.reveal()));
                format!("{revealed} {} {other}", secret.equals("sesame"))
            }
            _ => return None,
        })
    }

    fn ask(&self) -> String {
        match http::Request::get(self.url.as_str()).send() {
            Ok(response) => format!("{} {}", response.status, text(Some(response.body))),
            Err(http::Error::Denied(_)) => "error denied".to_owned(),
            Err(http::Error::Illegal(_)) => "error illegal".to_owned(),
            Err(http::Error::Timeout) => "error timeout".to_owned(),
            Err(http::Error::TooLarge) => "error too-large".to_owned(),
            Err(http::Error::Unreachable(_)) => "error unreachable".to_owned(),
            Err(http::Error::Busy) => "error busy".to_owned(),
        }
    }
}

/// A value that is set, replaced by who knows its version, and deleted.
fn keys() -> Result<String, kv::KvError> {
    let value = || kv::get("key").map_or_else(|| "none".to_owned(), |e| text(Some(e.value)));
    let version = kv::set("key", "one")?;
    let first = value();
    let known = kv::compare_and_set("key", Some(version), "two", None)?.is_some();
    let stale = kv::compare_and_set("key", Some(version), "three", None)?.is_some();
    let second = value();
    let deleted = kv::delete("key");
    Ok(format!("{first} {known} {stale} {second} {deleted} {}", value()))
}

fn is_case(case: &str) -> bool {
    exchange::request_header("x-case").is_some_and(|name| name == case.as_bytes())
}

fn count(name: &str, more: i64) -> i64 {
    counter::add(name, more).unwrap_or(-1)
}

fn some(count: i64) -> String {
    if count > 0 { "some" } else { "none" }.to_owned()
}

fn text(octets: Option<Vec<u8>>) -> String {
    octets.map_or_else(|| "-".to_owned(), |octets| String::from_utf8_lossy(&octets).into_owned())
}

fn word<T, E>(result: Result<T, E>, good: &str, bad: &str) -> String {
    if result.is_ok() { good } else { bad }.to_owned()
}
