//! Which component is tested, and by which cases.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::cases::file;
use crate::config::PluginSource;

/// The plugin under test.
#[derive(Debug)]
pub(in crate::cli::plugin) struct Subject {
    /// As logs and annotations call it.
    pub(in crate::cli::plugin) name: String,
    /// Where it comes from.
    pub(in crate::cli::plugin) source: PluginSource,
    /// Where its cases are looked for.
    folder: PathBuf,
}

impl Subject {
    /// The component of a project, a component alone, or `given` with the project's
    /// cases.
    pub(super) fn find(project: &Path, given: Option<&PluginSource>) -> anyhow::Result<Self> {
        let is_file = project.extension() == Some(OsStr::new("wasm")) && !project.is_dir();
        let folder = match is_file {
            true => project.parent().unwrap_or(Path::new("")).to_owned(),
            false => project.to_owned(),
        };
        ensure!(
            folder.as_os_str().is_empty() || folder.is_dir(),
            "{} is no folder; name a plugin's project, or its component",
            folder.display()
        );
        let source = match given {
            Some(source) => source.clone(),
            None if is_file => file_source(project)?,
            None => file_source(&component(&folder)?)?,
        };
        Ok(Self { name: name(&source), source, folder })
    }

    /// A component that stands elsewhere than its project.
    pub(in crate::cli::plugin) fn built(name: &str, component: &Path, project: &Path) -> Self {
        let source = PluginSource::File(component.to_owned());
        Self { name: name.to_owned(), source, folder: project.to_owned() }
    }

    /// The project's own file, if it has one.
    pub(in crate::cli::plugin) fn own_cases(&self) -> Option<PathBuf> {
        Some(self.folder.join(file::NAME)).filter(|path| path.exists())
    }

    /// What was named, or the project's own file.
    pub(super) fn case_files(&self, named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        if !named.is_empty() {
            return Ok(named.to_vec());
        }
        let own = self.own_cases().with_context(|| {
            format!(
                "there are no cases: {} does not exist; write it, or name a file with `--cases FILE`",
                self.folder.join(file::NAME).display()
            )
        })?;
        Ok(vec![own])
    }
}

fn file_source(path: &Path) -> anyhow::Result<PluginSource> {
    ensure!(path.is_file(), "there is no component {}", path.display());
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok(PluginSource::File(absolute))
}

fn name(source: &PluginSource) -> String {
    match source {
        PluginSource::Builtin(name) => name.clone(),
        PluginSource::File(path) => {
            path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        }
    }
}

/// The component that `wasmgate plugin build` put into a project's folder: the one
/// that is called as the project is, if there are several.
fn component(folder: &Path) -> anyhow::Result<PathBuf> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries =
        std::fs::read_dir(shown).with_context(|| format!("cannot read {}", shown.display()))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension() == Some(OsStr::new("wasm")));
    found.sort();
    let called = std::path::absolute(shown).ok();
    let called = called.as_deref().and_then(Path::file_name);
    match found.as_slice() {
        [] => bail!(
            "there is no component in {}: build it with `wasmgate plugin build {}`, or name one with `--plugin FILE`",
            shown.display(),
            shown.display()
        ),
        [only] => Ok(only.clone()),
        several => match several.iter().find(|path| path.file_stem() == called) {
            Some(own) => Ok(own.clone()),
            None => bail!(
                "there are {} components in {}: name one with `--plugin FILE`",
                several.len(),
                shown.display()
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_component_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let project = directory.path().join("guard");
        std::fs::create_dir(&project).unwrap();
        let find = || Subject::find(&project, None).map(|subject| subject.name);
        let error = find().unwrap_err().to_string();
        assert!(error.contains("wasmgate plugin build"), "{error}");
        std::fs::write(project.join("other.wasm"), "").unwrap();
        assert_eq!(find().unwrap(), "other");
        std::fs::write(project.join("third.wasm"), "").unwrap();
        let error = find().unwrap_err().to_string();
        assert!(error.contains("--plugin"), "{error}");
        std::fs::write(project.join("guard.wasm"), "").unwrap();
        assert_eq!(find().unwrap(), "guard");
        let given = PluginSource::Builtin("headers".to_owned());
        assert_eq!(Subject::find(&project, Some(&given)).unwrap().name, "headers");
    }

    #[test]
    fn cases_stand_beside_the_component() {
        let directory = tempfile::tempdir().unwrap();
        let component = directory.path().join("a.wasm");
        std::fs::write(&component, "").unwrap();
        let subject = Subject::find(&component, None).unwrap();
        let error = subject.case_files(&[]).unwrap_err().to_string();
        assert!(error.contains("cases.toml"), "{error}");
        std::fs::write(directory.path().join(file::NAME), "").unwrap();
        assert_eq!(subject.case_files(&[]).unwrap(), [directory.path().join(file::NAME)]);
        let named = [PathBuf::from("x.toml")];
        assert_eq!(subject.case_files(&named).unwrap(), named);
    }
}
