//! Keeps values, reads those of others, annotates and logs, as told.
//!
//! `own` and `later` are kept on the request. The response then has a line
//! `x-own: NAME=VALUE` for each of `own`, and `x-read: PLUGIN.NAME=VALUE` (`-` if
//! there is none to read) for each of `read`, read on the request. What the host
//! refuses is told in `x-refused`.

use std::collections::BTreeMap;

use plugin_sdk::exchange::{self, Visible};
use plugin_sdk::{Flow, Plugin, Request, Response, Result, log};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Config {
    own: BTreeMap<String, String>,
    later: BTreeMap<String, String>,
    read: Vec<(String, String)>,
    annotate: BTreeMap<String, String>,
    /// Level to text.
    log: BTreeMap<String, String>,
    /// Keeps this many octets more under the name `big`.
    octets: usize,
    /// Annotates this many times, each with a key of its own.
    annotations: usize,
}

struct Values(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Values {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let config = &self.0;
        for (plugin, name) in &config.read {
            let value = exchange::value_of(plugin, name);
            let value =
                value.map_or_else(|| "-".into(), |v| String::from_utf8_lossy(&v).into_owned());
            let line = format!("{plugin}.{name}={value}");
            request.response_headers().add("x-read", line);
        }
        let mut done = Ok(());
        for (name, value) in &config.own {
            done = done.and(exchange::set_value(name, value, Visible::Own));
        }
        for (name, value) in &config.later {
            done = done.and(exchange::set_value(name, value, Visible::Later));
        }
        if config.octets > 0 {
            done = done.and(exchange::set_value("big", vec![0; config.octets], Visible::Own));
        }
        for (key, value) in &config.annotate {
            done = done.and(exchange::annotate(key, value));
        }
        for number in 0..config.annotations {
            done = done.and(exchange::annotate(&number.to_string(), "x"));
        }
        if let Err(refused) = done {
            request.response_headers().add("x-refused", refused.to_string());
        }
        for (level, line) in &config.log {
            match level.as_str() {
                "trace" => log::trace!("{line}"),
                "debug" => log::debug!("{line}"),
                "info" => log::info!("{line}"),
                "warn" => log::warn!("{line}"),
                _ => log::error!("{line}"),
            }
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        for name in self.0.own.keys() {
            let value = exchange::value(name).unwrap_or_default();
            let line = format!("{name}={}", String::from_utf8_lossy(&value));
            response.add_header("x-own", line);
        }
        Ok(())
    }
}
