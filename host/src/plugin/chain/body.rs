//! The body hooks of a run: which plugins see a body, and one call of one of them.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Body;

use super::edits::{self, Illegal};
use super::{Destinations, Failure, Run};
use crate::exchange::{Error, ErrorKind, Exchange, Message, Mode};
use crate::plugin::body::stage::{Decision, Stage};
use crate::plugin::body::{Pipeline, Stop};
use crate::plugin::instance::{Crash, Instance, Shown};
use crate::plugin::instance_pool::InstancePool;
use crate::plugin::interface::bindings::exports::wasmgate::plugin::{request_body, response_body};
use crate::plugin::interface::bindings::wasmgate::plugin::types::{
    self, RequestEdits, ResponseEdits,
};
use crate::plugin::limits::Hook;
use crate::plugin::registry::Plugin;
use crate::plugin::running_time::Lane;

/// Changes to a head, of either message.
enum HeadEdits {
    Request(RequestEdits),
    Response(ResponseEdits),
}

/// What a hook of either message decided.
enum Decided {
    Body(Decision, Option<HeadEdits>),
    Answer(types::Response),
    Fail(String),
}

/// What a checked decision came to.
enum Step {
    Word(&'static str),
    Answer(Response<Bytes>),
}

impl Run {
    /// Whether some plugin may want to see this body.
    pub fn wants_body(&self, of: Message) -> bool {
        let wants = |link: &InstancePool| exports(&link.plugin, of);
        self.chain.has_body_hook[of as usize] || self.more.iter().any(|link| wants(link))
    }

    /// The plugins from number `from` on that want to see the request's body.
    pub fn request_stages(&self, exchange: &Exchange, from: usize) -> Vec<Stage> {
        (from..self.passed).filter_map(|at| self.stage(Message::Request, at, exchange)).collect()
    }

    /// The plugins that want to see the response's body, of those that the response
    /// passed.
    pub fn response_stages(&self, exchange: &Exchange) -> Vec<Stage> {
        let passed = (0..self.reached).rev();
        passed.filter_map(|at| self.stage(Message::Response, at, exchange)).collect()
    }

    /// Whether there are plugins that have not seen the request.
    pub fn has_more(&self) -> bool {
        self.link_ref(self.passed).is_some()
    }

    /// How many plugins have seen the request.
    pub fn passed(&self) -> usize {
        self.passed
    }

    fn stage(&self, of: Message, at: usize, exchange: &Exchange) -> Option<Stage> {
        let plugin = &*self.link_ref(at)?.plugin;
        if !exports(plugin, of) {
            return None;
        }
        let selected = exchange
            .bodies
            .selected
            .iter()
            .find(|one| one.of == of && Arc::ptr_eq(&one.plugin, &plugin.settings.name));
        let always = match of {
            Message::Request => plugin.bodies.request,
            Message::Response => plugin.bodies.response,
        };
        let cap = plugin.settings.body_limit;
        let mode = match selected.map_or(always, |selected| selected.mode) {
            Mode::None => return None,
            Mode::First(count) => Mode::First(count.min(cap)),
            Mode::Whole(limit) => Mode::Whole(limit.min(cap)),
            Mode::Chunks(held) => Mode::Chunks(held.min(cap)),
            Mode::Watch => Mode::Watch,
        };
        Some(Stage::new(at, mode, plugin.settings.body_over_limit))
    }

