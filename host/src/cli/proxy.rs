//! `wasmgate proxy`

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Failure;
use super::run::serve;
use crate::app::Source;
use crate::config::{
    AccessLog, Cluster, Config, Endpoint, Listener, LogTarget, Matcher, Origin, Plugin,
    PluginSource, PluginUse, Route,
};

/// Runs a proxy that needs no configuration file: one listener, and every request
/// to the same servers through the same plugins.
///
/// Plugin files and the plugin directory are watched: a change takes effect within
/// a second, without losing a request. For more than this write a file and use
/// `wasmgate run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Where to accept clients
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: SocketAddr,

    /// Where to send requests: http://, https:// or h2c://; several take turns
    #[arg(long, value_name = "URL", required = true, value_parser = endpoint)]
    to: Vec<Endpoint>,

    /// A plugin that every request passes: a file, or builtin:NAME; several in this order
    #[arg(long, value_name = "FILE|builtin:NAME", value_parser = source)]
    plugin: Vec<PluginSource>,

    /// A directory whose *.wasm files are plugins, in file-name order
    #[arg(long, value_name = "DIR")]
    plugin_dir: Option<PathBuf>,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = workers)]
    workers: Option<NonZeroUsize>,

    /// Write a line of JSON for each exchange, to a file or (-) to standard output
    #[arg(long, value_name = "-|FILE")]
    access_log: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate proxy --listen 127.0.0.1:8080 --to http://127.0.0.1:3000
  wasmgate proxy --listen 0.0.0.0:80 --to http://10.0.0.1 --to http://10.0.0.2 --access-log -
  wasmgate proxy --listen 127.0.0.1:8080 --to https://example.com --plugin guard.wasm
  wasmgate proxy --listen 127.0.0.1:8080 --to http://127.0.0.1:3000 --plugin-dir plugins";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    serve(Source::Config(Box::new(config(arguments))))
}

fn config(arguments: &Arguments) -> Config {
    let defaults = Config::default();
    let cluster = Cluster::with_defaults("default", arguments.to.clone(), &defaults.timeouts);
    let (plugins, chain) = plugins(&arguments.plugin);
    let route = Route {
        name: "default".to_owned(),
        matcher: Matcher::default(),
        plugins: chain,
        cluster: 0,
        body_bytes: None,
        response_timeout: None,
    };
    let log = arguments.access_log.as_deref().map(|path| match path.to_str() {
        Some("-") => LogTarget::Stdout,
        _ => LogTarget::File(absolute(path)),
    });
    Config {
        workers: arguments.workers.unwrap_or(defaults.workers),
        plugin_dir: arguments.plugin_dir.as_deref().map(absolute),
        access_log: log.map(|target| AccessLog { target, request_headers: Vec::new() }),
        listeners: vec![Listener::plain(arguments.listen)],
        clusters: vec![cluster],
        plugins,
        routes: vec![route],
        ..defaults
    }
}

/// The plugins under names made of theirs, and the chain of them all.
fn plugins(sources: &[PluginSource]) -> (BTreeMap<String, Plugin>, Vec<PluginUse>) {
    let mut names = BTreeSet::new();
    let mut plugins = BTreeMap::new();
    let mut chain = Vec::new();
    for source in sources {
        let base = match source {
            PluginSource::Builtin(name) => name.clone(),
            PluginSource::File(path) => {
                path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
            }
        };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let name = std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| names.insert(name.clone()))
            .expect("numbers do not end before plugins do");
        let mut plugin = Plugin::with_defaults(name.clone(), source.clone());
        plugin.origin = Origin::CommandLine;
        plugins.insert(name.clone(), plugin);
        chain.push(PluginUse { name, config: None });
    }
    (plugins, chain)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let invalid = "write an address and a port, such as 127.0.0.1:8080 or [::]:8080";
    text.parse().map_err(|_| invalid.to_owned())
}

pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).map_err(|invalid| invalid.to_string())
}

pub(super) fn source(text: &str) -> Result<PluginSource, String> {
    PluginSource::parse(text, Path::new("")).map_err(|invalid| invalid.to_string())
}

fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= 1024);
    number.ok_or_else(|| "write a number from 1 to 1024".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(arguments: &[&str]) -> Result<Config, String> {
        let all = ["proxy", "--listen", "127.0.0.1:1", "--to", "http://a"].iter().chain(arguments);
        let line = Line::try_parse_from(all).map_err(|error| error.to_string())?;
        Ok(config(&line.arguments))
    }

    #[test]
    fn arguments_become_a_configuration() {
        let config = parsed(&[
            "--to",
            "h2c://b:1",
            "--plugin",
            "builtin:headers",
            "--plugin",
            "a/guard.wasm",
            "--plugin-dir",
            "p",
            "--workers",
            "3",
            "--access-log",
            "-",
        ])
        .unwrap();
        assert_eq!(config.workers.get(), 3);
        assert_eq!(config.access_log.map(|log| log.target), Some(LogTarget::Stdout));
        assert!(config.plugin_dir.is_some_and(|path| path.is_absolute() && path.ends_with("p")));
        assert_eq!(config.listeners, [Listener::plain("127.0.0.1:1".parse().unwrap())]);
        let urls: Vec<_> = config.clusters[0].endpoints.iter().map(|e| e.url.as_str()).collect();
        assert_eq!(urls, ["http://a", "h2c://b:1"]);
        let chain: Vec<_> = config.routes[0].plugins.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(chain, ["headers", "guard"]);
        assert_eq!(config.plugins.keys().collect::<Vec<_>>(), ["guard", "headers"]);
    }

    #[test]
    fn plugins_of_one_name_are_numbered() {
        let config =
            parsed(&["--plugin", "a/p.wasm", "--plugin", "b/p.wasm", "--plugin", "p-2.wasm"]);
        let config = config.unwrap();
        let chain: Vec<_> = config.routes[0].plugins.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(chain, ["p", "p-2", "p-2-2"]);
        assert_eq!(config.plugins.len(), 3);
    }

    #[test]
    fn mistakes_are_told_with_what_would_be_right() {
        for (arguments, words) in [
            (&["--listen", "localhost:80"] as &[&str], "an address and a port"),
            (&["--to", "a:80"], "write \"http://a:80\""),
            (&["--plugin", "oci://a"], "builtin:NAME"),
            (&["--workers", "0"], "from 1 to 1024"),
            (&["--workers", "many"], "from 1 to 1024"),
        ] {
            let error = match arguments {
                ["--listen", _] => {
                    let all = ["proxy", "--to", "http://a"].iter().chain(arguments);
                    Line::try_parse_from(all).err().map(|error| error.to_string())
                }
                _ => parsed(arguments).err(),
            };
            let error = error.unwrap_or_default();
            assert!(error.contains(words), "{arguments:?}: {error}");
        }
    }
}
