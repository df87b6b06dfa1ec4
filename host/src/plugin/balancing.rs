//! A plugin that chooses the endpoints of one cluster, on one worker.
//!
//! Its instances are apart from those that exchanges pass: they are told what the
//! endpoints are, and one is enough as long as none of its calls takes longer than
//! a moment. What cannot be used of its answers is counted; who asked then chooses
//! by other means.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;
use wasmtime::component::TypedFunc;

use super::artifact::Exports;
use super::chain::asked;
use super::instance::{Asked, Crash, CrashKind, Instance};
use super::instance_pool::InstancePool;
use super::interface::bindings::exports::wasmgate::plugin::balance;
use super::limits::{Hook, Permit};
use super::registry::Settings;
use super::running_time::Lane;

pub use balance::{Attempt, Endpoint, Load};

/// Instances of one cluster on one worker: more than one only while calls wait or
/// run for long.
const INSTANCES_MAX: usize = 8;
/// Attempts that wait to be reported: with a plugin that is slower than the traffic
/// further ones are not.
const ATTEMPTS_MAX: usize = 1024;

/// The choice of a plugin for one cluster on one worker.
pub struct Balancing {
    /// Whose choice, and how its instances are made.
    pool: Rc<InstancePool>,
    /// The plugin's name; a copy for each worker.
    pub name: Arc<str>,
    cluster: Box<str>,
    endpoints: Box<[Endpoint]>,
    /// Counts the lists of endpoints that these instances are told.
    edition: u64,
    lane: Rc<Lane>,
    choosers: Rc<Choosers>,
    /// Picks that came to nothing and are not in the plugin's account yet: an answer
    /// of none is no failure, and must not write to what workers share.
    fallbacks: Cell<u64>,
    attempts: RefCell<VecDeque<Attempt>>,
    /// Whether somebody is reporting `attempts`.
    reporting: Cell<bool>,
}

/// Those of one cluster of that name, whichever its endpoints are.
#[derive(Default)]
struct Choosers {
    #[expect(clippy::vec_box, reason = "an instance moves twice in each call")]
    idle: RefCell<Vec<Box<Chooser>>>,
    live: Cell<usize>,
    /// The newest edition of the endpoints.
    edition: Cell<u64>,
}

impl Balancing {
    /// Of a plugin with that hook. With `before`, the choice of the same pool's
    /// instances for what the cluster was until now, these go on, and are told what
    /// changed.
    pub fn new(
        pool: &Rc<InstancePool>,
        cluster: &str,
        endpoints: Vec<Endpoint>,
        before: Option<&Self>,
        lane: &Rc<Lane>,
    ) -> Rc<Self> {
        let choosers = before.map(|before| Rc::clone(&before.choosers)).unwrap_or_default();
        let edition = choosers.edition.get() + 1;
        choosers.edition.set(edition);
        Rc::new(Self {
            name: (*pool.plugin.settings.name).into(),
            pool: Rc::clone(pool),
            cluster: cluster.into(),
            endpoints: endpoints.into(),
            edition,
            lane: Rc::clone(lane),
            choosers,
            fallbacks: Cell::new(0),
            attempts: RefCell::default(),
            reporting: Cell::new(false),
        })
    }

    /// Whether its instances are made as those of this pool.
    pub fn is_of(&self, pool: &Rc<InstancePool>) -> bool {
        Rc::ptr_eq(&self.pool, pool)
    }

    /// The fields that a pick is handed, of a request for this authority.
    pub fn asked(&self, headers: &HeaderMap, authority: &HeaderValue) -> Asked {
        asked(&self.pool.plugin.subscription.pick, headers, Some(authority))
    }

    /// One of `loads`, or none: the plugin leaves the choice to others, cannot choose,
    /// or chose what it must not.
    pub async fn pick(&self, asked: Asked, key: Option<u64>, loads: Vec<Load>) -> Option<u32> {
        let chosen = self.try_pick(asked, key, loads).await;
        let failure = match chosen {
            Ok(Some(id)) => return Some(id),
            Ok(None) => None,
            Err(failure) => Some(failure),
        };
        self.fallbacks.set(self.fallbacks.get() + 1);
        if let Some(failure) = failure {
            self.report(Hook::Pick, failure);
        }
        None
    }