    /// Calls the hook of the stage of that number, and carries out what it decides.
    ///
    /// The exchange is in its place again when this returns; if this is dropped
    /// before, it is there or an orphan ([`orphan`](crate::plugin::instance::orphan)).
    pub async fn body<B>(
        &mut self,
        of: Message,
        pipeline: &mut Pipeline<B>,
        number: usize,
        place: &mut Option<Box<Exchange>>,
        destinations: &dyn Destinations,
        lane: &Lane,
    ) -> Result<(), Stop>
    where
        B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
    {
        let stage = pipeline.stage(number);
        let at = stage.at;
        let Some(link) = self.link(at) else { return Ok(()) };
        let mut clock = self.traces.is_some().then(Instant::now);
        lane.begin();
        let step = match self.call_body(of, stage, &link, place, lane).await {
            Ok(decided) => self.decide_body(of, stage, place.as_deref_mut(), decided, destinations),
            Err(failure) => Err(failure),
        };
        let word = match &step {
            Ok(Step::Word(word)) => word,
            Ok(Step::Answer(_)) if of == Message::Request => "respond",
            Ok(Step::Answer(_)) => super::REPLACE,
            Err(failure) => failure.word(),
        };
        let step = match (step, place.as_deref()) {
            (Ok(step), _) => Ok(step),
            (Err(failure), Some(exchange)) => {
                let failed = self.failed(&link.plugin, hook(of), failure, exchange);
                failed.map(|()| Step::Word(word))
            }
            // Only a bug could lead here: without its exchange a message is lost.
            (Err(_), None) => Err(Error::new(ErrorKind::Internal, "a body without exchange")),
        };
        self.trace_body(of, at, &mut clock, word);
        match step {
            Ok(Step::Word(_)) => Ok(()),
            Ok(Step::Answer(response)) => {
                self.turn_back(of, at);
                Err(Stop::Answer(Box::new(response)))
            }
            Err(error) => {
                self.turn_back(of, at);
                Err(Stop::Failed(error))
            }
        }
        .inspect(|()| {
            // A failure that is passed over: the plugin is skipped from here on.
            if is_failure(word) {
                pipeline.stage(number).pass_rest();
            }
        })
    }

    /// The body is larger than a plugin takes, and the operator wants it refused.
    pub fn refuse(&mut self, of: Message, stage: &Stage) -> Error {
        self.turn_back(of, stage.at);
        self.trace_body(of, stage.at, &mut self.traces.is_some().then(Instant::now), "refused");
        let name = self.link_ref(stage.at).map(|link| Arc::clone(&link.plugin.settings.name));
        let name = name.as_deref().unwrap_or_default();
        match of {
            Message::Request => Error::new(
                ErrorKind::BodyTooLarge,
                format!("{name}: request-body: the body is larger than it asks for"),
            ),
            Message::Response => Error::new(
                ErrorKind::ResponseTooLarge,
                format!("{name}: response-body: the body is larger than it asks for"),
            ),
        }
    }

    /// Notes that a plugin sees nothing of a body that it asked for.
    pub fn unseen(&mut self, of: Message, at: usize) {
        self.trace_body(of, at, &mut self.traces.is_some().then(Instant::now), "unseen");
    }

    /// The request goes no further than this plugin: its response passes the
    /// plugins before it, without what those behind it had deferred.
    fn turn_back(&mut self, of: Message, at: usize) {
        if of == Message::Request {
            self.passed = self.passed.min(at);
            self.deferred.retain(|(owner, _)| *owner < at);
        }
    }

    async fn call_body(
        &mut self,
        of: Message,
        stage: &mut Stage,
        link: &InstancePool,
        place: &mut Option<Box<Exchange>>,
        lane: &Lane,
    ) -> Result<Decided, Failure> {
        let (mut instance, permit) = self.instance(stage.at, link, lane).await?;
        let trailers = stage.lend_trailers();
        let lent = trailers.is_some();
        if let (Some(exchange), true) = (place.as_deref_mut(), lent) {
            *trailers_of(exchange, of) = trailers;
        }
        let called = call(of, stage, &mut instance, link, place, lane).await;
        if let (Some(exchange), true) = (place.as_deref_mut(), lent) {
            stage.give_back_trailers(trailers_of(exchange, of).take());
        }
        self.settle(hook(of), stage.at, link, instance, permit, called)
    }

    /// Checks everything before anything is changed.
    fn decide_body(
        &mut self,
        of: Message,
        stage: &mut Stage,
        exchange: Option<&mut Exchange>,
        decided: Decided,
        destinations: &dyn Destinations,
    ) -> Result<Step, Failure> {
        let (decision, head) = match decided {
            Decided::Fail(text) => return Err(Failure::Said(text)),
            Decided::Answer(_) if of == Message::Response && stage.has_passed() => {
                return Err(too_late().into());
            }
            Decided::Answer(response) => {
                return Ok(Step::Answer(edits::check_response(response)?));
            }
            Decided::Body(decision, head) => (decision, head),
        };
        let word = word(&decision);
        let change = stage.check(decision)?;
        if let (Some(edits), Some(exchange)) = (head, exchange) {
            if stage.has_passed() {
                return Err(too_late().into());
            }
            match edits {
                HeadEdits::Request(edits) => self.edit(stage.at, exchange, edits, destinations)?,
                HeadEdits::Response(edits) => super::edit_response(exchange, edits)?,
            }
        }
        stage.apply(change);
        Ok(Step::Word(word))
    }

