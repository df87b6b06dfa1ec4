//! Which plugins are loaded: from a configuration and files to plugins that have
//! passed their trial.
//!
//! A plugin that cannot be loaded changes nothing: the one that was loaded before
//! under the same name and configuration keeps serving, and the error says why.

// What a component imports against what its plugin was granted.
mod grant;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderName;
use thiserror::Error;

pub use grant::Ungranted;

use super::account::Accounts;
use super::artifact::{Artifact, ArtifactError, Digest, digest};
use super::balancing::Chooser;
use super::engine::Engine;
use super::instance::{Crash, CrashKind, Instance};
use super::interface::bindings::exports::wasmgate::plugin::lifecycle;
use super::limits::{CrashBudget, Hook, LogAllowance, Permit};
use super::pattern_set::{Library, Sets};
use super::running_time::{Lane, Ticker};
use super::store::{Services, Store};
use super::ticks;
use crate::config::{self, BodyOverLimit, Isolation, OnFailure, PluginSource};
use crate::exchange::Mode;

/// A component with its configuration, ready to be called.
pub struct Plugin {
    /// Unique for the life of the process.
    pub id: u64,
    /// How it is run.
    pub settings: Settings,
    /// What is run.
    pub artifact: Arc<Artifact>,
    /// What it asked for.
    pub subscription: Subscription,
    /// How much of bodies it wants to see, unless it says otherwise for an exchange.
    pub bodies: Bodies,
    /// Between two calls of `tick`; none if it does not export that.
    pub interval: Option<Duration>,
    /// Whether exchanges may call it.
    pub crashes: CrashBudget,
    /// Whether it may pick endpoints, hear of attempts, and be called by time. Each for
    /// itself: a report that always fails is no reason to answer exchanges 503.
    apart: [CrashBudget; 3],
    /// What it failed so far.
    pub counters: Counters,
    /// What it cost so far.
    pub accounts: Accounts,
}

/// How a plugin is run.
pub struct Settings {
    /// Configured name.
    pub name: Arc<str>,
    /// Where the component came from.
    pub source: PluginSource,
    /// What happens to an exchange when it fails.
    pub on_failure: OnFailure,
    /// Whether instances are reused.
    pub isolation: Isolation,
    /// Running time of one hook.
    pub deadline: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: u64,
    /// What happens to a body that is larger than it wants to see whole.
    pub body_over_limit: BodyOverLimit,
    /// Octets of a body that it may see at once, or hold.
    pub body_limit: u32,
    /// Readable directories.
    pub files: Arc<[PathBuf]>,
    /// What it was granted, ready to use.
    pub services: Arc<Services>,
    /// Where its instances get their sets of patterns.
    pub sets: Sets,
    /// JSON for `configure`.
    pub config: Arc<str>,
    /// Log lines that it may still write.
    pub allowance: Arc<LogAllowance>,
}

/// How much of bodies a plugin wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// Of requests'.
    pub request: Mode,
    /// Of responses'.
    pub response: Mode,
}

/// What the plugin wants handed over with each call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// For `request`.
    pub request: Vec<HeaderName>,
    /// For `response`.
    pub response: Vec<HeaderName>,
    /// For `balance.pick`.
    pub pick: Vec<HeaderName>,
}

/// What a plugin did so far, over all workers. Only failures are counted here:
/// a success must not write to what workers share.
#[derive(Debug, Default)]
pub struct Counters {
    /// Instances that trapped or ran out of time or memory.
    pub crashes: AtomicU64,
    /// Of these, those that ran, or waited, for too long.
    pub overruns: AtomicU64,
    /// Of these, those that asked for more memory than they may have.
    pub memory: AtomicU64,
    /// Hooks that said they failed, or asked for something illegal.
    pub failures: AtomicU64,
    /// Endpoints that it did not pick where it was asked to.
    pub fallbacks: AtomicU64,
}

impl Plugin {
    /// Whether this may be called.
    pub(super) fn budget(&self, hook: Hook) -> &CrashBudget {
        match hook {
            Hook::Pick => &self.apart[0],
            Hook::Attempt => &self.apart[1],
            Hook::Tick => &self.apart[2],
            _ => &self.crashes,
        }
    }

    /// Whether some of its hooks are not called for now.
    pub fn is_stopped(&self) -> bool {
        self.crashes.stopped() || self.apart.iter().any(CrashBudget::stopped)
    }

    /// A call ended its instance: counted, and the plugin stopped if it was the one
    /// too many.
    pub(super) fn crashed(&self, hook: Hook, crash: &Crash, permit: Permit) {
        // The host's bound, not the plugin's fault.
        if crash.kind == CrashKind::Busy {
            return;
        }
        self.counters.crashed(crash.kind);
        if let Some(length) = self.budget(hook).failed(hook, permit) {
            tracing::error!(plugin = %self.settings.name, hook = hook.as_str(), stopped_for = ?length,
                "the plugin crashed too often in a row and is stopped");
        }
    }
}

