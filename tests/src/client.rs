//! A well-behaved client: one connection, HTTP/1.1 or HTTP/2, plain or TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http::uri::{Authority as UriAuthority, Parts, PathAndQuery, Scheme, Uri};
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Channel, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Authority, Identity, TlsVersion, within};

/// A body that either side sends.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Feeds a body made by [`channel`].
pub type Sender = http_body_util::channel::Sender<Bytes, io::Error>;

/// No body.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of known length.
pub fn body(octets: impl Into<Bytes>) -> Body {
    Full::new(octets.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of unknown length, followed by trailers.
pub fn with_trailers(octets: impl Into<Bytes>, trailers: &[(&'static str, &str)]) -> Body {
    let fields: HeaderMap = trailers
        .iter()
        .map(|(name, value)| {
            (name.parse().expect("a field name"), value.parse().expect("a field value"))
        })
        .collect();
    let frames = [Ok(Frame::data(octets.into())), Ok(Frame::trailers(fields))];
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

/// A body that the test feeds piece by piece.
#[must_use]
pub fn channel() -> (Sender, Body) {
    let (sender, channel) = Channel::new(1);
    (sender, channel.boxed_unsync())
}

/// One connection to the proxy (or to anything else).
#[derive(Debug)]
pub struct Client {
    sender: Exchanges,
    scheme: Scheme,
    authority: String,
}

#[derive(Debug)]
enum Exchanges {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Of the response.
    pub version: Version,
    /// All fields.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
    /// The fields after the body; empty if there were none.
    pub trailers: HeaderMap,
}

impl Client {
    /// HTTP/1.1 on plain TCP.
    pub async fn http1(address: SocketAddr) -> Self {
        let stream = connect(address).await;
        Self::over_http1(stream, Scheme::HTTP, address.to_string()).await
    }

    /// HTTP/1.1 on a connection that the test has made itself.
    pub async fn http1_over(stream: TcpStream) -> Self {
        let authority = stream.peer_addr().expect("connected").to_string();
        Self::over_http1(stream, Scheme::HTTP, authority).await
    }

    /// HTTP/2 with prior knowledge on plain TCP.
    pub async fn http2(address: SocketAddr) -> Self {
        let stream = connect(address).await;
        Self::over_http2(stream, Scheme::HTTP, address.to_string()).await
    }

    /// TLS to a server of this name, speaking what is agreed on of what is offered.
    ///
    /// # Errors
    /// If the handshake fails, as it must in some tests.
    pub async fn tls(
        address: SocketAddr,
        authority: &Authority,
        name: &str,
        protocols: &[&str],
        version: Option<TlsVersion>,
    ) -> io::Result<Self> {
        let config = authority.client(protocols, version, None);
        Self::over_tls(address, config, name).await
    }

    /// As [`Client::tls`] in any version, showing this certificate to whoever asks.
    ///
    /// # Errors
    /// If the handshake fails, or the server refuses the certificate after it, which
    /// in TLS 1.3 shows in the first exchange only.
    pub async fn tls_as(
        address: SocketAddr,
        authority: &Authority,
        name: &str,
        version: Option<TlsVersion>,
        identity: Option<&Identity>,
    ) -> io::Result<Self> {
        Self::over_tls(address, authority.client(&[], version, identity), name).await
    }

    async fn over_tls(
        address: SocketAddr,
        config: Arc<ClientConfig>,
        name: &str,
    ) -> io::Result<Self> {
        let connector = TlsConnector::from(config);
        let server = ServerName::try_from(name.to_owned()).expect("a server name");
        let handshake = connector.connect(server, connect(address).await);
        let stream = within("TLS handshake", handshake).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let host = format!("{name}:{}", address.port());
        Ok(if http2 {
            Self::over_http2(stream, Scheme::HTTPS, host).await
        } else {
            Self::over_http1(stream, Scheme::HTTPS, host).await
        })
    }

    async fn over_http1<S>(stream: S, scheme: Scheme, authority: String) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("no I/O yet");
        // The connection's error, if any, reaches the test through the exchange.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Self { sender: Exchanges::Http1(sender), scheme, authority }
    }

    async fn over_http2<S>(stream: S, scheme: Scheme, authority: String) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.expect("the preface is sent");
        tokio::spawn(async move { drop(connection.await) });
        Self { sender: Exchanges::Http2(sender), scheme, authority }
    }

    /// The answer to a request without a body.
    pub async fn get(&mut self, target: &str) -> Answer {
        self.send(Request::get(target).body(empty()).expect("a valid request")).await
    }

    /// The whole answer to a request.
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.start(request).await;
        within("response body", Answer::collect(response)).await.expect("the whole body arrives")
    }

    /// The head of the answer to a request.
    pub async fn start(&mut self, request: Request<Body>) -> Response<Incoming> {
        self.try_start(request).await.expect("an answer")
    }

    /// As [`Client::start`], for exchanges that may fail.
    ///
    /// # Errors
    /// If the connection or the stream ends before there is an answer.
    pub async fn try_start(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        let request = self.addressed(request);
        let response = async {
            match &mut self.sender {
                Exchanges::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Exchanges::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        within("response head", response).await
    }

    /// A second handle on the same connection: HTTP/2 only.
    #[must_use]
    pub fn another(&self) -> Self {
        let Exchanges::Http2(sender) = &self.sender else { panic!("HTTP/1.1 has no streams") };
        Self {
            sender: Exchanges::Http2(sender.clone()),
            scheme: self.scheme.clone(),
            authority: self.authority.clone(),
        }
    }

    /// Whether the other side has ended the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Exchanges::Http1(sender) => sender.is_closed(),
            Exchanges::Http2(sender) => sender.is_closed(),
        }
    }

    /// Adds what a client always says: whom it means.
    fn addressed(&self, request: Request<Body>) -> Request<Body> {
        let (mut head, body) = request.into_parts();
        match &self.sender {
            Exchanges::Http1(_) => {
                let host = self.authority.parse().expect("a host is a field value");
                head.headers.entry(HOST).or_insert(host);
            }
            Exchanges::Http2(_) => {
                let host = head.headers.remove(HOST);
                let host =
                    host.as_ref().map_or(self.authority.as_bytes(), |value| value.as_bytes());
                let mut parts = Parts::default();
                parts.scheme = Some(self.scheme.clone());
                parts.authority =
                    Some(UriAuthority::try_from(host).expect("a host is an authority"));
                let path = head.uri.path_and_query().cloned();
                parts.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
                head.uri = Uri::from_parts(parts).expect("all parts are there");
                head.version = Version::HTTP_2;
            }
        }
        Request::from_parts(head, body)
    }
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// If the body ends early.
    pub async fn collect(response: Response<Incoming>) -> hyper::Result<Self> {
        let (head, body) = response.into_parts();
        let collected = body.collect().await?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Ok(Self {
            status: head.status.as_u16(),
            version: head.version,
            headers: head.headers,
            body: collected.to_bytes(),
            trailers,
        })
    }

    /// The first value of a field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Every value of a field.
    #[must_use]
    pub fn header_lines(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().expect("text")).collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let stream = within("connection", TcpStream::connect(address)).await;
    let stream = stream.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
    stream.set_nodelay(true).expect("a TCP option");
    stream
}
