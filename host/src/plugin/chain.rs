//! The ordered plugins of a route, and one exchange's way through them.
//!
//! The request passes in order, the response in reverse. A [`Run`] remembers for
//! one exchange how far the request came, what is to be changed in the response,
//! and the instances that belong to it alone.

// The body hooks.
mod body;
// What a plugin asks to change: checked, then applied.
pub mod edits;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::instance::{Asked, Crash, Decided, Instance};
use super::instance_pool::InstancePool;
use super::interface::bindings::exports::wasmgate::plugin::complete::Outcome;
use super::interface::bindings::exports::wasmgate::plugin::{request, response};
use super::interface::bindings::wasmgate::plugin::types::{
    Destination, RequestEdits, ResponseEdits,
};
use super::limits::{Hook, Permit};
use super::registry::Plugin;
use super::running_time::Lane;
use crate::config::{Isolation, OnFailure};
use crate::exchange::{Error, ErrorKind, Exchange, Message, ResponseHead, join_into};
use edits::{Edit, Illegal};

/// The plugins of one route on one worker.
pub struct Chain {
    links: Vec<Rc<InstancePool>>,
    has_response_hook: bool,
    has_complete_hook: bool,
    /// By message.
    has_body_hook: [bool; 2],
}

impl Chain {
    /// In the order in which a request passes.
    pub fn new(links: Vec<Rc<InstancePool>>) -> Rc<Self> {
        let any = |has: fn(&Plugin) -> bool| links.iter().any(|link| has(&link.plugin));
        let has_response_hook = any(|plugin| plugin.artifact.exports.response.is_some());
        let has_complete_hook = any(|plugin| plugin.artifact.exports.complete.is_some());
        let has_body_hook = [
            any(|plugin| body::exports(plugin, Message::Request)),
            any(|plugin| body::exports(plugin, Message::Response)),
        ];
        Rc::new(Self { links, has_response_hook, has_complete_hook, has_body_hook })
    }

    /// Whether nothing is to be called at all.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether a later hook may want to read the request.
    pub fn reads_request_later(&self) -> bool {
        let [of_request, of_response] = self.has_body_hook;
        self.has_response_hook || self.has_complete_hook || of_request || of_response
    }

    /// In the order in which a request passes.
    pub fn pools(&self) -> &[Rc<InstancePool>] {
        &self.links
    }
}

/// What a plugin may name as the destination of an exchange; the snapshot knows.
pub trait Destinations {
    /// The cluster's number and its name.
    fn cluster(&self, name: &str) -> Option<(usize, Arc<str>)>;
    /// The route.
    fn route(&self, name: &str) -> Option<ChosenRoute>;
}

/// A route that a plugin chose.
pub struct ChosenRoute {
    /// Its number.
    pub index: usize,
    /// Its plugins.
    pub chain: Rc<Chain>,
    /// The name of its cluster.
    pub cluster: Arc<str>,
}

/// How the request came through.
pub enum Passage {
    /// To an endpoint.
    Forward,
    /// A plugin answers.
    Answer(Box<Response<Bytes>>),
    /// A plugin failed, and its failure ends the exchange.
    Failed(Error),
}

/// What one plugin did to one exchange, for the access log.
#[derive(Debug)]
pub struct Trace {
    /// Configured name.
    pub plugin: Arc<str>,
    /// The decision on the request; none if it was not called.
    pub request: Option<&'static str>,
    /// The decision on the response; none if it was not called.
    pub response: Option<&'static str>,
    /// Of its decisions on the request's body, the one that says most.
    pub request_body: Option<&'static str>,
    /// Likewise on the response's body.
    pub response_body: Option<&'static str>,
    /// Time in its hooks, waits included.
    pub time: Duration,
}

/// One exchange's way through its chain.
pub struct Run {
    chain: Rc<Chain>,
    /// The chain of the route that a plugin chose, without what ran already.
    more: Vec<Rc<InstancePool>>,
    /// How many plugins have seen the request.
    passed: usize,
    /// How many plugins the response passes, or has passed.
    reached: usize,
    /// The number of the cluster or route that a plugin chose.
    destination: Option<Chosen>,
    /// Changes to the response, by the plugin that asked for them.
    deferred: Vec<(usize, Edit)>,
    /// Instances of plugins with `isolation = "exchange"`.
    own: Vec<(usize, Box<Instance>)>,
    traces: Option<Vec<Trace>>,
}

/// Where a plugin sent the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// This cluster.
    Cluster(usize),
    /// This route's cluster, time-outs and limits.
    Route(usize),
}