impl Counters {
    /// An instance ended before its time.
    pub(super) fn crashed(&self, kind: CrashKind) {
        self.crashes.fetch_add(1, Ordering::Relaxed);
        match kind {
            CrashKind::Deadline => self.overruns.fetch_add(1, Ordering::Relaxed),
            CrashKind::Memory => self.memory.fetch_add(1, Ordering::Relaxed),
            CrashKind::Trap | CrashKind::Busy => 0,
        };
    }
}

/// More names than this in a subscription are a mistake: each costs at each call.
const SUBSCRIPTION_MAX: usize = 64;

/// Why a plugin could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// No such bundled plugin.
    #[error("there is no bundled plugin `{name}`: there are {available}")]
    NoBuiltin {
        /// As configured.
        name: String,
        /// Those that exist.
        available: String,
    },
    /// The component.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// It imports what it may not use.
    #[error(transparent)]
    Ungranted(#[from] Ungranted),
    /// The authorities for its requests.
    #[error("its requests cannot be made: {0}")]
    Http(String),
    /// What it kept.
    #[error("what it kept cannot be read from the store: {0}")]
    Store(String),
    /// The trial instance crashed.
    #[error("it does not start: {0}")]
    Start(String),
    /// `configure` refused.
    #[error("it refuses its configuration: {0}")]
    Configuration(String),
    /// A name in the subscription.
    #[error("it subscribes to `{0}`, which is no header name")]
    Subscription(String),
    /// Too long a subscription.
    #[error("it subscribes to {0} headers; {SUBSCRIPTION_MAX} is the most")]
    SubscriptionLength(usize),
    /// It is to choose endpoints.
    #[error(
        "a cluster says `balance = \"plugin:{0}\"`, and it does not export the hook `balance`: \
         implement that (`on_pick` in Rust), or choose another `balance`"
    )]
    NoBalanceHook(String),
    /// It is to be called too often, or practically never.
    #[error(
        "it wants to be called every {milliseconds} ms by `tick`: from {} ms to a day is possible",
        ticks::INTERVAL_MIN.as_millis()
    )]
    Interval {
        /// What it said.
        milliseconds: u32,
    },
}

impl From<Crash> for LoadError {
    fn from(crash: Crash) -> Self {
        Self::Start(format!("{}: {}", crash.kind.as_str(), crash.detail))
    }
}

/// What became of one attempt to load.
pub enum Outcome {
    /// A new plugin.
    Loaded(Arc<Plugin>),
    /// The same content and configuration as before.
    Unchanged(Arc<Plugin>),
    /// The old one keeps serving, if there was one.
    Rejected {
        /// Why.
        error: LoadError,
        /// Loaded earlier under the same name and configuration.
        kept: Option<Arc<Plugin>>,
    },
}

/// Finds the bundled plugin of a name.
type Bundled = Box<dyn Fn(&str) -> Result<&'static [u8], LoadError> + Send>;

/// Loads plugins and remembers what is loaded.
pub struct Registry {
    engine: Arc<Engine>,
    lane: Lane,
    store: Arc<Store>,
    sets: Arc<Library>,
    bundled: Bundled,
    artifacts: HashMap<Digest, Arc<Artifact>>,
    loaded: Vec<(config::Plugin, Arc<Plugin>)>,
}

impl Registry {
    /// Loads nothing yet.
    pub fn new(
        engine: Arc<Engine>,
        ticker: Ticker,
        store: Arc<Store>,
        bundled: impl Fn(&str) -> Result<&'static [u8], LoadError> + Send + 'static,
    ) -> Self {
        Self {
            engine,
            lane: Lane::new(ticker),
            store,
            sets: Arc::default(),
            bundled: Box::new(bundled),
            artifacts: HashMap::new(),
            loaded: Vec::new(),
        }
    }

