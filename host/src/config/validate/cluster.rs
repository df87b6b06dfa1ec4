//! `[cluster.NAME]`

use super::{plugin, timeout};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Table, Value};
use crate::config::endpoint;
use crate::config::place::{Place, Places};
use crate::config::scalar::{self, Invalid};
use crate::config::suggest;
use crate::config::{Balance, Cluster, Endpoint, HashKey, Timeouts, UpstreamProtocol};

/// What is known of a cluster, even when it is wrong.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) cluster: Option<Cluster>,
}

/// In the file's order.
pub(super) fn clusters(
    root: &mut Table<'_>,
    timeouts: &Timeouts,
    plugins: &plugin::Named,
    places: &mut Places,
) -> Vec<Named> {
    let Some(table) = root.table("cluster") else {
        return Vec::new();
    };
    let clusters = table.entries().map(|(name, span, value)| {
        let good = value.clone().named("cluster".to_owned());
        let good = Value { span: span.clone(), ..good };
        let named = scalar::name(name).map_err(|invalid| good.invalid(invalid)).is_ok();
        places.insert(Place::Cluster(name.to_owned()), span);
        let table = value.table(&format!("[cluster.{name}]"));
        let cluster = table.and_then(|table| cluster(name, table, timeouts, plugins, places));
        Named { name: name.to_owned(), cluster: cluster.filter(|_| named) }
    });
    clusters.collect()
}

fn cluster(
    name: &str,
    mut table: Table<'_>,
    timeouts: &Timeouts,
    plugins: &plugin::Named,
    places: &mut Places,
) -> Option<Cluster> {
    let endpoints = table
        .require("endpoints", "write, for example, `endpoints = [\"http://127.0.0.1:3000\"]`")
        .and_then(|value| endpoints(name, &value, places));
    let mut cluster = Cluster::with_defaults(name, endpoints.unwrap_or_default(), timeouts);
    let hash = table.get("hash");
    if let Some(value) = table.get("balance") {
        cluster.balance = balance(&value, hash, plugins).unwrap_or(Balance::RoundRobin);
    } else if let Some(hash) = hash {
        hash.invalid(hash_without_balance());
    }
    cluster.host =
        table.or("host", cluster.host, |value| value.parse("a string", endpoint::upstream_host));
    cluster.idle_connections =
        table.or("idle_connections", cluster.idle_connections, |value| value.number(0..=65_536));
    cluster.connect_timeout = table.or("connect_timeout", cluster.connect_timeout, timeout);
    cluster.response_timeout = table.or("response_timeout", cluster.response_timeout, timeout);
    let tls = cluster.endpoints.iter().any(|endpoint| endpoint.protocol == UpstreamProtocol::Https);
    cluster.expose = table.or("expose", Vec::new(), |value| {
        let names = value.list("a list of header names such as [\"server\"]")?;
        let parse = |name: &Value<'_>| name.parse("a header name", scalar::header_name);
        Some(names.iter().filter_map(parse).collect())
    });
    let server_name = table.get("server_name");
    let ca = table.get("ca");
    for value in [&server_name, &ca].into_iter().flatten() {
        if !tls && !cluster.endpoints.is_empty() {
            let message = format!("`{}` has no effect: no endpoint is https://", value.name);
            value.context.push(Diagnostic::warning(message).at(value.span.clone()));
        }
    }
    cluster.server_name =
        server_name.and_then(|value| value.parse("a DNS name", scalar::server_name));
    cluster.ca = ca.and_then(|value| {
        places.insert(Place::ClusterCa(name.to_owned()), value.span.clone());
        value.file()
    });
    table.finish();
    Some(cluster)
}

fn endpoints(cluster: &str, value: &Value<'_>, places: &mut Places) -> Option<Vec<Endpoint>> {
    let items = value.list("a list such as [\"http://127.0.0.1:3000\"]")?;
    if items.is_empty() {
        value.error("a cluster needs at least one endpoint");
    }
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        places.insert(Place::Endpoint(cluster.to_owned(), index), item.span.clone());
        let Some(endpoint) = endpoint(item) else {
            continue;
        };
        let same = |other: &Endpoint| (&other.host, other.port) == (&endpoint.host, endpoint.port);
        if endpoints.iter().any(same) {
            let message = format!("`{}` is in `{}` twice", endpoint.url, value.name);
            item.context.push(
                Diagnostic::warning(message)
                    .at(item.span.clone())
                    .help("give it a weight instead: { url = \"…\", weight = 2 }"),
            );
        }
        endpoints.push(endpoint);
    }
    Some(endpoints)
}

fn endpoint(value: &Value<'_>) -> Option<Endpoint> {
    if value.as_text().is_some() {
        return value.parse("a URL", Endpoint::parse);
    }
    if !matches!(value.inner, toml::de::DeValue::Table(_)) {
        value.mistyped("a URL or { url = \"…\", weight = 2 }");
        return None;
    }
    let mut table = value.table("endpoints")?;
    // A weight of 0 would be an endpoint that is not one.
    let weight = table.or("weight", 1, |value| value.number(1..=1000));
    let url = table.require("url", "write { url = \"http://…\", weight = 2 }");
    table.finish();
    let endpoint = url?.parse("a URL", Endpoint::parse)?;
    Some(Endpoint { weight, ..endpoint })
}

fn balance(value: &Value<'_>, hash: Option<Value<'_>>, plugins: &plugin::Named) -> Option<Balance> {
    let text = value.text("a string")?;
    if let Some(name) = text.strip_prefix("plugin:") {
        let hash = hash.map(|hash| hash.parse("a string", endpoint::hash_key));
        by_plugin(value, name, plugins)?;
        return Some(Balance::Plugin { name: name.to_owned(), hash: hash.flatten() });
    }
    // What to hash is not known yet.
    let hashed = Balance::Hash(HashKey::ClientAddress);
    let choice = value.choice(&[
        ("round-robin", Balance::RoundRobin),
        ("least-request", Balance::LeastRequest),
        ("random", Balance::Random),
        ("hash", hashed.clone()),
        ("peak-ewma", Balance::PeakEwma),
        // Only for the list of words: there is no plugin of that name.
        ("plugin:NAME", Balance::RoundRobin),
    ])?;
    match (choice == hashed, hash) {
        (true, Some(hash)) => hash.parse("a string", endpoint::hash_key).map(Balance::Hash),
        (true, None) => {
            value.invalid(Invalid::new("\"hash\" needs to know what to hash").help(
                "add `hash = \"client-address\"`, or \"path\", \"header:NAME\", \"cookie:NAME\"",
            ));
            None
        }
        (false, Some(hash)) => {
            hash.invalid(hash_without_balance());
            None
        }
        (false, None) => Some(choice),
    }
}

/// Whether the plugin has the hook is seen when it is loaded.
fn by_plugin(value: &Value<'_>, name: &str, plugins: &plugin::Named) -> Option<()> {
    if plugins.contains_key(name) {
        return Some(());
    }
    let names = plugins.keys().map(String::as_str);
    value.invalid(
        Invalid::new(format!("there is no plugin `{}`", name.escape_debug())).help(suggest::help(
            name,
            "plugins in this file",
            names,
        )),
    );
    None
}

fn hash_without_balance() -> Invalid {
    Invalid::new("this has no effect unless `balance` is \"hash\" or \"plugin:NAME\"")
        .help("add `balance = \"hash\"`, or remove `hash`")
}
