//! From the file's tree to [`Config`]: every value proven, every mistake noted.
//!
//! A value that is wrong falls back to its default, so that the rest of the file
//! is looked at too; a `Config` comes out only if nothing was wrong.

mod cluster;
mod listener;
mod order;
mod plugin;
mod route;

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::Diagnostic;
use super::document::{Context, Table, Value};
use super::place::{Place, Places};
use super::{Balance, Cluster, Config, Limits, Plugin, PluginSource, Store, Timeouts, scalar};

/// Reads the main file. What comes out is good only if the context has noted no
/// errors.
pub(super) fn config(context: &Context, tree: &Spanned<DeTable<'_>>) -> (Config, Places) {
    let mut root = Table::root(context, tree);
    let mut places = Places::default();
    let mut config = Config::default();
    top_level(&mut root, &mut config, &mut places);
    config.store = root.table("store").and_then(Store::read);
    if let Some(table) = root.table("limits") {
        config.limits = limits(table);
    }
    if let Some(table) = root.table("timeouts") {
        config.timeouts = timeouts(table);
    }
    config.listeners = listener::listeners(&mut root, &mut places);
    config.admin = listener::admin(&mut root, &config.listeners, &mut places);
    config.access_log = listener::access_log(&mut root, &mut places);
    // Before those who name them.
    let mut plugins = plugin::plugins(&mut root, &mut places);
    let clusters = cluster::clusters(&mut root, &config.timeouts, &plugins, &mut places);
    mark_balancing(&mut plugins, &clusters);
    let names = route::Names { clusters: &clusters, plugins: &plugins };
    config.routes = route::routes(&mut root, &names, &mut places);
    config.clusters = clusters.into_iter().filter_map(|named| named.cluster).collect();
    config.plugins =
        plugins.into_iter().filter_map(|(name, plugin)| Some((name, plugin?))).collect();
    completeness(&mut root);
    root.finish();
    // With mistakes in the file, what is missing here may be what was mistaken.
    if !context.has_errors() {
        unused(context, &config, &places);
    }
    (config, places)
}

fn mark_balancing(plugins: &mut plugin::Named, clusters: &[cluster::Named]) {
    for cluster in clusters.iter().filter_map(|named| named.cluster.as_ref()) {
        if let Balance::Plugin { name, .. } = &cluster.balance
            && let Some(Some(plugin)) = plugins.get_mut(name)
        {
            plugin.balances = true;
        }
    }
}

/// Reads the `NAME.toml` beside a dropped plugin, likewise.
pub(super) fn sidecar(root: Table<'_>, name: &str, wasm: &Path) -> Option<Plugin> {
    plugin::sidecar(root, name, wasm)
}

/// Reads the table of a plugin whose source is known, likewise.
pub(super) fn plugin(table: Table<'_>, name: &str, source: PluginSource) -> Option<Plugin> {
    plugin::sourced(table, name, source)
}

fn top_level(root: &mut Table<'_>, config: &mut Config, places: &mut Places) {
    // Beyond any machine, and well before threads run out of memory.
    let most = NonZeroUsize::MIN.saturating_add(1023);
    let workers = root.get("workers").and_then(|value| value.number(1..=most.get()));
    config.workers = workers.and_then(NonZeroUsize::new).unwrap_or(config.workers);
    config.plugin_dir = root.get("plugin_dir").and_then(|value| {
        places.insert(Place::PluginDir, value.span.clone());
        value.directory()
    });
    config.cache_dir = root.get("cache_dir").and_then(|value| {
        places.insert(Place::CacheDir, value.span.clone());
        let path = value.path()?;
        if path.exists() && !path.is_dir() {
            value.error(format_args!("{} is not a directory", path.display()));
        }
        Some(path)
    });
    config.drain_timeout = root.or("drain_timeout", config.drain_timeout, |value| {
        value.duration(Duration::ZERO..=Duration::from_secs(24 * 60 * 60))
    });
    let proxies = root.get("trusted_proxies").and_then(|value| value.list("a list of networks"));
    config.trusted_proxies = proxies
        .unwrap_or_default()
        .iter()
        .filter_map(|value| value.parse("a network such as \"10.0.0.0/8\"", scalar::network))
        .collect();
}

