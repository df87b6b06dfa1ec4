//! The metrics that plugins count themselves.
//!
//! A family is named `plugin_KIND_NAME` and its series carry the plugin's name. The
//! kind is in the name because a family has one: a plugin could otherwise take a
//! name away from another that uses it for another kind.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::plugin::store::series::{Kind, Metric, Reading};
use crate::telemetry::status::Status;

/// Every family, with the plugins that have it.
#[derive(Debug)]
pub(super) struct OfPlugins(BTreeMap<(Kind, String), BTreeMap<String, Arc<Metric>>>);

impl OfPlugins {
    pub(super) fn gather(status: &Status) -> Self {
        let mut families = Self(BTreeMap::new());
        for plugin in status.plugins().iter().filter_map(|status| status.plugin.as_ref()) {
            for metric in plugin.settings.services.metrics.metrics() {
                let family = (metric.definition.kind, metric.definition.name.clone());
                let family = families.0.entry(family).or_default();
                // A plugin that routes configure differently is there several times,
                // and the same metric with it.
                family.entry(plugin.settings.name.to_string()).or_insert(metric);
            }
        }
        families
    }
}

impl Collector for OfPlugins {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for ((kind, name), plugins) in &self.0 {
            let help = plugins.values().next().map_or("", |metric| &metric.definition.help);
            let (word, kind) = match kind {
                Kind::Counter => ("counter", MetricType::Counter),
                Kind::Gauge => ("gauge", MetricType::Gauge),
                Kind::Histogram => ("histogram", MetricType::Histogram),
            };
            let name = format!("plugin_{word}_{name}");
            let help = printable(help);
            let mut family = encoder.encode_descriptor(&name, &help, None, kind)?;
            for (plugin, metric) in plugins {
                series(&mut family, plugin, metric)?;
            }
        }
        Ok(())
    }
}

fn series(family: &mut MetricEncoder<'_>, plugin: &str, metric: &Metric) -> fmt::Result {
    for (values, reading) in metric.read() {
        let names = std::iter::once("plugin").chain(metric.definition.labels.iter().map(|l| &**l));
        let values = std::iter::once(plugin).chain(values.iter().map(|value| &**value));
        let labels: Vec<(&str, &str)> = names.zip(values).collect();
        let mut series = family.encode_family(&labels)?;
        match reading {
            Reading::Number(value) if metric.definition.kind == Kind::Counter => {
                series.encode_counter::<NoLabelSet, f64, f64>(&value, None)?;
            }
            Reading::Number(value) => series.encode_gauge(&value)?,
            Reading::Histogram { sum, buckets } => {
                let count = buckets.iter().map(|(_, count)| count).sum();
                series.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
    }
    Ok(())
}

/// Help is one line, with quotation marks and backslashes escaped; the encoder does
/// not see to that.
fn printable(help: &str) -> String {
    let line = help.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.collect::<String>().replace('\\', "\\\\").replace('"', "\\\"")
}
