//! `wasmgate check`

use std::path::PathBuf;

use clap::Args;

use super::output::{Failure, note, print};
use crate::app::{App, Options, Source};
use crate::config;

/// Loads a configuration file without serving.
///
/// Reads everything that the file names, compiles the plugins and tries their
/// configuration. Prints either every mistake, with its place and what to do, and
/// exits with 1; or what would be done: listeners, clusters, plugins, and the routes
/// in the order in which they are tried, each with its plugins.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = "wasmgate.toml")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate check
  wasmgate check -c /etc/wasmgate.toml && systemctl reload wasmgate";

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let source = Source::File(arguments.config);
    let checked = App::check(Options::new(source))?;
    if !checked.warnings.is_empty() {
        note(&format!("{}\n\n", checked.warnings.trim_end()));
    }
    print(&config::plan(&checked.config, &checked.directory_plugins))
}
