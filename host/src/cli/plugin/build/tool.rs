//! Other programs: finding them, running them, and saying what to type when one is
//! not there.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

/// Where Python's tools are installed, below a project's folder.
const VENV: &str = ".venv";

/// Runs a program to its end. What it prints goes to standard error: standard
/// output is for what wasmgate has to say. `missing` says how to install it.
pub(super) fn run(command: &mut Command, missing: &str) -> anyhow::Result<()> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => bail!("the plugin does not build; {name} says above why"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{name} was not found: {missing}")
        }
        Err(error) => Err(error).with_context(|| format!("cannot run {name}")),
    }
}

/// A program in the project's own folder of Python's tools, or in the path.
pub(super) fn find(project: &Path, names: &[&str]) -> Option<PathBuf> {
    let own = project.join(VENV).join("bin");
    // Absolute, since it is run in another folder.
    let own = own.canonicalize().ok();
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(own);
    folders.find_map(|folder| {
        let files = names.iter().map(|name| folder.join(name));
        files.into_iter().find(|file| file.is_file())
    })
}

/// Installs what the project's `requirements.txt` asks for into its `.venv`, unless
/// that was done; gives the folder.
pub(super) fn venv(project: &Path) -> anyhow::Result<PathBuf> {
    const MISSING: &str = "install Python 3.11 or newer, with its module venv \
                           (`apt-get install python3-venv`)";
    let folder = project.join(VENV);
    let asked = project.join("requirements.txt");
    let stamp = folder.join(".wasmgate-installed");
    let text = fs::read(&asked).with_context(|| format!("cannot read {}", asked.display()))?;
    // By content: copying a project changes times.
    if fs::read(&stamp).ok().as_ref() != Some(&text) {
        run(Command::new("python3").args(["-m", "venv", VENV]).current_dir(project), MISSING)?;
        run(
            // Not resolved any further: it is a link to what would install elsewhere.
            Command::new(absolute(&folder)?.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["-r", "requirements.txt"])
                .current_dir(project),
            MISSING,
        )?;
        fs::write(&stamp, text).with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    absolute(&folder)
}

/// Installs the packages that the project's `package.json` asks for, unless that was
/// done.
pub(super) fn node_modules(project: &Path) -> anyhow::Result<()> {
    let stamp = project.join("node_modules/.wasmgate-installed");
    let mut text = Vec::new();
    for name in ["package.json", "package-lock.json"] {
        text.extend(fs::read(project.join(name)).unwrap_or_default());
    }
    if fs::read(&stamp).ok().as_ref() == Some(&text) {
        return Ok(());
    }
    let locked = project.join("package-lock.json").is_file();
    run(
        Command::new("npm")
            .arg(if locked { "ci" } else { "install" })
            .args(["--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(project),
        NODE_MISSING,
    )?;
    // A lock file that was just made is one that was followed.
    let mut text = Vec::new();
    for name in ["package.json", "package-lock.json"] {
        text.extend(fs::read(project.join(name)).unwrap_or_default());
    }
    fs::write(&stamp, text).with_context(|| format!("cannot write {}", stamp.display()))
}

pub(super) const NODE_MISSING: &str =
    "install Node.js 20 or newer, which has npm, as https://nodejs.org says";

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}

/// Files of one kind below a folder, relative to the project.
pub(super) fn sources(
    project: &Path,
    folder: &str,
    extension: &str,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(project.join(&folder))
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "there is no .{extension} file in {folder}");
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_one_sentence() {
        let error =
            run(&mut Command::new("/nowhere/wasmgate-no-such-tool"), "install it").unwrap_err();
        assert_eq!(error.to_string(), "wasmgate-no-such-tool was not found: install it");
    }

    #[test]
    fn a_tool_that_fails_is_named() {
        let error = run(&mut Command::new("false"), "").unwrap_err().to_string();
        assert_eq!(error, "the plugin does not build; false says above why");
    }

    #[test]
    fn sources_are_found_in_folders_of_folders() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("src/deep")).unwrap();
        for file in ["src/b.c", "src/deep/a.c", "src/b.h"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let found = sources(directory.path(), "src", "c").unwrap();
        assert_eq!(found, [Path::new("src/b.c"), Path::new("src/deep/a.c")]);
        assert!(sources(directory.path(), "src", "go").is_err());
    }
}
