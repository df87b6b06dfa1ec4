//! The guard in front of hyper's real server: what hyper then takes for requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

mod cases;

/// A client that sends these pieces, one for each read, and then leaves.
struct Client {
    pieces: VecDeque<Vec<u8>>,
    received: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.pieces.pop_front() {
            let later = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !later.is_empty() {
                self.pieces.push_front(later);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.received.lock().unwrap().extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What came of one connection.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The requests that hyper's service saw: method, target, body or `!`, and
    /// trailers.
    requests: Vec<String>,
    /// The status of each answer.
    answers: Vec<u16>,
    violation: Option<Violation>,
}

/// Serves what the client sends; a body that cannot be read is answered 400.
fn serve(pieces: impl IntoIterator<Item = Vec<u8>>) -> Outcome {
    let received = Arc::<Mutex<Vec<u8>>>::default();
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let (guard, handle) = Guard::new(Client { pieces, received: received.clone() });
    let requests = Mutex::new(Vec::new());
    let service = service_fn(async |request: Request<Incoming>| {
        let (seen, status) = describe(request).await;
        requests.lock().unwrap().push(seen);
        let response = Response::builder().status(status).body(Full::<Bytes>::default());
        Ok::<_, Infallible>(response.unwrap())
    });
    let connection = http1::Builder::new().half_close(true).serve_connection(guard, service);
    // What is wrong with a connection shows in its answers.
    let _ = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(connection);
    let answers = statuses(&received.lock().unwrap());
    Outcome { requests: requests.into_inner().unwrap(), answers, violation: handle.violation() }
}

async fn describe(request: Request<Incoming>) -> (String, StatusCode) {
    let (head, body) = request.into_parts();
    let mut seen = format!("{} {}", head.method, head.uri);
    match body.collect().await {
        Ok(body) => {
            let trailers = body.trailers().cloned().unwrap_or_default();
            let body = body.to_bytes();
            if !body.is_empty() {
                write!(seen, " {}", body.escape_ascii()).unwrap();
            }
            for (name, value) in &trailers {
                write!(seen, " {name}={}", value.to_str().unwrap()).unwrap();
            }
            (seen, StatusCode::OK)
        }
        Err(_) => (seen + " !", StatusCode::BAD_REQUEST),
    }
}

fn statuses(received: &[u8]) -> Vec<u16> {
    let text = str::from_utf8(received).unwrap();
    text.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().unwrap()).collect()
}

fn split_at(stream: &[u8], places: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for &place in places {
        pieces.push(stream[start..place].to_vec());
        start = place;
    }
    pieces.push(stream[start..].to_vec());
    pieces
}

/// Asserts the outcome of a stream that comes whole, octet by octet and in two
/// pieces, cut anywhere.
fn assert_outcome(stream: &[u8], expected: &Outcome) {
    let shown = stream[..stream.len().min(200)].escape_ascii();
    assert_eq!(serve([stream.to_vec()]), *expected, "whole: {shown}");
    // hyper looks at a head's first piece at once, and what it refuses by itself
    // the guard never gets to see.
    let serve_pieces = |pieces: Vec<Vec<u8>>| {
        let mut outcome = serve(pieces);
        if outcome.answers.last() == Some(&400) && outcome.violation.is_none() {
            outcome.violation = expected.violation;
        }
        outcome
    };
    let octets = stream.iter().map(|octet| vec![*octet]).collect();
    assert_eq!(serve_pieces(octets), *expected, "octet by octet: {shown}");
    // A long stream is long because of one part in which all places are alike.
    let step = stream.len().div_ceil(400);
    for place in (1..stream.len()).step_by(step) {
        let outcome = serve_pieces(split_at(stream, &[place]));
        assert_eq!(outcome, *expected, "split at {place}: {shown}");
    }
}

#[test]
fn clear_requests_pass() {
    for (stream, requests) in cases::good() {
        let expected = Outcome {
            answers: vec![200; requests.len()],
            requests: requests.into_iter().map(String::from).collect(),
            violation: None,
        };
        assert_outcome(&stream, &expected);
    }
}

#[test]
fn ambiguous_heads_are_answered_400_and_nothing_behind_them_is_a_request() {
    for (head, violation) in cases::bad_heads() {
        for before in cases::BEFORE {
            let stream = [before.0.as_bytes(), &head, b"GET /smuggled HTTP/1.1\r\n\r\n"].concat();
            let requests: Vec<String> = before.1.iter().map(ToString::to_string).collect();
            let mut answers = vec![200; requests.len()];
            answers.push(400);
            assert_outcome(&stream, &Outcome { requests, answers, violation: Some(violation) });
        }
    }
}

#[test]
fn ambiguous_bodies_fail_and_nothing_behind_them_is_a_request() {
    for (body, violation) in cases::bad_bodies() {
        let head = b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let stream = [head, &body[..], b"GET /smuggled HTTP/1.1\r\n\r\n"].concat();
        let requests = vec!["POST /p !".to_owned()];
        let expected = Outcome { requests, answers: vec![400], violation: Some(violation) };
        assert_outcome(&stream, &expected);
    }
}

#[test]
fn trailer_section_is_bounded_even_when_hyper_is_told_not_to() {
    let mut inspector = Inspector::default();
    inspector.inspect(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n").unwrap();
    let line = [&b"a: "[..], &[b'x'; 1021], b"\r\n"].concat();
    for _ in 0..64 {
        inspector.inspect(&line).unwrap();
    }
    assert_eq!(inspector.inspect(b"\r\n"), Ok(()));
    assert!(inspector.is_between_requests());

    let mut inspector = Inspector::default();
    inspector.inspect(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n").unwrap();
    for _ in 0..64 {
        inspector.inspect(&line).unwrap();
    }
    assert_eq!(inspector.inspect(b"a: b\r\n\r\n"), Err((0, Violation::TrailersTooLong)));
}

#[tokio::test]
async fn client_that_stays_gets_its_400() {
    let (mut client, server) = duplex(256);
    let (guard, handle) = Guard::new(server);
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    let serving = http1::Builder::new().serve_connection(guard, service);
    let asking = async {
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: ").await.unwrap();
        client.write_all(b"b\r\n").await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (served, answer) = tokio::join!(serving, asking);
    assert!(served.unwrap_err().is_parse());
    assert_eq!(statuses(&answer), [400]);
    assert_eq!(handle.violation(), Some(Violation::HostRepeated));
}

#[tokio::test]
async fn tunnel_passes_what_no_request_may_have() {
    let (mut client, server) = duplex(256);
    let (mut guard, handle) = Guard::new(server);
    client.write_all(b"GET / HTTP/1.1\r\nupgrade: x\r\n\r\n").await.unwrap();
    let mut buf = [0; 256];
    AsyncReadExt::read(&mut guard, &mut buf).await.unwrap();
    handle.tunnel().unwrap();
    client.write_all(b"\n\0\n").await.unwrap();
    let length = AsyncReadExt::read(&mut guard, &mut buf).await.unwrap();
    assert_eq!(&buf[..length], b"\n\0\n");
}

#[tokio::test]
async fn there_is_no_tunnel_for_a_client_that_did_not_wait() {
    let (mut client, server) = duplex(256);
    let (mut guard, handle) = Guard::new(server);
    client.write_all(b"GET / HTTP/1.1\r\nupgrade: x\r\n\r\n\0").await.unwrap();
    AsyncReadExt::read(&mut guard, &mut [0; 256]).await.unwrap();
    assert_eq!(handle.tunnel(), Err(Violation::Nul));
}

#[tokio::test]
async fn transparent_guard_passes_everything_prefix_first() {
    let mut guard = Guard::transparent(&b"\n\0"[..]).with_prefix(Bytes::from_static(b"PRI\n"));
    let mut read = Vec::new();
    guard.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"PRI\n\n\0");
}

#[tokio::test]
async fn prefix_is_inspected_like_the_rest() {
    let (guard, handle) = Guard::new(&b"host: b\r\n\r\n"[..]);
    let mut guard = guard.with_prefix(Bytes::from_static(b"GET / HTTP/1.1\r\nhost: a\r\n"));
    let mut read = Vec::new();
    guard.read_to_end(&mut read).await.unwrap();
    let passed = [b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r", POISON].concat();
    assert_eq!(read, passed);
    assert_eq!(handle.violation(), Some(Violation::HostRepeated));
}

#[tokio::test]
async fn poison_arrives_whole_through_the_smallest_buffer() {
    let (mut guard, _handle) = Guard::new(&b"GET /\n"[..]);
    let mut read = Vec::new();
    let mut octet = [0];
    while AsyncReadExt::read(&mut guard, &mut octet).await.unwrap() == 1 {
        read.push(octet[0]);
    }
    assert_eq!(read, [b"GET /", POISON].concat());
}

/// A request's bytes, and what the service should see of it.
fn request() -> impl Strategy<Value = (Vec<u8>, String)> {
    let fields = prop::collection::vec(
        prop_oneof![
            Just("host: a.example".to_owned()),
            "x-[a-z]{1,60}:[ \t]{0,3}[!-~]{0,70}[ \t]{0,2}",
            "(hos|content-lengt|transfer-encodin|hostx|content-lengthx): [a-z0-9:]{0,9}",
        ],
        0..6,
    );
    let body = prop_oneof![
        Just(Body::None),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Body::Length),
        (
            prop::collection::vec((prop::collection::vec(any::<u8>(), 1..80), extension()), 0..4),
            prop::option::of("[a-z]{1,5}"),
        )
            .prop_map(|(chunks, trailer)| Body::Chunked(chunks, trailer)),
    ];
    ("(GET|POST|PUT|OPTIONS)", "/[a-z0-9]{0,20}", fields, body, any::<bool>()).prop_map(
        |(method, target, mut fields, body, empty_line)| {
            let mut seen_host = false;
            fields.retain(|field| {
                !field.starts_with("host:") || !std::mem::replace(&mut seen_host, true)
            });
            let mut bytes = if empty_line { b"\r\n".to_vec() } else { Vec::new() };
            let mut seen = format!("{method} {target}");
            write_head(&mut bytes, &seen, &fields, &body);
            body.write(&mut bytes, &mut seen);
            (bytes, seen)
        },
    )
}

fn extension() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), ";[a-z]{1,8}(=\"[ -!#-~]{0,20}\")?"]
}

