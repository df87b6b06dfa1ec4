//! A watched plugin directory with one file that is replaced again and again, by
//! plugins that each put a tag of their own on every response.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::end_to_end::http1::BlockingConnection;
use crate::end_to_end::message::{Request, Response};

/// A swap that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// How often the new tag is looked for.
const INTERVAL: Duration = Duration::from_millis(1);

pub(super) struct PluginDir {
    directory: TempDir,
}

impl PluginDir {
    /// With `first` as its only plugin.
    pub(super) fn with(first: &[u8]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("end-to-end-plugins-").tempdir()?;
        fs::create_dir(directory.path().join("plugins"))?;
        let this = Self { directory };
        this.replace(first)?;
        Ok(this)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("plugins")
    }

    /// Puts a component in the plugin's place by one rename; returns when.
    pub(super) fn replace(&self, component: &[u8]) -> Result<Instant> {
        let aside = self.directory.path().join("aside.wasm");
        fs::write(&aside, component)?;
        let now = Instant::now();
        fs::rename(&aside, self.path().join("marked.wasm"))?;
        Ok(now)
    }
}

/// Looks at the tag of the answers, one request after another.
pub(super) struct Watcher {
    connection: BlockingConnection,
    request: Request,
}

impl Watcher {
    pub(super) fn connect(proxy: SocketAddr) -> Result<Self> {
        let connection = BlockingConnection::connect(proxy)?;
        Ok(Self { connection, request: Request::small("/small") })
    }

    pub(super) fn tag(&mut self) -> Result<String> {
        let response = self.connection.exchange(&self.request)?;
        self.request.check(&response)?;
        tag_of(response)
    }

    /// Asks until the tag is another than `old`; returns it and when it was seen.
    pub(super) fn wait_for_change(&mut self, old: &str) -> Result<(String, Instant)> {
        let start = Instant::now();
        loop {
            let tag = self.tag()?;
            if tag != old {
                return Ok((tag, Instant::now()));
            }
            ensure!(start.elapsed() < LIMIT, "the changed plugin does not answer after {LIMIT:?}");
            thread::sleep(INTERVAL);
        }
    }

    /// The same load as waiting for a change, for `time`.
    pub(super) fn look_for(&mut self, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.tag()?;
            thread::sleep(INTERVAL);
        }
        Ok(())
    }
}

pub(super) fn tag_of(response: Response) -> Result<String> {
    response.tag.context("a response without the plugin's tag")
}
