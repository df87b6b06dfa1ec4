//! `wasmgate plugin build`

mod c;
mod cargo;
mod go;
mod javascript;
mod python;
mod tool;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::super::output::{Failure, print, table};
use super::contract::Contract;
use super::language::Language;
use super::project::Project;
use super::{bindings, component, engine, hooks, load, read, sdk, size};

/// Builds the component of a plugin's project, and checks it as the proxy would.
///
/// The project's files tell its language, whose own tools do the work: cargo, npm
/// and componentize-qjs, componentize-py, go, zig or clang. What a project's
/// language installs goes into the project's folder. The component goes to
/// NAME.wasm there, in one step: a proxy that watches the file swaps the plugin
/// without ever seeing half of it.
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

/// What a toolchain made.
struct Built {
    name: String,
    wasm: Vec<u8>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let project = &arguments.project;
    let language = Language::of(project)?;
    // A clone of the project's sources may be without what wasmgate writes.
    sdk::restore(project, language)?;
    let built = match language {
        Language::Rust => cargo::build(project)?,
        other => build(project, other)?,
    };
    let artifact = load(&engine()?, &format!("{} was built, but", project.display()), &built.wasm)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        // `./NAME.wasm` says no more than `NAME.wasm`.
        None => {
            let folder = project.strip_prefix(".").unwrap_or(project);
            folder.join(format!("{}.wasm", built.name))
        }
    };
    replace(&out, &built.wasm)?;
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

/// Builds a project that a `plugin.toml` describes.
fn build(folder: &Path, language: Language) -> anyhow::Result<Built> {
    let project = Project::read(folder)?;
    let contract = Contract::of(folder, &project)?;
    bindings::write(folder, language, &contract)?;
    // Tools are given paths relative to the project's folder, where they run.
    let out = Path::new(sdk::FOLDER).join("build").join("plugin.wasm");
    let at = folder.join(&out);
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    match language {
        Language::C => c::compile(folder, &out)?,
        Language::Go => go::compile(folder, &out)?,
        Language::Python => python::compile(folder, &out)?,
        Language::JavaScript | Language::Rust => javascript::compile(folder, &out)?,
    }
    let mut wasm = read(&at)?;
    if matches!(language, Language::C | Language::Go) {
        wasm = component::encode(wasm, &contract)?;
    }
    component::describe(&mut wasm, &project);
    Ok(Built { name: project.name, wasm })
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

#[cfg(test)]
mod tests {
    use super::*;

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
