//! Run a plugin natively, without Wasm and without a proxy.
//!
//! On every target but Wasm the host's functions are fakes that read and write
//! an [`Exchange`] made by the test. [`Loaded`] does what the host does around a
//! hook: it hands over what was subscribed to, holds the plugin to the contract,
//! and applies the edits, so that a test looks at what came of them.
//!
//! ```
//! use plugin_sdk::testing::{Exchange, Loaded, Verdict};
//! use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result};
//!
//! struct Guard;
//!
//! impl Plugin for Guard {
//!     type Config = NoConfig;
//!     fn new(_: NoConfig) -> Result<Self> {
//!         Ok(Self)
//!     }
//!     fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
//!         if request.path().starts_with("/admin") {
//!             return Ok(Reply::new(403).into());
//!         }
//!         request.set_header("x-guarded", "yes");
//!         Ok(Flow::Continue)
//!     }
//! }
//!
//! let guard = Loaded::<Guard>::new("{}")?;
//!
//! let mut open = Exchange::get("/");
//! assert_eq!(guard.on_request(&mut open), Verdict::Continue);
//! assert_eq!(open.request_header("x-guarded").as_deref(), Some("yes"));
//!
//! let mut closed = Exchange::get("/admin/users");
//! assert_eq!(guard.on_request(&mut closed), Verdict::Respond);
//! assert_eq!(closed.status(), Some(403));
//! # Ok::<(), String>(())
//! ```
//!
//! What a plugin keeps in the host (`kv`, `counter`, `rate_limit`, `metrics`) is
//! kept for the test's thread, as if there were one plugin; a test reads it with the
//! plugin's own functions, or with [`measured`]. [`clock::advance`] lets time pass
//! for it.

mod apply;
mod body;
pub mod clock;
mod cluster;
mod exchange;
pub(crate) mod host;

pub use body::Passed;
pub use cluster::Cluster;
pub use exchange::Exchange;
use exchange::Phase;
pub use host::metrics::{Measured, measured};
pub use host::secrets::grant_secret;

use crate::asked::pack;
use crate::bindings::{complete, request, response};
use crate::export::Slot;
use crate::{Attempt, Outcome, Plugin, Subscription};

/// What a hook came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The exchange goes on; its edits are applied.
    Continue,
    /// The plugin answered: the exchange has its response.
    Respond,
    /// The plugin could not decide, or broke the contract; this is why.
    Fail(String),
}

/// One configured instance of a plugin.
pub struct Loaded<P> {
    slot: Slot<P>,
    name: String,
    subscription: Subscription,
}

impl<P: Plugin> Loaded<P> {
    /// Configures an instance with this JSON document.
    ///
    /// # Errors
    /// The text that the operator would be shown.
    pub fn new(config: &str) -> Result<Self, String> {
        let slot = Slot::new();
        let wanted = slot.configure(config)?;
        let pick = slot.asked();
        Ok(Self {
            slot,
            name: "plugin".to_owned(),
            subscription: Subscription {
                request: wanted.request_headers,
                response: wanted.response_headers,
                pick,
            },
        })
    }

    /// Gives the plugin the name under which other plugins read its values.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What the plugin asked for.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Looks at the plugin's own state.
    pub fn plugin<T>(&self, read: impl FnOnce(&P) -> T) -> T {
        self.slot.with(read).expect("`new` configured the instance")
    }

