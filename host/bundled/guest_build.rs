//! Builds a workspace of plugins to Wasm from a build script.
//!
//! Shared by the two build scripts that do so, of `wasmgate-bundled` and of the
//! test suite. It runs cargo inside cargo, which takes some care: the inner one
//! must see nothing of what the outer one was told about the host's own build,
//! and must not wait for a lock that the outer one holds.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-wasip2";

/// One built component.
pub(crate) struct Guest {
    /// The package's name.
    pub(crate) name: String,
    /// Where the component is.
    pub(crate) wasm: PathBuf,
}

/// Builds every plugin of `workspace`, sorted by name. `inputs` are folders
/// outside of it whose changes call for another build.
///
/// None when the Wasm target is missing; the build then ends with a sentence
/// that says what to type. A plugin that does not compile ends it here, with the
/// compiler's own words.
pub(crate) fn build(workspace: &Path, inputs: &[&Path]) -> Option<Vec<Guest>> {
    watch(workspace);
    for input in inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    if !target_is_installed() {
        // Without this the compiler says that it cannot find `core` (E0463).
        println!(
            "cargo::error=plugins are built for the target {TARGET}, which is not installed: \
             run `rustup target add {TARGET}`"
        );
        return None;
    }
    let output = cargo(workspace)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|e| fail(&format!("cargo does not run: {e}")));
    if !output.status.success() {
        fail(&format!("the plugins in {} do not build", workspace.display()));
    }
    let mut guests: Vec<Guest> = output.stdout.split(|b| *b == b'\n').filter_map(guest).collect();
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Some(guests)
}

/// Writes `OUT_DIR/guests.rs`, an expression: the list of `(name, bytes)`.
pub(crate) fn embed(guests: &[Guest]) {
    let out = PathBuf::from(variable("OUT_DIR"));
    let mut table = String::from("&[\n");
    for Guest { name, wasm } in guests {
        // A copy of its own: the shared target folder may change under the
        // compiler when two profiles are built at once.
        let copy = out.join(format!("{name}.wasm"));
        std::fs::copy(wasm, &copy).unwrap_or_else(|e| fail(&format!("{}: {e}", wasm.display())));
        table.push_str(&format!("    ({name:?}, include_bytes!({copy:?})),\n"));
    }
    table.push_str("]\n");
    let file = out.join("guests.rs");
    std::fs::write(&file, table).unwrap_or_else(|e| fail(&format!("{}: {e}", file.display())));
}

/// Everything in the workspace but what is built in it.
fn watch(workspace: &Path) {
    let entries = std::fs::read_dir(workspace)
        .unwrap_or_else(|e| fail(&format!("{}: {e}", workspace.display())));
    for entry in entries.flatten() {
        if entry.file_name() != "target" {
            println!("cargo::rerun-if-changed={}", entry.path().display());
        }
    }
}

fn target_is_installed() -> bool {
    let output = Command::new(variable("RUSTC")).args(["--print", "sysroot"]).output();
    // If the compiler cannot be asked, it will say more about it than we could.
    let Ok(output) = output else { return true };
    let sysroot = String::from_utf8_lossy(&output.stdout);
    Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn cargo(workspace: &Path) -> Command {
    let target_dir = target_dir(workspace);
    let mut cargo = Command::new(variable("CARGO"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_the_outer_build(name)) {
        cargo.env_remove(name);
    }
    cargo
        .current_dir(workspace)
        .args(["build", "--release", "--locked", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(&target_dir)
        // Set and empty, it outweighs the flags of the user's own cargo
        // configuration, which are meant for the host.
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        // Were it configured to be elsewhere, the outer build might hold its lock.
        .env("CARGO_BUILD_BUILD_DIR", &target_dir)
        .env("RUSTC", variable("RUSTC"));
    cargo
}

/// Whether a variable tells of the outer build: flags, wrappers (clippy is one),
/// folders, profiles, the job server, and what cargo sets for build scripts.
fn is_of_the_outer_build(name: &OsStr) -> bool {
    const NAMES: [&str; 19] = [
        "CARGO_ENCODED_RUSTDOCFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_MAKEFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "MAKEFLAGS",
        "MFLAGS",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "TARGET",
    ];
    const PREFIXES: [&str; 8] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "DEP_",
    ];
    name.to_str().is_some_and(|name| {
        NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}

/// One folder for all profiles of the host, for the guests are the same in each:
/// `target/guests/NAME`. Not the host's own, whose lock the outer cargo holds.
fn target_dir(workspace: &Path) -> PathBuf {
    let name = workspace.file_name().unwrap_or_else(|| OsStr::new("guests"));
    let out = PathBuf::from(variable("OUT_DIR"));
    // target/[TRIPLE/]PROFILE/build/PACKAGE/out
    let build = out.ancestors().find(|folder| folder.file_name() == Some(OsStr::new("build")));
    let target = build.and_then(|build| build.parent()?.parent());
    target.unwrap_or(&out).join("guests").join(name)
}

/// A component, if this line of cargo's report tells of one.
fn guest(line: &[u8]) -> Option<Guest> {
    let message: serde_json::Value = serde_json::from_slice(line).ok()?;
    if message.get("reason")? != "compiler-artifact" {
        return None;
    }
    let files = message.get("filenames")?.as_array()?;
    let mut files = files.iter().filter_map(serde_json::Value::as_str);
    let wasm = files.find(|file| file.ends_with(".wasm"))?;
    let name = message.get("target")?.get("name")?.as_str()?;
    Some(Guest { name: name.replace('_', "-"), wasm: PathBuf::from(wasm) })
}

fn variable(name: &str) -> OsString {
    std::env::var_os(name).unwrap_or_else(|| fail(&format!("{name} is not set")))
}

fn fail(reason: &str) -> ! {
    println!("cargo::error={reason}");
    std::process::exit(1)
}
