//! `wasmgate compile`, which the proxy starts for itself; see [`crate::plugin::compiler`].

use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::output::Failure;
use crate::plugin::engine::Engine;

/// Compiles the component on standard input into the compile cache.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The compile cache
    #[arg(long, value_name = "DIR")]
    cache_dir: PathBuf,

    /// Compile on so many threads [default: one for each processor]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<NonZeroUsize>,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate compile --cache-dir ~/.cache/wasmgate < guard.wasm";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut wasm = Vec::new();
    std::io::stdin().lock().read_to_end(&mut wasm).context("cannot read standard input")?;
    let compile = || {
        let engine = Engine::new(Some(&arguments.cache_dir))?;
        if let Some(threads) = arguments.threads {
            engine.use_threads(threads);
        }
        engine.compile(&wasm)
    };
    compile().map_err(|error| anyhow!("{error:#}"))?;
    Ok(())
}
