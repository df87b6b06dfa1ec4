//! `wasmgate plugin inspect`

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::super::output::{Failure, print, table};
use super::{engine, hooks, load, read, schema_table, size};
use crate::plugin::artifact::{self, Artifact};
use crate::plugin::interface::CONTRACT;

/// Tells what a plugin is: its hooks, what it may reach, and what can be configured.
///
/// The file is checked as the proxy would check it. For one that is no plugin this
/// says why, and exits with 1.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// A component, or the name of a bundled plugin
    #[arg(value_name = "FILE|builtin:NAME")]
    plugin: String,

    /// Print JSON, the schema of the configuration in it
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate plugin inspect guard.wasm
  wasmgate plugin inspect builtin:rewrite
  wasmgate plugin inspect --json builtin:headers | jq .schema";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let name = arguments.plugin.as_str();
    let wasm = source(name)?;
    let artifact = load(&engine()?, name, &wasm)?;
    let text = if arguments.json { as_json(&artifact) } else { as_text(&artifact) };
    print(&text)
}

fn source(name: &str) -> anyhow::Result<std::borrow::Cow<'static, [u8]>> {
    let Some(bundled) = name.strip_prefix("builtin:") else {
        return read(Path::new(name)).map(Into::into);
    };
    let found = wasmgate_bundled::find(bundled).map(|plugin| plugin.wasm.into());
    found.ok_or_else(|| {
        let names: Vec<_> = wasmgate_bundled::PLUGINS.iter().map(|plugin| plugin.name).collect();
        anyhow::anyhow!("there is no bundled plugin `{bundled}`: there are {}", names.join(", "))
    })
}

fn as_json(artifact: &Artifact) -> String {
    let manifest = &artifact.manifest;
    let json = json!({
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "contract": contract(),
        "hooks": artifact.hooks,
        "imports": artifact.imports,
        "grants": grants(artifact),
        "size": artifact.size,
        "sha256": artifact::hex(&artifact.digest),
        "schema": manifest.schema,
    });
    format!("{json:#}\n")
}

fn as_text(artifact: &Artifact) -> String {
    let manifest = &artifact.manifest;
    let row = |key: &str, value: String| [key.to_owned(), value];
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "not said".to_owned());
    let mut rows = vec![
        row("name", or_none(&manifest.name)),
        row("version", or_none(&manifest.version)),
        row("description", or_none(&manifest.description)),
        row("contract", format!("wasmgate:plugin {}", contract())),
        row("hooks", hooks(artifact)),
    ];
    let imports = imports(&artifact.imports);
    for (index, line) in imports.iter().enumerate() {
        rows.push(row(if index == 0 { "imports" } else { "" }, line.clone()));
    }
    rows.push(row(
        "needs",
        match grants(artifact).as_slice() {
            [] => "no grant".to_owned(),
            grants => format!("capabilities = {{ {} }}", grants.join(", ")),
        },
    ));
    rows.push(row("size", format!("{} ({} octets)", size(artifact.size), artifact.size)));
    rows.push(row("sha256", artifact::hex(&artifact.digest)));
    // What the plugin says of itself reaches the terminal.
    let printable = |row: [String; 2]| row.map(|text| schema_table::printable(&text));
    let rows: Vec<[String; 2]> = rows.into_iter().map(printable).collect();
    let mut text = table("", &rows);
    text.push_str("\nconfiguration\n");
    text.push_str(&match &manifest.schema {
        Some(schema) => configuration(schema),
        None => "  the plugin does not say\n".to_owned(),
    });
    text
}

/// What the operator has to write below `capabilities`.
fn grants(artifact: &Artifact) -> Vec<&'static str> {
    artifact.needs().filter_map(|interface| Some(interface.grant.as_ref()?.line)).collect()
}

fn configuration(schema: &Value) -> String {
    let rows = schema_table::rows(schema);
    match rows.as_slice() {
        [] => "  none\n".to_owned(),
        rows => table("  ", rows),
    }
}

/// The contract's interfaces on one line, the many of WASI as their packages.
fn imports(all: &[String]) -> Vec<String> {
    let of_contract = |import: &&String| import.starts_with("wasmgate:plugin/");
    let short = |import: &String| {
        let name = import.trim_start_matches("wasmgate:plugin/");
        name.split('@').next().unwrap_or(name).to_owned()
    };
    let own: Vec<String> = all.iter().filter(of_contract).map(short).collect();
    let mut packages: Vec<String> = all
        .iter()
        .filter(|import| !of_contract(import))
        .map(|import| import.split('/').next().unwrap_or(import).to_owned())
        .collect();
    packages.dedup();
    let lines = [own, packages].map(|names| names.join(", "));
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { vec!["none".to_owned()] } else { lines }
}

fn contract() -> String {
    format!("{}.{}", CONTRACT.0, CONTRACT.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_short() {
        let all = [
            "wasmgate:plugin/types@0.1.0",
            "wasmgate:plugin/exchange@0.1.0",
            "wasi:cli/environment@0.2.6",
            "wasi:cli/exit@0.2.6",
            "wasi:io/error@0.2.6",
        ];
        let all: Vec<String> = all.map(str::to_owned).into();
        assert_eq!(imports(&all), ["types, exchange", "wasi:cli, wasi:io"]);
        assert_eq!(imports(&[]), ["none"]);
    }

    #[test]
    fn a_bundled_plugin_that_does_not_exist_names_those_that_do() {
        let error = source("builtin:haeders").unwrap_err().to_string();
        assert!(error.contains("there are access, auth, "), "{error}");
    }
}
