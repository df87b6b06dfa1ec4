//! `/plugins`: every plugin and how it is.

use std::time::SystemTime;

use serde::Serialize;

use crate::plugin::artifact;
use crate::telemetry::access_log::Clock;
use crate::telemetry::status::{PluginState, PluginStatus, Status};

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
    crashes: u64,
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
    use std::sync::atomic::Ordering::Relaxed;
    let state = match plugin.state {
        PluginState::Ok => "ok",
        PluginState::Stopped => "stopped",
        PluginState::Rejected => "rejected",
    };
    let loaded_at = plugin.loaded_at.map(timestamp);
    let serving = plugin.plugin.map(|plugin| Serving {
        version: plugin.artifact.manifest.version.clone(),
        sha256: artifact::hex(&plugin.artifact.digest),
        hooks: plugin.artifact.hooks.clone(),
        loaded_at,
        crashes: plugin.counters.crashes.load(Relaxed),
        failures: plugin.counters.failures.load(Relaxed),
    });
    let rejected = plugin
        .rejection
        .map(|rejection| Rejected { error: rejection.reason, at: timestamp(rejection.time) });
    Entry { name: plugin.name, state, source: plugin.source, serving, rejected }
}

fn timestamp(time: SystemTime) -> String {
    let mut text = Vec::new();
    Clock::default().write(&mut text, time);
    String::from_utf8_lossy(&text).into_owned()
}
