//! Builds the fixture plugins of `guests/`, and the example that is a plugin, and
//! writes the constants of `harness::guest`: one path for each component.

#[path = "../host/bundled/guest_build.rs"]
#[expect(dead_code, reason = "the tests want files, not embedded bytes")]
mod guest_build;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

fn main() {
    let here = folder("CARGO_MANIFEST_DIR");
    let out = folder("OUT_DIR");
    let inputs = ["../plugin-sdk", "../wit"].map(|input| here.join(input));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../host/bundled/guest_build.rs");
    let inputs = inputs.each_ref().map(PathBuf::as_path);
    let mut guests = Vec::new();
    for workspace in ["guests", "../examples/plugins/api-key"] {
        let Some(built) = guest_build::build(&here.join(workspace), &inputs) else {
            // The reason has been printed, and ends the build.
            return;
        };
        guests.extend(built);
    }
    let mut constants = String::new();
    for guest in guests {
        // A copy of its own: the next build of the guests must not change what a
        // running suite reads.
        let copy = out.join(format!("{}.wasm", guest.name));
        fs::copy(&guest.wasm, &copy).expect("what was just built can be copied to OUT_DIR");
        let constant = guest.name.replace('-', "_").to_uppercase();
        writeln!(constants, "/// `{}`\npub const {constant}: &str = {copy:?};", guest.name)
            .expect("writing to a string");
    }
    let file = out.join("guests.rs");
    fs::write(&file, constants).expect("OUT_DIR can be written");
}

fn folder(variable: &str) -> PathBuf {
    std::env::var_os(variable).expect("set by cargo for build scripts").into()
}
