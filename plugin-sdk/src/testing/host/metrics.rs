//! `metrics` in a native test: one plugin's metrics on one thread.

use std::cell::RefCell;

use crate::metrics::MetricsError;

/// What a metric has measured in one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram: every value, in order.
    Values(Vec<f64>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Metric {
    kind: Kind,
    name: String,
    labels: Vec<String>,
    buckets: Vec<f64>,
    series: Vec<(Vec<String>, Measured)>,
}

const SERIES: usize = 1_000;

thread_local! {
    static METRICS: RefCell<Vec<Metric>> = const { RefCell::new(Vec::new()) };
}

/// What the current thread's plugins have measured with the metric of this name, in
/// the series with these values of its labels.
pub fn measured(name: &str, labels: &[&str]) -> Option<Measured> {
    METRICS.with_borrow(|metrics| {
        let metric = metrics.iter().find(|metric| metric.name == name)?;
        let series = metric.series.iter().find(|(values, _)| values == labels)?;
        Some(series.1.clone())
    })
}

pub(crate) fn counter(name: &str, _: &str, labels: &[String]) -> Result<u32, MetricsError> {
    define(Kind::Counter, name, labels, &[])
}

pub(crate) fn gauge(name: &str, _: &str, labels: &[String]) -> Result<u32, MetricsError> {
    define(Kind::Gauge, name, labels, &[])
}

pub(crate) fn histogram(
    name: &str,
    _: &str,
    labels: &[String],
    buckets: &[f64],
) -> Result<u32, MetricsError> {
    if !buckets.is_sorted_by(|one, next| one < next) {
        return Err(MetricsError::Illegal);
    }
    define(Kind::Histogram, name, labels, buckets)
}

pub(crate) fn add(metric: u32, labels: &[String], value: f64) -> Result<(), MetricsError> {
    measure(metric, labels, value, |kind, measured| match (kind, measured) {
        (Kind::Counter, _) if value < 0.0 => Err(MetricsError::Illegal),
        (Kind::Counter | Kind::Gauge, Measured::Number(sum)) => {
            *sum += value;
            Ok(())
        }
        _ => Err(MetricsError::Conflict),
    })
}

pub(crate) fn set(metric: u32, labels: &[String], value: f64) -> Result<(), MetricsError> {
    measure(metric, labels, value, |kind, measured| match (kind, measured) {
        (Kind::Gauge, Measured::Number(number)) => {
            *number = value;
            Ok(())
        }
        _ => Err(MetricsError::Conflict),
    })
}

pub(crate) fn observe(metric: u32, labels: &[String], value: f64) -> Result<(), MetricsError> {
    measure(metric, labels, value, |_, measured| match measured {
        Measured::Values(values) => {
            values.push(value);
            Ok(())
        }
        Measured::Number(_) => Err(MetricsError::Conflict),
    })
}

fn define(kind: Kind, name: &str, labels: &[String], buckets: &[f64]) -> Result<u32, MetricsError> {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = |text: &str| {
        text.starts_with(begins) && text.chars().all(|c| begins(c) || c.is_ascii_digit())
    };
    if !is_name(name) || !labels.iter().all(|label| is_name(label) && label != "plugin") {
        return Err(MetricsError::Illegal);
    }
    METRICS.with_borrow_mut(|metrics| {
        let known = metrics.iter().position(|known| known.name == name);
        let index = match known {
            Some(index) => {
                let known = &metrics[index];
                if known.kind != kind || known.labels != labels || known.buckets != buckets {
                    return Err(MetricsError::Conflict);
                }
                index
            }
            None => {
                metrics.push(Metric {
                    kind,
                    name: name.to_owned(),
                    labels: labels.to_vec(),
                    buckets: buckets.to_vec(),
                    series: Vec::new(),
                });
                metrics.len() - 1
            }
        };
        u32::try_from(index).map_err(|_| MetricsError::Cardinality)
    })
}

fn measure(
    metric: u32,
    labels: &[String],
    value: f64,
    count: impl FnOnce(Kind, &mut Measured) -> Result<(), MetricsError>,
) -> Result<(), MetricsError> {
    METRICS.with_borrow_mut(|metrics| {
        let sum: usize = metrics.iter().map(|metric| metric.series.len()).sum();
        let metric = metrics.get_mut(metric as usize).ok_or(MetricsError::Unknown)?;
        if metric.labels.len() != labels.len() {
            return Err(MetricsError::Unknown);
        }
        if !value.is_finite() {
            return Err(MetricsError::Illegal);
        }
        let known = metric.series.iter().position(|(values, _)| values == labels);
        let mut measured = match known {
            Some(index) => metric.series[index].1.clone(),
            None if sum >= SERIES => return Err(MetricsError::Cardinality),
            None if metric.kind == Kind::Histogram => Measured::Values(Vec::new()),
            None => Measured::Number(0.0),
        };
        count(metric.kind, &mut measured)?;
        match known {
            Some(index) => metric.series[index].1 = measured,
            None => metric.series.push((labels.to_vec(), measured)),
        }
        Ok(())
    })
}