impl Run {
    /// A new exchange. Times and decisions are kept only when `traced`.
    pub fn new(chain: Rc<Chain>, traced: bool) -> Self {
        let traces = traced.then(|| Vec::with_capacity(chain.links.len()));
        Self {
            chain,
            more: Vec::new(),
            passed: 0,
            reached: 0,
            destination: None,
            deferred: Vec::new(),
            own: Vec::new(),
            traces,
        }
    }

    /// Where the plugins sent the exchange, if anywhere.
    pub fn destination(&self) -> Option<Chosen> {
        self.destination
    }

    /// Whether a later hook may want to read the request.
    pub fn reads_request_later(&self) -> bool {
        self.chain.reads_request_later() || !self.more.is_empty()
    }

    /// What each plugin did, for the access log.
    pub fn traces(&self) -> &[Trace] {
        self.traces.as_deref().unwrap_or_default()
    }

    /// Passes the request through the chain, in order.
    pub async fn request(
        &mut self,
        mut exchange: Box<Exchange>,
        destinations: &dyn Destinations,
        lane: &Lane,
    ) -> (Box<Exchange>, Passage) {
        if !self.chain.is_empty() {
            lane.begin();
        }
        let mut clock = self.traces.is_some().then(Instant::now);
        while let Some(link) = self.link(self.passed) {
            let at = self.passed;
            self.passed += 1;
            if link.plugin.artifact.exports.request.is_none() {
                continue;
            }
            let (back, step) = self.call_request(at, &link, exchange, lane).await;
            exchange = back;
            let step = match step {
                Ok(decision) => self.decide(at, &mut exchange, decision, destinations),
                Err(failure) => Err(failure),
            };
            let word = step.as_ref().map_or_else(Failure::word, Step::word);
            let step = match step {
                Ok(Step::Respond(response)) => Ok(Some(response)),
                Ok(Step::Continue | Step::Edit) => Ok(None),
                Err(failure) => {
                    self.failed(&link.plugin, Hook::Request, failure, &exchange).map(|()| None)
                }
            };
            self.trace(at, &mut clock, |trace| trace.request = Some(word));
            match step {
                Ok(None) => {}
                Ok(Some(response)) => {
                    // The plugin that answers has not seen a request go by: its
                    // own response hook is not for its own response.
                    self.passed = at;
                    return (exchange, Passage::Answer(response));
                }
                Err(error) => {
                    self.passed = at;
                    return (exchange, Passage::Failed(error));
                }
            }
        }
        (exchange, Passage::Forward)
    }

    /// Passes the response through the plugins that saw the request, in reverse.
    /// `Some` is a response that replaces the one that there was.
    pub async fn response(
        &mut self,
        mut exchange: Box<Exchange>,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<Option<Bytes>, Error>) {
        self.reached = self.passed;
        if self.deferred.is_empty() && !self.has_response_hook() {
            return (exchange, Ok(None));
        }
        lane.begin();
        let mut body = None;
        let mut clock = self.traces.is_some().then(Instant::now);
        while self.passed > 0 {
            self.passed -= 1;
            let at = self.passed;
            self.apply_deferred(at, &mut exchange);
            let Some(link) = self.link(at) else { continue };
            if link.plugin.artifact.exports.response.is_none() {
                continue;
            }
            let (back, step) = self.call_response(at, &link, exchange, lane).await;
            exchange = back;
            let step = step.and_then(|decision| respond(&mut exchange, decision, &mut body));
            let word = step.as_ref().map_or_else(Failure::word, |word| *word);
            if word == REPLACE {
                self.reached = at;
            }
            let step = match step {
                Ok(_) => Ok(()),
                Err(failure) => self.failed(&link.plugin, Hook::Response, failure, &exchange),
            };
            self.trace(at, &mut clock, |trace| trace.response = Some(word));
            if let Err(error) = step {
                return (exchange, Err(error));
            }
        }
        (exchange, Ok(body))
    }

    /// Whether `complete` has anything to call.
    pub fn has_complete_hook(&self) -> bool {
        self.chain.has_complete_hook
            || self.more.iter().any(|link| link.plugin.artifact.exports.complete.is_some())
    }

    /// Tells every plugin of the chain that asked how the exchange ended.
    pub async fn complete(&mut self, mut exchange: Box<Exchange>, outcome: &Outcome, lane: &Lane) {
        lane.begin();
        let mut at = 0;
        while let Some(link) = self.link(at) {
            if link.plugin.artifact.exports.complete.is_some() {
                exchange = self.call_complete(at, &link, exchange, outcome, lane).await;
            }
            at += 1;
        }
    }

