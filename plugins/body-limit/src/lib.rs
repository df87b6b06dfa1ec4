//! The bundled plugin `body-limit`. Its README has the keys.
//!
//! A body with an announced length is judged by its head, and nobody looks at it after
//! that: the host sees to it that it has that length. Only one without is watched while
//! it streams. `watch` does that for least: nothing is held, and it may still answer.

mod config;
mod limits;
mod media;

use plugin_sdk::{
    BodyFlow, BodyMode, Flow, Plugin, Reply, Request, RequestBody, ResponseBody, Result,
    Subscription, body, exchange,
};
use units::Size;

use crate::config::Config;
use crate::limits::{Limits, Table};

/// The names under which an exchange keeps how far a body has come, and its limits.
const REQUEST: &str = "request";
const RESPONSE: &str = "response";

struct BodyLimit {
    table: Table,
    limits_responses: bool,
}

#[plugin_sdk::export]
impl Plugin for BodyLimit {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let table = Table::new(&config)?;
        Ok(Self { limits_responses: table.limits_responses(), table })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header("content-length").request_header("content-type")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let length = request.header("content-length").and_then(number);
        // An announced length needs no question to the host; no body is the common case.
        let has_body = length.map_or_else(body::request_has_body, |length| length > 0);
        if !has_body && !self.limits_responses {
            return Ok(Flow::Continue);
        }
        let limits = self.table.find(request);
        if let Some(max) = limits.response_max {
            exchange::set_value(RESPONSE, Progress::new(0, max).octets(), exchange::Visible::Own)?;
            body::select_response(BodyMode::Watch)?;
        }
        if !has_body {
            return Ok(Flow::Continue);
        }
        if self.table.is_bodyless(request) {
            return refuse(400, "body", "a request with this method has no body\n");
        }
        if let Some(reply) = limits.judge_head(request, length)? {
            return Ok(reply.into());
        }
        if length.is_none() && (limits.max.is_some() || limits.min > 0) {
            let progress = Progress::new(limits.min, limits.max.unwrap_or(u64::MAX));
            exchange::set_value(REQUEST, progress.octets(), exchange::Visible::Own)?;
            body::select_request(BodyMode::Watch)?;
        }
        Ok(Flow::Continue)
    }

    // Chosen for each exchange: most need no look at all.
    fn request_body(&self) -> BodyMode {
        BodyMode::None
    }

    fn on_request_body(&mut self, body: &mut RequestBody) -> Result<BodyFlow> {
        let Some(mut progress) = Progress::of(REQUEST) else { return Ok(BodyFlow::Continue) };
        progress.add(body.octets());
        if progress.seen > progress.max {
            exchange::annotate("refused", "max")?;
            return Ok(too_large(progress.max).into());
        }
        if !body.is_last() {
            exchange::set_value(REQUEST, progress.octets(), exchange::Visible::Own)?;
        } else if progress.seen < progress.min {
            exchange::annotate("refused", "min")?;
            return Ok(too_small(progress.min).into());
        }
        Ok(BodyFlow::Continue)
    }

    fn response_body(&self) -> BodyMode {
        BodyMode::None
    }

    fn on_response_body(&mut self, body: &mut ResponseBody) -> Result<BodyFlow> {
        let Some(mut progress) = Progress::of(RESPONSE) else { return Ok(BodyFlow::Continue) };
        let is_first = progress.seen == 0;
        progress.add(body.octets());
        // Before the first octet passes, the whole response can still be replaced.
        let announced = is_first.then(|| exchange::response_header("content-length")).flatten();
        let announced = announced.as_deref().and_then(number).unwrap_or(0);
        if announced.max(progress.seen) <= progress.max {
            exchange::set_value(RESPONSE, progress.octets(), exchange::Visible::Own)?;
            return Ok(BodyFlow::Continue);
        }
        exchange::annotate("refused", "response_max")?;
        if is_first {
            return Ok(Reply::new(502).text("the response is too large\n").into());
        }
        Err(plugin_sdk::Error::new(format!(
            "the response's body is longer than {}",
            Size::from_octets(progress.max)
        )))
    }
}

impl Limits {
    /// The answer to a request whose head says enough; none: it may go on.
    fn judge_head(&self, request: &Request, length: Option<u64>) -> Result<Option<Reply>> {
        let refused = |what, reply| exchange::annotate("refused", what).map(|()| Some(reply));
        if let Some(types) = &self.content_types
            && !types.iter().any(|range| range.fits(request.header("content-type")))
        {
            let reply = Reply::new(415).text("this content type is not accepted\n");
            return refused("content_types", reply);
        }
        match (length, self.max) {
            (Some(length), Some(max)) if length > max => refused("max", too_large(max)),
            (Some(length), _) if length < self.min => refused("min", too_small(self.min)),
            (None, _) if self.require_length => refused(
                "require_length",
                Reply::new(411).text("the body's length has to be announced\n"),
            ),
            _ => Ok(None),
        }
    }
}

/// How far a body has come. The calls for one body may go to different instances, so
/// that the exchange keeps it.
struct Progress {
    seen: u64,
    min: u64,
    max: u64,
}

impl Progress {
    fn new(min: u64, max: u64) -> Self {
        Self { seen: 0, min, max }
    }

    fn of(name: &str) -> Option<Self> {
        let octets: [u8; 24] = exchange::value(name)?.try_into().ok()?;
        let number = |at: usize| {
            octets[at..at + 8].iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet))
        };
        Some(Self { seen: number(0), min: number(8), max: number(16) })
    }

    fn octets(&self) -> [u8; 24] {
        let mut octets = [0; 24];
        octets[..8].copy_from_slice(&self.seen.to_be_bytes());
        octets[8..16].copy_from_slice(&self.min.to_be_bytes());
        octets[16..].copy_from_slice(&self.max.to_be_bytes());
        octets
    }

    fn add(&mut self, octets: &[u8]) {
        self.seen = self.seen.saturating_add(octets.len() as u64);
    }
}

fn refuse(status: u16, what: &str, text: &str) -> Result<Flow> {
    exchange::annotate("refused", what)?;
    Ok(Reply::new(status).text(text).into())
}

fn too_large(max: u64) -> Reply {
    Reply::new(413).text(format!("a body may have {} here\n", Size::from_octets(max)))
}

fn too_small(min: u64) -> Reply {
    Reply::new(400).text(format!("a body has {} or more here\n", Size::from_octets(min)))
}

/// A decimal number without a sign; one that does not fit is as large as can be.
fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
