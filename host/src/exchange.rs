//! One request and its response: what the stages hand to one another.
//!
//! An [`Exchange`] is boxed once, when the head of the request is there, and
//! moves from stage to stage; while a plugin runs it lives in the plugin's store,
//! so that the host functions can read it without a lock or a copy.

// The bodies that pass through, and what their ends trigger.
pub mod body;
// Who the client is, by its certificate.
pub mod client_certificate;
// Which software the client is, by its TLS hello.
pub mod client_hello;
// What can go wrong, on which side, and what the client may know of it.
pub mod error;
// A plugin's own request.
pub mod outgoing;

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{COOKIE, SET_COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

pub use client_certificate::ClientCertificate;
pub use client_hello::ClientHello;
pub use error::{Error, ErrorKind, Side};

/// What is known of a client's connection; the same for all its exchanges.
#[derive(Debug)]
pub struct Connection {
    /// The peer's socket address.
    pub peer: SocketAddr,
    /// The listener's name.
    pub listener: Arc<str>,
    /// None on a plain connection.
    pub tls: Option<Tls>,
    /// The peer's address as a field value, for `X-Forwarded-For`.
    pub peer_value: HeaderValue,
}

/// What a TLS handshake settled.
#[derive(Debug)]
pub struct Tls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The name that the client asked for (SNI).
    pub server_name: Option<Box<str>>,
    /// ALPN's outcome.
    pub protocol: Option<&'static str>,
    /// The client's certificate, if it was asked for one and showed one. Boxed, like
    /// the next: few connections have it.
    pub certificate: Option<Box<ClientCertificate>>,
    /// What the client offered; none if that was too much to be kept.
    pub hello: Option<Box<ClientHello>>,
}

/// The scheme of a request, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// As written in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// One request on its way through, and its response on its way back.
#[derive(Debug)]
pub struct Exchange {
    /// Who asks.
    pub connection: Arc<Connection>,
    /// The client's address: the peer's, or what a trusted proxy says of it.
    pub client: SocketAddr,
    /// Whether `client` was told by a trusted proxy.
    pub forwarded: bool,
    /// As the client sees it.
    pub scheme: Scheme,
    /// 32 hexadecimal digits, or what a trusted proxy sent.
    pub request_id: HeaderValue,
    /// As sent.
    pub method: Method,
    /// Of the client's side.
    pub version: Version,
    /// Host and optional port, valid and in lower case, with the edits of plugins.
    pub authority: HeaderValue,
    /// Host and optional port as the client asked for them.
    pub asked_authority: HeaderValue,
    /// Normalized, with the edits of plugins.
    pub target: PathAndQuery,
    /// As the client sent it.
    pub raw_target: PathAndQuery,
    /// The request's fields without `host` and the connection's own.
    pub headers: HeaderMap,
    /// Name of the route; empty before routing.
    pub route: Arc<str>,
    /// Name of the cluster that the exchange goes to, once known.
    pub cluster: Option<Arc<str>>,
    /// URL of the endpoint that answered, if a later hook may ask for it.
    pub endpoint: Option<Arc<str>>,
    /// The response's head, once there is one.
    pub response: Option<ResponseHead>,
    /// What plugins know of the two bodies, and want to see of them.
    pub bodies: Bodies,
    /// What plugins keep and say.
    pub notes: Notes,
}

/// The two bodies of an exchange, as far as plugins are concerned.
#[derive(Debug, Default)]
pub struct Bodies {
    /// Whether the request has one.
    pub of_request: bool,
    /// Fields after the request's body, while the plugin is called that sees its
    /// last part.
    pub request_trailers: Option<Box<HeaderMap>>,
    /// Likewise after the response's.
    pub response_trailers: Option<Box<HeaderMap>>,
    /// What plugins want to see of this exchange, instead of what they always do.
    pub selected: Vec<Selected>,
}

/// How much a plugin wants to see of one body of one exchange.
#[derive(Debug)]
pub struct Selected {
    /// The plugin's configured name.
    pub plugin: Arc<str>,
    /// Whose body.
    pub of: Message,
    /// How much.
    pub mode: Mode,
}

/// The two messages of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// From the client.
    Request,
    /// To the client.
    Response,
}

/// How much of a body a plugin wants to see; `body-mode` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    None,
    /// So many octets of its beginning, in one call.
    First(u32),
    /// All of it, in one call, if it has no more octets than these.
    Whole(u32),
    /// Piece by piece, of which so many octets may be held.
    Chunks(u32),
    /// Piece by piece, unchanged.
    Watch,
}

/// The head of a response on its way to the client.
#[derive(Debug)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: StatusCode,
    /// Without the connection's own fields.
    pub headers: HeaderMap,
}

/// What plugins keep for later hooks and tell the operator about one exchange.
///
/// A handful of entries at most, so vectors; empty ones cost no allocation.
#[derive(Debug, Default)]
pub struct Notes {
    /// Values, with who set them.
    pub values: Vec<Value>,
    /// Annotations in the order first made.
    pub annotations: Vec<Annotation>,
}

/// A value that a plugin keeps for the length of the exchange.
#[derive(Debug)]
pub struct Value {
    /// The plugin's configured name.
    pub plugin: Arc<str>,
    /// Chosen by the plugin.
    pub name: String,
    /// Opaque to the host.
    pub value: Vec<u8>,
    /// Whether plugins called later may read it.
    pub visible: bool,
}

/// Something a plugin tells the operator about an exchange.
#[derive(Debug)]
pub struct Annotation {
    /// The plugin's configured name.
    pub plugin: Arc<str>,
    /// Chosen by the plugin.
    pub key: String,
    /// Text for people and machines to read.
    pub value: String,
}

/// HTTP's own name for a version.
pub fn version_text(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// The lines of a field as one value, as RFC 9110, section 5.3 allows; `cookie` by
/// RFC 9113, section 8.2.3; of `set-cookie`, which cannot be joined, the first.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    join_into(headers, name, &mut value).then_some(value)
}

/// The same, put at the end of `value`; whether there was one.
pub fn join_into(headers: &HeaderMap, name: &HeaderName, value: &mut Vec<u8>) -> bool {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return false };
    value.extend_from_slice(line.as_bytes());
    if name == SET_COOKIE {
        return true;
    }
    let separator: &[u8] = if name == COOKIE { b"; " } else { b", " };
    for line in lines {
        value.extend_from_slice(separator);
        value.extend_from_slice(line.as_bytes());
    }
    true
}
