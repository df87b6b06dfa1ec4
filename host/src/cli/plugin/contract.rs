//! The contract as a project has it, in `.wasmgate/wit`, and the project's own
//! world: the hooks and capabilities that its `plugin.toml` names.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use wit_parser::{PackageId, Resolve, SourceMap, WorldId, WorldKey};

use super::project::{FILE, Project};
use crate::plugin::interface::{HOOKS, INTERFACES};

/// The name of a project's world.
pub(super) const WORLD: &str = "project";

/// The file that holds it, beside those of the contract.
const WORLD_FILE: &str = "project.wit";

/// Where a project keeps the contract.
pub(super) fn folder(project: &Path) -> PathBuf {
    project.join(super::sdk::FOLDER).join("wit")
}

/// The contract with a project's world in it.
pub(super) struct Contract {
    /// All of it.
    pub(super) resolve: Resolve,
    /// The project's world.
    pub(super) world: WorldId,
}

impl Contract {
    /// Reads the contract, adds the project's world, and leaves it where the
    /// toolchains find it.
    pub(super) fn of(folder: &Path, project: &Project) -> anyhow::Result<Self> {
        let path = self::folder(folder);
        let files = read(&path)?;
        let (plain, package) = parse(&files)?;
        let text = world(&plain, package, project)?;
        super::new::update_file(&path.join(WORLD_FILE), text.as_bytes())?;
        let mut files = files;
        files.push((WORLD_FILE.to_owned(), text));
        let (resolve, package) = parse(&files)?;
        let world = resolve.select_world(&[package], Some(WORLD))?;
        Ok(Self { resolve, world })
    }

    /// The names of the interfaces of the contract that the project's world
    /// imports, with the identifier that is imported.
    pub(super) fn imports(&self) -> Vec<(String, wit_parser::InterfaceId)> {
        self.interfaces(&self.resolve.worlds[self.world].imports)
    }

    /// Likewise those that it exports.
    pub(super) fn exports(&self) -> Vec<(String, wit_parser::InterfaceId)> {
        self.interfaces(&self.resolve.worlds[self.world].exports)
    }

    fn interfaces<'a, V: 'a>(
        &self,
        items: impl IntoIterator<Item = (&'a WorldKey, &'a V)>,
    ) -> Vec<(String, wit_parser::InterfaceId)> {
        let interface = |(key, _): (&WorldKey, &V)| match key {
            WorldKey::Interface(id) => Some((self.resolve.interfaces[*id].name.clone()?, *id)),
            WorldKey::Name(_) => None,
        };
        items.into_iter().filter_map(interface).collect()
    }
}

/// The contract's own files: name and text.
fn read(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the project has no plugin contract in {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".wit") && name != WORLD_FILE {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            files.push((name, text));
        }
    }
    files.sort();
    Ok(files)
}

fn parse(files: &[(String, String)]) -> anyhow::Result<(Resolve, PackageId)> {
    let mut map = SourceMap::new();
    for (name, text) in files {
        map.push_str(name, text.as_str());
    }
    let mut resolve = Resolve::default();
    let group = map.parse().map_err(|(_, error)| anyhow!("the plugin contract: {error}"))?;
    let package = resolve.push_group(group).context("the plugin contract")?;
    Ok((resolve, package))
}

/// The text of the project's world.
fn world(resolve: &Resolve, package: PackageId, project: &Project) -> anyhow::Result<String> {
    let package = &resolve.packages[package];
    let known = |name: &&str| package.interfaces.contains_key(*name);
    let hooks: Vec<&str> = HOOKS.iter().copied().filter(known).collect();
    let named = |granted: bool| {
        let fits = INTERFACES.iter().filter(move |interface| interface.grant.is_some() == granted);
        fits.map(|interface| interface.name).filter(known)
    };
    let mut text = format!(
        "package {};\n\n\
         /// Made by `wasmgate plugin build` from {FILE}, which is the file to change.\n\
         world {WORLD} {{\n",
        package.name
    );
    // Not `include imports`: toolchains that compile an interpreter import all of a
    // world, and what is imported has to be granted.
    for name in named(false) {
        text.push_str(&format!("  import {name};\n"));
    }
    let capabilities: Vec<&str> = named(true).collect();
    for name in &project.capabilities {
        check("capability", name, &capabilities)?;
        text.push_str(&format!("  import {name};\n"));
    }
    text.push_str("  export lifecycle;\n");
    for name in project.hooks.iter().filter(|name| *name != "lifecycle") {
        check("hook", name, &hooks)?;
        text.push_str(&format!("  export {name};\n"));
    }
    text.push_str("}\n");
    Ok(text)
}

fn check(what: &str, name: &str, known: &[&str]) -> anyhow::Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    bail!("{FILE} names the {what} `{}`; there is {}", name.escape_debug(), known.join(", "));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The contract of this version, for a project with these hooks.
    pub(in super::super) fn contract(directory: &Path, hooks: &str) -> anyhow::Result<Contract> {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let to = folder(directory);
        std::fs::create_dir_all(&to)?;
        for entry in std::fs::read_dir(from)? {
            let path = entry?.path();
            std::fs::copy(&path, to.join(path.file_name().unwrap()))?;
        }
        Contract::of(directory, &project(hooks))
    }

    fn project(hooks: &str) -> Project {
        Project::parse(&format!("name = \"a\"\nversion = \"1\"\nhooks = {hooks}\n")).unwrap()
    }

    #[test]
    fn a_project_has_the_hooks_that_it_names() {
        let directory = tempfile::tempdir().unwrap();
        let contract = contract(directory.path(), r#"["request", "complete"]"#).unwrap();
        let exports: Vec<String> = contract.exports().into_iter().map(|(name, _)| name).collect();
        assert_eq!(exports, ["lifecycle", "request", "complete"]);
        assert!(contract.imports().iter().any(|(name, _)| name == "exchange"));
        // The next build reads what this one left, and comes to the same.
        Contract::of(directory.path(), &project(r#"["response"]"#)).unwrap();
    }

    #[test]
    fn a_hook_that_does_not_exist_names_those_that_do() {
        let directory = tempfile::tempdir().unwrap();
        let error = contract(directory.path(), r#"["requst"]"#).err().unwrap().to_string();
        assert!(error.contains("the hook `requst`; there is lifecycle, request"), "{error}");
    }
}