    fn trace_body(
        &mut self,
        of: Message,
        at: usize,
        clock: &mut Option<Instant>,
        word: &'static str,
    ) {
        self.trace(at, clock, |trace| {
            let noted = match of {
                Message::Request => &mut trace.request_body,
                Message::Response => &mut trace.response_body,
            };
            if noted.is_none_or(|noted| weight(word) >= weight(noted)) {
                *noted = Some(word);
            }
        });
    }
}

/// One word for all calls about one body: of these the one that says most.
fn weight(word: &str) -> u8 {
    match word {
        "continue" => 0,
        "hold" => 1,
        "forward" | "edit" => 2,
        _ => 3,
    }
}

fn is_failure(word: &str) -> bool {
    !matches!(word, "continue" | "hold" | "forward" | "edit")
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Continue => "continue",
        Decision::Hold(_) => "hold",
        Decision::Forward(_) => "forward",
        Decision::Edit(_) => "edit",
    }
}

fn too_late() -> Illegal {
    Illegal("to change the head after it has let octets of the body pass".to_owned())
}

fn hook(of: Message) -> Hook {
    match of {
        Message::Request => Hook::RequestBody,
        Message::Response => Hook::ResponseBody,
    }
}

/// Whether a plugin has the hook.
pub(super) fn exports(plugin: &Plugin, of: Message) -> bool {
    match of {
        Message::Request => plugin.artifact.exports.request_body.is_some(),
        Message::Response => plugin.artifact.exports.response_body.is_some(),
    }
}

fn trailers_of(exchange: &mut Exchange, of: Message) -> &mut Option<Box<HeaderMap>> {
    match of {
        Message::Request => &mut exchange.bodies.request_trailers,
        Message::Response => &mut exchange.bodies.response_trailers,
    }
}

async fn call(
    of: Message,
    stage: &Stage,
    instance: &mut Instance,
    link: &InstancePool,
    place: &mut Option<Box<Exchange>>,
    lane: &Lane,
) -> Result<Decided, Crash> {
    let settings = &link.plugin.settings;
    let (octets, part) = stage.shown();
    let shown = Shown { octets, part };
    let exchange = place.take().expect("a hook is called with the exchange in its place");
    match of {
        Message::Request => {
            let began = link.account.began(Hook::RequestBody);
            let (exchange, called) =
                instance.on_request_body(exchange, shown, settings, lane).await;
            link.account.ended(began);
            *place = Some(exchange);
            called.map(Decided::from)
        }
        Message::Response => {
            let began = link.account.began(Hook::ResponseBody);
            let (exchange, called) =
                instance.on_response_body(exchange, shown, settings, lane).await;
            link.account.ended(began);
            *place = Some(exchange);
            called.map(Decided::from)
        }
    }
}

impl From<request_body::Decision> for Decided {
    fn from(decision: request_body::Decision) -> Self {
        use request_body::Decision as Its;
        match decision {
            Its::Continue => Self::Body(Decision::Continue, None),
            Its::Hold(more) => Self::Body(Decision::Hold(more), None),
            Its::Forward(octets) => Self::Body(Decision::Forward(octets), None),
            Its::Edit(edits) => {
                Self::Body(Decision::Edit(edits.body), edits.head.map(HeadEdits::Request))
            }
            Its::Respond(response) => Self::Answer(response),
            Its::Fail(text) => Self::Fail(text),
        }
    }
}

impl From<response_body::Decision> for Decided {
    fn from(decision: response_body::Decision) -> Self {
        use response_body::Decision as Its;
        match decision {
            Its::Continue => Self::Body(Decision::Continue, None),
            Its::Hold(more) => Self::Body(Decision::Hold(more), None),
            Its::Forward(octets) => Self::Body(Decision::Forward(octets), None),
            Its::Edit(edits) => {
                Self::Body(Decision::Edit(edits.body), edits.head.map(HeadEdits::Response))
            }
            Its::Replace(response) => Self::Answer(response),
            Its::Fail(text) => Self::Fail(text),
        }
    }
}
