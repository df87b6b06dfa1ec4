//! `docs/contract.md` is made from the comments of `wit/`. With `BLESS=1` it is
//! written; otherwise it has to be up to date.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// In the order in which a reader needs them, under a heading each.
const PARTS: [(&str, &[&str]); 4] = [
    (
        "Hooks",
        &[
            "lifecycle",
            "request",
            "request-body",
            "response",
            "response-body",
            "complete",
            "balance",
            "tick",
        ],
    ),
    (
        "What every plugin may import",
        &["exchange", "connection", "body", "annotate", "crypto", "log"],
    ),
    (
        "What the operator grants",
        &["counter", "http", "kv", "matcher", "metrics", "rate-limit", "secrets"],
    ),
    ("Types", &["types"]),
];

const PREFACE: &str = "\
# The plugin contract

Made from the comments of [wit/](../wit), the contract itself; `BLESS=1 cargo test --workspace --test suite contract_reference`
writes it anew. What the words mean and how hooks follow one another is in [plugins.md](plugins.md); each capability has a
page of its own in [capabilities/](capabilities), with its limits and an example in Rust and one in JavaScript.
";

#[test]
fn the_reference_is_made_from_the_contract() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let reference = reference(&root.join("wit"));
    let path = root.join("docs/contract.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &reference).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == reference, "docs/contract.md is out of date: run this test with BLESS=1");
}

fn reference(folder: &Path) -> String {
    let mut known: Vec<_> =
        PARTS.iter().flat_map(|(_, names)| *names).map(|n| n.to_string()).collect();
    known.sort_unstable();
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "world")
        .collect();
    files.sort_unstable();
    assert_eq!(files, known, "every file has its place");

    let mut text = PREFACE.to_owned();
    for (part, names) in PARTS {
        let _ = writeln!(text, "\n## {part}");
        for name in names {
            let file: PathBuf = folder.join(format!("{name}.wit"));
            interface(&mut text, name, &fs::read_to_string(file).unwrap());
        }
    }
    text
}

/// The comment of an interface, then each of its items: its comment, and it as it is
/// in the file, with the comments of its members.
fn interface(text: &mut String, name: &str, source: &str) {
    let _ = write!(text, "\n### `{name}`\n");
    let mut comment = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim();
        if let Some(more) = bare.strip_prefix("///") {
            comment.push_str(more.strip_prefix(' ').unwrap_or(more));
            comment.push('\n');
        } else if bare.starts_with("interface ") {
            paragraph(text, &mut comment);
        } else if bare.is_empty()
            || bare == "}"
            || bare.starts_with("use ")
            || bare.starts_with("package ")
        {
            assert!(comment.is_empty(), "{name}: a comment on nothing: {comment}");
        } else {
            paragraph(text, &mut comment);
            let _ = write!(text, "\n```wit\n{}\n", line.strip_prefix("  ").unwrap_or(line));
            let mut depth = depth_after(0, bare);
            let mut last = bare;
            while depth > 0 || !last.ends_with([';', '}']) {
                let next = lines.next().expect("an item ends before its interface");
                let _ = writeln!(text, "{}", next.strip_prefix("  ").unwrap_or(next));
                last = next.trim();
                if !last.starts_with("///") {
                    depth = depth_after(depth, last);
                }
            }
            text.push_str("```\n");
        }
    }
}

fn paragraph(text: &mut String, comment: &mut String) {
    if !comment.is_empty() {
        let _ = write!(text, "\n{comment}");
        comment.clear();
    }
}

fn depth_after(depth: usize, line: &str) -> usize {
    let opened = line.matches(['{', '(']).count();
    (depth + opened).saturating_sub(line.matches(['}', ')']).count())
}
