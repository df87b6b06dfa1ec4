//! Who may import whom in the proxy's sources: the rules of ARCHITECTURE.md, held
//! against every `crate::` path in `host/src`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Each top-level module and what it may import. A permission that nobody uses is
/// as wrong as an import without one: the table is the truth.
const LAYERS: &[(&str, &[&str])] = &[
    ("cli", &["app", "cases", "config", "plugin"]),
    // A proxy with a client before it and an endpoint behind it.
    ("cases", &["app", "config", "exchange", "http", "upstream"]),
    // The composition root sees everything that is below it.
    ("app", &[ALL_BELOW]),
    ("admin", &["config", "exchange", "plugin", "telemetry"]),
    ("listener", &["config", "exchange", "http", "telemetry", "worker"]),
    ("http", &["config", "exchange", "proxy", "upstream", "worker"]),
    (
        "proxy",
        &["config", "exchange", "http", "plugin", "router", "snapshot", "telemetry", "upstream"],
    ),
    ("worker", &["config", "deadlines", "http", "plugin", "snapshot", "telemetry"]),
    ("snapshot", &["config", "deadlines", "exchange", "plugin", "router", "upstream"]),
    // These three never import one another: `proxy` carries what one has for the
    // other, `snapshot` holds them side by side.
    ("router", &["config"]),
    ("plugin", &["config", "exchange"]),
    ("upstream", &["config", "deadlines", "exchange", "http"]),
    ("telemetry", &["config", "exchange", "plugin", "snapshot"]),
    ("exchange", &["deadlines"]),
    ("config", &[]),
    ("deadlines", &[]),
];

const ALL_BELOW: &str = "*";

/// A library, and the only places that may name it: files, or folders with all that
/// is below them.
const CONFINED: &[(&str, &[&str])] = &[
    ("wasmtime", &["plugin.rs", "plugin/"]),
    ("wasmtime_wasi", &["plugin/"]),
    ("rustls", &["listener/tls.rs", "listener/tls/", "upstream/tls.rs"]),
    ("tokio_rustls", &["listener/tls/handshake.rs", "upstream/connect.rs"]),
    // The demo's origins are small servers too.
    ("axum", &["admin.rs", "admin/", "cli/demo/origin.rs"]),
    ("clap", &["cli.rs", "cli/"]),
    ("wit_parser", &["cli/plugin/"]),
    ("wit_component", &["cli/plugin/component.rs"]),
    ("notify", &["plugin/watcher.rs"]),
    (
        "redis",
        &[
            "plugin/store/fleet.rs",
            "plugin/store/fleet/",
            "plugin/store/values/shared.rs",
            "plugin/store/counters/shared.rs",
            "plugin/store/limits/shared.rs",
            "plugin/store/limits/shared/",
        ],
    ),
];

/// One word for each concept: what is called listener, route, cluster, endpoint,
/// exchange, plugin or instance is called nothing else. The second half says nothing.
const FILE_NAMES_BANNED: &[&str] = &[
    "backend", "context", "filter", "module", "peer", "server", "common", "helpers", "types",
    "utils",
];
const TYPE_WORDS_BANNED: &[&str] = &["Backend", "Filter", "Manager", "Module", "Util", "Utils"];

