//! The exchange that a test makes and looks at afterwards.

use std::collections::VecDeque;

use crate::bindings::imports::wasmgate::plugin::types::{BodyMode, FieldEdit};
use crate::connection::Certificate;
use crate::crypto::SignatureAlgorithm;
use crate::exchange::Visible;
use crate::http;
use crate::log::Level;

pub(super) type Lines = Vec<(String, Vec<u8>)>;

/// A made-up exchange: built with what a test needs, given to
/// [`Loaded`](super::Loaded), then read.
///
/// It starts as an HTTP/1.1 request over plain HTTP for `example.com`, from
/// `192.0.2.1`, on the route `test`.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) target: String,
    pub(super) raw_target: String,
    pub(super) http_version: String,
    pub(super) route: String,
    pub(super) cluster: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) request_id: String,
    pub(super) request: Lines,
    pub(super) response: Option<Answer>,
    pub(super) kept_edits: Vec<FieldEdit>,
    pub(super) has_body: bool,
    pub(super) request_mode: Option<BodyMode>,
    pub(super) response_mode: Option<BodyMode>,
    pub(super) request_trailers: Lines,
    pub(super) response_trailers: Lines,
    pub(super) trailers_known: bool,
    /// What a body hook is shown, while it runs.
    pub(super) shown: Option<Vec<u8>>,
    pub(super) phase: Phase,
    pub(super) connection: Connection,
    pub(super) values: Vec<Value>,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) log: Vec<(Level, String)>,
    pub(super) http_answers: VecDeque<Result<http::Response, http::Error>>,
    pub(super) http_requests: Vec<http::Request>,
    pub(super) signatures: Vec<Signature>,
    pub(super) pulls: usize,
}

/// The hook that is running, as far as it decides what is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Request,
    RequestBody,
    Response,
    ResponseBody,
    Complete,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Lines,
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub(super) client_address: Option<String>,
    pub(super) client_port: Option<u16>,
    pub(super) listener: Option<String>,
    pub(super) tls_version: Option<String>,
    pub(super) server_name: Option<String>,
    pub(super) application_protocol: Option<String>,
    pub(super) certificate: Option<Certificate>,
    pub(super) ja4: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) public_key: Vec<u8>,
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) plugin: String,
    pub(super) name: String,
    pub(super) value: Vec<u8>,
    pub(super) visible: Visible,
}

/// # Making one
impl Exchange {
    /// A request with this method and target.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        let target = target.into();
        Self {
            method: method.into(),
            scheme: "http".to_owned(),
            authority: "example.com".to_owned(),
            raw_target: target.clone(),
            target,
            http_version: "HTTP/1.1".to_owned(),
            route: "test".to_owned(),
            cluster: None,
            endpoint: None,
            request_id: "test-request".to_owned(),
            request: Lines::new(),
            response: None,
            kept_edits: Vec::new(),
            has_body: false,
            request_mode: None,
            response_mode: None,
            request_trailers: Lines::new(),
            response_trailers: Lines::new(),
            trailers_known: false,
            shown: None,
            phase: Phase::Complete,
            connection: Connection {
                client_address: Some("192.0.2.1".to_owned()),
                client_port: Some(49152),
                listener: Some("test".to_owned()),
                ..Connection::default()
            },
            values: Vec::new(),
            annotations: Vec::new(),
            log: Vec::new(),
            http_answers: VecDeque::new(),
            http_requests: Vec::new(),
            signatures: Vec::new(),
            pulls: 0,
        }
    }

    /// A GET request for this target.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// Adds a line to the request.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.request.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Says that the request has a body.
    #[must_use]
    pub fn with_body(mut self) -> Self {
        self.has_body = true;
        self
    }

    /// Adds a field after the request's body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.request_trailers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Adds a field after the endpoint's body.
    #[must_use]
    pub fn answered_trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.response_trailers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Host and optional port.
    #[must_use]
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = authority.into();
        self
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
        self.scheme = scheme.into();
        self
    }

    /// The target as the client sent it, if it was not the normalized one.
    #[must_use]
    pub fn raw_target(mut self, target: impl Into<String>) -> Self {
        self.raw_target = target.into();
        self
    }

    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    #[must_use]
    pub fn http_version(mut self, version: impl Into<String>) -> Self {
        self.http_version = version.into();
        self
    }

    /// The route's name.
    #[must_use]
    pub fn on_route(mut self, name: impl Into<String>) -> Self {
        self.route = name.into();
        self
    }

    /// The route's cluster.
    #[must_use]
    pub fn to_cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = Some(name.into());
        self
    }

    /// The endpoint that answered has this URL.
    #[must_use]
    pub fn from_endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// The request's identifier.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = id.into();
        self
    }

    /// The client's address.
    #[must_use]
    pub fn client_address(mut self, address: impl Into<String>) -> Self {
        self.connection.client_address = Some(address.into());
        self
    }

    /// A TLS connection: its version, and the server name asked for.
    #[must_use]
    pub fn tls(mut self, version: impl Into<String>, server_name: impl Into<String>) -> Self {
        self.scheme = "https".to_owned();
        self.connection.tls_version = Some(version.into());
        self.connection.server_name = Some(server_name.into());
        self
    }

    /// The certificate that the client showed, on a TLS connection.
    #[must_use]
    pub fn client_certificate(mut self, certificate: Certificate) -> Self {
        self.connection.certificate = Some(certificate);
        self
    }

    /// The fingerprint of the client's TLS hello.
    #[must_use]
    pub fn ja4(mut self, fingerprint: impl Into<String>) -> Self {
        self.connection.ja4 = Some(fingerprint.into());
        self
    }

    /// A signature that `crypto::verify` says is good; all others are bad.
    #[must_use]
    pub fn signature(
        mut self,
        algorithm: SignatureAlgorithm,
        public_key: impl Into<Vec<u8>>,
        message: impl Into<Vec<u8>>,
        signature: impl Into<Vec<u8>>,
    ) -> Self {
        self.signatures.push(Signature {
            algorithm,
            public_key: public_key.into(),
            message: message.into(),
            signature: signature.into(),
        });
        self
    }

    /// A value that the earlier plugin of this name let later ones read.
    #[must_use]
    pub fn value_of(mut self, plugin: &str, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.values.push(Value {
            plugin: plugin.to_owned(),
            name: name.to_owned(),
            value: value.into(),
            visible: Visible::Later,
        });
        self
    }

    /// The next request that the plugin sends with [`http`] comes to this;
    /// one for which there is none is [denied](http::Error::Denied).
    ///
    /// ```
    /// use plugin_sdk::{http, testing::Exchange};
    /// let exchange = Exchange::get("/")
    ///     .http_answer(Ok(http::Response::new(200).with_body("yes")))
    ///     .http_answer(Err(http::Error::Timeout));
    /// ```
    #[must_use]
    pub fn http_answer(mut self, answer: Result<http::Response, http::Error>) -> Self {
        self.http_answers.push_back(answer);
        self
    }

    /// The endpoint answers with this status.
    #[must_use]
    pub fn answered(mut self, status: u16) -> Self {
        self.response.get_or_insert_default().status = status;
        self
    }

    /// Adds a line to the endpoint's answer, which is 200 unless said otherwise.
    #[must_use]
    pub fn answered_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let answer =
            self.response.get_or_insert_with(|| Answer { status: 200, ..Answer::default() });
        answer.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }
}

