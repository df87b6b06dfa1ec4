//! What will be done, in words: the output of `wasmgate check`.
//!
//! Never shows what a plugin is configured with: there may be secrets in it.

use std::fmt::{self, Write};

use super::units::{show_duration, show_size};
use super::{
    Balance, BodyOverLimit, Cluster, Config, HashKey, Isolation, Listener, Matcher, OnFailure,
    Plugin, PluginSource, Route, Store, ValuePattern,
};

/// The plan for a configuration; `directory_plugins` are the names of the plugins
/// in the plugin directory, which run first on every route.
pub fn render(config: &Config, directory_plugins: &[String]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, config, directory_plugins);
    out
}

fn write(out: &mut String, config: &Config, directory_plugins: &[String]) -> fmt::Result {
    writeln!(out, "listeners ({})", counted(config.workers.get(), "worker"))?;
    let mut listeners: Vec<[String; 3]> = config.listeners.iter().map(listener).collect();
    if let Some(admin) = &config.admin {
        listeners.push([admin.listen.to_string(), "admin".to_owned(), String::new()]);
    }
    table(out, &listeners)?;

    writeln!(out, "\nclusters")?;
    let clusters: Vec<[String; 4]> = config.clusters.iter().flat_map(cluster).collect();
    table(out, &clusters)?;

    if let Some(store) = &config.store {
        let (place, whose) = match store {
            Store::File(path) => (path.display().to_string(), "a file of this process"),
            Store::Redis(redis) => (redis.url.to_string(), "shared by a fleet"),
        };
        writeln!(out, "\nstore")?;
        table(out, &[[place, whose.to_owned()]])?;
    }

    if !config.plugins.is_empty() {
        writeln!(out, "\nplugins")?;
        let plugins: Vec<[String; 3]> = config.plugins.values().map(plugin).collect();
        table(out, &plugins)?;
    }

    writeln!(out, "\nroutes, the first that matches is taken")?;
    let routes: Vec<[String; 4]> = config
        .routes
        .iter()
        .enumerate()
        .map(|(index, route)| self::route(config, directory_plugins, index, route))
        .collect();
    table(out, &routes)
}

fn listener(listener: &Listener) -> [String; 3] {
    let (transport, second) = match listener.tls.len() {
        0 => ("plain".to_owned(), "HTTP/2 with prior knowledge"),
        number => {
            let clients = match &listener.client_auth {
                Some(auth) if auth.required => ", clients' required",
                Some(_) => ", clients' optional",
                None => "",
            };
            (format!("TLS, {}{clients}", counted(number, "certificate")), "HTTP/2")
        }
    };
    let protocols =
        if listener.http2 { format!("HTTP/1.1, {second}") } else { "HTTP/1.1".to_owned() };
    let address = listener.listen.to_string();
    let name =
        if listener.name == address { address } else { format!("{address} ({})", listener.name) };
    [name, transport, protocols]
}

/// One line for each endpoint.
fn cluster(cluster: &Cluster) -> Vec<[String; 4]> {
    let lines = cluster.endpoints.iter().enumerate().map(|(index, endpoint)| {
        let (name, balance) = match index {
            0 => (cluster.name.clone(), balance(&cluster.balance)),
            _ => Default::default(),
        };
        let weight = match endpoint.weight {
            1 => String::new(),
            weight => format!("weight {weight}"),
        };
        [name, balance, endpoint.url.clone(), weight]
    });
    lines.collect()
}

fn balance(balance: &Balance) -> String {
    match balance {
        Balance::RoundRobin => "round-robin".to_owned(),
        Balance::LeastRequest => "least-request".to_owned(),
        Balance::Random => "random".to_owned(),
        Balance::Hash(key) => hash(key),
        Balance::PeakEwma => "peak-ewma".to_owned(),
        Balance::Plugin { name, hash: None } => format!("plugin {name}"),
        Balance::Plugin { name, hash: Some(key) } => format!("plugin {name}, {}", hash(key)),
    }
}

fn hash(key: &HashKey) -> String {
    match key {
        HashKey::ClientAddress => "hash of the client's address".to_owned(),
        HashKey::Path => "hash of the path".to_owned(),
        HashKey::Header(name) => format!("hash of the header {name}"),
        HashKey::Cookie(name) => format!("hash of the cookie {name}"),
    }
}

fn plugin(plugin: &Plugin) -> [String; 3] {
    let source = match &plugin.source {
        PluginSource::Builtin(name) => format!("builtin:{name}"),
        PluginSource::File(path) => path.display().to_string(),
    };
    let on_failure = match plugin.on_failure {
        OnFailure::Closed => "failure answers 503",
        OnFailure::Open => "failure skips it",
    };
    let isolation = match plugin.isolation {
        Isolation::Shared => "shared instances",
        Isolation::Exchange => "an instance for each exchange",
    };
    let mut terms = vec![
        on_failure.to_owned(),
        isolation.to_owned(),
        show_duration(plugin.deadline),
        show_size(plugin.memory),
    ];
    if plugin.body_limit != super::defaults::BODY_LIMIT
        || plugin.body_over_limit != BodyOverLimit::Refuse
    {
        let over = match plugin.body_over_limit {
            BodyOverLimit::Refuse => "refused",
            BodyOverLimit::Pass => "unseen",
            BodyOverLimit::Truncate => "cut",
        };
        terms.push(format!("bodies over {} {over}", show_size(u64::from(plugin.body_limit))));
    }
    terms.extend(plugin.capabilities.show());
    [plugin.name.clone(), source, terms.join(", ")]
}

fn route(
    config: &Config,
    directory_plugins: &[String],
    index: usize,
    route: &Route,
) -> [String; 4] {
    let cluster = config.clusters.get(route.cluster).map_or("?", |cluster| cluster.name.as_str());
    let own = route.plugins.iter().map(|used| match used.config {
        Some(_) => format!("{} (own config)", used.name),
        None => used.name.clone(),
    });
    let chain: Vec<String> = directory_plugins.iter().cloned().chain(own).collect();
    let chain = if chain.is_empty() { "no plugins".to_owned() } else { chain.join(", ") };
    let mut name = matched(&route.matcher);
    if route.name != route.matcher.host_and_path() {
        name = format!("{name} [{}]", route.name);
    }
    [format!("{}.", index + 1), name, format!("-> {cluster}"), chain]
}

fn matched(matcher: &Matcher) -> String {
    let mut text = matcher.host_and_path();
    if !matcher.methods.is_empty() {
        text = format!("{} {text}", matcher.methods.join(","));
    }
    let conditions = [("header", &matcher.headers), ("query", &matcher.query)];
    for (kind, (name, pattern)) in
        conditions.iter().flat_map(|(kind, pairs)| pairs.iter().map(move |pair| (kind, pair)))
    {
        let condition = match pattern {
            ValuePattern::Present => format!(" {kind}:{name}"),
            ValuePattern::Exact(value) => format!(" {kind}:{name}={value:?}"),
            ValuePattern::Regex(regex) => format!(" {kind}:{name}~{regex:?}"),
        };
        text.push_str(&condition);
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// Columns as wide as their widest cell, the last one apart.
fn table<const N: usize>(out: &mut String, rows: &[[String; N]]) -> fmt::Result {
    if rows.is_empty() {
        return writeln!(out, "  none");
    }
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "  {cell:width$}")?;
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
