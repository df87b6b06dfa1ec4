//! Sandboxed plugins: from a file to a decision about an exchange.
//!
//! Loading, off the request path: [`watcher`] sees a file change, [`registry`]
//! reads it, [`artifact`] checks it and [`engine`] compiles it, and a trial
//! [`instance`] takes its configuration. On the request path: [`chain`] calls each
//! plugin of a route with an instance from the worker's [`instance_pool`], within
//! its [`limits`] and its [`running_time`]; a [`body`] passes those that want to
//! see it. What a plugin keeps is in the [`store`], what it matches against in
//! [`pattern_set`].
//! Beside the request path: [`balancing`] asks a plugin for an endpoint, [`ticks`]
//! calls one by time.
//!
//! Only this module names wasmtime.

// What a plugin has cost so far.
pub mod account;
// A body on its way through the plugins that want to see it.
pub mod body;
// The bytes of a component, checked, compiled and linked.
pub mod artifact;
// A plugin that chooses the endpoints of a cluster.
pub mod balancing;
// One exchange's way through the plugins of its route.
pub mod chain;
// Compiling in a process of its own.
pub mod compiler;
// Compiling and linking, once for the process.
pub mod engine;
// One live store, and the calls into it.
pub mod instance;
// The instances of one plugin on one worker.
pub mod instance_pool;
// The host's side of the contract in `wit/`.
pub mod interface;
// Memory, log lines, crashes.
pub mod limits;
// Patterns, compiled once and searched for every plugin that asks.
pub mod pattern_set;
// Which plugins are loaded.
pub mod registry;
// Deadlines, and fairness between long hooks and everything else.
pub mod running_time;
// What plugins keep beyond their instances.
pub mod store;
// Calls by time.
pub mod ticks;
// Says that files may have changed.
pub mod watcher;
