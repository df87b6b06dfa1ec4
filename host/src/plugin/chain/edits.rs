//! What a plugin asks to change: checked as a whole, then applied.
//!
//! A guest's strings are as hostile as a client's. Everything is proven here, at
//! the one place where they enter, so that no later stage can write them to the
//! wire wrongly.

use bytes::Bytes;
use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Response, StatusCode};
use smallvec::SmallVec;

use crate::plugin::interface::bindings::wasmgate::plugin::types::{self, FieldEdit};

/// Bounds on one hook's edits: a guest cannot make the host send what no peer
/// would take.
const EDITS_MAX: usize = 256;
const EDITS_BYTES_MAX: usize = 64 * 1024;
/// Bound on a plugin's whole response.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// One checked change of fields.
#[derive(Debug)]
pub enum Edit {
    /// Replace every line, or add one.
    Set(HeaderName, HeaderValue),
    /// Add a line.
    Add(HeaderName, HeaderValue),
    /// Add a line if there is none.
    Default(HeaderName, HeaderValue),
    /// Remove every line.
    Remove(HeaderName),
    /// Move every line to another name.
    Rename(HeaderName, HeaderName),
}

/// What is wrong with what a plugin asked for; for the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Illegal(pub String);

impl Edit {
    /// Checks one edit.
    pub fn check(edit: FieldEdit) -> Result<Self, Illegal> {
        Ok(match edit {
            FieldEdit::Set(field) => {
                let (name, value) = check_field(field)?;
                Self::Set(name, value)
            }
            FieldEdit::Add(field) => {
                let (name, value) = check_field(field)?;
                Self::Add(name, value)
            }
            FieldEdit::Default(field) => {
                let (name, value) = check_field(field)?;
                Self::Default(name, value)
            }
            FieldEdit::Remove(name) => Self::Remove(check_name(&name)?),
            FieldEdit::Rename((from, to)) => Self::Rename(check_name(&from)?, check_name(&to)?),
        })
    }

    /// Makes the change.
    pub fn apply(self, headers: &mut HeaderMap) {
        match self {
            Self::Set(name, value) => {
                // `try_`: a map has a greatest size, and reaching it must not panic.
                let _ = headers.try_insert(name, value);
            }
            Self::Add(name, value) => {
                let _ = headers.try_append(name, value);
            }
            Self::Default(name, value) => {
                if !headers.contains_key(&name) {
                    let _ = headers.try_insert(name, value);
                }
            }
            Self::Remove(name) => {
                headers.remove(name);
            }
            Self::Rename(from, to) => rename(headers, from, &to),
        }
    }
}

/// Some checked changes; most hooks make one, which then needs no allocation.
pub type Edits = SmallVec<[Edit; 1]>;

/// Checks a hook's list of edits.
pub fn check_all(edits: Vec<FieldEdit>) -> Result<Edits, Illegal> {
    if edits.is_empty() {
        return Ok(Edits::new());
    }
    if edits.len() > EDITS_MAX {
        return Err(Illegal(format!("{} edits at once; {EDITS_MAX} is the most", edits.len())));
    }
    let bytes: usize = edits.iter().map(edit_bytes).sum();
    if bytes > EDITS_BYTES_MAX {
        return Err(Illegal(format!("{bytes} octets of edits; {EDITS_BYTES_MAX} is the most")));
    }
    edits.into_iter().map(Edit::check).collect()
}

fn edit_bytes(edit: &FieldEdit) -> usize {
    match edit {
        FieldEdit::Set(field) | FieldEdit::Add(field) | FieldEdit::Default(field) => {
            field.name.len() + field.value.len()
        }
        FieldEdit::Remove(name) => name.len(),
        FieldEdit::Rename((from, to)) => from.len() + to.len(),
    }
}

