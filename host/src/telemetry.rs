//! What operators see: the access log, metrics.

// One JSON line for each exchange.
pub mod access_log;
// Counters, per worker, summed when asked for.
pub mod metrics;
// What the admin endpoint shows.
pub mod status;