fn limits(mut table: Table<'_>) -> Limits {
    let default = Limits::default();
    let number = |value: &Value<'_>| value.number(1..=1_000_000_000);
    let limits = Limits {
        connections: table.or("connections", default.connections, number),
        connections_per_address: table.or(
            "connections_per_address",
            default.connections_per_address,
            number,
        ),
        requests_per_connection: table.or(
            "requests_per_connection",
            default.requests_per_connection,
            number,
        ),
        // The http crate's URIs end there.
        target_bytes: table
            .or("target_bytes", default.target_bytes, |value| length(value, 64..=(64 << 10) - 2)),
        // hyper reads no fewer than 8 KiB at a time.
        header_bytes: table
            .or("header_bytes", default.header_bytes, |value| length(value, 8 << 10..=16 << 20)),
        // The http crate's maps end at 2^15 entries.
        header_count: table
            .or("header_count", default.header_count, |value| value.number(1..=10_000)),
        body_bytes: table.or("body_bytes", default.body_bytes, body_bytes),
        http2_streams: table
            .or("http2_streams", default.http2_streams, |value| value.number(1..=65_536)),
        http2_resets: table
            .or("http2_resets", default.http2_resets, |value| value.number(1..=1_000_000)),
    };
    table.finish();
    limits
}

fn length(value: &Value<'_>, range: std::ops::RangeInclusive<u64>) -> Option<usize> {
    usize::try_from(value.size(range)?).ok()
}

/// A size, or `unlimited`.
fn body_bytes(value: &Value<'_>) -> Option<Option<u64>> {
    if value.as_text() == Some("unlimited") {
        return Some(None);
    }
    value.size(0..=1 << 60).map(Some)
}

fn timeouts(mut table: Table<'_>) -> Timeouts {
    let default = Timeouts::default();
    let timeouts = Timeouts {
        handshake: table.or("handshake", default.handshake, timeout),
        header: table.or("header", default.header, timeout),
        body: table.or("body", default.body, timeout),
        idle: table.or("idle", default.idle, timeout),
        connect: table.or("connect", default.connect, timeout),
        response: table.or("response", default.response, timeout),
        upstream_body: table.or("upstream_body", default.upstream_body, timeout),
        upstream_idle: table.or("upstream_idle", default.upstream_idle, timeout),
        tunnel: table.or("tunnel", default.tunnel, timeout),
    };
    table.finish();
    timeouts
}

/// At least a millisecond: zero would fail every exchange, and there is no 'off'.
fn timeout(value: &Value<'_>) -> Option<Duration> {
    value.duration(Duration::from_millis(1)..=Duration::from_secs(7 * 24 * 60 * 60))
}

/// What a file without any of these cannot have meant.
fn completeness(root: &mut Table<'_>) {
    if root.get("listener").is_none() {
        root.context.push(
            Diagnostic::error("there is no listener: nothing would be served")
                .help("add [[listener]] with, for example, `listen = \"0.0.0.0:8080\"`"),
        );
    }
    if root.get("route").is_none() {
        root.context.push(
            Diagnostic::warning("there is no route: every request is answered 404")
                .help("add [[route]] with `cluster = \"NAME\"`"),
        );
    }
}

/// Warns of what nobody asks for. A plugin may send requests to a cluster that no
/// route names; its configuration then does. A plugin that no route names may be one
/// that is called by time, which shows when it is loaded.
fn unused(context: &Context, config: &Config, places: &Places) {
    let warn = |place: &Place, message: String| {
        let mut diagnostic = Diagnostic::warning(message);
        diagnostic.span = places.get(place);
        context.push(diagnostic);
    };
    let uses = || config.routes.iter().flat_map(|route| &route.plugins);
    let configs = || {
        let own = config.plugins.values().map(|plugin| &plugin.config);
        own.chain(uses().filter_map(|used| used.config.as_ref()))
    };
    for (index, Cluster { name, .. }) in config.clusters.iter().enumerate() {
        let routed = config.routes.iter().any(|route| route.cluster == index);
        if !routed && !configs().any(|config| mentions(config, name)) {
            warn(&Place::Cluster(name.clone()), format!("no route sends to the cluster `{name}`"));
        }
    }
}

fn mentions(config: &serde_json::Value, name: &str) -> bool {
    use serde_json::Value;
    match config {
        Value::String(text) => text == name,
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(entries) => {
            entries.iter().any(|(key, value)| key == name || mentions(value, name))
        }
        _ => false,
    }
}
