//! The composition root: from a configuration to a running proxy.
//!
//! Everything is loaded and bound before anything serves. [`load`] makes a
//! snapshot of a configuration, [`workers`] runs the threads, [`supervise`] reacts
//! to signals and changed files.

// From a configuration to everything that serves it.
mod load;
// Signals, changed files, reloads.
mod supervise;
// The worker threads and what they are told.
mod workers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use wasmgate_bundled::Bundled;

use crate::config::Config;
use crate::plugin::compiler::this_program;
use crate::telemetry::access_log::Observer;
use crate::telemetry::status::Status;
use load::Loader;
use supervise::Supervisor;

/// The composition root.
pub struct App;

/// What to run.
pub struct Options {
    /// The configuration.
    pub source: Source,
    /// The plugins in the binary.
    pub bundled: &'static [Bundled],
    /// This program, if plugins are to be compiled in processes of their own.
    pub compiler: Option<PathBuf>,
    /// Who gets the access log's lines if they go to `LogTarget::Observer`.
    pub observer: Option<Observer>,
}

impl Options {
    /// With the plugins in the binary, compiled by this program, and nobody who
    /// observes.
    pub fn new(source: Source) -> Self {
        let compiler = this_program();
        Self { source, bundled: wasmgate_bundled::PLUGINS, compiler, observer: None }
    }
}

/// Where the configuration comes from.
pub enum Source {
    /// A file, loaded again on SIGHUP and when it changes.
    File(PathBuf),
    /// Made by the command line.
    Config(Box<Config>),
}

/// Why the proxy does not start: the whole report, ready to be shown.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct StartError(pub(crate) String);

/// A configuration that would start.
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// The plugins of the plugin directory, in order.
    pub directory_plugins: Vec<String>,
    /// What is odd but no error, ready to be shown; often empty.
    pub warnings: String,
}

impl App {
    /// Loads, builds and binds everything, then serves.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration, its files and its
    /// addresses, at once.
    pub fn start(options: Options) -> Result<Running, StartError> {
        Supervisor::start(options).map(|supervisor| Running { supervisor })
    }

    /// Loads everything and serves nothing.
    ///
    /// # Errors
    ///
    /// As for [`Self::start`], but for addresses.
    pub fn check(options: Options) -> Result<Checked, StartError> {
        let mut loader = Loader::new(options)?;
        let built = loader.first()?;
        Ok(Checked {
            config: (*built.snapshot.config).clone(),
            directory_plugins: built.directory_plugins,
            warnings: built.warnings,
        })
    }
}

/// A proxy that serves.
pub struct Running {
    supervisor: Supervisor,
}

impl Running {
    /// Each listener's name and the address that it is bound to.
    pub fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.supervisor.addresses()
    }

    /// What the admin endpoint shows.
    pub fn status(&self) -> Arc<Status> {
        self.supervisor.status()
    }

    /// Serves until SIGTERM or SIGINT, then drains. Blocks.
    pub fn wait(self) {
        self.supervisor.run();
    }

    /// As [`Self::wait`], or until `end` is there, which is what comes back then.
    /// Blocks.
    pub fn wait_or<T>(self, end: impl Future<Output = T>) -> Option<T> {
        self.supervisor.run_or(end)
    }

    /// Drains, and returns when it is done. Blocks.
    pub fn shutdown(self) {
        self.supervisor.shut_down();
    }
}
