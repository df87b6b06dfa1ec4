//! The configuration file: anything is either a configuration or a diagnostic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Either is fine; a panic is not.
    let _ = wasmgate::config::parse(text, Path::new("wasmgate.toml"));
});
