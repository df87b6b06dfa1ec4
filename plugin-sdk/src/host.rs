//! The host's functions: the real ones in a component, fakes everywhere else.

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::host::{
    annotate, body, connection, counter, crypto, exchange, http, log, matcher, secrets,
};

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::imports::wasmgate::plugin::{
    annotate, body, connection, counter, crypto, exchange, http, log, matcher, secrets,
};
