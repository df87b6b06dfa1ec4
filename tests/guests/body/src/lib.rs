//! Sees bodies, and does with them what it is told: `request` and `response` say
//! how much of each it sees (`mode`, `octets`) and what it does at a call (`act`,
//! from the call of number `at` on, which counts over all instances).
//!
//! How often it was called is annotated as `request_calls` and `response_calls`,
//! how often this instance was as `own_calls`, the last part as `request_part` and
//! `response_part`, the largest piece as `request_most` and `response_most`.

use plugin_sdk::body::Body;
use plugin_sdk::exchange::{self, Visible, annotate};
use plugin_sdk::{
    BodyFlow, BodyMode, Error, Flow, Plugin, Reply, Request, RequestBody, Response, ResponseBody,
    Result, body,
};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    request: Sight,
    response: Sight,
    /// Chosen at the request, for this exchange.
    select_request: Option<Sight>,
    /// Chosen at this hook: `request`, `response`, or one at which it is too late.
    select_response: Option<Sight>,
    select_at: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sight {
    mode: String,
    octets: u32,
    act: String,
    text: String,
    number: u32,
    at: u32,
}

impl Default for Sight {
    fn default() -> Self {
        Self {
            mode: "none".into(),
            octets: 0,
            act: "continue".into(),
            text: String::new(),
            number: 0,
            at: 1,
        }
    }
}

impl Sight {
    fn mode(&self) -> BodyMode {
        match self.mode.as_str() {
            "first" => BodyMode::First(self.octets),
            "whole" => BodyMode::Whole(self.octets),
            "chunks" => BodyMode::Chunks(self.octets),
            "watch" => BodyMode::Watch,
            _ => BodyMode::None,
        }
    }
}

struct Sees {
    config: Config,
    calls: u32,
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Sees {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config, calls: 0 })
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        annotate("has_body", if body::request_has_body() { "yes" } else { "no" })?;
        if let Some(sight) = &self.config.select_request {
            body::select_request(sight.mode())?;
        }
        self.select_response_at("request");
        Ok(Flow::Continue)
    }

    fn request_body(&self) -> BodyMode {
        self.config.request.mode()
    }

    fn on_request_body(&mut self, body: &mut RequestBody) -> Result<BodyFlow> {
        self.calls += 1;
        self.select_response_at("request-body");
        let sight = self.config.select_request.clone().unwrap_or(self.config.request.clone());
        if acts(&sight, "request", body, self.calls)? {
            match sight.act.as_str() {
                "head" => {
                    let length = body.octets().len().to_string();
                    body.head().set_header("x-length", length);
                    body.head().response_headers().set("x-deferred", sight.text.as_str());
                }
                "target" => body.head().set_target(sight.text.as_str()),
                "cluster" => body.head().set_cluster(sight.text.as_str()),
                "route" => body.head().set_route(sight.text.as_str()),
                _ => return act(&sight, body),
            }
        }
        Ok(BodyFlow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        self.select_response_at("response");
        response.set_header("x-seen-by-hook", "yes");
        Ok(())
    }

    fn response_body(&self) -> BodyMode {
        self.config.response.mode()
    }

    fn on_response_body(&mut self, body: &mut ResponseBody) -> Result<BodyFlow> {
        self.calls += 1;
        let sight = self.config.select_response.clone().unwrap_or(self.config.response.clone());
        if acts(&sight, "response", body, self.calls)? {
            match sight.act.as_str() {
                "head" => {
                    let length = body.octets().len().to_string();
                    body.head().set_header("x-length", length);
                }
                "status" => body.head().set_status(sight.number as u16),
                _ => return act(&sight, body),
            }
        }
        Ok(BodyFlow::Continue)
    }
}

impl Sees {
    fn select_response_at(&self, hook: &str) {
        if let (Some(sight), true) = (&self.config.select_response, self.config.select_at == hook)
            && let Err(error) = body::select_response(sight.mode())
        {
            let _ = annotate("refused", &error.to_string());
        }
    }
}

/// Notes the call; says whether it is one at which to act.
fn acts<Head>(sight: &Sight, side: &str, body: &Body<Head>, own: u32) -> Result<bool> {
    let note = |what: &str, value: &str| annotate(&format!("{side}_{what}"), value);
    let number = |what: &str| {
        let kept = exchange::value(&format!("{side}_{what}")).unwrap_or_default();
        String::from_utf8_lossy(&kept).parse::<usize>().unwrap_or(0)
    };
    let keep = |what: &str, value: usize| {
        exchange::set_value(&format!("{side}_{what}"), value.to_string(), Visible::Own)?;
        note(what, &value.to_string())
    };
    let calls = number("calls") + 1;
    keep("calls", calls)?;
    keep("most", number("most").max(body.octets().len()))?;
    note("part", &format!("{:?}", body.part()))?;
    annotate("own_calls", &own.to_string())?;
    if body.is_last() {
        for field in body.trailers() {
            note(&field.name, &String::from_utf8_lossy(&field.value))?;
        }
    }
    Ok(calls >= sight.at as usize)
}

/// What is the same for both messages.
#[expect(clippy::panic, reason = "it is told to trap")]
fn act<Head>(sight: &Sight, body: &mut Body<Head>) -> Result<BodyFlow> {
    match sight.act.as_str() {
        "upper" => {
            let upper = body.octets().to_ascii_uppercase();
            body.replace(upper);
        }
        "drop" => body.replace(""),
        "append" if body.is_last() => {
            let mut octets = body.octets().to_vec();
            octets.extend_from_slice(sight.text.as_bytes());
            body.replace(octets);
        }
        "prepend" => {
            let octets = [sight.text.as_bytes(), body.octets()].concat();
            body.replace(octets);
        }
        "end" => {
            body.replace(sight.text.as_str());
            body.end();
        }
        // Whole lines go on, in upper case.
        "lines" if !body.is_last() => {
            let octets = body.octets();
            let taken = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
            let upper = octets[..taken].to_ascii_uppercase();
            body.take(taken);
            body.replace(upper);
        }
        "hold" if !body.is_last() => {
            let has = u32::try_from(body.octets().len()).unwrap_or(u32::MAX);
            if has < sight.number {
                return Ok(BodyFlow::Hold(sight.number - has));
            }
        }
        "hold-always" => return Ok(BodyFlow::Hold(sight.number)),
        "trailer" if body.is_last() => body.trailers_mut().set("x-added", sight.text.as_str()),
        "respond" => return Ok(Reply::new(418).text(sight.text.as_str()).into()),
        "fail" => return Err(Error::new(sight.text.as_str())),
        "trap" => panic!("told to"),
        "spin" => loop {
            std::hint::spin_loop();
        },
        _ => {}
    }
    Ok(BodyFlow::Continue)
}
