//! What is left to do when an exchange is over: count it, write the access log's
//! line, tell the plugins that asked.
//!
//! An exchange can end anywhere, also by the client going away in the middle of a
//! stage, which drops whatever is running. So this is a guard that begins with the
//! exchange and works when it is dropped.

use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

use crate::exchange::body::Meter;
use crate::exchange::{Error, ErrorKind, Exchange, Message, version_text};
use crate::http::connection::Active;
use crate::plugin::body::slot::{Slot, Token};
use crate::plugin::body::stage::Stage;
use crate::plugin::chain::{Chain, Destinations, Passage, Run};
use crate::plugin::instance;
use crate::plugin::interface::bindings::exports::wasmgate::plugin::complete::Outcome;
use crate::plugin::running_time::Lane;
use crate::snapshot::LocalSnapshot;
use crate::telemetry::access_log::{Annotation, Entry, ErrorEntry, PluginEntry};
use crate::upstream::client::{Attempts, Choice};

/// The guard of one exchange.
pub(super) struct Finish(Option<Box<State>>);

struct State {
    active: Active,
    snapshot: Rc<LocalSnapshot>,
    /// None as well while it is in the slot.
    run: Option<Run>,
    /// Where exchange and run are while bodies that plugins see are under way.
    slot: Option<Rc<Slot>>,
    status: Option<StatusCode>,
    sent: u64,
    received: u64,
    meter: Option<Rc<Meter>>,
    error: Option<Error>,
    account: Option<Account>,
    /// The exchange, while an endpoint is waited for.
    held: Option<Box<Exchange>>,
}

/// What only the access log and `complete` hooks want to know. Without either
/// there is none, and the exchange costs no look at a clock.
struct Account {
    time: SystemTime,
    began: Instant,
    upstream_began: Option<Instant>,
    upstream: Option<Duration>,
    attempts: Attempts,
    /// The exchange itself is gone when a client leaves while a plugin has it.
    request_id: HeaderValue,
    method: Method,
    version: Version,
    authority: HeaderValue,
    target: PathAndQuery,
    /// Those that the configuration names, as the client sent them; plugins may
    /// change the exchange's own.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Finish {
    /// An exchange begins.
    pub(super) fn begin(active: Active, snapshot: Rc<LocalSnapshot>, exchange: &Exchange) -> Self {
        let wanted = active.client().worker.logs() || snapshot.has_complete_hook();
        let account = wanted.then(|| Account {
            time: SystemTime::now(),
            began: Instant::now(),
            upstream_began: None,
            upstream: None,
            attempts: Attempts::default(),
            request_id: exchange.request_id.clone(),
            method: exchange.method.clone(),
            version: exchange.version,
            authority: exchange.authority.clone(),
            target: exchange.raw_target.clone(),
            headers: headers_to_log(&snapshot, exchange),
        });
        Self(Some(Box::new(State {
            active,
            snapshot,
            run: None,
            slot: None,
            status: None,
            sent: 0,
            received: 0,
            meter: None,
            error: None,
            account,
            held: None,
        })))
    }

    fn state(&self) -> &State {
        self.0.as_ref().expect("the state is there until the exchange has ended")
    }

    fn state_mut(&mut self) -> &mut State {
        self.0.as_mut().expect("the state is there until the exchange has ended")
    }

    /// The exchange's place among those of its connection.
    pub(super) fn active(&self) -> &Active {
        &self.state().active
    }

    /// What the exchange is handled by.
    pub(super) fn snapshot(&self) -> &Rc<LocalSnapshot> {
        &self.state().snapshot
    }

    /// Its way through the plugins, if there are any.
    pub(super) fn run(&self) -> Option<&Run> {
        self.state().run.as_ref()
    }

    /// Likewise, for an exchange that has plugins and is not lent.
    pub(super) fn run_mut(&mut self) -> &mut Run {
        self.state_mut().run.as_mut().expect("asked for where plugins are called")
    }

    /// Whether some plugin may want to see this body.
    pub(super) fn wants_body(&self, of: Message) -> bool {
        self.run().is_some_and(|run| run.wants_body(of))
    }

    /// The plugins from number `from` on that want to see the request's body.
    pub(super) fn request_stages(&self, exchange: &Exchange, from: usize) -> Vec<Stage> {
        self.run().map(|run| run.request_stages(exchange, from)).unwrap_or_default()
    }

    /// The plugins that want to see the response's body.
    pub(super) fn response_stages(&self, exchange: &Exchange) -> Vec<Stage> {
        self.run().map(|run| run.response_stages(exchange)).unwrap_or_default()
    }

    /// Where the exchange is from now on while nobody needs it: a body under way
    /// will.
    pub(super) fn slot(&mut self) -> Rc<Slot> {
        Rc::clone(self.state_mut().slot.get_or_insert_with(Slot::new))
    }

