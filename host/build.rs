//! Puts the sources of the plugin SDK and of the contract into the binary, for
//! `wasmgate plugin new`: `OUT_DIR/sdk.rs` is an expression, the list of
//! `(path, bytes)`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What a plugin needs to build, below the folder of the workspace.
const SOURCES: [&str; 9] = [
    "plugin-sdk/Cargo.toml",
    "plugin-sdk/README.md",
    "plugin-sdk/src",
    "plugin-sdk/macros/Cargo.toml",
    "plugin-sdk/macros/src",
    "plugin-sdk/build/Cargo.toml",
    "plugin-sdk/build/src",
    "wit",
    "LICENSE",
];

fn main() {
    let variable = |name: &str| PathBuf::from(std::env::var_os(name).expect("set by cargo"));
    let root = variable("CARGO_MANIFEST_DIR").join("..");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for source in SOURCES {
        let path = root.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        collect(&path, source, &mut files);
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (name, path) in files {
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes all");
    }
    table.push_str("]\n");
    let out = variable("OUT_DIR").join("sdk.rs");
    std::fs::write(&out, table).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// A file, or everything below a folder.
fn collect(path: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) {
    if path.is_file() {
        let path = path.canonicalize().unwrap_or_else(|error| panic!("{name}: {error}"));
        files.push((name.to_owned(), path));
        return;
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    for entry in entries.flatten() {
        // Editors leave hidden files beside the sources.
        let file = entry.file_name().to_string_lossy().into_owned();
        if !file.starts_with('.') {
            collect(&entry.path(), &format!("{name}/{file}"), files);
        }
    }
}
