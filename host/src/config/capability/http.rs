//! `http`: requests of the plugin's own.

use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use toml::de::DeValue;

use super::Grant;
use crate::config::document::{Table, Value};
use crate::config::file;
use crate::config::http_grant::private_use;
use crate::config::scalar;
use crate::config::units::{show_duration, show_size};
use crate::config::{Destination, HttpGrant};

/// `http = ["HOST:PORT"]`, or the table with `hosts` and bounds. There is no `true`:
/// a grant says to whom. `[]` is for a plugin that could send, and here need not.
impl Grant for Option<HttpGrant> {
    type Schema = HttpFile;

    fn read(value: &Value<'_>) -> Option<Self> {
        match value.inner {
            DeValue::Array(_) => Some(hosts(value).map(HttpGrant::to)),
            DeValue::Table(_) => value.table(&format!("[{}]", value.name)).map(grant),
            _ => {
                value.mistyped("a list of hosts, or a table with `hosts`");
                None
            }
        }
    }

    fn show(&self, _: &str) -> Option<String> {
        let grant = self.as_ref()?;
        if grant.hosts.is_empty() {
            return Some("sends to nobody".to_owned());
        }
        let hosts: Vec<String> = grant.hosts.iter().map(ToString::to_string).collect();
        let private: Vec<String> = grant.private.iter().map(ToString::to_string).collect();
        let reach = match private.as_slice() {
            [] => "at public addresses".to_owned(),
            networks => format!("at public addresses and {}", networks.join(" ")),
        };
        Some(format!(
            "sends to {} ({reach}, {}, {}, {} in flight)",
            hosts.join(" "),
            show_duration(grant.timeout),
            show_size(grant.body as u64),
            grant.in_flight
        ))
    }
}

fn grant(mut table: Table<'_>) -> Option<HttpGrant> {
    let named = table.require("hosts", "write `hosts = [\"HOST:PORT\"]`");
    let mut grant = HttpGrant::to(named.and_then(|value| hosts(&value)).unwrap_or_default());
    grant.private = table.or("private", grant.private, private);
    grant.timeout = table.or("timeout", grant.timeout, |value| {
        value.duration(Duration::from_millis(1)..=Duration::from_secs(60 * 60))
    });
    grant.body = table.or("body", grant.body, |value| {
        // A guest's memory is what it has to fit into.
        value.size(0..=1 << 30).and_then(|size| usize::try_from(size).ok())
    });
    grant.in_flight = table.or("in_flight", grant.in_flight, |value| value.number(1..=1_000_000));
    grant.ca = table.get("ca").and_then(|value| value.file());
    table.finish();
    Some(grant)
}

fn hosts(value: &Value<'_>) -> Option<Vec<Destination>> {
    let items = value.list("a list of hosts")?;
    let host = |item: &Value<'_>| item.parse("a host such as \"HOST:PORT\"", Destination::parse);
    Some(items.iter().filter_map(host).collect())
}

/// `true`, `false` or the networks.
fn private(value: &Value<'_>) -> Option<Vec<IpNet>> {
    match value.inner {
        DeValue::Boolean(all) => Some(if *all { private_use() } else { Vec::new() }),
        DeValue::Array(_) => {
            let items = value.list("a list of networks")?;
            let network =
                |item: &Value<'_>| item.parse("a network such as \"10.0.0.0/8\"", scalar::network);
            Some(items.iter().filter_map(network).collect())
        }
        _ => {
            value.mistyped("true, false or a list of networks");
            None
        }
    }
}

/// Where a plugin may send requests of its own.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) enum HttpFile {
    /// The hosts, with the default bounds.
    Hosts(#[schemars(length(min = 1))] Vec<HostFile>),
    /// With bounds of its own.
    Grant(GrantFile),
}

/// Hosts, and what requests to them may take.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "HttpGrant")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct GrantFile {
    /// The hosts.
    #[schemars(length(min = 1))]
    hosts: Vec<HostFile>,
    /// Which addresses outside of the public internet a host's name may have: `true`
    /// for private networks, or a list of networks. An address among `hosts` is
    /// granted for itself.
    private: Option<PrivateFile>,
    /// For one request, and for all requests of one hook together; 1ms to 1h.
    timeout: Option<file::Duration>,
    /// Size of a response's body; up to 1GiB.
    body: Option<file::Size>,
    /// Requests under way at once, over all workers.
    #[schemars(range(min = 1, max = 1_000_000))]
    in_flight: Option<u32>,
    /// PEM file of the authorities that sign the hosts' certificates. Default: the
    /// system's.
    ca: Option<String>,
}

/// `HOST:PORT` for either scheme, `https://HOST` or `http://HOST` with or without a
/// port; `*.NAME` is every name below it.
#[derive(JsonSchema)]
#[schemars(
    rename = "Destination",
    extend("pattern" = "^([hH][tT][tT][pP][sS]?://[^/?#@]+/?|[^/?#@]+:[0-9]+)$")
)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct HostFile(String);

/// Networks outside of the public internet.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) enum PrivateFile {
    /// All private networks, or none.
    All(bool),
    /// These.
    Networks(Vec<String>),
}
