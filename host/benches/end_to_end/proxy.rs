//! A proxy under test: a program with one worker, configured for one origin,
//! started in a directory of its own and ended when dropped.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::certificate::Certificate;
use super::process::{self, Memory};

mod haproxy;
mod nginx;
mod wasmgate;

pub(crate) use wasmgate::{Plugin, Route};

/// First start may compile plugins.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often a proxy's state is looked at while it starts or stops.
const POLL: Duration = Duration::from_millis(5);

/// After that a proxy that does not end on SIGTERM is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Wasmgate,
    Nginx,
    Haproxy,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wasmgate => "wasmgate",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
        }
    }

    /// Fails with what to do if the program is not there.
    pub(crate) fn require(self) -> Result<()> {
        let (program, version) = match self {
            Self::Wasmgate => return Ok(()),
            Self::Nginx => ("nginx", "-v"),
            Self::Haproxy => ("haproxy", "-v"),
        };
        let found = Command::new(program).arg(version).output();
        if !found.is_ok_and(|output| output.status.success()) {
            bail!("{program} is not installed; install it with: apt-get install {program}");
        }
        Ok(())
    }
}

/// How the proxy is to be configured; each kind takes what it has.
#[derive(Clone, Default)]
pub(crate) struct Setup<'a> {
    /// The wasmgate binary.
    pub(crate) binary: Option<&'a Path>,
    /// Terminate TLS with this.
    pub(crate) tls: Option<&'a Certificate>,
    /// nginx: pass bodies on as they come instead of its default, collecting them.
    pub(crate) unbuffered: bool,
    /// wasmgate: what may be used in `routes`.
    pub(crate) plugins: Vec<Plugin<'a>>,
    /// wasmgate: none = one for everything, with all of `plugins` in order.
    pub(crate) routes: Vec<Route<'a>>,
    /// wasmgate: the compile cache; none = an empty one.
    pub(crate) cache_dir: Option<&'a Path>,
    /// wasmgate: the watched directory.
    pub(crate) plugin_dir: Option<&'a Path>,
}

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Child,
    pids: Vec<u32>,
    // Removed after the process has ended: fields drop after `Drop::drop`.
    directory: TempDir,
}

impl Proxy {
    pub(crate) fn start(kind: Kind, origin: SocketAddr, setup: &Setup<'_>) -> Result<Self> {
        kind.require()?;
        let directory = tempfile::Builder::new().prefix("end-to-end-").tempdir()?;
        let address = free_address()?;
        let place = Place { directory: directory.path(), address, origin };
        let mut command = match kind {
            Kind::Wasmgate => wasmgate::command(&place, setup)?,
            Kind::Nginx => nginx::command(&place, setup)?,
            Kind::Haproxy => haproxy::command(&place)?,
        };
        let output = File::create(place.output())?;
        let child = command
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {command:?}"))?;
        let mut proxy = Self { name: kind.name(), address, child, pids: Vec::new(), directory };
        proxy.wait_for("does not listen", |proxy| {
            Ok(std::net::TcpStream::connect(proxy.address).is_ok())
        })?;
        // nginx listens before it has a worker, and the worker is what is measured.
        let processes = if kind == Kind::Nginx { 2 } else { 1 };
        proxy.wait_for("has no worker", |proxy| {
            proxy.pids = process::family(proxy.child.id())?;
            Ok(proxy.pids.len() >= processes)
        })?;
        Ok(proxy)
    }

    /// CPU time that it has used so far.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(&self.pids)
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        process::memory(&self.pids)
    }

    fn wait_for(
        &mut self,
        otherwise: &str,
        mut there: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !there(self)? {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended at its start ({status}):\n{}", self.name, self.output());
            }
            if Instant::now() > deadline {
                bail!("{} {otherwise} after {START_LIMIT:?}:\n{}", self.name, self.output());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// What it has written to stdout and stderr.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.directory.path().join(OUTPUT)).unwrap_or_default()
    }

    fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        // nginx's master takes its workers along when it is asked, not when killed.
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("stopping {}: {error:#}", self.name);
        }
    }
}

const OUTPUT: &str = "output.log";

/// Where a proxy finds and leaves its things.
struct Place<'a> {
    directory: &'a Path,
    address: SocketAddr,
    origin: SocketAddr,
}

impl Place<'_> {
    fn output(&self) -> PathBuf {
        self.directory.join(OUTPUT)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// A port that was free a moment ago: none of the peers can be given port 0 and
/// asked for its choice.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
