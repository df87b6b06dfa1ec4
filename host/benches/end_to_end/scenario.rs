//! What is measured. One file for each kind of question.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::task::LocalSet;

use super::options::{Choice, Options};
use super::paired::Effort;
use super::proxy::{Kind, Proxy, Setup};
use super::report::Row;
use super::{guest, origin};

mod body;
mod chain;
mod idle;
mod plugin_dir;
mod small;
mod soak;
mod spin;
mod swap;
mod waiting;

/// Runs what the options ask for.
pub(crate) fn run(options: &Options) -> Result<Vec<Row>> {
    for kind in [Some(options.subject), options.against].into_iter().flatten() {
        kind.require()?;
    }
    let bench = Bench { options, origin: origin::start()?, binary: binary(options)? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The HTTP/2 client's connections are tasks of this thread.
    LocalSet::new().block_on(&runtime, async {
        let mut rows = Vec::new();
        for (choice, name) in SCENARIOS {
            if options.scenario == choice || options.scenario == Choice::All {
                eprintln!("{name}");
                rows.extend(bench.run(choice).await?);
            }
        }
        Ok(rows)
    })
}

const SCENARIOS: [(Choice, &str); 14] = [
    (Choice::Http1, "http1"),
    (Choice::Http1Chain, "http1-chain"),
    (Choice::Isolation, "isolation"),
    (Choice::Http2Tls, "http2-tls"),
    (Choice::BodyDown1m, "body-down-1m"),
    (Choice::BodyUp1m, "body-up-1m"),
    (Choice::BodyDown100m, "body-down-100m"),
    (Choice::BodyUp100m, "body-up-100m"),
    (Choice::BodyChunks, "body-chunks"),
    (Choice::Idle, "idle"),
    (Choice::Waiting, "waiting"),
    (Choice::Spin, "spin"),
    (Choice::Swap, "swap"),
    (Choice::Soak, "soak"),
];

fn binary(options: &Options) -> Result<Option<PathBuf>> {
    // Absolute, for the program is started in a directory of its own.
    let path = match &options.proxy {
        Some(path) => {
            let found = path.canonicalize();
            Some(found.with_context(|| format!("finding {}", path.display()))?)
        }
        None => option_env!("CARGO_BIN_EXE_wasmgate").map(PathBuf::from),
    };
    Ok(path)
}

/// What the scenarios share.
struct Bench<'a> {
    options: &'a Options,
    origin: SocketAddr,
    binary: Option<PathBuf>,
}

impl Bench<'_> {
    async fn run(&self, choice: Choice) -> Result<Vec<Row>> {
        match choice {
            // Expanded by the caller.
            Choice::All => Ok(Vec::new()),
            Choice::Http1 => small::http1(self).await,
            Choice::Http1Chain => chain::http1_chain(self).await,
            Choice::Isolation => chain::isolation(self).await,
            Choice::Http2Tls => small::http2_tls(self).await,
            Choice::BodyDown1m => body::run(self, body::Direction::Down, 1).await,
            Choice::BodyUp1m => body::run(self, body::Direction::Up, 1).await,
            Choice::BodyDown100m => body::run(self, body::Direction::Down, 100).await,
            Choice::BodyUp100m => body::run(self, body::Direction::Up, 100).await,
            Choice::BodyChunks => body::chunks(self).await,
            Choice::Idle => idle::run(self).await,
            Choice::Waiting => waiting::run(self).await,
            Choice::Spin => spin::run(self),
            Choice::Swap => swap::run(self),
            Choice::Soak => soak::run(self),
        }
    }

    /// The proxy under test, then the one to compare it with.
    fn kinds(&self) -> Vec<Kind> {
        [Some(self.options.subject), self.options.against].into_iter().flatten().collect()
    }

    /// Whether the promises, which are about wasmgate and nginx, apply.
    fn promised(&self) -> bool {
        self.options.subject == Kind::Wasmgate && self.options.against == Some(Kind::Nginx)
    }

    fn start(&self, kind: Kind, setup: Setup<'_>) -> Result<Proxy> {
        Proxy::start(kind, self.origin, &Setup { binary: self.binary.as_deref(), ..setup })
    }

    /// Wasmgate, for what only it has.
    fn start_wasmgate(&self, setup: Setup<'_>) -> Result<Proxy> {
        self.start(Kind::Wasmgate, setup)
    }

    /// A guest's component file.
    fn guest(&self, name: &str) -> Result<PathBuf> {
        guest::find(name, self.options.guests.as_deref())
    }

    /// What a scenario finds right, unless the options say otherwise.
    fn effort(&self, usual: Effort) -> Effort {
        Effort {
            sittings: self.options.sittings.unwrap_or(usual.sittings).max(1),
            rounds: self.options.rounds.unwrap_or(usual.rounds).max(1),
            requests: self.options.requests.unwrap_or(usual.requests).max(1),
        }
    }
}

/// A path for the configuration file.
fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