    /// Loads a plugin, or finds it unchanged. Blocks for as long as compiling
    /// takes: not on a worker.
    pub async fn load(&mut self, spec: &config::Plugin) -> Outcome {
        let known = self.known(spec);
        match self.try_load(spec, known.as_ref()).await {
            Ok(plugin) if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &plugin)) => {
                Outcome::Unchanged(plugin)
            }
            Ok(plugin) => {
                self.loaded.retain(|(known, _)| known != spec);
                self.loaded.push((spec.clone(), Arc::clone(&plugin)));
                Outcome::Loaded(plugin)
            }
            Err(error) => Outcome::Rejected { error, kept: known },
        }
    }

    /// Loaded earlier under the same name and configuration.
    pub fn known(&self, spec: &config::Plugin) -> Option<Arc<Plugin>> {
        self.loaded.iter().find(|(known, _)| known == spec).map(|(_, plugin)| Arc::clone(plugin))
    }

    /// Forgets every plugin that is not in use any more, and its compiled code.
    pub fn retain(&mut self, used: impl Fn(&Plugin) -> bool) {
        self.loaded.retain(|(_, plugin)| used(plugin));
        self.artifacts.retain(|_, artifact| {
            self.loaded.iter().any(|(_, plugin)| Arc::ptr_eq(&plugin.artifact, artifact))
        });
    }

    async fn try_load(
        &mut self,
        spec: &config::Plugin,
        known: Option<&Arc<Plugin>>,
    ) -> Result<Arc<Plugin>, LoadError> {
        let wasm = self.read(&spec.source)?;
        let digest = digest(&wasm);
        if let Some(known) = known.filter(|known| known.artifact.digest == digest) {
            return Ok(Arc::clone(known));
        }
        let artifact = match self.artifacts.get(&digest) {
            Some(artifact) => Arc::clone(artifact),
            None => Arc::new(Artifact::load(&self.engine, &wasm)?),
        };
        grant::check(&artifact, spec)?;
        if spec.balances && artifact.exports.balance.is_none() {
            return Err(LoadError::NoBalanceHook(spec.name.clone()));
        }
        let plugin = self.trial(&artifact, spec).await?;
        self.artifacts.insert(digest, artifact);
        Ok(Arc::new(plugin))
    }

    fn read(&self, source: &PluginSource) -> Result<std::borrow::Cow<'static, [u8]>, LoadError> {
        match source {
            PluginSource::Builtin(name) => (self.bundled)(name).map(Into::into),
            PluginSource::File(path) => std::fs::read(path)
                .map(Into::into)
                .map_err(|error| LoadError::Read { path: path.clone(), error }),
        }
    }

    /// One instance, configured and thrown away: what it answers is what all
    /// later instances are held to.
    async fn trial(
        &self,
        artifact: &Arc<Artifact>,
        spec: &config::Plugin,
    ) -> Result<Plugin, LoadError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name: Arc<str> = spec.name.as_str().into();
        let services = self.store.services(&name, &spec.capabilities).map_err(LoadError::Store)?;
        let mut settings = Settings {
            services: Arc::new(services),
            sets: Sets::Compile(Arc::clone(&self.sets)),
            name,
            source: spec.source.clone(),
            on_failure: spec.on_failure,
            isolation: spec.isolation,
            deadline: spec.deadline,
            memory: spec.memory,
            body_over_limit: spec.body_over_limit,
            body_limit: spec.body_limit,
            files: spec.capabilities.files.as_slice().into(),
            config: spec.config.to_string().into(),
            allowance: Arc::default(),
        };
        self.lane.begin();
        let account = Arc::default();
        let started =
            Instance::new(&artifact.pre, &artifact.exports, &settings, None, &account, &self.lane);
        let started = started.await;
        let (mut instance, configured) = started?;
        let mut subscription = names(&configured.map_err(LoadError::Configuration)?)?;
        let (request, response) = instance.modes(&self.lane).await?;
        warn_of_cap(&settings, "request-body", request);
        warn_of_cap(&settings, "response-body", response);
        settings.sets = Sets::Compiled(instance.sets());
        let interval = match &artifact.exports.tick {
            Some(hook) => Some(ticks::interval(&mut instance, hook, &settings, &self.lane).await?),
            None => None,
        };
        if artifact.exports.balance.is_some() {
            let mut chooser = Chooser::new(Box::new(instance), &artifact.exports)?;
            subscription.pick = parse(&chooser.asked(&settings, &self.lane).await?)?;
        }
        Ok(Plugin {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            settings,
            artifact: Arc::clone(artifact),
            subscription,
            bodies: Bodies { request, response },
            interval,
            crashes: CrashBudget::default(),
            apart: Default::default(),
            counters: Counters::default(),
            accounts: Accounts::default(),
        })
    }
}

/// A plugin that asks for more than it may have runs, with less.
fn warn_of_cap(settings: &Settings, hook: &str, mode: Mode) {
    let cap = settings.body_limit;
    match mode {
        Mode::First(asked) | Mode::Whole(asked) | Mode::Chunks(asked) if asked > cap => {
            tracing::warn!(plugin = %settings.name, hook, asked, body_limit = cap,
                "the plugin asks for more octets of a body than its body_limit");
        }
        _ => {}
    }
}

fn names(asked: &lifecycle::Subscription) -> Result<Subscription, LoadError> {
    Ok(Subscription {
        request: parse(&asked.request_headers)?,
        response: parse(&asked.response_headers)?,
        pick: Vec::new(),
    })
}

fn parse(list: &[String]) -> Result<Vec<HeaderName>, LoadError> {
    if list.len() > SUBSCRIPTION_MAX {
        return Err(LoadError::SubscriptionLength(list.len()));
    }
    let name = |text: &String| {
        HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| LoadError::Subscription(text.escape_debug().to_string()))
    };
    list.iter().map(name).collect()
}

/// The `*.wasm` files of a directory in file-name order, with the configuration
/// beside each.
pub fn directory(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // `is_file` follows links: Kubernetes mounts every file as one.
        if is_wasm && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
