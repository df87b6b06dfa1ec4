//! Whatever a guest asks for: it fails with a reason and changes nothing, or what
//! comes of it is, on the wire, what it asked for and nothing else.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::exchange::ResponseHead;

/// Any text, or one that is nearly a name.
fn name() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "host",
        "Content-Length",
        "transfer-encoding",
        "CONNECTION",
        "te",
        "Upgrade",
        "trailer",
        "keep-alive",
        "proxy-connection",
        ":path",
        ":status",
        ":authority",
        "",
        " x",
        "x ",
        "x:",
        "x\r\ny",
        "x\0",
        "é",
        "set-cookie",
        "cookie",
        "x-a",
        "X-B",
        "accept",
    ]);
    prop_oneof![
        3 => special.prop_map(str::to_owned),
        3 => "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}",
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(vec![
        &b""[..],
        b" ",
        b"\t",
        b" a ",
        b"a\r\nx-smuggled: 1",
        b"a\nb",
        b"a\rb",
        b"a\0b",
        b"\x7f",
        b"\xff\xfe",
        b"0",
        b"18446744073709551616",
        b"chunked",
    ]);
    prop_oneof![
        2 => special.prop_map(<[u8]>::to_vec),
        2 => "[ -~\t]{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
        1 => (1usize..200_000).prop_map(|length| vec![b'a'; length]),
    ]
}

fn field() -> impl Strategy<Value = types::Field> {
    (name(), value()).prop_map(|(name, value)| types::Field { name, value })
}

fn edit() -> impl Strategy<Value = FieldEdit> {
    prop_oneof![
        3 => field().prop_map(FieldEdit::Set),
        3 => field().prop_map(FieldEdit::Add),
        1 => field().prop_map(FieldEdit::Default),
        1 => name().prop_map(FieldEdit::Remove),
        1 => (name(), name()).prop_map(FieldEdit::Rename),
    ]
}

/// What endpoints and clients parse; the law is theirs, not ours.
fn parsed(start: &str, headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
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
    assert_eq!(status, httparse::Status::Complete(wire.len()), "nothing is left over");
    let field = |field: &httparse::Header<'_>| (field.name.to_owned(), field.value.to_vec());
    response.headers.iter().map(field).collect()
}

fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

fn there_before() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-a", "1"), ("x-a", "2"), ("accept", "*/*"), ("content-length", "3")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

fn unprotected(headers: &HeaderMap) -> bool {
    headers.get_all("content-length").iter().eq(["3"])
        && headers.keys().all(|name| name == header::CONTENT_LENGTH || !is_protected(name))
}

proptest! {
    #[test]
    fn edits_reach_the_wire_as_they_were_meant_or_fail(edits in vec(edit(), 0..300)) {
        let mut headers = there_before();
        let count = edits.len();
        match check_all(edits) {
            Err(Illegal(why)) => {
                prop_assert!(!why.is_empty() && !why.contains(['\r', '\n', '\0']));
                prop_assert!(why.len() < 1000);
            }
            Ok(edits) => {
                prop_assert!(count <= EDITS_MAX);
                edits.into_iter().for_each(|edit| edit.apply(&mut headers));
                prop_assert!(unprotected(&headers));
                prop_assert_eq!(parsed("HTTP/1.1 200 OK", &headers), lines(&headers));
            }
        }
    }

    #[test]
    fn responses_reach_the_wire_as_they_were_meant_or_fail(
        status in prop_oneof![any::<u16>(), 190u16..610, Just(0), Just(999)],
        headers in vec(field(), 0..20),
        body in vec(any::<u8>(), 0..50),
    ) {
        let response = types::Response { status, headers: headers.clone(), body: body.clone() };
        match check_response(response) {
            Err(Illegal(why)) => prop_assert!(!why.is_empty() && !why.contains(['\r', '\n', '\0'])),
            Ok(response) => {
                prop_assert!((200..600).contains(&status));
                prop_assert_eq!(response.status().as_u16(), status);
                prop_assert_eq!(&response.body()[..], &body[..]);
                prop_assert_eq!(response.headers().len(), headers.len());
                let start = format!("HTTP/1.1 {status} x");
                let head = ResponseHead {
                    status: response.status(),
                    headers: response.headers().clone(),
                };
                prop_assert_eq!(parsed(&start, &head.headers), lines(&head.headers));
            }
        }
    }

    #[test]
    fn targets_are_one_word_of_the_request_line(target in prop_oneof![
        any::<String>(),
        "/[ -~]{0,20}",
        "/[a-z%/.?&=#{}\"<>^`|\\\\]{0,20}",
        "/.{0,10}",
    ]) {
        match check_target(target.clone()) {
            Err(Illegal(why)) => prop_assert!(!why.contains(['\r', '\n', '\0'])),
            Ok(checked) => {
                prop_assert_eq!(checked.as_str(), &target);
                prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
                let wire = format!("GET {target} HTTP/1.1\r\n\r\n");
                let mut fields = [httparse::EMPTY_HEADER; 1];
                let mut request = httparse::Request::new(&mut fields);
                let status = request.parse(wire.as_bytes());
                prop_assert_eq!(status, Ok(httparse::Status::Complete(wire.len())));
                prop_assert_eq!(request.path, Some(target.as_str()));
                prop_assert_eq!(request.headers.len(), 0);
            }
        }
    }

    #[test]
    fn authorities_are_a_host_and_perhaps_a_port(text in prop_oneof![
        any::<String>(),
        "[a-z0-9.:@/\\[\\]-]{0,20}",
        "[a-z.]{1,8}:[0-9a-z]{0,6}",
    ]) {
        match check_authority(&text) {
            Err(Illegal(why)) => prop_assert!(!why.contains(['\r', '\n', '\0'])),
            Ok(value) => {
                let lower = text.to_ascii_lowercase();
                prop_assert_eq!(value.as_bytes(), lower.as_bytes());
                let parsed: Authority = text.parse().expect("checked");
                let port = text[parsed.host().len()..].strip_prefix(':');
                prop_assert_eq!(parsed.port_u16().is_some(), port.is_some());
                prop_assert!(!text.contains(['@', '/', '?', '#', ' ']));
            }
        }
    }
}

#[test]
fn endless_edits_are_refused_before_they_are_looked_at() {
    let edits = (0..1_000_000).map(|_| FieldEdit::Remove(String::new())).collect();
    let Err(Illegal(why)) = check_all(edits) else { panic!("they were taken") };
    assert!(why.contains("1000000 edits"), "{why}");
}
