//! Writes the manifest; see `plugin_sdk_build`.

#[path = "src/config.rs"]
#[allow(dead_code, unused_imports, reason = "only its schema is used here")]
mod config;

fn main() {
    plugin_sdk_build::manifest::<config::Config>();
    println!("cargo::rerun-if-changed=src/config");
}
