//! Signals, changed files, reloads: everything that happens to a proxy besides
//! requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot};

use super::load::{Built, Loader, Swapped};
use super::workers::Workers;
use super::{Options, StartError};
use crate::admin;
use crate::config::{Config, LogTarget};
use crate::listener::accept::Mode;
use crate::plugin::running_time::Ticker;
use crate::plugin::store::Store;
use crate::plugin::watcher::Watcher;
use crate::snapshot::Snapshot;
use crate::telemetry::access_log::{AccessLog, Observer};
use crate::telemetry::status::Status;

/// How long the last lines of the access log may take to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(2);
/// Compiling and loading yield to serving: the lowest usual priority but a few.
const LOADER_NICENESS: i32 = 10;

/// Runs a proxy until it is told to stop.
pub(super) struct Supervisor {
    runtime: tokio::runtime::Runtime,
    signals: Signals,
    state: State,
}

struct State {
    workers: Workers,
    status: Arc<Status>,
    config: Arc<Config>,
    snapshot: Arc<Snapshot>,
    listeners: Vec<(SocketAddr, Mode)>,
    log: Option<(LogTarget, Arc<AccessLog>)>,
    observer: Option<Observer>,
    loads: Loads,
    watcher: Watcher,
    store: Arc<Store>,
    changed: Arc<Notify>,
    /// The last refusal that was told: a file that stays wrong is told once.
    refused: Option<String>,
    rejected: Vec<(String, String)>,
}

impl Supervisor {
    pub(super) fn start(mut options: Options) -> Result<Self, StartError> {
        let observer = options.observer.take();
        let (loads, first) = serve_loads(options)
            .map_err(|error| StartError(format!("error: cannot start a thread: {error}")))?;
        let first = first.blocking_recv();
        let (built, ticker, store) =
            first.unwrap_or_else(|_| Err(StartError("error: loading failed".to_owned())))?;
        if !built.warnings.is_empty() {
            tracing::warn!("{}", built.warnings.trim_end());
        }
        let config = Arc::clone(&built.snapshot.config);
        let log = open_log(&config, observer.as_ref())?;
        let writer = || log.as_ref().map(|(_, log)| log.writer());
        let fatal =
            |what: &str, error: std::io::Error| StartError(format!("error: {what}: {error}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("wasmgate-admin")
            .enable_all()
            .build()
            .map_err(|error| fatal("cannot start a runtime", error))?;
        // Before a socket is bound, by which others may think that the proxy serves,
        // and send one.
        let signals = {
            let _context = runtime.enter();
            Signals::new().map_err(|error| fatal("cannot receive signals", error))?
        };
        let (mut workers, counters) = Workers::start(&built.snapshot, &ticker, writer)
            .map_err(|error| fatal("cannot start the workers", error))?;
        let sockets = match workers.bind(&built.listeners) {
            Ok(sockets) => sockets,
            Err(failed) => {
                workers.drain(Duration::ZERO);
                return Err(StartError(in_use(&failed)));
            }
        };
        let status = Arc::new(Status::new(counters, log.as_ref().map(|(_, log)| Arc::clone(log))));
        if let Some(admin) = &config.admin {
            let serving = runtime.block_on(admin::serve(admin, Arc::clone(&status)));
            if let Err(error) = serving {
                workers.drain(Duration::ZERO);
                return Err(StartError(in_use(&[(admin.listen, error)])));
            }
        }
        let changed = Arc::new(Notify::new());
        let mut watcher = Watcher::new(Arc::clone(&changed))
            .map_err(|error| fatal("cannot start a thread", error))?;
        watcher.watch(built.files.iter().map(std::path::PathBuf::as_path));
        status.keeps(&store);
        status.publish(&built.snapshot, &built.directory_plugins);
        workers.listen(&built.listeners, sockets);
        // What changed between the load and the watch shows at a second look.
        changed.notify_one();
        let state = State {
            workers,
            status,
            config,
            snapshot: built.snapshot,
            listeners: built.listeners,
            log,
            observer,
            loads,
            watcher,
            store,
            changed,
            refused: None,
            rejected: Vec::new(),
        };
        Ok(Self { runtime, signals, state })
    }

    pub(super) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        let listeners = self.state.config.listeners.iter();
        listeners
            .map(|listener| (listener.name.clone(), self.state.workers.bound(listener.listen)))
            .collect()
    }

    pub(super) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.state.status)
    }

    pub(super) fn run(self) {
        self.run_or(std::future::pending::<()>());
    }

    /// Until a signal, or until there is `end`.
    pub(super) fn run_or<T>(mut self, end: impl Future<Output = T>) -> Option<T> {
        let serve = self.state.serve(&mut self.signals);
        let reason = self.runtime.block_on(async {
            tokio::select! {
                reason = serve => Ok(reason),
                end = end => Err(end),
            }
        });
        let reason = match reason {
            Ok(reason) => reason,
            Err(end) => {
                self.shut_down();
                return Some(end);
            }
        };
        tracing::info!(signal = reason, patience = ?self.state.config.drain_timeout, "draining");
        // A second signal ends the process at once.
        let Self { runtime, mut signals, state } = self;
        runtime.spawn(async move {
            signals.terminating().await;
            std::process::exit(130);
        });
        state.shut_down();
        runtime.shutdown_background();
        None
    }

    pub(super) fn shut_down(self) {
        self.state.shut_down();
        self.runtime.shutdown_background();
    }
}