    fn link(&self, at: usize) -> Option<Rc<InstancePool>> {
        self.link_ref(at).cloned()
    }

    fn link_ref(&self, at: usize) -> Option<&Rc<InstancePool>> {
        let own = self.chain.links.len();
        if at < own { self.chain.links.get(at) } else { self.more.get(at - own) }
    }

    fn has_response_hook(&self) -> bool {
        self.chain.has_response_hook
            || self.more.iter().any(|link| link.plugin.artifact.exports.response.is_some())
    }

    async fn call_request(
        &mut self,
        at: usize,
        link: &InstancePool,
        exchange: Box<Exchange>,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<Decided<request::Decision>, Failure>) {
        let plugin = &*link.plugin;
        let (mut instance, permit) = match self.instance(at, link, lane).await {
            Ok(ready) => ready,
            Err(failure) => return (exchange, Err(failure)),
        };
        let asked =
            asked(&plugin.subscription.request, &exchange.headers, Some(&exchange.authority));
        let began = link.account.began(Hook::Request);
        let (exchange, called) = instance.on_request(exchange, asked, &plugin.settings, lane).await;
        link.account.ended(began);
        (exchange, self.settle(Hook::Request, at, link, instance, permit, called))
    }

    async fn call_response(
        &mut self,
        at: usize,
        link: &InstancePool,
        exchange: Box<Exchange>,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<Decided<response::Decision>, Failure>) {
        let plugin = &*link.plugin;
        let (mut instance, permit) = match self.instance(at, link, lane).await {
            Ok(ready) => ready,
            Err(failure) => return (exchange, Err(failure)),
        };
        let (status, asked) = match &exchange.response {
            Some(head) => {
                (head.status.as_u16(), asked(&plugin.subscription.response, &head.headers, None))
            }
            None => (0, None),
        };
        let began = link.account.began(Hook::Response);
        let (exchange, called) =
            instance.on_response(exchange, status, asked, &plugin.settings, lane).await;
        link.account.ended(began);
        (exchange, self.settle(Hook::Response, at, link, instance, permit, called))
    }

    async fn call_complete(
        &mut self,
        at: usize,
        link: &InstancePool,
        exchange: Box<Exchange>,
        outcome: &Outcome,
        lane: &Lane,
    ) -> Box<Exchange> {
        let plugin = &*link.plugin;
        let Ok((mut instance, permit)) = self.instance(at, link, lane).await else {
            return exchange;
        };
        let began = link.account.began(Hook::Complete);
        let (exchange, called) =
            instance.on_complete(exchange, outcome.clone(), &plugin.settings, lane).await;
        link.account.ended(began);
        if let Err(failure) = self.settle(Hook::Complete, at, link, instance, permit, called) {
            // Nothing of the exchange is left to fail; it is logged and counted.
            let _ = self.failed(plugin, Hook::Complete, failure, &exchange);
        }
        exchange
    }

    /// The exchange's own instance, an idle one or a new one.
    async fn instance(
        &mut self,
        at: usize,
        link: &InstancePool,
        lane: &Lane,
    ) -> Result<(Box<Instance>, Permit), Failure> {
        let permit = link.plugin.crashes.permit().ok_or(Failure::Stopped)?;
        if link.plugin.settings.isolation == Isolation::Exchange {
            if let Some(held) = self.own.iter().position(|(owner, _)| *owner == at) {
                return Ok((self.own.swap_remove(held).1, permit));
            }
            let fresh = link.fresh(lane).await;
            return fresh
                .map(|instance| (instance, permit))
                .map_err(|crash| Failure::Crash(crash, permit));
        }
        let taken = link.take(lane).await;
        taken.map(|instance| (instance, permit)).map_err(|crash| Failure::Crash(crash, permit))
    }

    /// An instance that answered goes back; one that crashed is dropped.
    fn settle<T>(
        &mut self,
        hook: Hook,
        at: usize,
        link: &InstancePool,
        instance: Box<Instance>,
        permit: Permit,
        called: Result<T, Crash>,
    ) -> Result<T, Failure> {
        let value = called.map_err(|crash| Failure::Crash(crash, permit))?;
        link.plugin.crashes.succeeded(hook);
        match link.plugin.settings.isolation {
            Isolation::Shared => link.put(instance),
            Isolation::Exchange => self.own.push((at, instance)),
        }
        Ok(value)
    }