    /// Runs `on_request` and applies what it decided. Edits of the response are
    /// kept until [`on_response`](Self::on_response).
    pub fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let asked = pack(&exchange.joined_request(&self.subscription.request));
        exchange.phase = Phase::Request;
        let decision = self.run(exchange, || self.slot.on_request(asked));
        match decision {
            request::Decision::Continue => Verdict::Continue,
            request::Decision::Edit(edits) => verdict(apply::request(exchange, edits)),
            request::Decision::Respond(reply) => match apply::reply(exchange, reply) {
                Ok(()) => Verdict::Respond,
                Err(reason) => Verdict::Fail(reason),
            },
            request::Decision::Fail(reason) => Verdict::Fail(reason),
        }
    }

    /// Applies the edits kept from `on_request`, then runs `on_response` and
    /// applies what it decided. The exchange must have a response.
    pub fn on_response(&self, exchange: &mut Exchange) -> Verdict {
        let Some(status) = exchange.status() else {
            return Verdict::Fail("the exchange has no response".to_owned());
        };
        if let Err(reason) = apply::kept(exchange) {
            return Verdict::Fail(reason);
        }
        let asked = pack(&exchange.joined_response(&self.subscription.response));
        exchange.phase = Phase::Response;
        let decision = self.run(exchange, || self.slot.on_response(status, asked));
        match decision {
            response::Decision::Continue => Verdict::Continue,
            response::Decision::Edit(edits) => verdict(apply::response(exchange, edits)),
            response::Decision::Replace(reply) => match apply::reply(exchange, reply) {
                Ok(()) => Verdict::Respond,
                Err(reason) => Verdict::Fail(reason),
            },
            response::Decision::Fail(reason) => Verdict::Fail(reason),
        }
    }

    /// Passes a request's body, which comes in these pieces, through
    /// `on_request_body`, and applies what it decided.
    pub fn on_request_body(&self, exchange: &mut Exchange, pieces: &[&[u8]]) -> Passed {
        exchange.has_body = true;
        let mode = exchange.request_mode.unwrap_or_else(|| self.slot.request_body_mode());
        body::pass(exchange, Phase::RequestBody, mode, pieces, |exchange, octets, part| {
            self.run(exchange, || self.slot.on_request_body(octets, part)).into()
        })
    }

    /// Passes a response's body, which comes in these pieces, through
    /// `on_response_body`, and applies what it decided. The exchange must have a
    /// response if its head is read or changed.
    pub fn on_response_body(&self, exchange: &mut Exchange, pieces: &[&[u8]]) -> Passed {
        let mode = exchange.response_mode.unwrap_or_else(|| self.slot.response_body_mode());
        body::pass(exchange, Phase::ResponseBody, mode, pieces, |exchange, octets, part| {
            self.run(exchange, || self.slot.on_response_body(octets, part)).into()
        })
    }

    /// Runs `on_complete`.
    pub fn on_complete(&self, exchange: &mut Exchange, outcome: &Outcome) {
        exchange.phase = Phase::Complete;
        let micros = |d: std::time::Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let outcome = complete::Outcome {
            status: outcome.status.unwrap_or(0),
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            duration_us: micros(outcome.duration),
            upstream_us: outcome.upstream.map(micros),
            error: outcome.error.clone(),
        };
        self.run(exchange, || self.slot.on_complete(outcome));
    }

    /// Tells the plugin the endpoints of a cluster, as the host does before the first
    /// pick and when they change.
    pub fn on_endpoints(&self, cluster: &Cluster) {
        self.slot.on_endpoints(&cluster.name, &cluster.endpoints);
    }

    /// Lets the plugin pick an endpoint for an exchange, by its number; none leaves the
    /// choice to least-request.
    ///
    /// # Errors
    /// The plugin picked what it was not offered; the host then counts a failure, and
    /// least-request chooses.
    pub fn on_pick(&self, exchange: &Exchange, cluster: &Cluster) -> Result<Option<u32>, String> {
        let asked = pack(&exchange.joined_request(&self.subscription.pick));
        match self.slot.on_pick(asked, cluster.key, cluster.loads.clone()) {
            Some(id) if !cluster.loads.iter().any(|load| load.id == id) => {
                Err(format!("picked the endpoint {id}, which it was not offered"))
            }
            picked => Ok(picked),
        }
    }

    /// Tells the plugin how an attempt on an endpoint ended that it picked.
    pub fn on_attempt(&self, attempt: &Attempt) {
        self.slot.on_attempt(attempt);
    }

    /// Calls the plugin by time.
    pub fn on_tick(&self) {
        self.slot.on_tick();
    }

    /// What the plugin says of how often it wants to be called by time, as the host
    /// sees it: in whole milliseconds.
    pub fn tick_interval(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.slot.tick_interval().into())
    }

    fn run<T>(&self, exchange: &mut Exchange, hook: impl FnOnce() -> T) -> T {
        host::during(exchange, &self.name, hook)
    }
}

fn verdict(applied: Result<(), String>) -> Verdict {
    match applied {
        Ok(()) => Verdict::Continue,
        Err(reason) => Verdict::Fail(reason),
    }
}

#[cfg(test)]
mod tests;