#[derive(Clone, Debug)]
enum Body {
    None,
    Length(Vec<u8>),
    Chunked(Vec<(Vec<u8>, String)>, Option<String>),
}

fn write_head(bytes: &mut Vec<u8>, line: &str, fields: &[String], body: &Body) {
    bytes.extend_from_slice(format!("{line} HTTP/1.1\r\n").as_bytes());
    for field in fields {
        bytes.extend_from_slice(format!("{field}\r\n").as_bytes());
    }
    let framing = match body {
        Body::None => String::new(),
        Body::Length(data) => format!("Content-LENGTH:\t{} \r\n", data.len()),
        Body::Chunked(..) => "transfer-Encoding:Chunked\r\n".to_owned(),
    };
    bytes.extend_from_slice(format!("{framing}\r\n").as_bytes());
}

impl Body {
    fn write(&self, bytes: &mut Vec<u8>, seen: &mut String) {
        let mut data = Vec::new();
        match self {
            Self::None => {}
            Self::Length(all) => {
                bytes.extend_from_slice(all);
                data.extend_from_slice(all);
            }
            Self::Chunked(chunks, trailer) => {
                for (chunk, extension) in chunks {
                    let line = format!("{:04X}{extension}\r\n", chunk.len());
                    bytes.extend_from_slice(&[line.as_bytes(), chunk, b"\r\n"].concat());
                    data.extend_from_slice(chunk);
                }
                let trailer = trailer.as_ref().map(|value| format!("t: {value}\r\n"));
                bytes.extend_from_slice(
                    format!("0\r\n{}\r\n", trailer.unwrap_or_default()).as_bytes(),
                );
            }
        }
        if !data.is_empty() {
            write!(seen, " {}", data.escape_ascii()).unwrap();
        }
        if let Self::Chunked(_, Some(value)) = self {
            write!(seen, " t={value}").unwrap();
        }
    }
}

