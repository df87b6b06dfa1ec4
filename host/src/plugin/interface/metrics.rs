//! `metrics`: a plugin's own, for the admin endpoint.

use std::sync::Arc;

use super::bindings::wasmgate::plugin::metrics::{Host, MetricsError};
use crate::plugin::instance::HostState;
use crate::plugin::store::series::{Definition, Kind, Metric, MetricError};

impl Host for HostState {
    fn counter(
        &mut self,
        name: String,
        help: String,
        labels: Vec<String>,
    ) -> Result<u32, MetricsError> {
        let kind = Kind::Counter;
        self.define(Definition { name, help, kind, labels, bounds: Vec::new() })
    }

    fn gauge(
        &mut self,
        name: String,
        help: String,
        labels: Vec<String>,
    ) -> Result<u32, MetricsError> {
        let kind = Kind::Gauge;
        self.define(Definition { name, help, kind, labels, bounds: Vec::new() })
    }

    fn histogram(
        &mut self,
        name: String,
        help: String,
        labels: Vec<String>,
        buckets: Vec<f64>,
    ) -> Result<u32, MetricsError> {
        let kind = Kind::Histogram;
        self.define(Definition { name, help, kind, labels, bounds: buckets })
    }

    fn add(&mut self, metric: u32, labels: Vec<String>, value: f64) -> Result<(), MetricsError> {
        Ok(self.services.metrics.add(self.metric(metric)?, labels, value)?)
    }

    fn set(&mut self, metric: u32, labels: Vec<String>, value: f64) -> Result<(), MetricsError> {
        Ok(self.services.metrics.set(self.metric(metric)?, labels, value)?)
    }

    fn observe(
        &mut self,
        metric: u32,
        labels: Vec<String>,
        value: f64,
    ) -> Result<(), MetricsError> {
        Ok(self.services.metrics.observe(self.metric(metric)?, labels, value)?)
    }
}

impl HostState {
    fn define(&mut self, definition: Definition) -> Result<u32, MetricsError> {
        let metric = self.services.metrics.define(definition)?;
        let metrics = &mut self.defined.metrics;
        // Metrics of one plugin are bounded, and with them this list.
        let known = metrics.iter().position(|known| Arc::ptr_eq(known, &metric));
        let index = known.unwrap_or_else(|| {
            metrics.push(metric);
            metrics.len() - 1
        });
        u32::try_from(index).map_err(|_| MetricsError::Cardinality)
    }

    fn metric(&self, index: u32) -> Result<&Metric, MetricsError> {
        let metric = self.defined.metrics.get(index as usize);
        metric.map(|metric| &**metric).ok_or(MetricsError::Unknown)
    }
}

impl From<MetricError> for MetricsError {
    fn from(error: MetricError) -> Self {
        match error {
            MetricError::Illegal => Self::Illegal,
            MetricError::Conflict => Self::Conflict,
            MetricError::Cardinality => Self::Cardinality,
            MetricError::Unknown => Self::Unknown,
        }
    }
}
