//! The tables: streams that are clear and streams that are not.

use super::super::Violation;

/// What may come before an ambiguous request on its connection, and the requests
/// in it.
pub(super) const BEFORE: [(&str, &[&str]); 3] = [
    ("", &[]),
    ("GET /first HTTP/1.1\r\nhost: a\r\n\r\n", &["GET /first"]),
    (
        "POST /l HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc\
         POST /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        &["POST /l abc", "POST /c x"],
    ),
];

/// What [`garbage`](super::garbage) is made of.
pub(super) const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST / HTTP/1.0\r\n",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n",
    "\r",
    "\n",
    "5\r\nhello\r\n",
    "5;x=y\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "hello",
    " ",
    ":",
    "x: y\r\n",
    "x : y\r\n",
    "\0",
];

/// Streams, and the requests in them.
pub(super) fn good() -> Vec<(Vec<u8>, Vec<&'static str>)> {
    let long_name = format!("GET / HTTP/1.1\r\n{}: b\r\nhost: c\r\n\r\n", "a".repeat(300));
    let long_value = format!("GET / HTTP/1.1\r\nhost: {}\r\nx: {0}\r\n\r\n", "b".repeat(300));
    let extension = format!(
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n\r\n",
        "e".repeat(256)
    );
    let cases: &[(&str, &[&'static str])] = &[
        ("GET / HTTP/1.1\r\n\r\n", &["GET /"]),
        ("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", &["GET /"]),
        ("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", &["GET /"]),
        ("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", &["GET /a", "GET /b"]),
        // An empty value, a value of colons, names that begin like others.
        ("GET / HTTP/1.1\r\na:\r\nb: ::\r\nhosts: x\r\nhosts: y\r\n\r\n", &["GET /"]),
        ("GET / HTTP/1.1\r\ncontent-lengt: x\r\ncontent-length-x: -\r\n\r\n", &["GET /"]),
        ("POST / HTTP/1.1\r\nCONTENT-LENGTH: \t 5 \t\r\n\r\nhello", &["POST / hello"]),
        ("POST / HTTP/1.1\r\ncontent-length:05\r\n\r\nhello", &["POST / hello"]),
        (
            "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            &["POST /", "GET /b"],
        ),
        // A body is not looked at.
        (
            "POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n\n\r\0 GET /b HTTP/1.1\r\n\r\n",
            &["POST / \\n\\r\\x00 ", "GET /b"],
        ),
        (
            "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi\r\nGET /b HTTP/1.1\r\n\r\n",
            &["POST / hi", "GET /b"],
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding:  CHUNKED \r\n\r\n\
          00000000000000A;n=\"v w\"\r\n0\r\n\r\n\0\n\r4\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            &["POST / 0\\r\\n\\r\\n\\x00\\n\\r4\\n", "GET /b"],
        ),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
          2\r\nab\r\n1\r\nc\r\n0;last\r\nx: 1\r\ny:2\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            &["POST / abc x=1 y=2", "GET /b"],
        ),
        ("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &["GET /"]),
    ];
    let mut cases: Vec<_> =
        cases.iter().map(|(stream, seen)| (stream.as_bytes().to_vec(), seen.to_vec())).collect();
    cases.push((long_name.into_bytes(), vec!["GET /"]));
    cases.push((long_value.into_bytes(), vec!["GET /"]));
    cases.push((extension.into_bytes(), vec!["POST / x"]));
    cases
}

/// Heads that are ambiguous, each with the reason.
pub(super) fn bad_heads() -> Vec<(Vec<u8>, Violation)> {
    use Violation as V;
    let zeros = format!("POST / HTTP/1.1\r\ncontent-length: {}1\r\n\r\nx", "0".repeat(60));
    let spaces = format!("POST / HTTP/1.1\r\ntransfer-encoding:{}chunked\r\n\r\n", " ".repeat(60));
    let cases: &[(&str, Violation)] = &[
        // Line ends: in the method, the target, the version, a name, a value, the
        // empty line.
        ("GE\nT / HTTP/1.1\r\n\r\n", V::BareLineFeed),
        ("GET /\n HTTP/1.1\r\n\r\n", V::BareLineFeed),
        ("GET / HTTP/1.1\n\r\n", V::BareLineFeed),
        ("GET / HTTP/1.1\r\nho\nst: a\r\n\r\n", V::BareLineFeed),
        ("GET / HTTP/1.1\r\nhost: a\nb: c\r\n\r\n", V::BareLineFeed),
        ("GET / HTTP/1.1\r\nhost: a\r\n\n", V::BareLineFeed),
        ("\nGET / HTTP/1.1\r\n\r\n", V::BareLineFeed),
        ("G\rET / HTTP/1.1\r\n\r\n", V::BareCarriageReturn),
        ("GET /\r HTTP/1.1\r\n\r\n", V::BareCarriageReturn),
        ("GET / HTTP/1.1\r\r\n\r\n", V::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nho\rst: a\r\n\r\n", V::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n", V::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nhost: a\r\n\rx\r\n", V::BareCarriageReturn),
        ("\rGET / HTTP/1.1\r\n\r\n", V::BareCarriageReturn),
        ("G\0ET / HTTP/1.1\r\n\r\n", V::Nul),
        ("GET /\0 HTTP/1.1\r\n\r\n", V::Nul),
        ("GET / HTTP/1.1\0\r\n\r\n", V::Nul),
        ("GET / HTTP/1.1\r\nho\0st: a\r\n\r\n", V::Nul),
        ("GET / HTTP/1.1\r\nhost: a\0\r\n\r\n", V::Nul),
        ("GET / HTTP/1.1\r\nhost: a\r\n\r\0\r\n", V::BareCarriageReturn),
        // Lines.
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", V::EmptyLines),
        (" GET / HTTP/1.1\r\n\r\n", V::LeadingWhitespace),
        ("\r\n\tGET / HTTP/1.1\r\n\r\n", V::LeadingWhitespace),
        ("GET / HTTP/1.1\r\n host: a\r\n\r\n", V::FoldedLine),
        ("GET / HTTP/1.1\r\na: b\r\n\tc\r\n\r\n", V::FoldedLine),
        ("GET / HTTP/1.1\r\na: b\r\n \r\n\r\n", V::FoldedLine),
        ("GET / HTTP/1.1\r\nhost\r\n\r\n", V::NoColon),
        ("GET / HTTP/1.1\r\n: a\r\n\r\n", V::EmptyName),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", V::SpaceBeforeColon),
        ("POST / HTTP/1.1\r\ncontent-length\t: 1\r\n\r\nx", V::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nhost: a\r\nHOST: a\r\n\r\n", V::HostRepeated),
        ("GET / HTTP/1.1\r\nhost:\r\nx: y\r\nhost: b\r\n\r\n", V::HostRepeated),
        // Lengths.
        ("POST / HTTP/1.1\r\ncontent-length:\r\n\r\n", V::ContentLength),
        ("POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\nx", V::ContentLength),
        ("POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\nx", V::ContentLength),
        ("POST / HTTP/1.1\r\ncontent-length: 0x1\r\n\r\nx", V::ContentLength),
        ("POST / HTTP/1.1\r\ncontent-length: 1 1\r\n\r\nx", V::ContentLength),
        ("POST / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\nx", V::ContentLength),
        ("POST / HTTP/1.1\r\ncontent-length: 18446744073709551616\r\n\r\nx", V::ContentLength),
        (&zeros, V::ContentLength),
        (
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
            V::ContentLengthRepeated,
        ),
        (
            "POST / HTTP/1.1\r\ncontent-length: 0\r\nx: y\r\nContent-Length: 22\r\n\r\n",
            V::ContentLengthRepeated,
        ),
        ("POST / HTTP/1.1\r\ntransfer-encoding:\r\n\r\n", V::TransferEncoding),
        ("POST / HTTP/1.1\r\ntransfer-encoding: identity\r\n\r\n", V::TransferEncoding),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            V::TransferEncoding,
        ),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            V::TransferEncoding,
        ),
        ("POST / HTTP/1.1\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", V::TransferEncoding),
        ("POST / HTTP/1.1\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", V::TransferEncoding),
        ("POST / HTTP/1.1\r\ntransfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n", V::TransferEncoding),
        (&spaces, V::TransferEncoding),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            V::TransferEncodingRepeated,
        ),
        (
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            V::TransferEncodingVersion,
        ),
        (
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            V::BothLengths,
        ),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n",
            V::BothLengths,
        ),
        (
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: x\r\n\r\n",
            V::BothLengths,
        ),
    ];
    cases.iter().map(|(head, violation)| (head.as_bytes().to_vec(), *violation)).collect()
}

