//! A normalized path is normal, and so is an authority.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmgate::http::normalize::{authority, path};

fuzz_target!(|text: &str| {
    if let Ok(normal) = path(text) {
        assert_eq!(path(&normal).as_deref(), Ok(&*normal));
        assert!(normal.starts_with('/') && normal.is_ascii());
        assert!(normal.split('/').all(|segment| segment != "." && segment != ".."));
        // The `http` crate takes it for a path, whole.
        let target: http::uri::PathAndQuery = normal.parse().expect("normal paths are valid");
        assert_eq!((target.path(), target.query()), (&*normal, None));
    }
    if let Ok(first) = authority(text) {
        let shown = first.to_string();
        assert_eq!(authority(&shown).as_ref(), Ok(&first));
        let parsed: http::uri::Authority = shown.parse().expect("normal hosts are valid");
        assert_eq!((parsed.host(), parsed.port_u16()), (&*first.host, first.port));
    }
});
