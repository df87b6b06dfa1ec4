//! Metrics of plugins: counters, gauges and histograms, in series by their labels.

// Names that may be exposed.
mod name;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::usage::Usage;
use crate::config::MetricsQuota;

/// Metrics of one plugin, and labels and buckets of one metric.
const METRICS_MAX: usize = 1_000;
const LABELS_MAX: usize = 16;
const BUCKETS_MAX: usize = 64;
/// Octets of a help text and of a label's value; more is cut.
const HELP_MAX: usize = 1024;
const VALUE_MAX: usize = 256;

/// What the metrics of one plugin have in common, whichever version of it counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By name, in the order in which they were defined. More than one only while an
    /// old version of the plugin is in use that defined it differently.
    defined: Mutex<HashMap<String, Vec<Weak<Metric>>>>,
    /// Counts series alone.
    usage: Usage,
    /// What was not counted since it would have been one series too many.
    dropped: AtomicU64,
}

/// One metric and its series.
#[derive(Debug)]
pub struct Metric {
    /// How it is defined.
    pub definition: Definition,
    series: papaya::HashMap<Box<[String]>, Series>,
    metrics: Arc<Metrics>,
}

/// What a metric is.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Without what the kind adds to it.
    pub name: String,
    /// For people.
    pub help: String,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// The upper bounds of a histogram's buckets, ascending, without the last.
    pub bounds: Vec<f64>,
}

/// What is counted how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often values were between bounds.
    Histogram,
}

#[derive(Debug, Default)]
struct Series {
    /// The bits of a floating-point number.
    sum: AtomicU64,
    /// One for each bucket of a histogram, the last one without a bound.
    counts: Box<[AtomicU64]>,
}

/// What a series is at.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Of all values.
        sum: f64,
        /// Each bucket's upper bound and how many values were in it alone; the last
        /// bound is infinite.
        buckets: Vec<(f64, u64)>,
    },
}

/// The metrics as one loaded plugin may use them.
#[derive(Debug, Default)]
pub struct Service {
    metrics: Arc<Metrics>,
    /// What its instances have defined. Locked when one is configured and when
    /// somebody looks, never to count.
    own: Mutex<HashMap<String, Arc<Metric>>>,
    series_max: u64,
}

/// Why something was not defined or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum MetricError {
    /// No name, no bounds, or no number that could be counted.
    Illegal,
    /// It is another kind of metric.
    Conflict,
    /// Too many series.
    Cardinality,
    /// Another number of labels.
    Unknown,
}

impl Service {
    pub(super) fn new(metrics: Arc<Metrics>, quota: &MetricsQuota) -> Self {
        Self { metrics, own: Mutex::default(), series_max: quota.series }
    }

    /// The metric of that definition, or a new one. What another version of the
    /// plugin has defined alike is the same metric; where it has defined it
    /// otherwise, this one begins anew.
    pub(in crate::plugin) fn define(
        &self,
        mut definition: Definition,
    ) -> Result<Arc<Metric>, MetricError> {
        name::check(&mut definition).ok_or(MetricError::Illegal)?;
        cut(&mut definition.help, HELP_MAX);
        let mut own = lock(&self.own);
        if let Some(known) = own.get(&definition.name) {
            let is_same = known.definition == definition;
            return is_same.then(|| Arc::clone(known)).ok_or(MetricError::Conflict);
        }
        if own.len() >= METRICS_MAX {
            return Err(MetricError::Cardinality);
        }
        let metric = self.metrics.get_or_define(&definition);
        own.insert(definition.name, Arc::clone(&metric));
        Ok(metric)
    }

    /// Adds to a counter or a gauge.
    pub(in crate::plugin) fn add(
        &self,
        metric: &Metric,
        labels: Vec<String>,
        value: f64,
    ) -> Result<(), MetricError> {
        match metric.definition.kind {
            Kind::Histogram => return Err(MetricError::Conflict),
            Kind::Counter if value < 0.0 => return Err(MetricError::Illegal),
            Kind::Counter | Kind::Gauge => {}
        }
        self.count(metric, labels, value, |series| add(&series.sum, value))
    }

    /// Sets a gauge.
    pub(in crate::plugin) fn set(
        &self,
        metric: &Metric,
        labels: Vec<String>,
        value: f64,
    ) -> Result<(), MetricError> {
        if metric.definition.kind != Kind::Gauge {
            return Err(MetricError::Conflict);
        }
        let set = |series: &Series| series.sum.store(value.to_bits(), Ordering::Relaxed);
        self.count(metric, labels, value, set)
    }

