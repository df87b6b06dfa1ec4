//! `wasmgate plugin build`

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::super::output::{Failure, print, table};
use super::{engine, hooks, load, read, size};

const TARGET: &str = "wasm32-wasip2";

/// Builds the component of a plugin's project, and checks it as the proxy would.
///
/// Runs `cargo build --release` for the target wasm32-wasip2. The component goes to
/// NAME.wasm in the project's folder, in one step: a proxy that watches the file
/// swaps the plugin without ever seeing half of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    project: PathBuf,

    /// Where to put the component [default: DIR/NAME.wasm]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate plugin build
  wasmgate plugin build guard --out /etc/wasmgate/plugins/guard.wasm";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let project = &arguments.project;
    let manifest = project.join("Cargo.toml");
    let found = manifest.canonicalize().with_context(|| {
        format!(
            "no plugin's project in {}: there is no Cargo.toml (`wasmgate plugin new` makes one)",
            project.display()
        )
    })?;
    require_target(project)?;
    let component = build(project, &found)?;
    let wasm = read(&component.file)?;
    let artifact =
        load(&engine()?, &format!("{} was built, but", component.file.display()), &wasm)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        // `./NAME.wasm` says no more than `NAME.wasm`.
        None => {
            let folder = project.strip_prefix(".").unwrap_or(project);
            folder.join(format!("{}.wasm", component.package))
        }
    };
    replace(&out, &wasm)?;
    let row = |key: &str, value: String| [key.to_owned(), value];
    print(&table(
        "",
        &[
            row("component", out.display().to_string()),
            row("size", size(artifact.size)),
            row("hooks", hooks(&artifact)),
        ],
    ))?;
    print(&format!(
        "\nUse it:  wasmgate proxy --listen 127.0.0.1:8080 --to http://127.0.0.1:3000 --plugin {}\n",
        out.display()
    ))
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
fn build(project: &Path, manifest: &Path) -> anyhow::Result<Component> {
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

/// Replaces a file in one step.
fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || {
        // Hidden, so that a watched plugin directory does not take it for a plugin.
        let mut beside = tempfile::Builder::new().prefix(".wasmgate-").tempfile_in(folder)?;
        beside.write_all(content)?;
        // Temporary files are for their owner only; the proxy may be somebody else.
        let mode = fs::metadata(path).map(|old| old.permissions());
        let mode = mode.unwrap_or_else(|_| std::os::unix::fs::PermissionsExt::from_mode(0o644));
        beside.as_file().set_permissions(mode)?;
        beside.persist(path).map_err(|error| error.error)?;
        std::io::Result::Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
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

    #[test]
    fn a_file_is_replaced_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("guard.wasm");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        replace(&path, b"1").unwrap();
        assert_eq!(mode(), 0o644);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace(&path, b"2").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode()), (b"2".to_vec(), 0o600));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_without_a_project_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments { project: directory.path().to_owned(), out: None };
        let Err(Failure::Error(error)) = run(&arguments) else { panic!("it was built") };
        assert!(error.to_string().contains("wasmgate plugin new"), "{error}");
    }
}