    fn decide(
        &mut self,
        at: usize,
        exchange: &mut Exchange,
        decision: Decided<request::Decision>,
        destinations: &dyn Destinations,
    ) -> Result<Step, Failure> {
        let Some(decision) = decision else { return Ok(Step::Continue) };
        match *decision {
            request::Decision::Continue => Ok(Step::Continue),
            request::Decision::Edit(edits) => {
                self.edit(at, exchange, edits, destinations)?;
                Ok(Step::Edit)
            }
            request::Decision::Respond(response) => {
                Ok(Step::Respond(Box::new(edits::check_response(response)?)))
            }
            request::Decision::Fail(text) => Err(Failure::Said(text)),
        }
    }

    /// Checks everything before anything is changed: a plugin that fails has
    /// changed nothing.
    fn edit(
        &mut self,
        at: usize,
        exchange: &mut Exchange,
        edits: RequestEdits,
        destinations: &dyn Destinations,
    ) -> Result<(), Failure> {
        let of_request = edits::check_all(edits.request_headers)?;
        let of_response = edits::check_all(edits.response_headers)?;
        let target = edits.target.map(edits::check_target).transpose()?;
        let authority = edits.authority.as_deref().map(edits::check_authority).transpose()?;
        if let Some(destination) = edits.destination {
            self.choose(exchange, &destination, destinations)?;
        }
        for edit in of_request {
            edit.apply(&mut exchange.headers);
        }
        if self.deferred.capacity() == 0 && !of_response.is_empty() {
            // Once for the chain, whose plugins mostly defer one edit each or none.
            self.deferred.reserve(of_response.len() + self.chain.links.len() - at);
        }
        // A body hook defers after the request hooks of later plugins have.
        let place = self.deferred.partition_point(|(owner, _)| *owner <= at);
        for (next, edit) in of_response.into_iter().enumerate() {
            self.deferred.insert(place + next, (at, edit));
        }
        if let Some(target) = target {
            exchange.target = target;
        }
        if let Some(authority) = authority {
            exchange.authority = authority;
        }
        Ok(())
    }

    fn choose(
        &mut self,
        exchange: &mut Exchange,
        destination: &Destination,
        destinations: &dyn Destinations,
    ) -> Result<(), Illegal> {
        let unknown = |what: &str, name: &str| {
            Illegal(format!("the {what} `{}`, which there is not", name.escape_debug()))
        };
        match destination {
            Destination::Cluster(name) => {
                let found = destinations.cluster(name).ok_or_else(|| unknown("cluster", name))?;
                self.destination = Some(Chosen::Cluster(found.0));
                exchange.cluster = Some(found.1);
            }
            Destination::Route(name) => {
                let route = destinations.route(name).ok_or_else(|| unknown("route", name))?;
                self.destination = Some(Chosen::Route(route.index));
                exchange.cluster = Some(route.cluster);
                self.add(&route.chain);
            }
        }
        Ok(())
    }

    /// Plugins of another route that are not in this run already.
    fn add(&mut self, chain: &Chain) {
        for link in &chain.links {
            let known = self.chain.links.iter().chain(&self.more);
            if !known.into_iter().any(|known| known.plugin.id == link.plugin.id) {
                self.more.push(Rc::clone(link));
            }
        }
    }

    fn apply_deferred(&mut self, at: usize, exchange: &mut Exchange) {
        let Some(head) = &mut exchange.response else { return };
        // In the order of the plugins, so that those of the last are at the end.
        let first = self.deferred.partition_point(|(owner, _)| *owner < at);
        for (_, edit) in self.deferred.drain(first..) {
            edit.apply(&mut head.headers);
        }
    }

    /// Logs and counts a failure, and says what it means for the exchange.
    fn failed(
        &self,
        plugin: &Plugin,
        hook: Hook,
        failure: Failure,
        exchange: &Exchange,
    ) -> Result<(), Error> {
        let kind = match failure {
            Failure::Stopped => ErrorKind::PluginUnavailable,
            _ => ErrorKind::PluginFailed,
        };
        let detail = failure.report(plugin, hook, exchange);
        match plugin.settings.on_failure {
            OnFailure::Open => Ok(()),
            OnFailure::Closed => Err(Error::new(kind, detail)),
        }
    }

    fn trace(&mut self, at: usize, clock: &mut Option<Instant>, note: impl FnOnce(&mut Trace)) {
        let (Some(traces), Some(began)) = (&mut self.traces, clock) else { return };
        let now = Instant::now();
        let time = now - *began;
        *began = now;
        while traces.len() <= at {
            let next = traces.len();
            let own = self.chain.links.len();
            let link =
                if next < own { self.chain.links.get(next) } else { self.more.get(next - own) };
            let Some(link) = link else { return };
            traces.push(Trace::new(&link.plugin));
        }
        traces[at].time += time;
        note(&mut traces[at]);
    }
}

