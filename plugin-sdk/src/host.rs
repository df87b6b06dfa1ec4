//! The host's functions: the real ones in a component, fakes everywhere else.

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::host::{
    annotate, body, connection, counter, crypto, exchange, http, kv, log, matcher, metrics,
    rate_limit, secrets,
};

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::imports::wasmgate::plugin::{
    annotate, body, connection, counter, crypto, exchange, http, kv, log, matcher, metrics,
    rate_limit, secrets,
};
