//! The plugins that the scenarios load: components from `tests/guests`, built
//! when they are not there or not up to date.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};

/// A component file, by its path or by the name of a guest, which is looked for
/// in `folder` if there is one.
pub(crate) fn find(guest: &str, folder: Option<&Path>) -> Result<PathBuf> {
    if Path::new(guest).extension().is_some_and(|extension| extension == "wasm") {
        return Path::new(guest).canonicalize().with_context(|| format!("finding {guest}"));
    }
    // Cargo names a library's file after its crate, not its package.
    let name = format!("{}.wasm", guest.replace('-', "_"));
    let file = match folder {
        Some(folder) => folder.join(name),
        None => {
            let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
            // Always, and once: what was built for another contract or SDK would be measured.
            static BUILT: OnceLock<bool> = OnceLock::new();
            if !BUILT.get_or_init(|| build(&guests).inspect_err(|e| eprintln!("{e:#}")).is_ok()) {
                bail!("the guests in {} cannot be built", guests.display());
            }
            guests.join("target/wasm32-wasip2/release").join(name)
        }
    };
    file.canonicalize().with_context(|| format!("finding the guest {guest}"))
}

/// The one place of a component from `tests/guests/marked` or `marked-large` that
/// makes it differ from the next.
const MARK: &[u8] = b"mark:0000";

/// A component that puts `mark:` and `number` into the response field by which it
/// is known, and differs in nothing else from the others made from `template`.
pub(crate) fn marked(template: &[u8], number: u16) -> Result<Vec<u8>> {
    let mut places = (0..template.len()).filter(|&at| template[at..].starts_with(MARK));
    let (Some(place), None) = (places.next(), places.next()) else {
        bail!("the guest does not contain its mark exactly once");
    };
    let mut component = template.to_vec();
    let mark = format!("mark:{number:04}");
    ensure!(mark.len() == MARK.len(), "{number} has more than four digits");
    component[place..place + MARK.len()].copy_from_slice(mark.as_bytes());
    Ok(component)
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
