//! `wasmgate plugin new`

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::super::output::{Failure, print};
use super::contract::Contract;
use super::language::Language;
use super::project::Project;
use super::{bindings, sdk, template};

/// Begins a plugin: a project that builds, with an example and its test.
///
/// The project holds everything that it needs but its language's own tools and
/// packages: the SDK of this version of wasmgate, or the plugin contract and the
/// language's types for it. An existing folder is never written to.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The language to write it in: rust, js, python, go or c
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,

    /// The plugin's name, or the path of the folder to make, which ends in it
    #[arg(value_name = "NAME")]
    name: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate plugin new --lang rust guard
  wasmgate plugin new --lang js plugins/rate-by-key";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let project = &arguments.name;
    let name = create(project, arguments.lang)?;
    let folder = project.display();
    let test = template::test_command(arguments.lang);
    let test = format!("{test:<22} runs its tests, without Wasm");
    let build = format!("wasmgate plugin build  makes {name}.wasm");
    // Python's types come with its compiler, which the build installs.
    let [first, second] = match arguments.lang {
        Language::Python => [build, test],
        _ => [test, build],
    };
    print(&format!(
        "{folder} is a plugin that builds. Next:\n\
         \n\
         \x20 cd {folder}\n\
         \x20 {first}\n\
         \x20 {second}\n\
         \x20 wasmgate plugin test   plays cases.toml against it, in the real engine\n\
         \x20 wasmgate plugin dev    does both and serves, at each change\n\
         \x20 wasmgate run           serves with it; README.md says what to try\n"
    ))
}

/// Makes the folder and what is in it; gives the plugin's name.
fn create(project: &Path, language: Language) -> anyhow::Result<String> {
    let name = name_of(project)?;
    // Refuses an existing folder, without a moment between asking and making.
    if let Some(parent) = project.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    fs::create_dir(project).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} exists already; choose another name", project.display())
        }
        _ => anyhow::Error::new(error).context(format!("cannot create {}", project.display())),
    })?;
    for (path, text) in template::files(language, &name) {
        write_file(&project.join(path), text.as_bytes())?;
    }
    sdk::restore(project, language)?;
    if language != Language::Rust {
        let contract = Contract::of(project, &Project::read(project)?)?;
        bindings::write(project, language, &contract)?;
    }
    Ok(name)
}

/// Writes a new file and the folders above it.
pub(super) fn write_file(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        OpenOptions::new().write(true).create_new(true).open(path)?.write_all(content)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that is made anew each time, unless it is as it should be: others
/// go by its time.
pub(super) fn update_file(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let write = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The name that a project's path ends in, if a package can have it.
fn name_of(project: &Path) -> anyhow::Result<String> {
    let Some(name) = project.file_name() else {
        bail!("`{}` names no plugin; try `guard`", project.display());
    };
    let name = name.to_string_lossy().into_owned();
    let why = match refusal(&name) {
        None => return Ok(name),
        Some(why) => why,
    };
    let suggestion = suggestion(&name);
    ensure!(!suggestion.is_empty(), "`{}` cannot be a plugin's name: {why}", name.escape_debug());
    bail!("`{}` cannot be a plugin's name: {why}; try `{suggestion}`", name.escape_debug());
}

/// Why this cannot be the name of a package, of a plugin and of a file.
fn refusal(name: &str) -> Option<&'static str> {
    let first = name.chars().next();
    if !first.is_some_and(|c| c.is_ascii_lowercase()) {
        return Some("it has to begin with a letter from a to z");
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if !name.chars().all(fits) {
        return Some("it may hold the letters a to z, digits, `-` and `_`");
    }
    if name.len() > NAME_MAX {
        return Some("it may have 64 characters");
    }
    if RESERVED.contains(&name) {
        return Some("a language needs that name itself");
    }
    None
}

/// As long as a plugin's name in a configuration may be.
const NAME_MAX: usize = 64;

/// Keywords, crates of the standard library, and what cargo calls its own folders.
const RESERVED: [&str; 59] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "config",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "use",
    "virtual",
    "where",
    "while",
];

/// The nearest name that would do; empty if there is none.
fn suggestion(name: &str) -> String {
    let mut new = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '_' => new.push(c),
            '0'..='9' if !new.is_empty() => new.push(c),
            _ if new.is_empty() || new.ends_with('-') => {}
            _ => new.push('-'),
        }
    }
    new.truncate(NAME_MAX);
    let new = new.trim_matches(['-', '_']);
    match refusal(new) {
        None => new.to_owned(),
        Some(_) if RESERVED.contains(&new) => format!("{new}-plugin"),
        Some(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_of_packages() {
        for name in ["guard", "rate-by-key", "a1_b", "x"] {
            assert_eq!(name_of(Path::new(name)).unwrap(), name);
            assert_eq!(name_of(&Path::new("some/where").join(name)).unwrap(), name);
        }
        for (name, suggested) in [
            ("Guard", "guard"),
            ("my plugin!", "my-plugin"),
            ("1st", "st"),
            ("-a", "a"),
            ("async", "async-plugin"),
            ("größe", "gr-e"),
        ] {
            let error = name_of(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains(&format!("try `{suggested}`")), "{name}: {error}");
        }
        for name in ["1", "..", "/", "", "日本"] {
            assert!(name_of(Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn every_language_has_a_project_that_says_what_it_is() {
        for language in Language::ALL {
            let directory = tempfile::tempdir().unwrap();
            let project = directory.path().join("guard");
            create(&project, language).unwrap();
            assert_eq!(Language::of(&project).unwrap(), language);
            assert!(project.join("README.md").is_file());
            assert!(project.join("cases.toml").is_file());
            assert!(project.join(".wasmgate/wit/request.wit").is_file());
            let types = match language {
                Language::Rust => "plugin-sdk/src/lib.rs",
                Language::JavaScript => "js/contract.d.ts",
                Language::Go => "go/exchange/wit_bindings.go",
                Language::C => "c/plugin.h",
                // Made by the build.
                Language::Python => "wit/project.wit",
            };
            assert!(project.join(".wasmgate").join(types).is_file(), "{types}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let project = directory.path().join("guard");
        assert_eq!(create(&project, Language::Rust).unwrap(), "guard");
        fs::write(project.join("src/lib.rs"), "mine").unwrap();
        let error = create(&project, Language::Rust).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
        assert_eq!(fs::read_to_string(project.join("src/lib.rs")).unwrap(), "mine");
        assert!(project.join(".wasmgate/wit/world.wit").is_file());
    }

    proptest! {
        #[test]
        fn whatever_is_suggested_will_do(name in any::<String>()) {
            let suggested = suggestion(&name);
            prop_assert!(suggested.is_empty() || refusal(&suggested).is_none(), "{suggested}");
        }
    }
}
