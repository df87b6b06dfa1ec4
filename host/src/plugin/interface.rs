//! The host's side of the contract in `wit/`: one file for each interface that a
//! plugin may import.
//!
//! Each file implements the generated `Host` trait on [`HostState`] and nothing
//! else; none of them knows of HTTP connections, workers or the configuration.

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
    });
}

mod annotate;
mod connection;
mod exchange;
mod log;
pub mod wasi;

use wasmtime::component::{HasSelf, Linker};

use super::instance::HostState;

/// The interfaces of `wasmgate:plugin` that this host offers, and those that it
/// calls: for telling a misspelt or a newer one from one that is known.
pub const OFFERED: &[&str] = &["types", "exchange", "connection", "annotate", "log"];

/// The hooks that this host calls, `lifecycle` included.
pub const HOOKS: &[&str] = &["lifecycle", "request", "response", "complete"];

/// The contract version that this host speaks: major and minor; a patch release
/// only adds.
pub const CONTRACT: (u64, u64) = (0, 1);

/// Links every interface of the contract.
pub fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    type State = HasSelf<HostState>;
    use bindings::wasmgate::plugin;
    plugin::types::add_to_linker::<_, State>(linker, |state| state)?;
    plugin::exchange::add_to_linker::<_, State>(linker, |state| state)?;
    plugin::connection::add_to_linker::<_, State>(linker, |state| state)?;
    plugin::annotate::add_to_linker::<_, State>(linker, |state| state)?;
    plugin::log::add_to_linker::<_, State>(linker, |state| state)
}
