//! `wasmgate plugin dev`

mod serving;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::super::demo::origin::Origin;
use super::super::logging::{self, Heard, LogLevel};
use super::super::output::{Failure, print};
use super::super::proxy;
use super::test::settings;
use super::test::subject::Subject;
use crate::config::Endpoint;
use crate::plugin::watcher::Watcher;
use serving::Serving;
use sources::Sources;

/// Builds, tests and serves a plugin at each change of its sources.
///
/// Watches the project, builds it (`wasmgate plugin build`), plays cases.toml if there
/// is one (`wasmgate plugin test`) and swaps the plugin into a proxy that keeps
/// running. Shows the plugin's log and a line for each exchange. A build that fails
/// changes nothing. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    project: PathBuf,

    /// Where to accept clients
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = proxy::address)]
    listen: SocketAddr,

    /// Where to send requests [default: a server that says what it was asked]
    #[arg(long, value_name = "URL", value_parser = proxy::endpoint)]
    to: Vec<Endpoint>,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate plugin dev
  wasmgate plugin dev guard --listen 127.0.0.1:9000 --to http://127.0.0.1:3000";

pub(super) fn run(arguments: &Arguments, level: Option<LogLevel>) -> Result<(), Failure> {
    let heard = logging::hear(level)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let ended = runtime.block_on(async { Development::begin(arguments)?.until_told(heard).await });
    // A build that is still running has been ended; nobody waits for its reader.
    runtime.shutdown_background();
    ended
}

/// The folder of builds that are not served yet.
const BUILT: &str = "built";

/// One session.
struct Development {
    name: String,
    sources: Sources,
    changed: Arc<Notify>,
    watcher: Watcher,
    /// Holds the component that is built and the one that is served.
    folder: tempfile::TempDir,
    listen: SocketAddr,
    to: Vec<Endpoint>,
    serving: Option<Serving>,
    exchanges: mpsc::UnboundedReceiver<Vec<u8>>,
    observer: mpsc::UnboundedSender<Vec<u8>>,
}