    async fn try_pick(
        &self,
        asked: Asked,
        key: Option<u64>,
        loads: Vec<Load>,
    ) -> Result<Option<u32>, Failure> {
        let (mut chooser, permit) = self.take(Hook::Pick).await?;
        let offered: SmallVec<[u32; 8]> = loads.iter().map(|load| load.id).collect();
        // The best of its bits, as many as the numbers of all languages have.
        let key = key.map(|key| key >> 11);
        let began = self.pool.account.began(Hook::Pick);
        let called = chooser.pick(asked, key, loads, &self.pool.plugin.settings, &self.lane).await;
        self.pool.account.ended(began);
        let chosen = called.map_err(|crash| Failure::Crash(crash, permit))?;
        self.choosers.put(chooser);
        self.pool.plugin.budget(Hook::Pick).succeeded(Hook::Pick);
        match chosen {
            Some(id) if !offered.contains(&id) => Err(Failure::Illegal(id)),
            chosen => Ok(chosen),
        }
    }

    /// How an attempt on an endpoint ended that was picked here. Returns at once: the
    /// plugin is told when the worker has nothing better to do.
    pub fn attempted(self: &Rc<Self>, attempt: Attempt) {
        let mut waiting = self.attempts.borrow_mut();
        if waiting.len() == ATTEMPTS_MAX {
            return;
        }
        waiting.push_back(attempt);
        if !self.reporting.replace(true) {
            let this = Rc::clone(self);
            tokio::task::spawn_local(async move { this.report_attempts().await });
        }
    }

    /// Makes the first instance, and tells what changed, ahead of the first pick.
    pub async fn warm(&self) {
        match self.take(Hook::Pick).await {
            Ok((chooser, _)) => self.choosers.put(chooser),
            Err(failure) => self.report(Hook::Pick, failure),
        }
    }

    /// Lets go of the instances that only a peak of long calls needed.
    pub fn trim(&self) {
        self.choosers.idle.borrow_mut().truncate(1);
    }

