//! wasmgate: a reverse proxy that is programmed with WebAssembly components.
//!
//! The modules in the order in which a request meets them; ARCHITECTURE.md walks
//! through one.

/// The command line.
pub mod cli;
/// The composition root: from a configuration to a running proxy.
pub mod app;
/// What the operator configured, proven.
pub mod config;
/// One thread with its own runtime, connections and instances.
pub mod worker;
/// Accepting connections: sockets, limits, TLS.
pub mod listener;
/// HTTP towards clients: connections, heads, answers.
pub mod http;
/// The life of one exchange: start here.
pub mod proxy;
/// Which route takes a request.
pub mod router;
/// Sandboxed plugins.
pub mod plugin;
/// Clusters and their endpoints.
pub mod upstream;
/// One request and its response: what the stages hand to one another.
pub mod exchange;
/// One immutable version of everything configured.
pub mod snapshot;
/// Coarse bounds on everything that waits.
pub mod deadlines;
/// What operators see: the access log, metrics, status.
pub mod telemetry;

/// What operators ask: readiness, metrics, plugins.
pub mod admin;