#[test]
fn modules_import_only_what_they_may() {
    let mut broken = String::new();
    let mut used = BTreeSet::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            let _ = writeln!(broken, "{}: `{module}` is not in the table of layers", source.name);
            continue;
        };
        for (line, imported) in source.imports() {
            let above = matches!(imported.as_str(), "cli" | "cases");
            let everything = allowed.contains(&ALL_BELOW) && !above;
            if imported == module || everything {
                continue;
            }
            if allowed.contains(&imported.as_str()) {
                used.insert((module.clone(), imported));
            } else {
                let _ = writeln!(
                    broken,
                    "{}:{line}: `{module}` may not import `{imported}`",
                    source.name
                );
            }
        }
    }
    for (module, allowed) in LAYERS {
        for permission in allowed.iter().filter(|name| **name != ALL_BELOW) {
            if !used.contains(&((*module).to_owned(), (*permission).to_owned())) {
                let _ = writeln!(
                    broken,
                    "`{module}` may import `{permission}` and does not: remove that"
                );
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn libraries_are_named_only_where_they_belong() {
    let mut broken = String::new();
    for source in sources() {
        for (library, places) in CONFINED {
            let here = |place: &&str| match place.ends_with('/') {
                true => source.name.starts_with(*place),
                false => source.name == *place,
            };
            if places.iter().any(here) {
                continue;
            }
            for (line, text) in source.code() {
                if names_crate(text, library) {
                    let _ = writeln!(broken, "{}:{line}: `{library}` is named here", source.name);
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn files_and_types_use_the_projects_words() {
    let mut broken = String::new();
    for source in sources() {
        let path = Path::new(&source.name);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if stem == "mod" {
            let _ = writeln!(broken, "{}: a module `foo` is `foo.rs` beside `foo/`", source.name);
        }
        if FILE_NAMES_BANNED.contains(&stem.as_str()) {
            let _ = writeln!(broken, "{}: `{stem}` is not one of the project's words", source.name);
        }
        for (line, text) in source.code() {
            let Some(name) = declared_type(text) else { continue };
            for word in camel_words(name) {
                if TYPE_WORDS_BANNED.contains(&word) {
                    let _ =
                        writeln!(broken, "{}:{line}: `{name}`: `{word}` is banned", source.name);
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn the_scan_sees_every_way_to_import() {
    let source = Source {
        name: "router/table.rs".to_owned(),
        text: "use crate::config::A;\n\
               // use crate::comment;\n\
               use crate::{exchange::{B, C}, http};\n\
               let a = crate::proxy::handle();\n\
               use super::super::worker::W;\n\
               use super::matcher;\n\
               mod tests {\n    use super::super::matcher;\n}\n\
               use\n    crate::{\n    admin,\n    cli::X,\n};\n"
            .to_owned(),
    };
    let found: Vec<_> = source.imports();
    let found: Vec<_> = found.iter().map(|(line, name)| (*line, name.as_str())).collect();
    assert_eq!(
        found,
        [
            (1, "config"),
            (3, "exchange"),
            (3, "http"),
            (4, "proxy"),
            (5, "worker"),
            (11, "admin"),
            (11, "cli"),
        ]
    );
    assert!(
        names_crate("use rustls::X;", "rustls") && names_crate("fn a(_: &rustls::B)", "rustls")
    );
    assert!(!names_crate("use tokio_rustls::X;", "rustls") && !names_crate("a.rustls()", "rustls"));
}

/// One file below `host/src`.
struct Source {
    /// Relative to `host/src`, with `/`.
    name: String,
    text: String,
}

impl Source {
    /// The top-level module; none for the two roots, which only list the others.
    fn module(&self) -> Option<String> {
        let first = self.name.split('/').next().unwrap_or_default();
        let module = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(module, "lib" | "main")).then(|| module.to_owned())
    }

    /// Lines that are no comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The top-level modules that paths lead to, with the lines where the paths begin.
    fn imports(&self) -> Vec<(usize, String)> {
        let lines: Vec<(usize, &str)> = self.code().collect();
        let depth = self.name.split('/').count();
        let mut inline = 0;
        let mut found = Vec::new();
        for (index, (number, line)) in lines.iter().enumerate() {
            let opens = line.starts_with("mod ") || line.starts_with("pub mod ");
            if opens && line.ends_with('{') {
                inline = 1;
            } else if line.starts_with('}') {
                inline = 0;
            }
            for start in word_starts(line, "crate::") {
                let rest = &line[start + "crate::".len()..];
                let tail = || lines[index + 1..].iter().map(|(_, line)| *line);
                for name in first_segments(rest, tail()) {
                    found.push((*number, name));
                }
            }
            for start in word_starts(line, "super::") {
                let chain = &line[start..];
                let supers = chain.split("::").take_while(|segment| *segment == "super").count();
                if supers >= depth + inline {
                    let name = identifier(chain.split("::").nth(supers).unwrap_or_default());
                    found.push((*number, name.to_owned()));
                }
            }
        }
        found
    }
}

/// Every source file of the host, its tests included.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > LAYERS.len(), "no sources below {}", root.display());
    let read = |path: &PathBuf| {
        let below = path.strip_prefix(&root).expect("collected from there");
        Source {
            name: below.to_string_lossy().replace('\\', "/"),
            text: fs::read_to_string(path).expect("a source file can be read"),
        }
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("a source folder can be read").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Where `word` begins in `line`, unless it is the end of a longer path or name.
fn word_starts<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    line.match_indices(word).map(|(at, _)| at).filter(|at| {
        let before = line[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'))
    })
}

/// What follows `crate::`: one name, or the first names of a group, which may end
/// on a later line.
fn first_segments<'a>(rest: &str, tail: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![identifier(rest).to_owned()] };
    let mut text = group.to_owned();
    for line in tail {
        if balanced(&text) {
            break;
        }
        text.push(' ');
        text.push_str(line);
    }
    let (mut level, mut names, mut name) = (0_i32, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '{' => level += 1,
            '}' if level == 0 => break,
            '}' => level -= 1,
            ',' if level == 0 => names.push(std::mem::take(&mut name)),
            _ if level == 0 => name.push(c),
            _ => {}
        }
    }
    names.push(name);
    let segments = names.iter().map(|name| identifier(name.trim_start()).to_owned());
    segments.filter(|segment| !segment.is_empty()).collect()
}

/// Whether a group whose opening brace is not part of `text` has been closed.
fn balanced(text: &str) -> bool {
    let count = |brace: char| text.chars().filter(|c| *c == brace).count();
    count('}') > count('{')
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// Whether a line has a path into `library`, or imports it as a whole.
fn names_crate(line: &str, library: &str) -> bool {
    let path = format!("{library}::");
    let whole = format!("use {library};");
    word_starts(line, &path).next().is_some() || line.trim_start().ends_with(&whole)
}

/// The name of a struct, enum or trait that a line declares.
fn declared_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    match words.next()? {
        "struct" | "enum" | "trait" => Some(identifier(words.next()?)),
        _ => None,
    }
}

fn camel_words(name: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = name.match_indices(char::is_uppercase).map(|(at, _)| at).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([name.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &name[start..end])
}