    /// Where it is, if a body under way may need it.
    pub(super) fn shared(&self) -> Option<Rc<Slot>> {
        self.state().slot.clone()
    }

    /// Whether plugins have seen the request.
    pub(super) fn has_plugins(&self) -> bool {
        self.state().run.is_some()
    }

    /// Whether a later hook may want to read the request.
    pub(super) fn reads_request_later(&self) -> bool {
        self.run().is_some_and(Run::reads_request_later)
    }

    /// Passes the request through a route's plugins.
    pub(super) async fn pass_request(
        &mut self,
        chain: Rc<Chain>,
        exchange: Box<Exchange>,
        destinations: &dyn Destinations,
        lane: &Lane,
    ) -> (Box<Exchange>, Passage) {
        let traced = self.active().client().worker.logs();
        let run = self.state_mut().run.insert(Run::new(chain, traced));
        run.request(exchange, destinations, lane).await
    }

    /// Passes the response through the plugins that saw the request.
    pub(super) async fn pass_response(
        &mut self,
        exchange: Box<Exchange>,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<Option<Bytes>, Error>) {
        match &mut self.state_mut().run {
            Some(run) => run.response(exchange, lane).await,
            None => (exchange, Ok(None)),
        }
    }

    /// Keeps the exchange while something else is waited for: if the client leaves
    /// meanwhile, it is still told of, and bodies under way may use it.
    pub(super) fn hold(&mut self, exchange: Box<Exchange>) {
        let state = self.state_mut();
        match (&state.slot, state.run.take()) {
            (Some(slot), Some(run)) => slot.put(Token { exchange, run }),
            (_, run) => {
                state.run = run;
                state.held = Some(exchange);
            }
        }
    }

    /// Gives back what [`Self::hold`] keeps, as soon as nobody else uses it.
    pub(super) async fn release(&mut self) -> Box<Exchange> {
        let state = self.state_mut();
        if let Some(exchange) = state.held.take() {
            return exchange;
        }
        let slot = state.slot.as_ref().expect("released once for each hold");
        let token = slot.take().await.expect("the slot is closed at the exchange's end");
        state.run = Some(token.run);
        token.exchange
    }

    /// What counts the request's body.
    pub(super) fn meter(&mut self, meter: Option<Rc<Meter>>) {
        self.state_mut().meter = meter;
    }

    /// An endpoint is asked.
    pub(super) fn upstream_begins(&mut self) {
        if let Some(account) = &mut self.state_mut().account {
            account.upstream_began = Some(Instant::now());
        }
    }

    /// An endpoint answered, or none did.
    pub(super) fn upstream_ended(&mut self, attempts: Attempts, answered: bool) {
        if let Some(account) = &mut self.state_mut().account {
            account.attempts = attempts;
            let took = account.upstream_began.map(|began| began.elapsed());
            account.upstream = took.filter(|_| answered);
        }
    }

    /// The status that the client gets.
    pub(super) fn status(&mut self, status: StatusCode) {
        self.state_mut().status = Some(status);
    }

    /// Octets of the response's body.
    pub(super) fn sent(&mut self, octets: u64) {
        let state = self.state_mut();
        state.sent = state.sent.max(octets);
    }

    /// Octets that passed a tunnel.
    pub(super) fn tunnelled(&mut self, (received, sent): (u64, u64)) {
        let state = self.state_mut();
        (state.received, state.sent) = (received, sent);
    }

    /// What went wrong; the first failure is the cause of later ones.
    pub(super) fn failed(&mut self, error: Error) {
        self.state_mut().error.get_or_insert(error);
    }

    /// The client did not wait for the end.
    pub(super) fn client_left(&mut self) {
        self.failed(Error::new(ErrorKind::ClientClosed, "the client left before the end"));
    }

    /// The exchange is over.
    pub(super) fn end(&mut self, exchange: Option<Box<Exchange>>) {
        let Some(mut state) = self.0.take() else { return };
        match (state.slot.take(), &state.run) {
            // A hook may still be running; it is waited for, since the exchange is
            // what there is to tell.
            (Some(slot), None) => slot.end(move |Token { exchange, run }| {
                state.run = Some(run);
                state.end(Some(exchange));
            }),
            (Some(slot), Some(_)) => {
                slot.close();
                state.end(exchange);
            }
            (None, _) => state.end(exchange),
        }
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        if let Some(state) = &mut self.0 {
            let id = state.account.as_ref().map(|account| &account.request_id);
            let exchange = state.held.take().or_else(|| id.and_then(instance::orphan));
            self.client_left();
            self.end(exchange);
        }
    }
}

impl State {
    fn end(self: Box<Self>, exchange: Option<Box<Exchange>>) {
        let counters = &self.active.client().worker.counters;
        counters.response(self.status.map_or(0, |status| status.as_u16()));
        if let Some(error) = &self.error {
            counters.error(error.kind);
        }
        self.log(exchange.as_deref());
        if let (Some(exchange), Some(run)) = (exchange, &self.run)
            && run.has_complete_hook()
        {
            self.complete(exchange);
        }
    }

