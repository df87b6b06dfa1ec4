//! The bench's command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::proxy::Kind;

/// Measures a proxy from outside; prints one table row for each result.
#[derive(Debug, Parser)]
#[command(name = "end_to_end", bin_name = "cargo bench -p wasmgate --bench end_to_end --")]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum)]
    pub(crate) scenario: Choice,

    /// Measure this proxy too, in the same run, and compare
    #[arg(long, value_enum)]
    pub(crate) against: Option<Kind>,

    /// The proxy to measure; the same as `--against` shows the noise of the method
    #[arg(long, value_enum, default_value = "wasmgate")]
    pub(crate) subject: Kind,

    /// The wasmgate binary; by default the one that Cargo built for this bench
    #[arg(long, value_name = "PATH")]
    pub(crate) proxy: Option<PathBuf>,

    /// The plugin of `http1-chain` and `isolation`: a file, or the name of a guest in tests/guests
    #[arg(long, value_name = "FILE|NAME", default_value = "trivial")]
    pub(crate) guest: String,

    /// Where the guests' components are; by default in tests/guests, built when missing
    #[arg(long, value_name = "DIR")]
    pub(crate) guests: Option<PathBuf>,

    /// How often the proxies are started afresh
    #[arg(long, value_name = "N")]
    pub(crate) sittings: Option<usize>,

    /// Rounds for each side in one sitting
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,

    /// Requests in one round
    #[arg(long, value_name = "N")]
    pub(crate) requests: Option<usize>,

    /// Plugin swaps in `soak`
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) swaps: usize,

    /// Exchanges in `waiting`
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) waiting: usize,

    /// Exit with 0 even if a bar is missed
    #[arg(long)]
    pub(crate) no_bar: bool,

    /// Cargo passes this to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// A scenario, or all of them one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// Every one of the following
    All,
    /// CPU of a small HTTP/1.1 exchange without plugins
    Http1,
    /// CPU that each of ten plugins adds to it
    Http1Chain,
    /// CPU that a fresh instance for each exchange adds
    Isolation,
    /// CPU of a small HTTP/2 exchange over TLS 1.3
    Http2Tls,
    /// CPU for each MiB of 1 MiB responses
    #[value(name = "body-down-1m")]
    BodyDown1m,
    /// CPU for each MiB of 1 MiB requests
    #[value(name = "body-up-1m")]
    BodyUp1m,
    /// CPU for each MiB of 100 MiB responses
    #[value(name = "body-down-100m")]
    BodyDown100m,
    /// CPU for each MiB of 100 MiB requests
    #[value(name = "body-up-100m")]
    BodyUp100m,
    /// CPU that a plugin adds which sees every chunk of 1 MiB bodies
    BodyChunks,
    /// Memory of an idle proxy, and of each idle connection
    Idle,
    /// Memory of each exchange whose plugin waits for the answer to its own request
    Waiting,
    /// Latency beside a plugin that spins until its deadline
    Spin,
    /// Time from a changed plugin file to its first answer, and latency meanwhile
    Swap,
    /// Thousands of swaps under load: no request lost, no memory kept
    Soak,
}