fn rename(headers: &mut HeaderMap, from: HeaderName, to: &HeaderName) {
    if from == *to {
        return;
    }
    let Entry::Occupied(entry) = headers.entry(from) else { return };
    let (_, values) = entry.remove_entry_mult();
    let values: Vec<HeaderValue> = values.collect();
    headers.remove(to);
    for value in values {
        let _ = headers.try_append(to.clone(), value);
    }
}

fn check_field(field: types::Field) -> Result<(HeaderName, HeaderValue), Illegal> {
    let name = check_name(&field.name)?;
    let value = check_value(&name, field.value)?;
    Ok((name, value))
}

fn check_name(text: &str) -> Result<HeaderName, Illegal> {
    let name = HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| Illegal(format!("`{}` is no header name", cut(text))))?;
    if is_protected(&name) {
        return Err(Illegal(format!("`{name}` belongs to the connection and cannot be edited")));
    }
    Ok(name)
}

fn check_value(name: &HeaderName, value: Vec<u8>) -> Result<HeaderValue, Illegal> {
    let value = Bytes::from(value);
    // Space around a value is no part of it (RFC 9110, section 5.5): HTTP/1 drops it,
    // and in HTTP/2 it makes a message malformed (RFC 9113, section 8.2.1).
    let trimmed = value.trim_ascii();
    // A part of it is another handle, which costs an allocation.
    let value = if trimmed.len() < value.len() { value.slice_ref(trimmed) } else { value };
    HeaderValue::from_maybe_shared(value).map_err(|_| {
        Illegal(format!("the value of `{name}` holds a control character, such as CR or LF"))
    })
}

