//! Builds `plugins/` to Wasm and hands the result to `src/lib.rs`.

mod guest_build;

use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let root = here.join("../..");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=guest_build.rs");
    let inputs = [root.join("plugin-sdk"), root.join("wit")];
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    if let Some(guests) = guest_build::build(&root.join("plugins"), &inputs) {
        guest_build::embed(&guests);
    }
}
