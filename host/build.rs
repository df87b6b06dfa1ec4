//! Puts the sources of the plugin SDK and of the contract into the binary, for
//! `wasmgate plugin new`: `OUT_DIR/sdk.rs` is an expression, the list of
//! `(path, bytes)`.

use std::error::Error;
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

fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| PathBuf::from(std::env::var_os(name).expect("set by cargo"));
    let root = variable("CARGO_MANIFEST_DIR").join("..");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for source in SOURCES {
        let path = root.join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        collect(&path, source, &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (name, path) in files {
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    table.push_str("]\n");
    std::fs::write(variable("OUT_DIR").join("sdk.rs"), table)?;
    Ok(())
}

/// A file, or everything below a folder.
fn collect(
    path: &Path,
    name: &str,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn Error>> {
    let says = |error| format!("{}: {error}", path.display());
    if path.is_file() {
        files.push((name.to_owned(), path.canonicalize().map_err(says)?));
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(says)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        // Editors leave hidden files beside the sources.
        if !file.starts_with('.') {
            collect(&entry.path(), &format!("{name}/{file}"), files)?;
        }
    }
    Ok(())
}
