//! Whole files in, configurations or reports out.

#![allow(clippy::panic, reason = "what was unexpected is shown in full")]

mod meaning;
mod mistakes;
mod robust;
mod schema;

use std::fs;

use super::{Diagnostic, Loaded, Report, Severity, parse};

/// The example of the documentation; every table is in it.
const EXAMPLE: &str = r#"workers = 2
plugin_dir = "plugins"

[admin]
listen = "127.0.0.1:9180"

[access_log]
path = "-"

[[listener]]
listen = "0.0.0.0:8443"
[[listener.tls]]
certificate = "site.pem"
key = "site.key"

[cluster.app]
endpoints = ["http://127.0.0.1:3000", { url = "http://127.0.0.1:3001", weight = 2 }]
balance = "least-request"

[plugin.waf]
source = "builtin:waf"
on_failure = "closed"
isolation = "shared"
deadline = "50ms"
memory = "64MiB"
capabilities = { files = ["rules"] }
config = { mode = "block", paranoia = 1 }

[plugin.auth]
source = "auth.wasm"

[[route]]
host = "example.com"
path = "/api/"
plugins = ["waf", { use = "auth", config = { realm = "api" } }]
cluster = "app"
"#;

/// The least that is a configuration, to add to.
const LEAST: &str = r#"
[[listener]]
listen = "127.0.0.1:8080"

[cluster.app]
endpoints = ["http://127.0.0.1:3000"]

[[route]]
cluster = "app"
"#;

/// A folder with the files that the texts name.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for directory in ["plugins", "rules"] {
            fs::create_dir(folder.path().join(directory)).expect("created");
        }
        for (file, contents) in [
            ("site.pem", "certificate"),
            ("site.key", "key"),
            ("ca.pem", "authority"),
            ("auth.wasm", "component"),
            ("secret", "from a file\n"),
        ] {
            fs::write(folder.path().join(file), contents).expect("written");
        }
        Self(folder)
    }

    fn parse(&self, text: &str) -> Result<Loaded, Report> {
        parse(text, &self.0.path().join("wasmgate.toml"))
    }
}

fn good(text: &str) -> Loaded {
    Folder::new().parse(text).unwrap_or_else(|report| panic!("{report}"))
}

fn bad(text: &str) -> Report {
    match Folder::new().parse(text) {
        Ok(loaded) => panic!("accepted: {:?}", loaded.config),
        Err(report) => report,
    }
}

/// `LINE:COLUMN MESSAGE (HELP)` of each remark of this severity.
fn remarks(report: &Report, severity: Severity) -> Vec<String> {
    let line = |diagnostic: &Diagnostic| {
        let place = match diagnostic.span.as_ref().and_then(|span| report.position(span)) {
            Some((line, column)) => format!("{line}:{column} "),
            None => String::new(),
        };
        let help = diagnostic.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{place}{}{help}", diagnostic.message)
    };
    report
        .diagnostics()
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .map(line)
        .collect()
}

fn errors(text: &str) -> Vec<String> {
    remarks(&bad(text), Severity::Error)
}

fn warnings(text: &str) -> Vec<String> {
    remarks(&good(text).report, Severity::Warning)
}