    /// Brings the plugin's account up to date.
    pub fn account(&self) {
        match self.fallbacks.take() {
            0 => {}
            more => {
                self.pool.plugin.counters.fallbacks.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    async fn report_attempts(&self) {
        // Taken within the loop's body: one is pushed while another is reported.
        loop {
            let Some(attempt) = self.attempts.borrow_mut().pop_front() else { break };
            // Its number may be another endpoint's by now.
            if self.edition != self.choosers.edition.get() {
                continue;
            }
            if let Err(failure) = self.report_attempt(attempt).await {
                self.report(Hook::Attempt, failure);
            }
            // Each may run for a moment before it is made to yield; a thousand of them
            // are not a moment.
            tokio::task::yield_now().await;
        }
        self.reporting.set(false);
    }

    async fn report_attempt(&self, attempt: Attempt) -> Result<(), Failure> {
        let (mut chooser, permit) = self.take(Hook::Attempt).await?;
        let began = self.pool.account.began(Hook::Attempt);
        let called = chooser.on_attempt(attempt, &self.pool.plugin.settings, &self.lane).await;
        self.pool.account.ended(began);
        called.map_err(|crash| Failure::Crash(crash, permit))?;
        self.choosers.put(chooser);
        self.pool.plugin.budget(Hook::Attempt).succeeded(Hook::Attempt);
        Ok(())
    }

    /// An instance that knows the endpoints.
    async fn take(&self, hook: Hook) -> Result<(Box<Chooser>, Permit), Failure> {
        let permit = self.pool.plugin.budget(hook).permit().ok_or(Failure::Stopped)?;
        let idle = self.choosers.idle.borrow_mut().pop();
        match idle {
            Some(chooser) if chooser.told == self.edition => Ok((chooser, permit)),
            // Boxed, like everything rare: its state would be a part of every call's.
            known => Box::pin(self.told(known))
                .await
                .map(|chooser| (chooser, permit))
                .map_err(|crash| Failure::Crash(crash, permit)),
        }
    }

    async fn told(&self, known: Option<Box<Chooser>>) -> Result<Box<Chooser>, Crash> {
        let mut chooser = match known {
            Some(chooser) => chooser,
            None => self.fresh().await?,
        };
        let endpoints = &*self.endpoints;
        chooser
            .on_endpoints(&self.cluster, endpoints, &self.pool.plugin.settings, &self.lane)
            .await?;
        chooser.told = self.edition;
        Ok(chooser)
    }

    async fn fresh(&self) -> Result<Box<Chooser>, Crash> {
        let place = Place::new(&self.choosers).ok_or_else(|| Crash {
            kind: CrashKind::Busy,
            detail: format!("{INSTANCES_MAX} instances are busy for `{}`", self.cluster),
        })?;
        let instance = self.pool.fresh(&self.lane).await?;
        let chooser = Chooser::new(instance, &self.pool.plugin.artifact.exports)?;
        Ok(Box::new(Chooser { _place: Some(place), ..chooser }))
    }

    /// Tells the operator why a call came to nothing.
    fn report(&self, hook: Hook, failure: Failure) {
        let plugin = &*self.pool.plugin;
        let (word, detail) = match failure {
            // Said when it was stopped.
            Failure::Stopped => return,
            Failure::Crash(crash, permit) => {
                plugin.crashed(hook, &crash, permit);
                (crash.kind.as_str(), crash.detail)
            }
            Failure::Illegal(id) => {
                plugin.counters.failures.fetch_add(1, Ordering::Relaxed);
                ("illegal", format!("picked the endpoint {id}, which it was not offered"))
            }
        };
        if plugin.settings.allowance.take(&plugin.settings.name) {
            tracing::warn!(plugin = %self.name, hook = hook.as_str(), cluster = %self.cluster,
                failure = word, "{detail}");
        }
    }
}

impl Drop for Balancing {
    fn drop(&mut self) {
        self.account();
    }
}

/// Why a call came to nothing.
enum Failure {
    Crash(Crash, Permit),
    Illegal(u32),
    Stopped,
}

impl Choosers {
    fn put(&self, chooser: Box<Chooser>) {
        self.idle.borrow_mut().push(chooser);
    }
}

/// A live instance's place among [`INSTANCES_MAX`].
struct Place(Weak<Choosers>);

impl Place {
    fn new(choosers: &Rc<Choosers>) -> Option<Self> {
        let live = choosers.live.get();
        (live < INSTANCES_MAX).then(|| {
            choosers.live.set(live + 1);
            // Weak: those that are idle hold one each.
            Self(Rc::downgrade(choosers))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(choosers) = self.0.upgrade() {
            choosers.live.set(choosers.live.get() - 1);
        }
    }
}

/// One instance, and the functions of its hook.
pub(super) struct Chooser {
    instance: Box<Instance>,
    asked: TypedFunc<(), (Vec<String>,)>,
    on_endpoints: OnEndpoints,
    pick: Pick,
    on_attempt: TypedFunc<(Attempt,), ()>,
    /// The edition of the endpoints that it knows; 0 = none.
    told: u64,
    _place: Option<Place>,
}

type OnEndpoints = TypedFunc<(String, Vec<Endpoint>), ()>;
type Pick = TypedFunc<(Asked, Option<u64>, Vec<Load>), (Option<u32>,)>;

impl Chooser {
    /// Of a plugin that exports the hook.
    pub(super) fn new(mut instance: Box<Instance>, exports: &Exports) -> Result<Self, Crash> {
        let hook = exports.balance.as_ref().ok_or_else(Crash::not_exported)?;
        Ok(Self {
            asked: instance.function(&hook.asked)?,
            on_endpoints: instance.function(&hook.on_endpoints)?,
            pick: instance.function(&hook.pick)?,
            on_attempt: instance.function(&hook.on_attempt)?,
            instance,
            told: 0,
            _place: None,
        })
    }

    /// The fields that it wants with each pick.
    pub(super) async fn asked(
        &mut self,
        settings: &Settings,
        lane: &Lane,
    ) -> Result<Vec<String>, Crash> {
        let called = self.instance.call(&self.asked, (), settings.deadline, lane).await;
        called.map(|(names,)| names)
    }

    async fn on_endpoints(
        &mut self,
        cluster: &str,
        endpoints: &[Endpoint],
        settings: &Settings,
        lane: &Lane,
    ) -> Result<(), Crash> {
        let told = (cluster.to_owned(), endpoints.to_vec());
        self.instance.call(&self.on_endpoints, told, settings.deadline, lane).await
    }

    async fn pick(
        &mut self,
        asked: Asked,
        key: Option<u64>,
        loads: Vec<Load>,
        settings: &Settings,
        lane: &Lane,
    ) -> Result<Option<u32>, Crash> {
        let question = (asked, key, loads);
        let called = self.instance.call(&self.pick, question, settings.deadline, lane).await;
        called.map(|(chosen,)| chosen)
    }

    async fn on_attempt(
        &mut self,
        attempt: Attempt,
        settings: &Settings,
        lane: &Lane,
    ) -> Result<(), Crash> {
        self.instance.call(&self.on_attempt, (attempt,), settings.deadline, lane).await
    }
}
