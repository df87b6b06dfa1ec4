//! What a guest decides about a request: refused with a reason, or carried out as it
//! was meant.
#![no_main]

mod wire;

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use wasmgate::plugin::chain::edits::{check_all, check_authority, check_target};

// A target, NUL, an authority, NUL, edits.
fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |&octet| octet == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (target, authority) = (text(), text());
    if let Ok(checked) = check_target(target.clone()) {
        assert_eq!(checked.as_str(), target);
        let line = format!("GET {target} HTTP/1.1\r\n\r\n");
        let mut request = httparse::Request::new(&mut []);
        assert_eq!(request.parse(line.as_bytes()), Ok(httparse::Status::Complete(line.len())));
        assert_eq!(request.path, Some(&*target));
    }
    if let Ok(value) = check_authority(&authority) {
        let parsed: http::uri::Authority = authority.parse().expect("checked");
        assert!(!parsed.host().is_empty() && !authority.contains('@'));
        assert_eq!(value.as_bytes(), authority.to_ascii_lowercase().as_bytes());
    }
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-a", "1"), ("x-a", "2"), ("content-length", "3"), ("te", "trailers")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let before = headers.clone();
    match check_all(wire::edits(parts.next().unwrap_or_default())) {
        Err(illegal) => assert!(!illegal.0.is_empty() && !illegal.0.contains(['\r', '\n', '\0'])),
        Ok(edits) => {
            edits.into_iter().for_each(|edit| edit.apply(&mut headers));
            wire::is_framed_as_before(&headers, &before);
            wire::reads_back("HTTP/1.1 200 OK", &headers);
        }
    }
});
