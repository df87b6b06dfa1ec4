//! What goes into a new project, by language: path and text.

use super::language::Language;

/// A file of a project.
type File = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../template/", $path, ".template"))
    };
}

/// What projects of all languages have.
const SHARED: [File; 2] =
    [("wasmgate.toml", template!("wasmgate.toml")), ("cases.toml", template!("cases.toml"))];

/// What says in Rust's `Cargo.toml` and `config.rs` what a plugin is, says it here.
const DESCRIPTION: File = ("plugin.toml", template!("plugin.toml"));

const RUST: [File; 7] = [
    ("Cargo.toml", template!("rust/Cargo.toml")),
    ("build.rs", template!("rust/build.rs")),
    ("src/lib.rs", template!("rust/lib.rs")),
    ("src/config.rs", template!("rust/config.rs")),
    ("src/tests.rs", template!("rust/tests.rs")),
    ("README.md", template!("rust/README.md")),
    (".gitignore", template!("rust/gitignore")),
];

const JAVASCRIPT: [File; 7] = [
    DESCRIPTION,
    ("package.json", template!("js/package.json")),
    ("jsconfig.json", template!("js/jsconfig.json")),
    ("src/plugin.js", template!("js/plugin.js")),
    ("test/plugin.test.js", template!("js/plugin.test.js")),
    ("README.md", template!("js/README.md")),
    (".gitignore", template!("js/gitignore")),
];

const PYTHON: [File; 7] = [
    DESCRIPTION,
    ("requirements.txt", template!("python/requirements.txt")),
    ("pyrightconfig.json", template!("python/pyrightconfig.json")),
    ("plugin.py", template!("python/plugin.py")),
    ("test_plugin.py", template!("python/test_plugin.py")),
    ("README.md", template!("python/README.md")),
    (".gitignore", template!("python/gitignore")),
];

const GO: [File; 7] = [
    DESCRIPTION,
    ("go.mod", template!("go/go.mod")),
    ("plugin.go", template!("go/plugin.go")),
    ("greeter.go", template!("go/greeter.go")),
    ("greeter_test.go", template!("go/greeter_test.go")),
    ("README.md", template!("go/README.md")),
    (".gitignore", template!("go/gitignore")),
];

const C: [File; 12] = [
    DESCRIPTION,
    ("Makefile", template!("c/Makefile")),
    ("src/plugin.c", template!("c/plugin.c")),
    ("src/config.c", template!("c/config.c")),
    ("src/config.h", template!("c/config.h")),
    ("src/text.c", template!("c/text.c")),
    ("src/text.h", template!("c/text.h")),
    ("test/test.c", template!("c/test.c")),
    ("test/host.c", template!("c/host.c")),
    ("test/host.h", template!("c/host.h")),
    ("README.md", template!("c/README.md")),
    (".gitignore", template!("c/gitignore")),
];

/// The files of a project of this name.
pub(super) fn files(language: Language, name: &str) -> Vec<(&'static str, String)> {
    let own: &[File] = match language {
        Language::Rust => &RUST,
        Language::JavaScript => &JAVASCRIPT,
        Language::Python => &PYTHON,
        Language::Go => &GO,
        Language::C => &C,
    };
    let fill = |(path, text): &File| (*path, text.replace("{{name}}", name));
    own.iter().chain(&SHARED).map(fill).collect()
}

/// The command that runs a new project's own tests.
pub(super) fn test_command(language: Language) -> &'static str {
    match language {
        Language::Rust => "cargo test",
        Language::JavaScript => "npm test",
        Language::Python => "python3 -m unittest",
        Language::Go => "go test",
        Language::C => "make test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_replaced() {
        for language in Language::ALL {
            let files = files(language, "my-plugin");
            for (path, text) in &files {
                // In JavaScript and C, braces may follow one another.
                assert!(!text.contains("{{name"), "{path}: {text}");
                assert!(text.ends_with('\n'), "{path}");
            }
            let named = files.iter().filter(|(_, text)| text.contains("my-plugin")).count();
            assert!(named >= 3, "{language:?}: the name is nowhere");
        }
    }

    #[test]
    fn the_templates_are_toml_and_json_where_they_say_so() {
        for (path, text) in Language::ALL.iter().flat_map(|l| files(*l, "my-plugin")) {
            if path.ends_with(".toml") {
                let parsed: Result<toml::Table, _> = text.parse();
                assert!(parsed.is_ok(), "{path}: {parsed:?}");
            }
            if path.ends_with(".json") {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
                assert!(parsed.is_ok(), "{path}: {parsed:?}");
            }
        }
    }

    #[test]
    fn the_description_is_one() {
        let text = DESCRIPTION.1.replace("{{name}}", "guard");
        let project = super::super::project::Project::parse(&text).unwrap();
        let manifest = project.manifest();
        assert_eq!(manifest["schema"]["properties"]["path"]["default"], "/hello");
    }
}
