//! One live store of a plugin, and the calls into it.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, TypedFunc,
};
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};

use super::account::Account;
use super::artifact::{BodyExports, Exports};
use super::interface::bindings::exports::wasmgate::plugin::complete::Outcome;
use super::interface::bindings::exports::wasmgate::plugin::lifecycle::Subscription;
use super::interface::bindings::exports::wasmgate::plugin::request::Decision as RequestDecision;
use super::interface::bindings::exports::wasmgate::plugin::request_body::Decision as RequestBodyDecision;
use super::interface::bindings::exports::wasmgate::plugin::response::Decision as ResponseDecision;
use super::interface::bindings::exports::wasmgate::plugin::response_body::Decision as ResponseBodyDecision;
use super::interface::bindings::wasmgate::plugin::types::{BodyMode, BodyPart};
use super::interface::http::{Outbound, Requests};
use super::interface::wasi::Wasi;
use super::limits::{HOSTCALL_BYTES_MAX, Hook, LogAllowance, MemoryLimit};
use super::pattern_set::{AskedSets, PatternSet};
use super::registry::Settings;
use super::running_time::{Budget, Lane};
use super::store::{Defined, Services};
use crate::exchange::{Exchange, Mode};

/// What the host functions of one instance see.
pub struct HostState {
    /// The plugin's configured name.
    pub(super) name: Arc<str>,
    /// The exchange that the current hook is about.
    pub(super) exchange: Option<Box<Exchange>>,
    /// That hook, if there is an exchange.
    pub(super) hook: Hook,
    /// What a body hook is shown, while it runs.
    pub(super) shown: Option<Bytes>,
    /// What the plugin exports.
    pub(super) exports: Arc<Exports>,
    pub(super) allowance: Arc<LogAllowance>,
    pub(super) files: Arc<[PathBuf]>,
    /// What the plugin was granted.
    pub(super) services: Arc<Services>,
    /// The sets of patterns that it asked for.
    pub(super) sets: AskedSets,
    /// Handles of secrets that the guest holds.
    pub(super) secret_handles: u32,
    /// What the guest has defined with it.
    pub(super) defined: Defined,
    pub(super) wasi: Wasi,
    pub(super) requests: Requests,
    memory: MemoryLimit,
    budget: Budget,
    out_of_time: bool,
}

impl Drop for HostState {
    fn drop(&mut self) {
        // A client that leaves while a hook runs drops the hook, and the exchange
        // with it, which others still have to hear of.
        if let Some(exchange) = self.exchange.take() {
            ORPHAN.set(Some(exchange));
        }
    }
}

thread_local! {
    /// The exchange of the last hook that was dropped before it ended.
    static ORPHAN: Cell<Option<Box<Exchange>>> = const { Cell::new(None) };
}

/// The exchange of a hook that was dropped before it ended, if it was this one.
pub fn orphan(request_id: &HeaderValue) -> Option<Box<Exchange>> {
    ORPHAN.take().filter(|exchange| exchange.request_id == *request_id)
}

impl HostState {
    /// Text about the current exchange; empty outside of one.
    pub(super) fn text(&self, read: impl FnOnce(&Exchange) -> String) -> String {
        self.exchange.as_deref().map(read).unwrap_or_default()
    }
}

/// Running time for instantiation and `configure`, which may build tables and start
/// a language's runtime; a hook's own deadline would be too short for that.
const START_DEADLINE: Duration = Duration::from_secs(5);

/// The asked-for fields of one call, packed as the contract says; none = nothing was
/// asked for.
pub type Asked = Option<Vec<u8>>;

/// A hook's decision; none = go on, nothing changed.
///
/// Boxed where it is made: it passes up through every layer of the call, and a
/// record of that size would be copied at each of them.
pub type Decided<T> = Option<Box<T>>;

/// One live store of a plugin.
pub struct Instance {
    store: Store<HostState>,
    exports: Arc<Exports>,
    instance: wasmtime::component::Instance,
    request: Option<TypedFunc<(Asked,), (RequestDecision,)>>,
    response: Option<TypedFunc<(u16, Asked), (ResponseDecision,)>>,
}

