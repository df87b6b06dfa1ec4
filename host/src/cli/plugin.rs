//! `wasmgate plugin`: make plugins, and look into them.

mod bindings;
mod build;
mod component;
mod contract;
mod dev;
mod inspect;
mod language;
mod list;
mod new;
mod project;
mod schema_table;
mod sdk;
mod template;
mod test;

use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;

use super::logging::LogLevel;
use super::output::Failure;
use crate::plugin::artifact::Artifact;
use crate::plugin::compiler::this_program;
use crate::plugin::engine::{self, Engine};

pub(super) const EXAMPLES: &str = "\
Examples:
  wasmgate plugin new --lang rust guard    begin a plugin in the folder guard
  wasmgate plugin build guard              make guard/guard.wasm of it
  wasmgate plugin test guard               play the cases of guard/cases.toml
  wasmgate plugin dev guard                build, test and serve at each change
  wasmgate plugin inspect guard/guard.wasm
  wasmgate plugin list                     the plugins inside wasmgate";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Begin a plugin: a project that builds, with an example and its test
    New(new::Arguments),
    /// Build the component of a plugin's project, and check it as the proxy would
    Build(build::Arguments),
    /// Play request cases against a plugin, in the real engine
    Test(test::Arguments),
    /// Build, test and serve a plugin at each change of its sources
    Dev(dev::Arguments),
    /// Tell what a plugin is: its hooks, capabilities and configuration
    Inspect(inspect::Arguments),
    /// List the plugins inside wasmgate
    List,
}

impl Command {
    /// Whether it shows the log itself.
    pub(super) fn hears(&self) -> bool {
        matches!(self, Self::Test(_) | Self::Dev(_))
    }

    pub(super) fn run(self, level: Option<LogLevel>) -> Result<(), Failure> {
        match self {
            Self::New(arguments) => new::run(&arguments),
            Self::Build(arguments) => build::run(&arguments),
            Self::Test(arguments) => test::run(&arguments, level),
            Self::Dev(arguments) => dev::run(&arguments, level),
            Self::Inspect(arguments) => inspect::run(&arguments),
            Self::List => list::run(),
        }
    }
}

/// Loads a component as the proxy does, through the same compile cache.
fn load(engine: &Engine, what: &str, wasm: &[u8]) -> anyhow::Result<Artifact> {
    Artifact::load(engine, wasm).with_context(|| what.to_owned())
}

fn engine() -> anyhow::Result<Engine> {
    Engine::new(engine::default_cache_dir().as_deref())
        .map(|engine| engine.with_compiler(this_program()))
        .map_err(|error| anyhow::anyhow!("the Wasm engine does not start: {error:#}"))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The hooks of a component; a plugin may have none.
fn hooks(artifact: &Artifact) -> String {
    match artifact.hooks.as_slice() {
        [] => "none".to_owned(),
        hooks => hooks.join(", "),
    }
}

/// Octets for a person: `46.2 KiB`.
fn size(octets: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let octets_f = octets as f64;
    match octets {
        0..1024 => format!("{octets} B"),
        1024..1_048_576 => format!("{:.1} KiB", octets_f / 1024.0),
        _ => format!("{:.1} MiB", octets_f / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1024, 47_309, 3 << 20].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "46.2 KiB", "3.0 MiB"]);
    }
}
