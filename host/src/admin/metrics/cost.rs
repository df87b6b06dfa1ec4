//! What plugins have cost, by their names.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Name;
use crate::plugin::limits::Hook;
use crate::telemetry::status::Record;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    plugin: String,
    hook: &'static str,
}

/// The families, being filled.
#[derive(Default)]
pub(super) struct Cost {
    calls: Family<Called, Counter>,
    timed_calls: Family<Name, Counter>,
    timed_seconds: Family<Name, Counter<f64, AtomicU64>>,
    instances: Family<Name, Gauge>,
    memory: Family<Name, Gauge>,
    overruns: Family<Name, Counter>,
    memory_exceeded: Family<Name, Counter>,
}

impl Cost {
    pub(super) fn add(&mut self, name: &Name, record: &Record) {
        let cost = &record.cost;
        for (hook, calls) in Hook::ALL.iter().zip(cost.calls) {
            let called = Called { plugin: name.plugin.clone(), hook: hook.as_str() };
            self.calls.get_or_create(&called).inc_by(calls);
        }
        self.timed_calls.get_or_create(name).inc_by(cost.timed);
        self.timed_seconds.get_or_create(name).inc_by(cost.time.as_secs_f64());
        self.instances.get_or_create(name).set(cost.instances.cast_signed());
        self.memory.get_or_create(name).set(cost.memory.cast_signed());
        self.overruns.get_or_create(name).inc_by(record.overruns);
        self.memory_exceeded.get_or_create(name).inc_by(record.memory);
    }

    pub(super) fn register(self, registry: &mut Registry) {
        registry.register("plugin_calls", "Hooks called", self.calls);
        registry.register("plugin_timed_calls", "Hooks called and timed", self.timed_calls);
        registry.register(
            "plugin_timed_seconds",
            "Time in the hooks that were timed, waits included",
            self.timed_seconds,
        );
        registry.register("plugin_instances", "Instances that live", self.instances);
        registry.register("plugin_memory_bytes", "Linear memory of instances", self.memory);
        registry.register(
            "plugin_overruns",
            "Instances that ran, or waited, for too long",
            self.overruns,
        );
        registry.register(
            "plugin_memory_exceeded",
            "Instances that asked for more memory than they may have",
            self.memory_exceeded,
        );
    }
}
