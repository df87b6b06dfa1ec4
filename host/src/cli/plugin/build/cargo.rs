//! Rust, by cargo.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::{Built, read};

const TARGET: &str = "wasm32-wasip2";

/// Runs `cargo build --release` for the target wasm32-wasip2.
pub(super) fn build(project: &Path) -> anyhow::Result<Built> {
    let manifest = project.join("Cargo.toml");
    let manifest =
        manifest.canonicalize().with_context(|| format!("cannot find {}", manifest.display()))?;
    require_target(project)?;
    let component = compile(project, &manifest)?;
    Ok(Built { wasm: read(&component.file)?, name: component.package })
}

/// What cargo made.
struct Component {
    package: String,
    file: PathBuf,
}

/// A missing target shows as a compiler error about `core` otherwise.
fn require_target(project: &Path) -> anyhow::Result<()> {
    let rustc = tool("RUSTC", "rustc");
    let asked = Command::new(rustc).args(["--print", "sysroot"]).current_dir(project).output();
    let sysroot = match asked {
        Ok(output) if output.status.success() => output.stdout,
        // cargo says more about a broken compiler than we could.
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_rust()),
        Err(error) => return Err(error).context("cannot run rustc"),
    };
    let sysroot = String::from_utf8_lossy(&sysroot).trim().to_owned();
    let target = Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib");
    ensure!(
        target.is_dir(),
        "plugins are built for the target {TARGET}, which is not installed: run `rustup target add {TARGET}`"
    );
    Ok(())
}

/// Runs cargo, whose messages go to the terminal, and finds what it made.
fn compile(project: &Path, manifest: &Path) -> anyhow::Result<Component> {
    let output = Command::new(tool("CARGO", "cargo"))
        .current_dir(project)
        .args(["build", "--release", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_rust()),
        Err(error) => return Err(error).context("cannot run cargo"),
    };
    ensure!(output.status.success(), "the plugin does not build; cargo says above why");
    let found =
        output.stdout.split(|octet| *octet == b'\n').find_map(|line| component(line, manifest));
    found.with_context(|| {
        format!(
            "cargo built no component from {}: a plugin is a library with `crate-type = [\"cdylib\"]` under `[lib]`",
            manifest.display()
        )
    })
}

/// The component of this package, if this line of cargo's report tells of it.
fn component(line: &[u8], manifest: &Path) -> Option<Component> {
    let message: serde_json::Value = serde_json::from_slice(line).ok()?;
    if message.get("reason")? != "compiler-artifact"
        || Path::new(message.get("manifest_path")?.as_str()?) != manifest
    {
        return None;
    }
    let mut files = message.get("filenames")?.as_array()?.iter().filter_map(|file| file.as_str());
    let file = files.find(|file| file.ends_with(".wasm"))?;
    // `path+file:///…/guard#0.1.0`, or `…#other-name@0.1.0` in a folder of another name.
    let id = message.get("package_id")?.as_str()?;
    let (path, end) = id.rsplit_once('#')?;
    let package = match end.split_once('@') {
        Some((name, _)) => name,
        None => path.trim_end_matches('/').rsplit('/').next()?,
    };
    Some(Component { package: package.to_owned(), file: file.into() })
}

/// What the environment says, as cargo does for what it runs, or else what is found
/// in the path.
fn tool(variable: &str, name: &str) -> OsString {
    env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or_else(|| name.into())
}

fn no_rust() -> anyhow::Error {
    anyhow::anyhow!("cargo and rustc were not found: install Rust as https://rustup.rs says")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(manifest: &str, id: &str, file: &str) -> Vec<u8> {
        json!({
            "reason": "compiler-artifact",
            "manifest_path": manifest,
            "package_id": id,
            "filenames": [file],
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn the_component_is_found_in_what_cargo_reports() {
        let manifest = Path::new("/p/guard/Cargo.toml");
        let found =
            |line: &[u8]| component(line, manifest).map(|found| (found.package, found.file));
        let own = line("/p/guard/Cargo.toml", "path+file:///p/guard#0.1.0", "/t/guard.wasm");
        assert_eq!(found(&own), Some(("guard".to_owned(), "/t/guard.wasm".into())));
        let renamed =
            line("/p/guard/Cargo.toml", "path+file:///p/guard#my-guard@0.1.0", "/t/my_guard.wasm");
        assert_eq!(found(&renamed).map(|found| found.0), Some("my-guard".to_owned()));
        for other in [
            line("/p/other/Cargo.toml", "path+file:///p/other#0.1.0", "/t/other.wasm"),
            line("/p/guard/Cargo.toml", "path+file:///p/guard#0.1.0", "/t/libguard.rlib"),
            b"no json".to_vec(),
            b"{}".to_vec(),
        ] {
            assert_eq!(found(&other), None);
        }
    }
}
