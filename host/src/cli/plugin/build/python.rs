//! Python, by componentize-py: the CPython interpreter with the plugin's modules in
//! it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::super::contract::WORLD;
use super::tool;

/// Where the contract's types go, for editors and native tests.
const TYPES: &str = ".wasmgate/python";

const MISSING: &str = "remove .venv and build again";

/// Makes the component; `out` is relative to the project's folder.
pub(super) fn compile(project: &Path, out: &Path) -> anyhow::Result<()> {
    let venv = tool::venv(project)?;
    let componentize = || {
        let mut command = Command::new(venv.join("bin/componentize-py"));
        command.args(["-d", ".wasmgate/wit", "-w", WORLD]).current_dir(project);
        // Where the project's own dependencies are found.
        command.env("VIRTUAL_ENV", &venv);
        command
    };
    // It does not write over what is there.
    let types = project.join(TYPES);
    match fs::remove_dir_all(&types) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", types.display()));
        }
        _ => {}
    }
    tool::run(componentize().args(["bindings", TYPES]), MISSING)?;
    tool::run(componentize().args(["componentize", "plugin", "-p", ".", "-o"]).arg(out), MISSING)
}