/// # Looking at it
impl Exchange {
    /// The target that the endpoint would see.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The authority that the endpoint would see.
    pub fn sent_authority(&self) -> &str {
        &self.authority
    }

    /// The cluster that the exchange would go to.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// The route that the exchange is on.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// One request field as text, its lines joined by `, `.
    pub fn request_header(&self, name: &str) -> Option<String> {
        text(&self.request, name)
    }

    /// All request lines, names in lower case.
    pub fn request_headers(&self) -> &[(String, Vec<u8>)] {
        &self.request
    }

    /// One field after the request's body as text, its lines joined by `, `.
    pub fn request_trailer(&self, name: &str) -> Option<String> {
        text(&self.request_trailers, name)
    }

    /// One field after the response's body as text, its lines joined by `, `.
    pub fn response_trailer(&self, name: &str) -> Option<String> {
        text(&self.response_trailers, name)
    }

    /// The response's status; none while there is no response.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|r| r.status)
    }

    /// One response field as text, its lines joined by `, `.
    pub fn response_header(&self, name: &str) -> Option<String> {
        text(self.response_headers(), name)
    }

    /// All response lines, names in lower case.
    pub fn response_headers(&self) -> &[(String, Vec<u8>)] {
        self.response.as_ref().map_or(&[], |r| &r.headers)
    }

    /// The body of a response that the plugin made.
    pub fn body(&self) -> &[u8] {
        self.response.as_ref().map_or(&[], |r| &r.body)
    }

    /// A value that the plugin of this name kept, whoever may read it.
    pub fn value(&self, plugin: &str, name: &str) -> Option<&[u8]> {
        let mut values = self.values.iter();
        let value = values.find(|v| v.plugin == plugin && v.name == name)?;
        Some(&value.value)
    }

    /// What the access log would show: key and value, in the order first set.
    pub fn annotations(&self) -> &[(String, String)] {
        &self.annotations
    }

    /// The lines logged in hooks.
    pub fn log(&self) -> &[(Level, String)] {
        &self.log
    }

    /// The requests that the plugin sent with [`http`], in order.
    pub fn http_requests(&self) -> &[http::Request] {
        &self.http_requests
    }

    /// How often the hooks asked the host for something that a subscription or
    /// nothing at all would have given them: the calls into `exchange` and
    /// `connection`.
    pub fn pulls(&self) -> usize {
        self.pulls
    }
}

impl Exchange {
    pub(super) fn joined_request(&self, names: &[String]) -> Vec<Option<Vec<u8>>> {
        names.iter().map(|n| joined(&self.request, n)).collect()
    }

    pub(super) fn joined_response(&self, names: &[String]) -> Vec<Option<Vec<u8>>> {
        let lines = self.response_headers();
        names.iter().map(|n| joined(lines, n)).collect()
    }
}

/// The lines of one field.
pub(super) fn lines<'a>(
    all: &'a [(String, Vec<u8>)],
    name: &str,
) -> impl Iterator<Item = &'a [u8]> {
    all.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// The lines of one field as one value, as the contract joins them.
pub(super) fn joined(all: &[(String, Vec<u8>)], name: &str) -> Option<Vec<u8>> {
    let mut found = lines(all, name);
    let mut value = found.next()?.to_vec();
    if name.eq_ignore_ascii_case("set-cookie") {
        return Some(value);
    }
    let separator: &[u8] = if name.eq_ignore_ascii_case("cookie") { b"; " } else { b", " };
    for line in found {
        value.extend_from_slice(separator);
        value.extend_from_slice(line);
    }
    Some(value)
}

fn text(all: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let value = joined(all, name)?;
    Some(String::from_utf8_lossy(&value).into_owned())
}
