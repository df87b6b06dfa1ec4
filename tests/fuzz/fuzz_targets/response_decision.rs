//! What a guest answers with: refused with a reason, or sent as it was meant.
#![no_main]

mod wire;

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use wasmgate::plugin::chain::edits::{check_all, check_response, check_status};
use wasmgate::plugin::interface::bindings::wasmgate::plugin::types::{FieldEdit, Response};

// A status in two octets, then edits; those that set or add are the answer's fields,
// the rest of the input is its body too.
fuzz_target!(|input: &[u8]| {
    let Some((&[high, low], rest)) = input.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes([high, low]);
    assert_eq!(check_status(status).is_ok(), (200..600).contains(&status));
    let field = |edit| match edit {
        FieldEdit::Set(field) | FieldEdit::Add(field) | FieldEdit::Default(field) => Some(field),
        FieldEdit::Remove(_) | FieldEdit::Rename(_) => None,
    };
    let headers: Vec<_> = wire::edits(rest).into_iter().filter_map(field).collect();
    let count = headers.len();
    match check_response(Response { status, headers, body: rest.to_vec() }) {
        Err(illegal) => assert!(!illegal.0.is_empty() && !illegal.0.contains(['\r', '\n', '\0'])),
        Ok(response) => {
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers().len(), count);
            assert_eq!(&response.body()[..], rest);
            wire::is_framed_as_before(response.headers(), &HeaderMap::new());
            wire::reads_back(&format!("HTTP/1.1 {status} x"), response.headers());
        }
    }
    // The same edits, laid over what an endpoint answered.
    if let Ok(edits) = check_all(wire::edits(rest)) {
        let mut headers = HeaderMap::new();
        headers.insert("content-length", 3.into());
        let before = headers.clone();
        edits.into_iter().for_each(|edit| edit.apply(&mut headers));
        wire::is_framed_as_before(&headers, &before);
        wire::reads_back("HTTP/1.1 200 OK", &headers);
    }
});
