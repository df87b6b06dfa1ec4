//! Requests whose framing two parsers could read differently are refused, and no
//! endpoint ever sees them.

use harness::{Origin, Proxy, Raw, within};

/// Octets, what they are, and the status that they are refused with.
struct Case {
    what: &'static str,
    status: u16,
    octets: &'static str,
}

const fn case(what: &'static str, status: u16, octets: &'static str) -> Case {
    Case { what, status, octets }
}

const AMBIGUOUS: &[Case] = &[
    case(
        "both lengths",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    case(
        "both lengths, the other way round",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    ),
    case(
        "different content-lengths",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
    ),
    case(
        "a list of different content-lengths",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4, 5\r\n\r\nabcde",
    ),
    case(
        "a signed content-length",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +4\r\n\r\nabcd",
    ),
    case(
        "a negative content-length",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -4\r\n\r\nabcd",
    ),
    case(
        "a hexadecimal content-length",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x4\r\n\r\nabcd",
    ),
    case("an empty content-length", 400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n"),
    case(
        "a content-length beyond 64 bits",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551620\r\n\r\nabcd",
    ),
    case(
        "a transfer coding that is not chunked",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nabcd",
    ),
    case(
        "chunked that is not last",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    ),
    case(
        "chunked twice",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ),
    case(
        "chunked twice, on two lines",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    case(
        "a transfer coding that looks like chunked",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    case(
        "a quoted transfer coding",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    ),
    case(
        "a transfer coding in HTTP/1.0",
        400,
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    case("a folded line", 400, "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\r\n 2\r\n\r\n"),
    case("a folded line with a tab", 400, "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\r\n\t2\r\n\r\n"),
    case("a fold before the first field", 400, "GET / HTTP/1.1\r\n x-a: 1\r\nhost: a\r\n\r\n"),
    case(
        "a space before the colon",
        400,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length : 4\r\n\r\nabcd",
    ),
    case("a field without a name", 400, "GET / HTTP/1.1\r\nhost: a\r\n: nothing\r\n\r\n"),
    case("a field without a colon", 400, "GET / HTTP/1.1\r\nhost: a\r\nnothing\r\n\r\n"),
    case(
        "a control character in a field name",
        400,
        "GET / HTTP/1.1\r\nhost: a\r\nx\u{1}y: 1\r\n\r\n",
    ),
    case("a NUL in a field value", 400, "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\u{0}2\r\n\r\n"),
    case("a bare CR in a field value", 400, "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\rx-b: 2\r\n\r\n"),
    case("a bare CR at the end of a line", 400, "GET / HTTP/1.1\r\nhost: a\rx-a: 1\r\n\r\n"),
    case("a bare LF after the request line", 400, "GET / HTTP/1.1\nhost: a\r\n\r\n"),
    case("a bare LF after a field", 400, "GET / HTTP/1.1\r\nhost: a\nx-a: 1\r\n\r\n"),
    case("bare LFs throughout", 400, "GET / HTTP/1.1\nhost: a\n\n"),
    case("a bare LF as the empty line", 400, "GET / HTTP/1.1\r\nhost: a\r\n\n"),
    case("two hosts", 400, "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
    case("the same host twice", 400, "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
    case("no method", 400, " / HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("no target", 400, "GET HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("a space in the target", 400, "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("a method that is no token", 400, "GE(T / HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("another protocol", 400, "GET / RTSP/1.0\r\nhost: a\r\n\r\n"),
    case("a version without a minor", 400, "GET / HTTP/1\r\nhost: a\r\n\r\n"),
    case("TLS on a plain port", 400, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n"),
];

/// Well framed, so that the connection may go on, but nothing that can be served.
const UNSERVED: &[Case] = &[
    case("no host", 400, "GET / HTTP/1.1\r\nx-a: 1\r\n\r\n"),
    case("a host with a path", 400, "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    case("a host with user information", 400, "GET / HTTP/1.1\r\nhost: user@a\r\n\r\n"),
    case("a host with a space", 400, "GET / HTTP/1.1\r\nhost: a b\r\n\r\n"),
    case("a list of hosts", 400, "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n"),
    case("a port that is none", 400, "GET / HTTP/1.1\r\nhost: a:b\r\n\r\n"),
    case("a target without a slash", 400, "GET a HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("a target for OPTIONS alone", 400, "GET * HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("a path above the root", 400, "GET /../a HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("a NUL in the path", 400, "GET /a%00b HTTP/1.1\r\nhost: a\r\n\r\n"),
    case("half an escape", 400, "GET /a%2 HTTP/1.1\r\nhost: a\r\n\r\n"),
];

/// The octets after the head: what is wrong shows only in the body.
const BAD_CHUNKS: &[Case] = &[
    case("no size", 400, "\r\nabc\r\n0\r\n\r\n"),
    case("a size that is no number", 400, "xyz\r\nabc\r\n0\r\n\r\n"),
    case("a signed size", 400, "+3\r\nabc\r\n0\r\n\r\n"),
    case("a negative size", 400, "-3\r\nabc\r\n0\r\n\r\n"),
    case("a size with a prefix", 400, "0x3\r\nabc\r\n0\r\n\r\n"),
    case("a size beyond 64 bits", 400, "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    case("a bare LF after the size", 400, "3\nabc\r\n0\r\n\r\n"),
    case("a chunk longer than its size", 400, "3\r\nabcd\r\n0\r\n\r\n"),
    case("a chunk shorter than its size", 400, "3\r\nab\r\n0\r\n\r\n"),
    case("a bare LF after the chunk", 400, "3\r\nabc\n0\r\n\r\n"),
    case("a bare CR in an extension", 400, "3;a\rb\r\nabc\r\n0\r\n\r\n"),
    case("a bare LF in an extension", 400, "3;a\nb\r\nabc\r\n0\r\n\r\n"),
];

/// What follows a refused request.
const NEXT: &str = "GET /next HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// The statuses of the answers until the connection is closed.
async fn refusal(proxy: &Proxy, what: &str, octets: &str) -> Vec<u16> {
    let mut raw = Raw::connect(proxy.http()).await;
    raw.write(octets).await;
    raw.write(NEXT).await;
    let answers = async {
        let mut statuses = Vec::new();
        while !raw.is_at_end().await {
            statuses.push(raw.read_reply().await.status);
        }
        statuses
    };
    within(what, answers).await
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_their_connection_closed() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut wrong = Vec::new();
    for Case { what, status, octets } in AMBIGUOUS {
        let statuses = refusal(&proxy, what, octets).await;
        if statuses != [*status] {
            wrong.push(format!("{what}: {statuses:?} instead of {status}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(origin.request_count(), 0, "the endpoint saw {:?}", origin.requests());
    assert_eq!(proxy.get("/").await.status, 200, "others are served as before");
}

#[tokio::test]
async fn requests_that_cannot_be_served_are_refused_alone() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut wrong = Vec::new();
    for Case { what, status, octets } in UNSERVED {
        let statuses = refusal(&proxy, what, octets).await;
        if statuses != [*status] && statuses != [*status, 200] {
            wrong.push(format!("{what}: {statuses:?} instead of {status}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        origin.requests().iter().all(|request| request.target == "/next"),
        "{:?}",
        origin.requests()
    );
}

#[tokio::test]
async fn a_bad_chunk_ends_the_exchange_and_the_connection() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut wrong = Vec::new();
    for Case { what, status, octets } in BAD_CHUNKS {
        let head = "POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let statuses = refusal(&proxy, what, &format!("{head}{octets}")).await;
        if statuses != [*status] {
            wrong.push(format!("{what}: {statuses:?} instead of {status}"));
        }
        if origin.requests().iter().any(|request| request.target == "/next") {
            wrong.push(format!("{what}: what followed was taken for a request"));
            break;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn equal_content_lengths_are_forwarded_as_one_or_refused() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    // RFC 9110, section 8.6 allows either.
    for lengths in ["content-length: 4\r\ncontent-length: 4", "content-length: 4, 4"] {
        let mut raw = proxy.raw().await;
        raw.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{lengths}\r\n\r\nabcd")).await;
        let status = raw.read_reply().await.status;
        assert!(status == 200 || status == 400, "{lengths}: {status}");
    }
    for received in origin.requests() {
        assert_eq!(received.header_lines("content-length"), ["4"]);
    }
}

#[tokio::test]
async fn an_absolute_target_is_taken_apart_and_must_agree_with_the_host() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET http://shop.example/a?b HTTP/1.1\r\nhost: shop.example\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 200);
    let received = origin.only_request();
    assert_eq!((received.authority.as_str(), received.target.as_str()), ("shop.example", "/a?b"));

    raw.write("GET http://shop.example/ HTTP/1.1\r\nhost: other.example\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 400);
    assert_eq!(origin.request_count(), 1);
}

#[tokio::test]
async fn a_http_1_0_request_needs_no_host() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET / HTTP/1.0\r\n\r\n").await;

    assert_eq!(raw.read_reply().await.status, 200);
}

#[tokio::test]
async fn connect_is_not_a_way_through() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write(format!("CONNECT {} HTTP/1.1\r\nhost: {0}\r\n\r\n", origin.address())).await;

    let status = raw.read_reply().await.status;
    assert!((400..=501).contains(&status), "{status}");
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn an_options_request_for_the_server_passes() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 200);
    assert_eq!(origin.only_request().target, "*");

    raw.write("GET * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 400);
}

#[tokio::test]
async fn a_request_that_never_becomes_one_is_logged_as_the_clients_fault() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let mut raw = proxy.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await;
    raw.read_reply().await;

    let entry = proxy.await_log(|entry| entry["status"] == 400).await;
    assert_eq!(entry["error"]["kind"], "bad_request");
    assert_eq!(entry["error"]["side"], "client");
}
