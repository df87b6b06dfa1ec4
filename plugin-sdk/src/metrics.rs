//! Metrics of the plugin's own, on the proxy's admin endpoint beside the proxy's,
//! each with the label `plugin`. Needs the grant `metrics`.
//!
//! A metric is defined in [`Plugin::new`](crate::Plugin::new) and counted in hooks.
//! On the endpoint its name begins with `plugin_counter_`, `plugin_gauge_` or
//! `plugin_histogram_`.
//!
//! ```
//! use plugin_sdk::metrics::Counter;
//!
//! let refused = Counter::new("refused", "Requests refused", &["reason"])?;
//!
//! refused.add(&["no key"], 1.0)?;
//! # Ok::<(), plugin_sdk::metrics::MetricsError>(())
//! ```

pub use crate::bindings::imports::wasmgate::plugin::metrics::MetricsError;
use crate::host;

/// A number that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(u32);

/// A number that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(u32);

/// How often values were between bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram(u32);

impl Counter {
    /// The same definition is the same metric in all instances.
    ///
    /// # Errors
    /// No legal name, or one that is taken by another metric of this plugin.
    pub fn new(name: &str, help: &str, labels: &[&str]) -> Result<Self, MetricsError> {
        host::metrics::counter(name, help, &owned(labels)).map(Self)
    }

    /// Adds to the series with these values of the labels.
    ///
    /// # Errors
    /// A negative number, another number of labels, or one series too many.
    pub fn add(&self, labels: &[&str], value: f64) -> Result<(), MetricsError> {
        host::metrics::add(self.0, &owned(labels), value)
    }
}

impl Gauge {
    /// As [`Counter::new`].
    ///
    /// # Errors
    /// As for [`Counter::new`].
    pub fn new(name: &str, help: &str, labels: &[&str]) -> Result<Self, MetricsError> {
        host::metrics::gauge(name, help, &owned(labels)).map(Self)
    }

    /// Sets the series with these values of the labels.
    ///
    /// # Errors
    /// Another number of labels, or one series too many.
    pub fn set(&self, labels: &[&str], value: f64) -> Result<(), MetricsError> {
        host::metrics::set(self.0, &owned(labels), value)
    }

    /// Adds to it; a negative number takes away.
    ///
    /// # Errors
    /// As for [`Gauge::set`].
    pub fn add(&self, labels: &[&str], value: f64) -> Result<(), MetricsError> {
        host::metrics::add(self.0, &owned(labels), value)
    }
}

impl Histogram {
    /// As [`Counter::new`]. `buckets` are upper bounds, ascending; one for everything
    /// above is added.
    ///
    /// # Errors
    /// As for [`Counter::new`], or bounds that do not ascend.
    pub fn new(
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<Self, MetricsError> {
        host::metrics::histogram(name, help, &owned(labels), buckets).map(Self)
    }

    /// Counts a value in the series with these values of the labels.
    ///
    /// # Errors
    /// Another number of labels, or one series too many.
    pub fn observe(&self, labels: &[&str], value: f64) -> Result<(), MetricsError> {
        host::metrics::observe(self.0, &owned(labels), value)
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
