//! What a guest's decision is made of, from octets, and how a peer reads what came of
//! it.

use http::HeaderMap;
use wasmgate::plugin::interface::bindings::wasmgate::plugin::types::{Field, FieldEdit};

/// Lines of `KIND NAME NUL VALUE`. Names are any text that octets can be read as.
pub fn edits(input: &[u8]) -> Vec<FieldEdit> {
    let edit = |line: &[u8]| {
        let (&kind, rest) = line.split_first()?;
        let end = rest.iter().position(|&octet| octet == 0).unwrap_or(rest.len());
        let (name, value) = rest.split_at(end);
        let name = String::from_utf8_lossy(name).into_owned();
        let value = value.get(1..).unwrap_or_default().to_vec();
        Some(match kind % 5 {
            0 => FieldEdit::Set(Field { name, value }),
            1 => FieldEdit::Add(Field { name, value }),
            2 => FieldEdit::Default(Field { name, value }),
            3 => FieldEdit::Remove(name),
            _ => FieldEdit::Rename((name, String::from_utf8_lossy(&value).into_owned())),
        })
    };
    // Split by an octet that no UTF-8 has, so that values may hold CR, LF and NUL.
    input.split(|&octet| octet == 0xfe).filter_map(edit).collect()
}

/// Asserts that a peer reads exactly these fields, and no other message after them.
pub fn reads_back(start: &str, headers: &HeaderMap) {
    let mut wire = format!("{start}\r\n").into_bytes();
    for (name, value) in headers {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    let mut fields = vec![httparse::EMPTY_HEADER; headers.len() + 1];
    let mut response = httparse::Response::new(&mut fields);
    let status = response.parse(&wire).expect("a head that can be parsed");
    assert_eq!(status, httparse::Status::Complete(wire.len()));
    let read = response.headers.iter().map(|field| (field.name, field.value));
    let meant = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    assert!(read.eq(meant));
}

/// Asserts that what frames a message is as it was.
pub fn is_framed_as_before(headers: &HeaderMap, before: &HeaderMap) {
    for name in [
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        assert!(headers.get_all(name).iter().eq(before.get_all(name)), "{name}");
    }
}
