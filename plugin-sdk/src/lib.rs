//! Write wasmgate plugins in Rust.
//!
//! A plugin is a library of crate type `cdylib`, built for `wasm32-wasip2`: a
//! type, its configuration, and the hooks at which it wants to be called.
//!
//! ```
//! use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result, Subscription};
//!
//! struct Guard;
//!
//! #[plugin_sdk::export]
//! impl Plugin for Guard {
//!     type Config = NoConfig;
//!
//!     fn new(_: NoConfig) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn subscription(&self) -> Subscription {
//!         Subscription::new().request_header("x-api-key")
//!     }
//!
//!     fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
//!         if request.header("x-api-key").is_none() {
//!             return Ok(Reply::new(401).text("an API key is needed\n").into());
//!         }
//!         request.response_headers().set("x-guarded", "yes");
//!         Ok(Flow::Continue)
//!     }
//! }
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` makes the component;
//! `wasmgate plugin new --lang rust NAME` makes the project around it.
//!
//! # Hooks
//! [`#[export]`](macro@export) exports exactly those hooks that the `impl` block
//! contains, so a hook that is left out is never called and costs nothing. It
//! only forwards: the plugin is an ordinary type, and [`testing`] runs it
//! natively.
//!
//! [`on_pick`](Plugin::on_pick) is for clusters that say `balance = "plugin:NAME"`,
//! [`on_tick`](Plugin::on_tick) is called by time; both are about no exchange.
//!
//! # Configuration
//! [`Plugin::Config`] is what the operator writes under `config`. Derive
//! `Deserialize` with `deny_unknown_fields`, and say in doc comments what each
//! key means: with the build script below they become the JSON Schema that
//! travels in the component, from which editors complete and `wasmgate plugin
//! inspect` tells. The type lives in a file of its own, because the build script
//! compiles it too:
//!
//! ```ignore
//! // build.rs
//! #[path = "src/config.rs"]
//! #[allow(dead_code)]
//! mod config;
//!
//! fn main() {
//!     plugin_sdk_build::manifest::<config::Config>();
//! }
//! ```
//!
//! A plugin with [`NoConfig`] needs no build script.
//!
//! # What a plugin may reach
//! The exchange ([`Request`], [`Response`], [`exchange`]), its bodies ([`body`]),
//! facts about the connection ([`connection`]), native cryptography ([`crypto`]),
//! the log ([`log`]), clocks and random numbers of the standard library; and, where
//! the operator grants them, values, numbers and limits that outlive an instance
//! ([`kv`], [`counter`], [`rate_limit`]), metrics of its own ([`metrics`]), requests to other hosts ([`http`]), sets of patterns ([`matcher`]) and secrets
//! ([`secrets`]). Standard output becomes log lines; the environment is empty;
//! sockets refuse.

// The values that come with a call.
mod asked;
mod balance;
// The generated bindings declare every import of the contract; a native build
// uses their records only.
#[cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "native builds call the fakes instead")
)]
mod bindings;
pub mod body;
pub mod connection;
pub mod counter;
pub mod crypto;
mod error;
pub mod exchange;
mod export;
pub mod field;
mod host;
pub mod http;
pub mod kv;
pub mod log;
pub mod matcher;
pub mod metrics;
mod plugin;
pub mod rate_limit;
mod reply;
mod request;
mod response;
pub mod secrets;
mod subscription;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use balance::{Attempt, Endpoint, Load, Pick};
pub use body::{BodyFlow, BodyMode, BodyPart, RequestBody, ResponseBody};
pub use error::{Error, Result};
pub use field::{Field, HeaderEdits};
pub use plugin::{Flow, NoConfig, Outcome, Plugin};
pub use reply::Reply;
pub use request::Request;
pub use response::Response;
pub use subscription::Subscription;
pub use wasmgate_plugin_sdk_macros::export;

/// What `#[export]` expands to refers to these; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::imports::wasmgate::plugin::types;
    pub use crate::bindings::{
        balance, complete, lifecycle, request, request_body, response, response_body, tick,
    };
    pub use crate::export::Slot;

    /// Keeps a plugin that no native code calls from being taken for dead.
    pub fn used<P: crate::Plugin>() {}
}
