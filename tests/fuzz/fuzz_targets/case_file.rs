//! The case file: anything is either cases or a report.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use wasmgate::cases::file;
use wasmgate::config::PluginSource;

fuzz_target!(|text: &str| {
    let source = PluginSource::Builtin("headers".to_owned());
    if let Err(report) = file::parse(text, Path::new("cases.toml"), "guard", &source) {
        assert!(report.has_errors());
        // It can be shown, whatever it points at.
        let _ = report.to_string();
    }
});
