//! The build-script half of `wasmgate-plugin-sdk`.
//!
//! A component carries its name, version, description and the JSON Schema of its
//! configuration in a custom section, so that a dropped file needs no sidecar.
//! The schema can only be had by running code, and the code of a component runs
//! too late: hence a build script, which compiles the plugin's configuration
//! type natively and writes the manifest that `#[plugin_sdk::export]` embeds.
//!
//! ```no_run
//! # mod config { #[derive(schemars::JsonSchema)] pub struct Config; }
//! // build.rs; before it:
//! //     #[path = "src/config.rs"]
//! //     #[allow(dead_code)]
//! //     mod config;
//! fn main() {
//!     plugin_sdk_build::manifest::<config::Config>();
//! }
//! ```

mod table;

use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub use table::table;

/// Writes the manifest of the package being built, with the schema of `C`, and
/// tells the compiler where it is.
///
/// # Panics
/// Outside a build script, or when the manifest cannot be written: either ends
/// the build, which is all that a build script can do about it.
pub fn manifest<C: JsonSchema>() {
    let variable =
        |name: &str| std::env::var(name).unwrap_or_else(|e| panic!("build script: {name}: {e}"));
    let manifest = json!({
        "name": variable("CARGO_PKG_NAME"),
        "version": variable("CARGO_PKG_VERSION"),
        "description": variable("CARGO_PKG_DESCRIPTION"),
        "schema": schema::<C>(),
    });
    let file = PathBuf::from(variable("OUT_DIR")).join("wasmgate-manifest.json");
    std::fs::write(&file, manifest.to_string())
        .unwrap_or_else(|e| panic!("build script: {}: {e}", file.display()));
    println!("cargo::rustc-env=WASMGATE_PLUGIN_MANIFEST={}", file.display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/config.rs");
}

/// The JSON Schema of what a plugin reads as its configuration.
///
/// A test can hold a plugin's documentation to it.
pub fn schema<C: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let schema: Schema = generator.into_root_schema_for::<C>();
    schema.to_value()
}
