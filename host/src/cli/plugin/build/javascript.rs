//! JavaScript, by componentize-qjs: the QuickJS engine with the plugin's modules in
//! it.

use std::path::Path;
use std::process::Command;

use super::super::contract::WORLD;
use super::tool::{self, NODE_MISSING};

/// Makes the component; `out` is relative to the project's folder.
pub(super) fn compile(project: &Path, out: &Path) -> anyhow::Result<()> {
    tool::node_modules(project)?;
    tool::run(
        Command::new("node")
            .arg("node_modules/componentize-qjs/bin/componentize-qjs")
            .args(["--wit", ".wasmgate/wit", "--world", WORLD])
            .args(["--js", ".wasmgate/js/entry.js", "--module-root", "."])
            // The contract is synchronous.
            .arg("--sync")
            .arg("--output")
            .arg(out)
            .current_dir(project),
        NODE_MISSING,
    )
}