/// What frames a message or belongs to its connection (RFC 9110, section 7.6.1),
/// and `host`, which has its own edit.
fn is_protected(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::CONTENT_LENGTH
            | header::HOST
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// A new request target: origin form only.
pub fn check_target(text: String) -> Result<PathAndQuery, Illegal> {
    let illegal = |text: &str| Illegal(format!("`{}` is no request target", cut(text)));
    // The http crate drops a fragment in silence; the endpoint would see another
    // target than the plugin asked for. It takes UTF-8, which no request line has.
    let fits = |octet: u8| octet.is_ascii_graphic() && octet != b'#';
    if !text.starts_with('/') || !text.bytes().all(fits) {
        return Err(illegal(&text));
    }
    let shared = Bytes::from(text);
    PathAndQuery::from_maybe_shared(shared.clone())
        .map_err(|_| illegal(&String::from_utf8_lossy(&shared)))
}

/// A new host and port.
pub fn check_authority(text: &str) -> Result<HeaderValue, Illegal> {
    let illegal = || Illegal(format!("`{}` is no host", cut(text)));
    let authority: Authority = text.parse().map_err(|_| illegal())?;
    if authority.host().is_empty() || text.contains('@') {
        return Err(illegal());
    }
    // The http crate takes anything after the colon.
    let port = text[authority.host().len()..].strip_prefix(':');
    if port.is_some() && authority.port_u16().is_none() {
        return Err(illegal());
    }
    HeaderValue::try_from(text.to_ascii_lowercase()).map_err(|_| illegal())
}

/// A plugin's whole response.
pub fn check_response(response: types::Response) -> Result<Response<Bytes>, Illegal> {
    let status = check_status(response.status)?;
    if response.body.len() > BODY_MAX {
        return Err(Illegal(format!(
            "a body of {} octets; {BODY_MAX} is the most",
            response.body.len()
        )));
    }
    let edits = check_all(response.headers.into_iter().map(FieldEdit::Add).collect())?;
    let mut answer = Response::new(Bytes::from(response.body));
    *answer.status_mut() = status;
    for edit in edits {
        edit.apply(answer.headers_mut());
    }
    Ok(answer)
}

/// A status that a plugin may send: a final one.
pub fn check_status(status: u16) -> Result<StatusCode, Illegal> {
    match StatusCode::from_u16(status) {
        Ok(code) if (200..600).contains(&status) => Ok(code),
        _ => Err(Illegal(format!("the status {status}; 200 to 599 are legal"))),
    }
}

fn cut(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &[u8]) -> types::Field {
        types::Field { name: name.to_owned(), value: value.to_vec() }
    }

    fn lines(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    #[test]
    fn edits_are_applied_in_order() {
        let mut headers = HeaderMap::new();
        let edits = vec![
            FieldEdit::Add(field("a", b"1")),
            FieldEdit::Add(field("A", b"2")),
            FieldEdit::Rename(("a".to_owned(), "b".to_owned())),
            FieldEdit::Set(field("c", b"3")),
            FieldEdit::Remove("missing".to_owned()),
            FieldEdit::Default(field("c", b"unused")),
            FieldEdit::Default(field("d", b"4")),
        ];
        for edit in check_all(edits).expect("legal") {
            edit.apply(&mut headers);
        }
        assert_eq!(lines(&headers), [("b", &b"1"[..]), ("b", b"2"), ("c", b"3"), ("d", b"4")]);
    }

    #[test]
    fn rename_replaces_what_had_the_name() {
        let mut headers = HeaderMap::new();
        headers.append("from", HeaderValue::from_static("new"));
        headers.append("to", HeaderValue::from_static("old"));
        Edit::check(FieldEdit::Rename(("from".to_owned(), "to".to_owned())))
            .expect("legal")
            .apply(&mut headers);
        assert_eq!(lines(&headers), [("to", &b"new"[..])]);
    }

    #[test]
    fn what_frames_a_message_cannot_be_edited() {
        for name in ["Content-Length", "transfer-encoding", "Connection", "host", "te", "upgrade"] {
            assert!(Edit::check(FieldEdit::Set(field(name, b"1"))).is_err(), "{name}");
            assert!(Edit::check(FieldEdit::Remove(name.to_owned())).is_err(), "{name}");
            let renamed = FieldEdit::Rename(("x".to_owned(), name.to_owned()));
            assert!(Edit::check(renamed).is_err(), "{name}");
        }
    }

    #[test]
    fn bytes_that_could_end_a_line_are_refused() {
        for value in [&b"a\r\nb"[..], b"a\nb", b"a\0b", b"\x7f"] {
            assert!(Edit::check(FieldEdit::Set(field("x", value))).is_err());
        }
        for name in ["", "a b", "a:b", ":path", "a\r\nb", "é"] {
            assert!(Edit::check(FieldEdit::Set(field(name, b"1"))).is_err(), "{name:?}");
        }
        assert!(Edit::check(FieldEdit::Set(field("x", b"\xff\xfe ok"))).is_ok());
    }

    #[test]
    fn too_many_or_too_large_edits_are_refused() {
        let many = (0..1000).map(|_| FieldEdit::Add(field("x", b"1"))).collect();
        assert!(check_all(many).is_err());
        let large = vec![FieldEdit::Add(field("x", &vec![b'a'; 10 << 20]))];
        assert!(check_all(large).is_err());
    }

    #[test]
    fn only_final_statuses_are_legal() {
        for status in [0, 99, 100, 101, 199, 600, 999] {
            assert!(check_status(status).is_err(), "{status}");
        }
        assert!(check_status(200).is_ok());
    }

    #[test]
    fn targets_are_origin_form() {
        for target in ["", "x", "http://a/", "/a b", "/a\r\n", "/a#b", "*", "/ä", "/\u{7f}"] {
            assert!(check_target(target.to_owned()).is_err(), "{target:?}");
        }
        assert_eq!(check_target("/a?b=c".to_owned()).expect("legal").as_str(), "/a?b=c");
    }

    #[test]
    fn authorities_carry_no_user() {
        for authority in ["", "a@b", "a b", "a/b", ":80", "a\r\n", "a:", "a:b", "a:99999"] {
            assert!(check_authority(authority).is_err(), "{authority:?}");
        }
        assert_eq!(check_authority("Example.com:8080").expect("legal"), "example.com:8080");
    }
}
