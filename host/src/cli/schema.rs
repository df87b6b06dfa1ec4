//! `wasmgate schema`

use super::output::{Failure, print};
use crate::config;
use crate::plugin::artifact;

pub(super) const EXAMPLES: &str = "\
The configuration of the bundled plugins is included.

Examples:
  wasmgate schema > wasmgate.schema.json
  then, as the first line of wasmgate.toml:  #:schema ./wasmgate.schema.json";

pub(super) fn run() -> Result<(), Failure> {
    let of_plugin = |plugin: &wasmgate_bundled::Bundled| {
        let schema = artifact::manifest(plugin.wasm).schema?;
        Some((plugin.name.to_owned(), schema))
    };
    let plugins: Vec<_> = wasmgate_bundled::PLUGINS.iter().filter_map(of_plugin).collect();
    print(&format!("{:#}\n", config::schema(&plugins)))
}
