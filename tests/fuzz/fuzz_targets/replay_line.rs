//! A line of an access log: a case that can be written down, or passed over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmgate::cases::{replay, written};
use wasmgate::config::{Plugin, PluginSource};

fuzz_target!(|line: &[u8]| {
    let plugin = Plugin::with_defaults("guard", PluginSource::Builtin("headers".to_owned()));
    if let Ok(logged) = replay::logged(line, 1, &plugin, None) {
        let text = written::case(&logged.case).expect("a line is one exchange");
        assert!(text.starts_with("[[case]]\n"));
        text.parse::<toml::Table>().expect("what is written is TOML");
    }
});