    fn received(&self) -> u64 {
        self.meter.as_ref().map_or(self.received, |meter| meter.bytes.get())
    }

    fn log(&self, exchange: Option<&Exchange>) {
        let worker = &self.active.client().worker;
        let Some(account) = self.account.as_ref().filter(|_| worker.logs()) else { return };
        let connection = &self.active.client().facts;
        let traces = self.run.as_ref().map(Run::traces).unwrap_or_default();
        let mut plugins: Vec<PluginEntry<'_>> = traces
            .iter()
            .map(|trace| PluginEntry {
                name: &trace.plugin,
                request: trace.request,
                response: trace.response,
                request_body: trace.request_body,
                response_body: trace.response_body,
                balance: None,
                time: trace.time,
            })
            .collect();
        if let Some(choice) = &account.attempts.choice {
            add_choice(&mut plugins, choice);
        }
        let notes = exchange.map(|exchange| &*exchange.notes.annotations).unwrap_or_default();
        let annotations: Vec<Annotation<'_>> = notes
            .iter()
            .map(|note| Annotation { plugin: &note.plugin, key: &note.key, value: &note.value })
            .collect();
        let headers = account.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<(&str, &[u8])> = headers.collect();
        let endpoint = account.attempts.endpoint.as_ref();
        let peer = exchange.map_or(connection.peer, |exchange| exchange.client);
        worker.log(&Entry {
            time: account.time,
            request_id: Some(account.request_id.as_bytes()),
            client: peer,
            listener: &connection.listener,
            protocol: Some(version_text(account.version)),
            tls: connection.tls.as_ref().map(|tls| tls.version),
            method: Some(account.method.as_str()),
            host: Some(account.authority.as_bytes()).filter(|host| !host.is_empty()),
            path: Some(account.target.as_str().as_bytes()),
            route: exchange.map(|exchange| &*exchange.route).filter(|route| !route.is_empty()),
            cluster: exchange.and_then(|exchange| exchange.cluster.as_deref()),
            endpoint: endpoint.map(|endpoint| &*endpoint.target.url),
            status: self.status.map(|status| status.as_u16()),
            bytes_in: self.received(),
            bytes_out: self.sent,
            duration_us: micros(account.began.elapsed()),
            upstream_us: account.upstream.map(micros),
            attempts: Some(account.attempts.count).filter(|count| *count > 0),
            plugins: &plugins,
            annotations: &annotations,
            request_headers: &headers,
            error: self.error.as_ref().map(|error| ErrorEntry {
                kind: error.kind.as_str(),
                side: error.side().as_str(),
                detail: Some(&error.detail),
            }),
        });
    }

    /// Calls the `complete` hooks, after everything that the client waits for.
    fn complete(mut self: Box<Self>, exchange: Box<Exchange>) {
        let Some(mut run) = self.run.take() else { return };
        let outcome = Outcome {
            status: self.status.map_or(0, |status| status.as_u16()),
            bytes_in: self.received(),
            bytes_out: self.sent,
            duration_us: self.account.as_ref().map_or(0, |account| micros(account.began.elapsed())),
            upstream_us: self.account.as_ref().and_then(|account| account.upstream).map(micros),
            error: self.error.as_ref().map(|error| error.kind.as_str().to_owned()),
        };
        let worker = Rc::clone(&self.active.client().worker);
        if worker.is_closed() {
            return;
        }
        tokio::task::spawn_local(async move {
            // Counted as open work, so that a drain waits for it.
            let _open = worker.opened();
            run.complete(exchange, &outcome, &worker.lane).await;
        });
    }
}

/// Usually nothing, which costs no allocation.
fn headers_to_log(snapshot: &LocalSnapshot, exchange: &Exchange) -> Vec<(HeaderName, HeaderValue)> {
    let Some(log) = &snapshot.shared.config.access_log else { return Vec::new() };
    let mut found = Vec::new();
    for name in &log.request_headers {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let lines = exchange.headers.get_all(&name).iter();
        found.extend(lines.map(|value| (name.clone(), value.clone())));
    }
    found
}

/// A plugin that balances has an entry whether or not it is in the chain.
fn add_choice<'a>(plugins: &mut Vec<PluginEntry<'a>>, choice: &'a Choice) {
    let known = plugins.iter().position(|entry| *entry.name == *choice.by);
    let at = known.unwrap_or_else(|| {
        plugins.push(PluginEntry { name: &choice.by, ..PluginEntry::default() });
        plugins.len() - 1
    });
    let entry = &mut plugins[at];
    entry.balance = Some(if choice.obeyed { "pick" } else { "fallback" });
    entry.time += choice.time;
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