    /// Counts a value in a histogram.
    pub(in crate::plugin) fn observe(
        &self,
        metric: &Metric,
        labels: Vec<String>,
        value: f64,
    ) -> Result<(), MetricError> {
        if metric.definition.kind != Kind::Histogram {
            return Err(MetricError::Conflict);
        }
        let bucket = metric.definition.bounds.partition_point(|bound| *bound < value);
        self.count(metric, labels, value, |series| {
            series.counts[bucket].fetch_add(1, Ordering::Relaxed);
            add(&series.sum, value);
        })
    }

    /// The metrics that this plugin has defined, by name.
    pub fn metrics(&self) -> Vec<Arc<Metric>> {
        let mut all: Vec<_> = lock(&self.own).values().cloned().collect();
        all.sort_by(|one, other| one.definition.name.cmp(&other.definition.name));
        all
    }

    /// What was not counted, over all versions of the plugin, since it would have
    /// been one series too many.
    pub fn dropped(&self) -> u64 {
        self.metrics.dropped.load(Ordering::Relaxed)
    }

    fn count(
        &self,
        metric: &Metric,
        mut labels: Vec<String>,
        value: f64,
        count: impl Fn(&Series),
    ) -> Result<(), MetricError> {
        if labels.len() != metric.definition.labels.len() {
            return Err(MetricError::Unknown);
        }
        // One of these would make the sum useless for good.
        if !value.is_finite() {
            return Err(MetricError::Illegal);
        }
        labels.iter_mut().for_each(|label| cut(label, VALUE_MAX));
        let series = metric.series.pin();
        if let Some(series) = series.get(labels.as_slice()) {
            count(series);
            return Ok(());
        }
        let size = metric.definition.exposed_series();
        if !self.metrics.usage.take((0, size), (0, self.series_max)) {
            self.metrics.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(MetricError::Cardinality);
        }
        let new = Series::new(&metric.definition);
        count(series.try_insert(labels.into(), new).unwrap_or_else(|taken| {
            self.metrics.usage.release(0, size);
            taken.current
        }));
        Ok(())
    }
}

impl Metrics {
    fn get_or_define(self: &Arc<Self>, definition: &Definition) -> Arc<Metric> {
        let mut defined = lock(&self.defined);
        let alike = defined.entry(definition.name.clone()).or_default();
        alike.retain(|metric| metric.strong_count() > 0);
        let known = alike.iter().filter_map(Weak::upgrade);
        let mut known = known.filter(|metric| metric.definition == *definition);
        if let Some(known) = known.next() {
            return known;
        }
        let metric = Arc::new(Metric {
            definition: definition.clone(),
            series: papaya::HashMap::new(),
            metrics: Arc::clone(self),
        });
        alike.push(Arc::downgrade(&metric));
        metric
    }
}

impl Metric {
    /// Every series: the values of its labels, and what it is at; in order.
    pub fn read(&self) -> Vec<(Vec<String>, Reading)> {
        let series = self.series.pin();
        let mut all: Vec<_> = series
            .iter()
            .map(|(labels, series)| (labels.to_vec(), series.read(&self.definition)))
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }
}

impl Drop for Metric {
    fn drop(&mut self) {
        let count = self.series.pin().len() as u64;
        self.metrics.usage.release(0, count * self.definition.exposed_series());
    }
}

impl Definition {
    /// Lines on the admin endpoint for each set of label values, which is what they
    /// cost whoever stores them.
    fn exposed_series(&self) -> u64 {
        match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            // The bucket without a bound, the sum and the count come on top.
            Kind::Histogram => self.bounds.len() as u64 + 3,
        }
    }
}

impl Series {
    fn new(definition: &Definition) -> Self {
        let buckets = match definition.kind {
            Kind::Counter | Kind::Gauge => 0,
            Kind::Histogram => definition.bounds.len() + 1,
        };
        Self {
            sum: AtomicU64::default(),
            counts: (0..buckets).map(|_| Default::default()).collect(),
        }
    }

    fn read(&self, definition: &Definition) -> Reading {
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        if definition.kind != Kind::Histogram {
            return Reading::Number(sum);
        }
        let bounds = definition.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Reading::Histogram { sum, buckets: bounds.zip(counts).collect() }
    }
}

fn add(sum: &AtomicU64, value: f64) {
    let more = |bits| Some((f64::from_bits(bits) + value).to_bits());
    // It never refuses.
    let _ = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
