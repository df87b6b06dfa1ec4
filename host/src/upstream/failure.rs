//! What a failed exchange with an endpoint means.

use crate::exchange::body::Meter;
use crate::exchange::error::chain_text;
use crate::exchange::{Error, ErrorKind};

/// Translates hyper's error, with what is known of the request's body: hyper
/// reports a client that stopped sending as a failure towards the endpoint.
pub(super) fn classify(url: &str, error: &hyper::Error, meter: Option<&Meter>) -> Error {
    if let Some(kind) = meter.and_then(|meter| meter.failure.get()) {
        return Error::new(kind, "the request's body failed on its way to the endpoint");
    }
    let kind = if error.is_parse() || is_protocol(error) {
        ErrorKind::UpstreamProtocol
    } else {
        ErrorKind::UpstreamClosed
    };
    Error::new(kind, format!("{url}: {}", chain_text(error)))
}

/// An HTTP/2 endpoint that broke the protocol, as opposed to one that reset the
/// stream or left.
fn is_protocol(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let h2 = source.and_then(|source| source.downcast_ref::<h2::Error>());
    h2.is_some_and(|h2| h2.is_library() && !h2.is_io())
}