impl Development {
    fn begin(arguments: &Arguments) -> Result<Self, Failure> {
        let project = arguments
            .project
            .canonicalize()
            .with_context(|| format!("no plugin's project in {}", arguments.project.display()))?;
        let name = project.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let to = match arguments.to.as_slice() {
            [] => {
                let url = Origin::start("echo")?.url();
                vec![Endpoint::parse(&url).map_err(|invalid| anyhow::anyhow!("{url}: {invalid}"))?]
            }
            to => to.to_vec(),
        };
        let changed = Arc::new(Notify::new());
        let watcher = Watcher::new(Arc::clone(&changed)).context("cannot start a thread")?;
        let folder = tempfile::Builder::new()
            .prefix("wasmgate-dev-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let built = folder.path().join(BUILT);
        std::fs::create_dir(&built)
            .with_context(|| format!("cannot create {}", built.display()))?;
        let (observer, exchanges) = mpsc::unbounded_channel();
        Ok(Self {
            name,
            sources: Sources::new(project),
            changed,
            watcher,
            folder,
            listen: arguments.listen,
            to,
            serving: None,
            exchanges,
            observer,
        })
    }

    /// Works until a signal says otherwise.
    async fn until_told(mut self, mut heard: Heard) -> Result<(), Failure> {
        let mut terminate = signal(SignalKind::terminate()).context("cannot receive signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot receive signals")?;
        self.sources.look();
        let mut build = Some(self.build());
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                Some(line) = heard.lines.recv() => print(&format!("  log  {}\n", line.text))?,
                Some(lines) = self.exchanges.recv() => print(&serving::shown(&lines, &self.name))?,
                built = finished(&mut build) => {
                    build = None;
                    if built {
                        self.serve().await?;
                    }
                    // Something may have changed meanwhile, and been told of too early.
                    self.changed.notify_one();
                }
                () = self.changed.notified(), if build.is_none() => {
                    if self.sources.look() {
                        build = Some(self.build());
                    }
                    self.watcher.watch(self.sources.folders());
                }
            }
        }
        if let Some(build) = build {
            build.end();
        }
        if let Some(serving) = self.serving.take() {
            serving.end().await;
        }
        print("\n")
    }

    /// Builds and plays the cases, in processes of their own: they can be ended, and
    /// what they print comes as it does without us.
    fn build(&self) -> Build {
        let project = self.sources.folder().to_owned();
        let component = self.built();
        let cases = Subject::built(&self.name, &component, &project).own_cases();
        let child = Arc::<Running>::default();
        let of_thread = Arc::clone(&child);
        let task = tokio::task::spawn_blocking(move || {
            let run = |command: &mut Command| match of_thread.run(command) {
                Ok(status) => status,
                Err(error) => {
                    tracing::error!("cannot run wasmgate itself: {error}");
                    None
                }
            };
            let built =
                run(wasmgate(["plugin", "build"]).arg(&project).arg("--out").arg(&component));
            if !built.is_some_and(|status| status.success()) {
                return false;
            }
            if cases.is_some() {
                run(wasmgate(["plugin", "test"]).arg(&project).arg("--plugin").arg(&component));
            }
            true
        });
        Build { child, task }
    }

    /// Swaps what was built in, or starts the proxy with it.
    async fn serve(&mut self) -> Result<(), Failure> {
        let component = self.folder.path().join(format!("{}.wasm", self.name));
        let subject = Subject::built(&self.name, &component, self.sources.folder());
        std::fs::rename(self.built(), &component)
            .with_context(|| format!("cannot write {}", component.display()))?;
        let plugin = match settings(&[], &subject) {
            Ok((plugin, _)) => plugin,
            // `plugin test` has shown why.
            Err(_) => match &self.serving {
                Some(serving) => serving.plugin.clone(),
                None => return Ok(()),
            },
        };
        if self.serving.as_ref().is_some_and(|serving| serving.plugin == plugin) {
            // The proxy watches the file.
            return Ok(());
        }
        if let Some(serving) = self.serving.take() {
            serving.end().await;
        }
        match Serving::start(plugin, self.listen, &self.to, self.observer.clone()).await {
            Ok(serving) => {
                self.listen = serving.address;
                let address = serving.address;
                self.serving = Some(serving);
                print(&format!("serving on http://{address}; Ctrl-C ends it\n"))
            }
            Err(report) => print(&format!("{}\n", report.to_string().trim_end())),
        }
    }

    /// Where builds go: beside the component that is served, to be renamed.
    fn built(&self) -> PathBuf {
        // The plugin is called after its file.
        self.folder.path().join(BUILT).join(format!("{}.wasm", self.name))
    }
}

/// A build under way.
struct Build {
    child: Arc<Running>,
    /// Whether there is a component.
    task: JoinHandle<bool>,
}

impl Build {
    fn end(self) {
        self.child.end();
    }
}

/// Waits for a build, or forever if there is none.
async fn finished(build: &mut Option<Build>) -> bool {
    match build {
        Some(build) => (&mut build.task).await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

/// The one child that runs, if any.
#[derive(Default)]
struct Running(Mutex<State>);

#[derive(Default)]
struct State {
    child: Option<Child>,
    ended: bool,
}

impl Running {
    /// None if all is to end.
    fn run(&self, command: &mut Command) -> std::io::Result<Option<ExitStatus>> {
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return Ok(None);
            }
            state.child = Some(command.stdin(Stdio::null()).spawn()?);
        }
        loop {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(child) = &mut state.child else { return Ok(None) };
            if let Some(status) = child.try_wait()? {
                state.child = None;
                return Ok(Some(status));
            }
            drop(state);
            // The lock has to be free for `end`, so this cannot wait in the kernel.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended = true;
        if let Some(mut child) = state.child.take() {
            // It may have ended already, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// This program once more.
fn wasmgate<const N: usize>(arguments: [&str; N]) -> Command {
    let own = std::env::current_exe().unwrap_or_else(|_| Path::new("wasmgate").to_owned());
    let mut command = Command::new(own);
    command.args(arguments);
    command
}
