//! The plugins that the scenarios load: components from `tests/guests`, built
//! when they are not there.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A component file, by its path or by the name of a guest.
pub(crate) fn find(guest: &str) -> Result<PathBuf> {
    if Path::new(guest).extension().is_some_and(|extension| extension == "wasm") {
        return Path::new(guest).canonicalize().with_context(|| format!("finding {guest}"));
    }
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let file = guests.join("target/wasm32-wasip2/release").join(format!("{guest}.wasm"));
    if !file.exists() {
        build(&guests)?;
    }
    file.canonicalize().with_context(|| format!("finding the guest {guest}"))
}

fn build(guests: &Path) -> Result<()> {
    eprintln!("building the guests (target wasm32-wasip2)");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "--locked", "--target", "wasm32-wasip2"])
        .arg("--manifest-path")
        .arg(guests.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(guests.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let status = command.status().context("running cargo")?;
    ensure!(
        status.success(),
        "the guests cannot be built; if the target is missing: rustup target add wasm32-wasip2"
    );
    Ok(())
}