impl State {
    fn shut_down(self) {
        let Self { workers, status, config, log, store, .. } = self;
        status.drain();
        workers.drain(config.drain_timeout);
        store.close();
        if let Some((_, log)) = log
            && !log.close(LOG_PATIENCE)
        {
            tracing::warn!("the last lines of the access log could not be written in time");
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn terminating(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl State {
    /// Reacts to everything until a signal to end.
    async fn serve(&mut self, signals: &mut Signals) -> &'static str {
        let changed = Arc::clone(&self.changed);
        loop {
            let mut forced = false;
            tokio::select! {
                _ = signals.terminate.recv() => return "SIGTERM",
                _ = signals.interrupt.recv() => return "SIGINT",
                _ = signals.hang_up.recv() => {
                    tracing::info!("SIGHUP: loading the configuration again");
                    if let Some((_, log)) = &self.log {
                        log.reopen();
                    }
                    self.refused = None;
                    forced = true;
                }
                () = changed.notified() => {}
            }
            let (answer, built) = oneshot::channel();
            if self.loads.send(Load { forced, answer }).is_err() {
                continue;
            }
            tokio::select! {
                // The signal stays pending for the select above in the other case:
                // a load may take seconds, and an end must not wait for it.
                reason = signals.terminating() => return reason,
                built = built => if let Ok(built) = built {
                    self.apply(built).await;
                },
            }
        }
    }

    async fn apply(&mut self, built: Result<Option<Built>, StartError>) {
        let built = match built {
            Ok(Some(built)) => built,
            Ok(None) => return,
            Err(StartError(report)) => return self.refuse(report),
        };
        let config = Arc::clone(&built.snapshot.config);
        if self.serves(&built) {
            self.tell(&built);
            self.refused = None;
            return;
        }
        if config.workers != self.config.workers
            || config.admin != self.config.admin
            || config.store != self.config.store
        {
            tracing::warn!(
                "`workers`, `[admin]` and `[store]` change with the next start, not with a reload"
            );
        }
        let sockets = match self.workers.bind(&built.listeners) {
            Ok(sockets) => sockets,
            Err(failed) => return self.refuse(in_use(&failed)),
        };
        if let Err(StartError(report)) = self.change_log(&config) {
            return self.refuse(report);
        }
        self.workers.adopt(&built.snapshot).await;
        self.workers.listen(&built.listeners, sockets);
        self.watcher.watch(built.files.iter().map(std::path::PathBuf::as_path));
        self.status.publish(&built.snapshot, &built.directory_plugins);
        if *config != *self.config {
            tracing::info!("the configuration was loaded");
        }
        self.tell(&built);
        self.refused = None;
        self.config = config;
        self.snapshot = built.snapshot;
        self.listeners = built.listeners;
    }

    /// Whether all of it is what serves already.
    fn serves(&self, built: &Built) -> bool {
        let listeners = built.listeners.len() == self.listeners.len()
            && built.listeners.iter().zip(&self.listeners).all(|(new, old)| new.1.same(&old.1));
        listeners && built.snapshot.same(&self.snapshot)
    }

    /// Says loudly that a load was refused, once for each reason.
    fn refuse(&mut self, report: String) {
        if self.refused.as_ref() == Some(&report) {
            return;
        }
        tracing::error!(
            "nothing was changed, since the new state cannot be loaded:\n{}",
            report.trim_end()
        );
        self.status.refused(&report);
        self.refused = Some(report);
    }

    /// Says what became of each plugin.
    fn tell(&mut self, built: &Built) {
        let mut rejected = Vec::new();
        for swap in &built.swaps {
            match &swap.outcome {
                Swapped::Unchanged => {}
                Swapped::Loaded => {
                    self.status.swapped(&swap.name);
                    tracing::info!(plugin = %swap.name, "the plugin was loaded");
                }
                Swapped::Rejected(reason) => {
                    let told = (swap.name.clone(), reason.clone());
                    if !self.rejected.contains(&told) {
                        self.status.rejected(&swap.name, reason);
                        tracing::error!(plugin = %swap.name,
                            "the plugin was refused, what was there before serves on: {reason}");
                    }
                    rejected.push(told);
                }
            }
        }
        self.status.still_rejected(rejected.iter().map(|(name, _)| name.as_str()));
        self.rejected = rejected;
    }

    fn change_log(&mut self, config: &Config) -> Result<(), StartError> {
        let wanted = config.access_log.as_ref().map(|log| &log.target);
        if wanted == self.log.as_ref().map(|(target, _)| target) {
            return Ok(());
        }
        let log = open_log(config, self.observer.as_ref())?;
        self.workers.log(|| log.as_ref().map(|(_, log)| log.writer()));
        self.status.logs_to(log.as_ref().map(|(_, log)| Arc::clone(log)));
        if let Some((_, before)) = std::mem::replace(&mut self.log, log) {
            before.close(LOG_PATIENCE);
        }
        Ok(())
    }
}

/// Asks for a load; answered when it is done.
type Loads = mpsc::UnboundedSender<Load>;

/// What the first load comes to, with the engine's ticker and what plugins keep.
type First = Result<(Built, Ticker, Arc<Store>), StartError>;

struct Load {
    /// Also if no file has changed.
    forced: bool,
    answer: oneshot::Sender<Result<Option<Built>, StartError>>,
}

/// Loads on a thread of its own, at low priority, one load after the other. The
/// first one begins at once.
///
/// The threads that compile in parallel are started by the first compilation and
/// inherit its thread's priority, so that it must not be on another thread.
fn serve_loads(options: Options) -> std::io::Result<(Loads, oneshot::Receiver<First>)> {
    let (loads, mut asked) = mpsc::unbounded_channel::<Load>();
    let (first, wait) = oneshot::channel();
    let serve = move || {
        let mut loader = match Loader::new(options) {
            Ok(loader) => loader,
            Err(error) => {
                let _ = first.send(Err(error));
                return;
            }
        };
        // After the loader has started the ticker, which must not inherit it and be
        // late. Without the right to change it, loads are merely less polite.
        let own = Some(rustix::thread::gettid());
        let _ = rustix::process::setpriority_process(own, LOADER_NICENESS);
        let built = loader.start().map(|built| (built, loader.ticker(), loader.store()));
        let started = built.is_ok();
        // Whoever asked may be gone, here and below: the process ends.
        let _ = first.send(built);
        while let Some(Load { forced, answer }) = asked.blocking_recv().filter(|_| started) {
            let _ = answer.send(loader.reload(forced));
        }
    };
    std::thread::Builder::new().name("wasmgate-loader".to_owned()).spawn(serve)?;
    Ok((loads, wait))
}

fn open_log(
    config: &Config,
    observer: Option<&Observer>,
) -> Result<Option<(LogTarget, Arc<AccessLog>)>, StartError> {
    let Some(log) = &config.access_log else { return Ok(None) };
    let opened = AccessLog::open(&log.target, observer).map_err(|error| {
        let target = match &log.target {
            LogTarget::Stdout => "standard output".to_owned(),
            LogTarget::File(path) => path.display().to_string(),
            LogTarget::Observer => "observer".to_owned(),
        };
        StartError(format!(
            "error: cannot open the access log {target}: {error}\n  \
             help: check `access_log.path`, and that its folder exists and may be written to"
        ))
    })?;
    Ok(Some((log.target.clone(), Arc::new(opened))))
}

fn in_use(failed: &[(SocketAddr, std::io::Error)]) -> String {
    let line = |(address, error): &(SocketAddr, std::io::Error)| {
        let help = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or listen on another port"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege: choose a higher one, or grant CAP_NET_BIND_SERVICE"
            }
            _ => "listen on an address of this machine",
        };
        format!("error: cannot listen on {address}: {error}\n  help: {help}\n")
    };
    failed.iter().map(line).collect()
}
