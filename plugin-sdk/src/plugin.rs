//! The trait that a plugin implements, and what its hooks give and take.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{
    Attempt, BodyFlow, BodyMode, Endpoint, Pick, Reply, Request, RequestBody, Response,
    ResponseBody, Result, Subscription,
};

/// A plugin: made from its configuration, then called for each exchange.
///
/// An instance serves many exchanges, one at a time, and may be replaced at any
/// moment: what must outlive it belongs in the host
/// ([`exchange::set_value`](crate::exchange::set_value) for one exchange).
///
/// Under [`#[export]`](crate::export) the host calls exactly the hooks that the
/// `impl` block contains; a hook that is left out costs nothing.
pub trait Plugin: Sized {
    /// The configuration. [`NoConfig`] if there is nothing to configure.
    type Config: DeserializeOwned;

    /// Makes an instance.
    ///
    /// # Errors
    /// The text is shown to the operator and the plugin is not loaded: say which
    /// key is wrong and what would be right.
    fn new(config: Self::Config) -> Result<Self>;

    /// What the host shall hand over with each call; asked once, after [`new`](Self::new).
    fn subscription(&self) -> Subscription {
        Subscription::new()
    }

    /// The head of a request is there and its route is known; nothing has been
    /// sent to an endpoint.
    ///
    /// # Errors
    /// The plugin could not decide: `on_failure` says what happens.
    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let _ = request;
        Ok(Flow::Continue)
    }

    /// The head of a response is there, from an endpoint or from a later plugin;
    /// nothing has been sent to the client.
    ///
    /// # Errors
    /// The plugin could not decide: `on_failure` says what happens.
    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        let _ = response;
        Ok(())
    }

    /// How much of requests' bodies [`on_request_body`](Self::on_request_body) wants
    /// to see; asked once. [`body::select_request`](crate::body::select_request)
    /// changes it for one exchange.
    fn request_body(&self) -> BodyMode {
        BodyMode::None
    }

    /// The body of a request, as much of it as [`request_body`](Self::request_body)
    /// asks for, after `on_request` of all plugins. Not called for a request without
    /// a body.
    ///
    /// # Errors
    /// The plugin could not decide: `on_failure` says what happens.
    fn on_request_body(&mut self, body: &mut RequestBody) -> Result<BodyFlow> {
        let _ = body;
        Ok(BodyFlow::Continue)
    }

    /// How much of responses' bodies [`on_response_body`](Self::on_response_body)
    /// wants to see; asked once.
    /// [`body::select_response`](crate::body::select_response) changes it for one
    /// exchange.
    fn response_body(&self) -> BodyMode {
        BodyMode::None
    }

    /// The body of a response, as much of it as [`response_body`](Self::response_body)
    /// asks for, after `on_response` of all plugins. Not called for a response that
    /// has no body by its status or method.
    ///
    /// # Errors
    /// The plugin could not decide: `on_failure` says what happens.
    fn on_response_body(&mut self, body: &mut ResponseBody) -> Result<BodyFlow> {
        let _ = body;
        Ok(BodyFlow::Continue)
    }

    /// The exchange is over: for accounting and scoring. The client does not
    /// wait for this.
    fn on_complete(&mut self, outcome: &Outcome) {
        let _ = outcome;
    }

    /// An exchange on a cluster with `balance = "plugin:NAME"` needs an endpoint: one
    /// of [`Pick::loads`] by its number, or none to leave the choice to least-request.
    ///
    /// The instances that pick are apart from those that exchanges pass. There is no
    /// exchange to read: what a pick goes by comes with it
    /// ([`Subscription::pick_header`]).
    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        let _ = pick;
        None
    }

    /// The endpoints of the cluster that this instance picks for: before the first
    /// [`on_pick`](Self::on_pick), and again when they change. Never called without it.
    fn on_endpoints(&mut self, cluster: &str, endpoints: &[Endpoint]) {
        let _ = (cluster, endpoints);
    }

    /// How an attempt on an endpoint ended that [`on_pick`](Self::on_pick) chose; the
    /// client does not wait for this. Never called without it.
    fn on_attempt(&mut self, attempt: &Attempt) {
        let _ = attempt;
    }

    /// Called by time, without an exchange, on one worker of the process: for
    /// refreshing, sweeping and reporting.
    fn on_tick(&mut self) {}

    /// How long from one [`on_tick`](Self::on_tick) to the next: 10 milliseconds to a
    /// day, in whole milliseconds. Asked once, when the plugin is loaded.
    fn tick_interval(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// What happens to a request next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Go on, with the changes made to the [`Request`].
    Continue,
    /// Answer now. No endpoint is asked, later plugins do not see the request,
    /// and the changes made to the [`Request`] are dropped.
    Respond(Reply),
}

impl From<Reply> for Flow {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

/// How an exchange ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The status that the client saw; none when it left before there was one.
    pub status: Option<u16>,
    /// Body octets received from the client.
    pub bytes_in: u64,
    /// Body octets sent to the client.
    pub bytes_out: u64,
    /// From the request's head to the response's end.
    pub duration: Duration,
    /// From the first octet sent to an endpoint to the head of its response;
    /// none when no endpoint answered.
    pub upstream: Option<Duration>,
    /// What went wrong, in the words of the access log; none if nothing.
    pub error: Option<String>,
}

/// The configuration of a plugin that has none: a key is a mistake.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}
