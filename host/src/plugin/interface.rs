//! The host's side of the contract in `wit/`: one file for each interface that a
//! plugin may import.
//!
//! Each file implements the generated `Host` trait on [`HostState`] and nothing
//! else; none of them knows of HTTP connections or workers. [`INTERFACES`] lists
//! them, with what the operator has to grant for each.

/// Generated from `wit/`; see there for what everything means.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::needless_pass_by_value,
    clippy::use_self,
    clippy::unwrap_used,
    reason = "generated code"
)]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        require_store_data_send: true,
        imports: {
            "wasmgate:plugin/http.send": async,
            // It may look at a million keys, and must not keep the worker meanwhile.
            "wasmgate:plugin/kv.keys": async,
            // What is too much for one call ends the instance.
            "wasmgate:plugin/crypto": trappable,
            "wasmgate:plugin/matcher": trappable,
            "wasmgate:plugin/secrets": trappable,
        },
    });
}

mod annotate;
mod body;
mod connection;
mod counter;
mod crypto;
mod exchange;
pub mod http;
mod kv;
mod log;
mod matcher;
mod metrics;
mod rate_limit;
mod secrets;
mod shared;
pub mod wasi;

use wasmtime::component::{HasSelf, Linker};

use super::instance::HostState;
use crate::config::Capabilities;

/// An interface that plugins may import.
pub struct Interface {
    /// Its name in `wit/`.
    pub name: &'static str,
    /// What opens it; none = every plugin may.
    pub grant: Option<Grant>,
    link: fn(&mut Linker<HostState>) -> wasmtime::Result<()>,
}

/// What the operator writes to open an interface.
pub struct Grant {
    /// A key of `capabilities` and the plainest value that grants something.
    pub line: &'static str,
    /// Whether these grant it.
    pub given: fn(&Capabilities) -> bool,
}

macro_rules! interfaces {
    ($($name:literal => $module:ident $(if $key:ident = $value:literal)?;)*) => {
        /// Every interface of the contract that this host offers.
        pub const INTERFACES: &[Interface] = &[$(Interface {
            name: $name,
            grant: interfaces!(@grant $($key = $value)?),
            link: |linker| {
                bindings::wasmgate::plugin::$module::add_to_linker::<_, HasSelf<HostState>>(
                    linker,
                    |state| state,
                )
            },
        }),*];
    };
    (@grant) => { None };
    (@grant $key:ident = $value:literal) => {
        Some(Grant {
            line: concat!(stringify!($key), " = ", $value),
            given: |capabilities| grants(&capabilities.$key),
        })
    };
}

interfaces! {
    "types" => types;
    "exchange" => exchange;
    "connection" => connection;
    "annotate" => annotate;
    "body" => body;
    "crypto" => crypto;
    "log" => log;
    "counter" => counter if counter = "true";
    "http" => http if http = "[\"HOST:PORT\"]";
    "kv" => kv if kv = "true";
    "matcher" => matcher if matcher = "true";
    "metrics" => metrics if metrics = "true";
    "rate-limit" => rate_limit if rate_limit = "true";
    "secrets" => secrets if secrets = "{ NAME = { env = \"VARIABLE\" } }";
}

/// The default of every grant is to grant nothing.
fn grants<T: Default + PartialEq>(grant: &T) -> bool {
    *grant != T::default()
}

/// The interface of that name.
pub fn offered(name: &str) -> Option<&'static Interface> {
    INTERFACES.iter().find(|interface| interface.name == name)
}

/// The hooks that this host calls, `lifecycle` included.
pub const HOOKS: &[&str] = &[
    "lifecycle",
    "request",
    "request-body",
    "response",
    "response-body",
    "complete",
    "balance",
    "tick",
];

/// The contract version that this host speaks: major and minor; a patch release
/// only adds.
pub const CONTRACT: (u64, u64) = (0, 1);

/// Links `counter`, `kv` and `rate-limit` anew, to the store of a fleet.
pub fn share_state(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    shared::add_to_linker(linker)
}

/// Links every interface of the contract.
pub fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    INTERFACES.iter().try_for_each(|interface| (interface.link)(linker))
}
