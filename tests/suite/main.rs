//! What wasmgate promises, shown on the real program: each file is one topic,
//! each test's name one promise.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access_log;
mod balance_hook;
mod balancing;
mod bodies;
mod bundled_plugins;
mod client_certificates;
mod client_fingerprint;
mod client_limits;
mod command_line;
mod compile_cache;
mod configuration;
mod conformance;
mod connections;
mod counter;
mod crypto;
mod demo;
mod documentation;
mod fixtures;
mod forwarding;
mod framing;
mod grants;
mod hostile_guest;
mod http2;
mod http_capability;
mod kv;
mod languages;
mod layers;
mod matcher;
mod metrics;
mod misbehaviour;
mod plugin_cases;
mod plugin_chain;
mod plugin_dev;
mod plugin_directory;
mod plugin_failure;
mod plugin_isolation;
mod plugin_project;
mod plugin_sandbox;
mod plugin_state;
mod rate_limit;
mod reload;
mod requests;
mod routing;
mod secrets;
mod shutdown;
mod store;
mod streaming;
mod swap_under_load;
mod tick;
mod tls;
mod trailers;
mod upgrades;
mod upstream_failures;
