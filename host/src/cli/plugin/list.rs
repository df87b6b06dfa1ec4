//! `wasmgate plugin list`

use super::super::output::{Failure, print, table};
use super::{engine, hooks, load, size};

pub(super) fn run() -> Result<(), Failure> {
    let engine = engine()?;
    let mut rows = Vec::new();
    for plugin in wasmgate_bundled::PLUGINS {
        let artifact = load(&engine, plugin.name, plugin.wasm)?;
        rows.push([
            format!("builtin:{}", plugin.name),
            artifact.manifest.version.clone().unwrap_or_default(),
            hooks(&artifact),
            size(artifact.size),
            artifact.manifest.description.clone().unwrap_or_default(),
        ]);
    }
    print(&table("", &rows))?;
    print("\n`wasmgate plugin inspect builtin:NAME` tells what can be configured.\n")
}
