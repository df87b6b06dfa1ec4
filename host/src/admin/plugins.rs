//! `/plugins`: every plugin and how it is.

use std::time::SystemTime;

use serde::Serialize;

use crate::plugin::artifact;
use crate::plugin::registry::Plugin;
use crate::telemetry::access_log::Clock;
use crate::telemetry::status::{self, PluginState, PluginStatus, Status};

#[derive(Serialize)]
struct Entry {
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    serving: Option<Serving>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Rejected>,
}

#[derive(Serialize)]
struct Serving {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    sha256: String,
    hooks: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded_at: Option<String>,
    calls: u64,
    /// Of all calls, estimated from those that were timed.
    time_us: u64,
    instances: u64,
    memory_bytes: u64,
    crashes: u64,
    traps: u64,
    overruns: u64,
    memory_exceeded: u64,
    failures: u64,
}

#[derive(Serialize)]
struct Rejected {
    error: String,
    at: String,
}

pub(super) fn render(status: &Status) -> String {
    let entries: Vec<Entry> = status.plugins().into_iter().map(entry).collect();
    let mut text = serde_json::to_string_pretty(&entries).expect("strings and numbers are JSON");
    text.push('\n');
    text
}

fn entry(plugin: PluginStatus) -> Entry {
    let state = match plugin.state {
        PluginState::Ok => "ok",
        PluginState::Stopped => "stopped",
        PluginState::Rejected => "rejected",
    };
    let loaded_at = plugin.loaded_at.map(timestamp);
    let serving = plugin.plugin.map(|plugin| serving(&plugin, loaded_at));
    let rejected = plugin
        .rejection
        .map(|rejection| Rejected { error: rejection.reason, at: timestamp(rejection.time) });
    Entry { name: plugin.name, state, source: plugin.source, serving, rejected }
}

fn serving(plugin: &Plugin, loaded_at: Option<String>) -> Serving {
    let record = status::record(plugin);
    Serving {
        version: plugin.artifact.manifest.version.clone(),
        sha256: artifact::hex(&plugin.artifact.digest),
        hooks: plugin.artifact.hooks.clone(),
        loaded_at,
        calls: record.cost.all_calls(),
        time_us: u64::try_from(record.cost.estimated_time().as_micros()).unwrap_or(u64::MAX),
        instances: record.cost.instances,
        memory_bytes: record.cost.memory,
        crashes: record.crashes,
        traps: record.traps(),
        overruns: record.overruns,
        memory_exceeded: record.memory,
        failures: record.failures,
    }
}

fn timestamp(time: SystemTime) -> String {
    let mut text = Vec::new();
    Clock::default().write(&mut text, time);
    String::from_utf8_lossy(&text).into_owned()
}
