//! wasmgate: a reverse proxy that is programmed with WebAssembly components.
//!
//! The modules in the order in which a request meets them; ARCHITECTURE.md walks
//! through one.

// The composition root: from a configuration to a running proxy.
pub mod app;
// The command line.
pub mod cli;
// What the operator configured, proven.
pub mod config;
// Coarse bounds on everything that waits.
pub mod deadlines;
// One request and its response: what the stages hand to one another.
pub mod exchange;
// HTTP towards clients: connections, heads, answers.
pub mod http;
// Accepting connections: sockets, limits, TLS.
pub mod listener;
// Sandboxed plugins.
pub mod plugin;
// The life of one exchange: start here.
pub mod proxy;
// Which route takes a request.
pub mod router;
// One immutable version of everything configured.
pub mod snapshot;
// What operators see: the access log, metrics, status.
pub mod telemetry;
// Clusters and their endpoints.
pub mod upstream;
// One thread with its own runtime, connections and instances.
pub mod worker;

// A plugin tried in the real engine.
pub mod cases;

// What operators ask: readiness, metrics, plugins.
pub mod admin;