impl Trace {
    fn new(plugin: &Plugin) -> Self {
        Self {
            plugin: Arc::clone(&plugin.settings.name),
            request: None,
            response: None,
            request_body: None,
            response_body: None,
            time: Duration::ZERO,
        }
    }
}

/// What a plugin decided about a request.
enum Step {
    Continue,
    Edit,
    Respond(Box<Response<Bytes>>),
}

impl Step {
    fn word(&self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Edit => "edit",
            Self::Respond(_) => "respond",
        }
    }
}

/// Why a hook's result cannot be used.
enum Failure {
    Crash(Crash, Permit),
    Illegal(String),
    Said(String),
    Stopped,
}

impl From<Illegal> for Failure {
    fn from(illegal: Illegal) -> Self {
        Self::Illegal(illegal.0)
    }
}

impl Failure {
    /// The word in the access log.
    fn word(&self) -> &'static str {
        match self {
            Self::Crash(crash, _) => crash.kind.as_str(),
            Self::Illegal(_) => "illegal",
            Self::Said(_) => "fail",
            Self::Stopped => "stopped",
        }
    }

    /// Tells the operator, and answers with the text for the access log.
    fn report(self, plugin: &Plugin, hook: Hook, exchange: &Exchange) -> String {
        let name = &plugin.settings.name;
        let request_id = String::from_utf8_lossy(exchange.request_id.as_bytes());
        let word = self.word();
        let detail = match self {
            Self::Crash(crash, permit) => {
                plugin.crashed(hook, &crash, permit);
                crash.detail
            }
            Self::Illegal(what) => {
                plugin.counters.failures.fetch_add(1, Ordering::Relaxed);
                format!("asked for something illegal: {what}")
            }
            Self::Said(text) => {
                plugin.counters.failures.fetch_add(1, Ordering::Relaxed);
                text
            }
            Self::Stopped => return format!("{name}: stopped after too many crashes in a row"),
        };
        if plugin.settings.allowance.take(&plugin.settings.name) {
            tracing::warn!(plugin = %name, hook = hook.as_str(), %request_id, failure = word, "{detail}");
        }
        format!("{name}: {}: {word}: {detail}", hook.as_str())
    }
}

/// Applies a plugin's decision about a response; says the word for it.
fn respond(
    exchange: &mut Exchange,
    decision: Decided<response::Decision>,
    body: &mut Option<Bytes>,
) -> Result<&'static str, Failure> {
    let Some(decision) = decision else { return Ok("continue") };
    match *decision {
        response::Decision::Continue => Ok("continue"),
        response::Decision::Fail(text) => Err(Failure::Said(text)),
        response::Decision::Edit(edits) => {
            edit_response(exchange, edits)?;
            Ok("edit")
        }
        response::Decision::Replace(response) => {
            let (parts, bytes) = edits::check_response(response)?.into_parts();
            exchange.response = Some(ResponseHead { status: parts.status, headers: parts.headers });
            *body = Some(bytes);
            Ok(REPLACE)
        }
    }
}

/// The word for a response that takes the place of another.
const REPLACE: &str = "replace";

/// Checks all of it before anything is changed.
fn edit_response(exchange: &mut Exchange, edits: ResponseEdits) -> Result<(), Illegal> {
    let status = edits.status.map(edits::check_status).transpose()?;
    let edits = edits::check_all(edits.headers)?;
    if let Some(head) = &mut exchange.response {
        head.status = status.unwrap_or(head.status);
        for edit in edits {
            edit.apply(&mut head.headers);
        }
    }
    Ok(())
}

/// The subscribed fields, packed as the contract says (`types.asked-values`); `host`
/// is kept apart from the others.
pub fn asked(names: &[HeaderName], headers: &HeaderMap, host: Option<&HeaderValue>) -> Asked {
    /// For one value and its length; more grows.
    const ROOM: usize = 128;
    const ABSENT: [u8; 4] = u32::MAX.to_le_bytes();
    if names.is_empty() {
        return None;
    }
    let mut packed = Vec::with_capacity(names.len() * ROOM);
    for name in names {
        packed.extend_from_slice(&ABSENT);
        let begin = packed.len();
        let found = match host {
            Some(host) if *name == HOST => {
                packed.extend_from_slice(host.as_bytes());
                true
            }
            _ => join_into(headers, name, &mut packed),
        };
        if found {
            let length = u32::try_from(packed.len() - begin).expect("a head is bounded");
            packed[begin - ABSENT.len()..begin].copy_from_slice(&length.to_le_bytes());
        }
    }
    Some(packed)
}