/// Why a call into a plugin did not end well; the instance is gone.
#[derive(Debug)]
pub struct Crash {
    /// One word for the access log.
    pub kind: CrashKind,
    /// For the operator.
    pub detail: String,
}

/// How an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// It trapped.
    Trap,
    /// It ran, or waited, for too long.
    Deadline,
    /// It asked for more memory than it may have.
    Memory,
    /// There was none: too many live already.
    Busy,
}

impl Crash {
    /// A hook is called only where the plugin exports it.
    pub(super) fn not_exported() -> Self {
        let detail = "the plugin does not export this hook".to_owned();
        Self { kind: CrashKind::Trap, detail }
    }

    /// `configure` refused what another instance took when the plugin was loaded.
    pub(super) fn refused(text: &str) -> Self {
        let detail = format!("refuses the configuration that it took before: {text}");
        Self { kind: CrashKind::Trap, detail }
    }
}

impl CrashKind {
    /// The word in the access log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Busy => "busy",
        }
    }
}

impl Instance {
    /// A new store, instantiated and configured. The subscription is what the
    /// guest answered; an `Err` inside is the guest's own text.
    pub async fn new(
        pre: &InstancePre<HostState>,
        exports: &Arc<Exports>,
        settings: &Settings,
        outbound: Option<&Arc<dyn Outbound>>,
        account: &Arc<Account>,
        lane: &Lane,
    ) -> Result<(Self, Result<Subscription, String>), Crash> {
        let mut store = Store::new(
            pre.engine(),
            HostState {
                name: Arc::clone(&settings.name),
                exchange: None,
                hook: Hook::Complete,
                shown: None,
                exports: Arc::clone(exports),
                allowance: Arc::clone(&settings.allowance),
                files: Arc::clone(&settings.files),
                services: Arc::clone(&settings.services),
                sets: AskedSets::new(settings.sets.clone()),
                secret_handles: 0,
                defined: Defined::default(),
                wasi: Wasi::default(),
                requests: Requests::default(),
                memory: MemoryLimit::new(settings.memory, Arc::clone(account)),
                budget: Budget::default(),
                out_of_time: false,
            },
        );
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.epoch_deadline_callback(|mut store| {
            let state = store.data_mut();
            if state.budget.spend() {
                return Ok(UpdateDeadline::Yield(1));
            }
            state.out_of_time = true;
            Ok(UpdateDeadline::Interrupt)
        });
        arm(&mut store, START_DEADLINE);
        let instantiated = lane.drive(pre.instantiate_async(&mut store), START_DEADLINE).await;
        let instance = finish(instantiated, &mut store)?;
        let mut new =
            Self { store, exports: Arc::clone(exports), instance, request: None, response: None };
        let configure: TypedFunc<(Arc<str>,), (Result<Subscription, String>,)> =
            typed(&mut new.store, instance, &new.exports.configure)?;
        arm(&mut new.store, START_DEADLINE);
        let call = configure.call_async(&mut new.store, (Arc::clone(&settings.config),));
        let called = lane.drive(call, START_DEADLINE).await;
        let (subscription,) = finish(called, &mut new.store)?;
        // Not before: where a plugin is only tried out there is no worker to send from,
        // and `configure` is to answer the same everywhere.
        if let Some(outbound) = outbound {
            new.store.data_mut().requests.allow(Arc::clone(outbound));
        }
        if let Some(export) = &new.exports.request {
            new.request = Some(typed(&mut new.store, instance, export)?);
        }
        if let Some(export) = &new.exports.response {
            new.response = Some(typed(&mut new.store, instance, export)?);
        }
        Ok((new, subscription))
    }

    /// The sets of patterns that it asked for.
    pub fn sets(&self) -> Arc<[Arc<PatternSet>]> {
        self.store.data().sets.compiled()
    }

