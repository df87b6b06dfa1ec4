//! wasmgate with one worker and no access log.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Place, Setup};

/// A `[plugin.NAME]` table.
#[derive(Clone)]
pub(crate) struct Plugin<'a> {
    pub(crate) name: String,
    /// `builtin:NAME` or a file.
    pub(crate) source: &'a str,
    /// Further lines of the table.
    pub(crate) settings: &'a str,
}

/// A `[[route]]` table.
#[derive(Clone)]
pub(crate) struct Route<'a> {
    pub(crate) path: &'a str,
    pub(crate) plugins: &'a [&'a str],
}

pub(super) fn command(place: &Place<'_>, setup: &Setup<'_>) -> Result<Command> {
    let binary = setup
        .binary
        .context("no wasmgate binary: run this through cargo bench, or give --proxy PATH")?;
    let configuration = place.write("wasmgate.toml", &configuration(place, setup))?;
    let mut command = Command::new(binary);
    command.arg("run").arg("-c").arg(configuration);
    Ok(command)
}

fn configuration(place: &Place<'_>, setup: &Setup<'_>) -> String {
    let own = place.directory.join("cache");
    let cache = setup.cache_dir.unwrap_or(&own);
    let mut text = format!("workers = 1\ncache_dir = '{}'\n", cache.display());
    if let Some(directory) = setup.plugin_dir {
        let _ = writeln!(text, "plugin_dir = '{}'", directory.display());
    }
    // The scenarios' own clients all come from one address and stay for the whole run.
    text += "[limits]\nconnections_per_address = 8000\nrequests_per_connection = 1000000000\n";
    let _ = writeln!(text, "[[listener]]\nlisten = '{}'", place.address);
    if let Some(tls) = setup.tls {
        let _ = writeln!(
            text,
            "[[listener.tls]]\ncertificate = '{}'\nkey = '{}'",
            tls.certificate.display(),
            tls.key.display()
        );
    }
    let _ = writeln!(text, "[cluster.origin]\nendpoints = ['http://{}']", place.origin);
    for plugin in &setup.plugins {
        let _ = writeln!(
            text,
            "[plugin.{}]\nsource = '{}'\n{}",
            plugin.name, plugin.source, plugin.settings
        );
    }
    if setup.routes.is_empty() {
        let names: Vec<_> = setup.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        route(&mut text, "/", &names);
    }
    for one in &setup.routes {
        route(&mut text, one.path, one.plugins);
    }
    text
}

fn route(text: &mut String, path: &str, plugins: &[&str]) {
    let _ = writeln!(text, "[[route]]\npath = '{path}'\nplugins = {plugins:?}\ncluster = 'origin'");
}
