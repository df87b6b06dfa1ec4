//! `wasmgate run`

use std::path::PathBuf;

use clap::Args;

use super::output::Failure;
use crate::app::{App, Options, Running, Source};

/// Runs the proxy that a configuration file describes.
///
/// The file and everything that it names is watched: a change is applied as a whole,
/// or not at all, without losing a request. SIGHUP does the same and opens the
/// access log again; SIGTERM and SIGINT end the proxy when the exchanges under way
/// are over.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "wasmgate.toml")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate run
  wasmgate run -c /etc/wasmgate.toml
  WASMGATE_LOG=debug wasmgate run";

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    serve(Source::File(arguments.config))
}

/// Serves until a signal says otherwise.
pub(super) fn serve(source: Source) -> Result<(), Failure> {
    let running = App::start(Options::new(source))?;
    tell(&running);
    running.wait();
    Ok(())
}

fn tell(running: &Running) {
    for (name, address) in running.addresses() {
        let address = address.to_string();
        if name == address {
            tracing::info!("listening on {address}");
        } else {
            tracing::info!("listening on {address} ({name})");
        }
    }
}