/// Places to cut a stream of this length at, in order.
fn places(stream: &[u8], seeds: &[prop::sample::Index]) -> Vec<usize> {
    let mut places: Vec<usize> = seeds.iter().map(|seed| seed.index(stream.len() + 1)).collect();
    places.sort_unstable();
    places
}

proptest! {
    #[test]
    fn pipelined_requests_arrive_as_sent(
        requests in prop::collection::vec(request(), 1..6),
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut inspector = Inspector::default();
        for (bytes, _) in &requests {
            prop_assert_eq!(inspector.inspect(bytes), Ok(()));
            prop_assert!(inspector.is_between_requests());
        }
        let (bytes, seen): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let stream = bytes.concat();
        let outcome = serve(split_at(&stream, &places(&stream, &seeds)));
        let answers = vec![200; seen.len()];
        prop_assert_eq!(outcome, Outcome { requests: seen, answers, violation: None });
    }

    #[test]
    fn pieces_change_neither_the_verdict_nor_its_place(
        stream in garbage(),
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let whole = Inspector::default().inspect(&stream);
        let mut inspector = Inspector::default();
        let mut passed = 0;
        let mut verdict = Ok(());
        for piece in split_at(&stream, &places(&stream, &seeds)) {
            verdict = inspector.inspect(&piece).map_err(|(at, why)| (passed + at, why));
            if verdict.is_err() {
                break;
            }
            passed += piece.len();
        }
        prop_assert_eq!(verdict, whole);
    }

    #[test]
    fn garbage_is_never_a_panic_and_a_violation_always_ends_the_connection(
        stream in garbage(),
        seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let outcome = serve(split_at(&stream, &places(&stream, &seeds)));
        // Nothing but whole requests is answered, and one more answer at most
        // says that the rest is no request.
        prop_assert!(outcome.answers.len() <= outcome.requests.len() + 1);
    }
}

/// Streams that get far: pieces of requests in any order, and some noise.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(cases::PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..70),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}