    /// Calls `request.on-request`; the exchange is given back with the decision,
    /// or with the crash.
    pub async fn on_request(
        &mut self,
        exchange: Box<Exchange>,
        asked: Asked,
        settings: &Settings,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<Decided<RequestDecision>, Crash>) {
        let Some(hook) = &self.request else { return (exchange, Err(Crash::not_exported())) };
        begin(&mut self.store, Hook::Request, exchange, settings);
        let call = async {
            let (decision,) = hook.call_async(&mut self.store, (asked,)).await?;
            Ok(match decision {
                RequestDecision::Continue => None,
                decision => Some(Box::new(decision)),
            })
        };
        let called = lane.drive(call, settings.deadline).await;
        let decision = finish(called, &mut self.store);
        (take(&mut self.store), decision)
    }

    /// Calls `response.on-response`, likewise.
    pub async fn on_response(
        &mut self,
        exchange: Box<Exchange>,
        status: u16,
        asked: Asked,
        settings: &Settings,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<Decided<ResponseDecision>, Crash>) {
        let Some(hook) = &self.response else { return (exchange, Err(Crash::not_exported())) };
        begin(&mut self.store, Hook::Response, exchange, settings);
        let call = async {
            let (decision,) = hook.call_async(&mut self.store, (status, asked)).await?;
            Ok(match decision {
                ResponseDecision::Continue => None,
                decision => Some(Box::new(decision)),
            })
        };
        let called = lane.drive(call, settings.deadline).await;
        let decision = finish(called, &mut self.store);
        (take(&mut self.store), decision)
    }

    /// A function for [`Self::call`].
    pub(super) fn function<Params, Return>(
        &mut self,
        export: &ComponentExportIndex,
    ) -> Result<TypedFunc<Params, Return>, Crash>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        typed(&mut self.store, self.instance, export)
    }

    /// Calls a hook that is about no exchange.
    pub(super) async fn call<Params, Return>(
        &mut self,
        hook: &TypedFunc<Params, Return>,
        params: Params,
        deadline: Duration,
        lane: &Lane,
    ) -> Result<Return, Crash>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift + 'static,
    {
        arm(&mut self.store, deadline);
        let called = lane.drive(hook.call_async(&mut self.store, params), deadline).await;
        finish(called, &mut self.store)
    }

    /// Calls `complete.on-complete`.
    pub async fn on_complete(
        &mut self,
        exchange: Box<Exchange>,
        outcome: Outcome,
        settings: &Settings,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<(), Crash>) {
        let Some(export) = self.exports.complete else {
            return (exchange, Err(Crash::not_exported()));
        };
        let hook: TypedFunc<(Outcome,), ()> = match typed(&mut self.store, self.instance, &export) {
            Ok(hook) => hook,
            Err(crash) => return (exchange, Err(crash)),
        };
        begin(&mut self.store, Hook::Complete, exchange, settings);
        let called =
            lane.drive(hook.call_async(&mut self.store, (outcome,)), settings.deadline).await;
        let result = finish(called, &mut self.store);
        (take(&mut self.store), result)
    }

    /// Calls `request-body.on-request-body`.
    pub async fn on_request_body(
        &mut self,
        exchange: Box<Exchange>,
        shown: Shown,
        settings: &Settings,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<RequestBodyDecision, Crash>) {
        let exports = self.exports.request_body;
        self.on_body(Hook::RequestBody, exports, exchange, shown, settings, lane).await
    }

    /// Calls `response-body.on-response-body`.
    pub async fn on_response_body(
        &mut self,
        exchange: Box<Exchange>,
        shown: Shown,
        settings: &Settings,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<ResponseBodyDecision, Crash>) {
        let exports = self.exports.response_body;
        self.on_body(Hook::ResponseBody, exports, exchange, shown, settings, lane).await
    }

    async fn on_body<D: 'static>(
        &mut self,
        hook: Hook,
        exports: Option<BodyExports>,
        exchange: Box<Exchange>,
        Shown { octets, part }: Shown,
        settings: &Settings,
        lane: &Lane,
    ) -> (Box<Exchange>, Result<D, Crash>)
    where
        (D,): ComponentNamedList + Lift,
    {
        let Some(exports) = exports else { return (exchange, Err(Crash::not_exported())) };
        // Looked up for each call, so that the octets need not be owned by it: that
        // is a fraction of what copying a piece would cost.
        let function: TypedFunc<(&[u8], BodyPart), (D,)> =
            match typed(&mut self.store, self.instance, &exports.hook) {
                Ok(function) => function,
                Err(crash) => return (exchange, Err(crash)),
            };
        begin(&mut self.store, hook, exchange, settings);
        self.store.data_mut().shown = Some(octets.clone());
        let call = function.call_async(&mut self.store, (&octets, part));
        let called = lane.drive(call, settings.deadline).await;
        let decision = finish(called, &mut self.store).map(|(decision,)| decision);
        self.store.data_mut().shown = None;
        (take(&mut self.store), decision)
    }

    /// How much of the request's and of the response's body the plugin wants to see.
    pub async fn modes(&mut self, lane: &Lane) -> Result<(Mode, Mode), Crash> {
        let Exports { request_body, response_body, .. } = *self.exports;
        let of_request = self.mode(request_body, lane).await?;
        Ok((of_request, self.mode(response_body, lane).await?))
    }

    async fn mode(&mut self, exports: Option<BodyExports>, lane: &Lane) -> Result<Mode, Crash> {
        let Some(exports) = exports else { return Ok(Mode::None) };
        let function: TypedFunc<(), (BodyMode,)> =
            typed(&mut self.store, self.instance, &exports.mode)?;
        arm(&mut self.store, START_DEADLINE);
        let called = lane.drive(function.call_async(&mut self.store, ()), START_DEADLINE).await;
        finish(called, &mut self.store).map(|(mode,)| mode.into())
    }
}

