//! `/metrics`: everything that is counted, in the text form of OpenMetrics.
//!
//! Counters live with those who count; here they are only gathered, anew for each
//! reader.

// What plugins have cost.
mod cost;
// What plugins count themselves.
mod of_plugins;

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use cost::Cost;
use of_plugins::OfPlugins;

use crate::exchange::ErrorKind;
use crate::plugin::store::{Counts, FleetCounts, Store};
use crate::telemetry::metrics::{Counter as Source, Counters};
use crate::telemetry::status::Status;

/// What Prometheus and others know it by.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn render(status: &Status) -> String {
    let mut registry = Registry::default();
    let ours = registry.sub_registry_with_prefix("wasmgate");
    exchanges(ours, status.counters());
    connections(ours, status.counters());
    plugins(ours, status);
    snapshots(ours, status);
    if let Some(counts) = status.store().as_deref().and_then(Store::counts) {
        store(ours, counts);
    }
    if let Some(counts) = status.store().as_deref().and_then(Store::fleet_counts) {
        fleet(ours, counts);
    }
    if let Some(dropped) = status.dropped_log_lines() {
        counter(ours, "access_log_dropped", "Lines of the access log that were lost", dropped);
    }
    if let Some(bytes) = resident_memory() {
        // The name that all programs use, hence without our prefix.
        gauge(&mut registry, "process_resident_memory_bytes", "Memory in use", bytes);
    }
    registry.register_collector(Box::new(OfPlugins::gather(status)));
    let mut out = String::new();
    // Only writing can fail, and writing to a string cannot.
    let _ = text::encode(&mut out, &registry);
    out
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
    side: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

fn exchanges(registry: &mut Registry, counters: &[std::sync::Arc<Counters>]) {
    const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let classes = Family::<Class, Counter>::default();
    for (index, class) in CLASSES.into_iter().enumerate() {
        let sum = counters.iter().map(|worker| worker.responses[index].read()).sum();
        classes.get_or_create(&Class { class }).inc_by(sum);
    }
    registry.register("exchanges", "Exchanges that ended, by the class of their status", classes);
    let errors = Family::<Kind, Counter>::default();
    for (index, kind) in ErrorKind::ALL.iter().enumerate() {
        let sum = counters.iter().map(|worker| worker.errors[index].read()).sum();
        let label = Kind { kind: kind.as_str(), side: kind.side().as_str() };
        errors.get_or_create(&label).inc_by(sum);
    }
    registry.register("errors", "Exchanges and connections that failed", errors);
}

fn connections(registry: &mut Registry, counters: &[std::sync::Arc<Counters>]) {
    let sum =
        |read: fn(&Counters) -> &Source| counters.iter().map(|worker| read(worker).read()).sum();
    gauge(
        registry,
        "connections",
        "Client connections and tunnels that are open",
        sum(|c| &c.connections),
    );
    counter(registry, "connections_accepted", "Client connections accepted", sum(|c| &c.accepted));
    counter(
        registry,
        "connections_refused",
        "Client connections closed at once because of a limit",
        sum(|c| &c.refused),
    );
}

fn plugins(registry: &mut Registry, status: &Status) {
    let crashes = Family::<Name, Counter>::default();
    let failures = Family::<Name, Counter>::default();
    let fallbacks = Family::<Name, Counter>::default();
    let stopped = Family::<Name, Gauge>::default();
    let mut cost = Cost::default();
    for (plugin, (record, is_stopped)) in status.plugin_records() {
        let name = Name { plugin };
        cost.add(&name, &record);
        crashes.get_or_create(&name).inc_by(record.crashes);
        failures.get_or_create(&name).inc_by(record.failures);
        fallbacks.get_or_create(&name).inc_by(record.fallbacks);
        stopped.get_or_create(&name).set(is_stopped.into());
    }
    let dropped = Family::<Name, Counter>::default();
    for plugin in status.plugins().iter().filter_map(|status| status.plugin.as_ref()) {
        let settings = &plugin.settings;
        let counter = dropped.get_or_create(&Name { plugin: settings.name.to_string() });
        // Over all versions and configurations of the plugin.
        let more = settings.services.metrics.dropped().saturating_sub(counter.get());
        counter.inc_by(more);
    }
    registry.register(
        "plugin_series_dropped",
        "What plugins could not count, since it would have been one series too many",
        dropped,
    );
    registry.register(
        "plugin_crashes",
        "Instances that trapped or ran out of time or memory",
        crashes,
    );
    cost.register(registry);
    registry.register(
        "plugin_failures",
        "Hooks that said they failed, or asked for something illegal",
        failures,
    );
    registry.register(
        "plugin_fallbacks",
        "Endpoints that a balancing plugin did not pick, and least-request did",
        fallbacks,
    );
    registry.register(
        "plugin_stopped",
        "1 while a plugin is not called because it crashed",
        stopped,
    );
}

fn snapshots(registry: &mut Registry, status: &Status) {
    let totals = status.totals();
    let swaps = Family::<Outcome, Counter>::default();
    swaps.get_or_create(&Outcome { outcome: "swapped" }).inc_by(totals.swapped);
    swaps.get_or_create(&Outcome { outcome: "rejected" }).inc_by(totals.rejected);
    registry.register("plugin_swaps", "Plugins replaced or refused while serving", swaps);
    counter(
        registry,
        "reloads_refused",
        "Reloads that changed nothing because of a mistake",
        totals.refused,
    );
    gauge(registry, "snapshot", "Number of the snapshot that serves", totals.snapshots);
}

fn store(registry: &mut Registry, counts: &Counts) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let writes = read(&counts.written);
    counter(registry, "store_writes", "Values written to the store, or removed", writes);
    let failures = read(&counts.failures);
    counter(registry, "store_failures", "Batches that the store could not take", failures);
    let skipped = read(&counts.skipped);
    counter(registry, "store_skipped", "Changes that the store was too slow for", skipped);
}

fn fleet(registry: &mut Registry, counts: &FleetCounts) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let commands = read(&counts.commands);
    counter(registry, "redis_commands", "What was asked of Redis, or would have been", commands);
    let failures = read(&counts.failures);
    counter(
        registry,
        "redis_failures",
        "Of these, what was not answered, or with an error",
        failures,
    );
    let up = counts.up.load(Ordering::Relaxed);
    gauge(registry, "redis_up", "1 while there is a connection to Redis", up.into());
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let metric = Counter::<u64>::default();
    metric.inc_by(value);
    registry.register(name, help, metric);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let metric = Gauge::<i64>::default();
    metric.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, metric);
}

/// In bytes; none where the system does not say it in this way.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