/// Chunked bodies that are ambiguous, each with the reason.
pub(super) fn bad_bodies() -> Vec<(Vec<u8>, Violation)> {
    use Violation as V;
    let extension = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(257));
    let cases: &[(&str, Violation)] = &[
        ("\r\n", V::ChunkSize),
        ("+1\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("-1\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("0x1\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        (" 1\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("1 \r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("1\t;a\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("1g\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        (";a\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("1\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("1\r\rx\r\n0\r\n\r\n", V::ChunkSize),
        ("1\rx\r\n0\r\n\r\n", V::ChunkSize),
        ("00000000000000001\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("10000000000000000\r\nx\r\n0\r\n\r\n", V::ChunkSize),
        ("1;a\nx\r\n0\r\n\r\n", V::ChunkExtension),
        ("1;a\0\r\nx\r\n0\r\n\r\n", V::ChunkExtension),
        ("1;a\tb\r\nx\r\n0\r\n\r\n", V::ChunkExtension),
        ("1;a\x7f\r\nx\r\n0\r\n\r\n", V::ChunkExtension),
        (&extension, V::ChunkExtension),
        ("1\r\nxx\r\n0\r\n\r\n", V::ChunkEnd),
        ("1\r\nx\n0\r\n\r\n", V::ChunkEnd),
        ("1\r\nx\r0\r\n\r\n", V::ChunkEnd),
        ("1\r\nx0\r\n\r\n", V::ChunkEnd),
        ("0\n\r\n", V::ChunkSize),
        ("0\r\n\n", V::BareLineFeed),
        ("0\r\n\rx", V::BareCarriageReturn),
        ("0\r\na: b\n\r\n", V::BareLineFeed),
        ("0\r\na: b\rc\r\n\r\n", V::BareCarriageReturn),
        ("0\r\na: \0\r\n\r\n", V::Nul),
        ("0\r\n\0\r\n\r\n", V::Nul),
        ("0\r\n a: b\r\n\r\n", V::FoldedLine),
        ("0\r\na: b\r\n c\r\n\r\n", V::FoldedLine),
        ("0\r\na\r\n\r\n", V::NoColon),
        ("0\r\n: a\r\n\r\n", V::EmptyName),
        ("0\r\na : b\r\n\r\n", V::SpaceBeforeColon),
        ("0\r\nContent-Length: 1\r\n\r\n", V::TrailerForbidden),
        ("0\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n", V::TrailerForbidden),
        ("0\r\nhost: a\r\n\r\n", V::TrailerForbidden),
    ];
    cases.iter().map(|(body, violation)| (body.as_bytes().to_vec(), *violation)).collect()
}