/// What a body hook is shown.
#[derive(Clone)]
pub struct Shown {
    /// The octets.
    pub octets: Bytes,
    /// Where in the body they are.
    pub part: BodyPart,
}

fn typed<Params, Return>(
    store: &mut Store<HostState>,
    instance: wasmtime::component::Instance,
    export: &ComponentExportIndex,
) -> Result<TypedFunc<Params, Return>, Crash>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    instance.get_typed_func(store, export).map_err(|error| Crash {
        kind: CrashKind::Trap,
        detail: format!("a hook has another type than the contract's: {error:#}"),
    })
}

/// A new call: its running time starts, and its first epoch.
fn arm(store: &mut Store<HostState>, deadline: Duration) {
    let state = store.data_mut();
    state.budget.begin(deadline);
    state.requests.begin();
    store.set_epoch_deadline(1);
}

/// A hook is about to be called for this exchange.
fn begin(store: &mut Store<HostState>, hook: Hook, exchange: Box<Exchange>, settings: &Settings) {
    let state = store.data_mut();
    state.exchange = Some(exchange);
    state.hook = hook;
    arm(store, settings.deadline);
}

/// Every path that puts an exchange into the store takes it out again here.
fn take(store: &mut Store<HostState>) -> Box<Exchange> {
    store.data_mut().exchange.take().expect("the exchange stays in the store while a hook runs")
}

fn finish<T>(
    called: Result<wasmtime::Result<T>, super::running_time::WaitedTooLong>,
    store: &mut Store<HostState>,
) -> Result<T, Crash> {
    match called {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(crash(&error, store.data())),
        Err(waited) => Err(Crash {
            kind: CrashKind::Deadline,
            detail: format!("waited for more than {:?}", waited.0),
        }),
    }
}

fn crash(error: &wasmtime::Error, state: &HostState) -> Crash {
    let (kind, detail) = if state.out_of_time {
        (CrashKind::Deadline, "ran for longer than its deadline".to_owned())
    } else if error.is::<PoolConcurrencyLimitError>() {
        (CrashKind::Busy, format!("no room for another instance: {error:#}"))
    } else if state.memory.exceeded {
        (CrashKind::Memory, format!("asked for more memory than its limit: {error:#}"))
    } else {
        (CrashKind::Trap, format!("{error:#}"))
    };
    Crash { kind, detail }
}
