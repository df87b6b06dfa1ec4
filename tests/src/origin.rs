//! Servers behind the proxy: what they answer is scripted, what they received
//! can be asked.

mod connection;
mod echo;
mod record;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use self::connection::Connection;
pub use self::record::Received;
use self::record::Record;
use crate::{Body, Identity, eventually, ports};

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Handler = Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync>;

/// A running server on a port of its own; ends, with its connections, when dropped.
pub struct Origin {
    address: SocketAddr,
    scheme: &'static str,
    record: Arc<Record>,
    closing: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// A server that is being described.
#[derive(Clone)]
pub struct Script {
    name: String,
    protocol: Protocol,
    tls: Option<(Identity, Vec<&'static str>)>,
    handlers: HashMap<&'static str, Handler>,
    /// Whether it echoes as text.
    plain: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Protocol {
    Http1,
    Http2,
}

impl Origin {
    /// An HTTP/1.1 server that echoes what it receives as JSON.
    #[must_use]
    pub fn http1() -> Script {
        Script::new(Protocol::Http1)
    }

    /// An HTTP/2 server (prior knowledge, unless it gets a certificate) that
    /// echoes what it receives as JSON.
    #[must_use]
    pub fn http2() -> Script {
        Script::new(Protocol::Http2)
    }

    /// A server that does with each TCP connection what the script says.
    pub async fn raw<S, F>(script: S) -> Self
    where
        S: Fn(Connection) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::accepting("http", move |stream, record| script(Connection::new(stream, record))).await
    }

    /// A server that answers every request with these octets and closes.
    pub async fn saying(octets: impl Into<Vec<u8>>) -> Self {
        let octets: Arc<[u8]> = octets.into().into();
        Self::raw(move |mut connection| {
            let octets = Arc::clone(&octets);
            async move {
                if connection.read_request().await.is_some() {
                    connection.write(&octets).await;
                    connection.finish().await;
                }
            }
        })
        .await
    }

    /// A server that reads requests and never answers.
    pub async fn silent() -> Self {
        Self::raw(
            |mut connection| async move { while connection.read_request().await.is_some() {} },
        )
        .await
    }

    /// The URL of a port where nothing listens.
    #[must_use]
    pub fn refusing() -> String {
        format!("http://{}", ports::free())
    }

    /// The URL of a port that neither accepts nor refuses: its queue is full.
    /// It is so for as long as the second value lives.
    pub async fn unreachable() -> (String, impl Sized) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        socket.listen(0).expect("a bound socket can listen");
        let address =
            socket.local_addr().ok().and_then(|address| address.as_socket()).expect("bound");
        let mut queued = Vec::new();
        // Loopback connects at once or, with the queue full, not before the
        // kernel's first repetition after a second.
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
        {
            queued.push(stream);
        }
        (format!("http://{address}"), (socket, queued))
    }

    /// What a cluster's `endpoints` says of it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.record.requests()
    }

    /// How many requests have come.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.record.requests().len()
    }

    /// The one request that has come.
    ///
    /// # Panics
    /// If it was none or several.
    #[must_use]
    pub fn only_request(&self) -> Received {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// How many connections have ever been opened.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.record.connections()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.record.open_connections()
    }

    /// Closes every connection that is open, as a server does that gave up waiting
    /// for the next request, and waits until they are.
    pub async fn close_connections(&self) {
        self.closing.send_replace(());
        eventually!(self.open_connections() == 0);
    }

    async fn accepting<S, F>(scheme: &'static str, serve: S) -> Self
    where
        S: Fn(TcpStream, Arc<Record>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let record = Arc::new(Record::default());
        let kept = Arc::clone(&record);
        let (closing, closed) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a TCP option");
                let open = kept.connection();
                let exchange = serve(stream, Arc::clone(&kept));
                let mut closed = closed.clone();
                closed.mark_unchanged();
                connections.spawn(async move {
                    tokio::select! {
                        () = exchange => {}
                        _ = closed.changed() => {}
                    }
                    drop(open);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, scheme, record, closing, task }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("url", &self.url())
            .field("requests", &self.requests())
            .finish()
    }
}

impl Script {
    fn new(protocol: Protocol) -> Self {
        Self {
            name: "origin".to_owned(),
            protocol,
            tls: None,
            handlers: HashMap::new(),
            plain: false,
        }
    }

    /// The name that its echoes carry.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Echoes as text that a person reads: the server's name, the method and the target,
    /// the fields one a line, an empty line and the body.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Speaks TLS and offers these protocols.
    #[must_use]
    pub fn tls(mut self, identity: &Identity, protocols: &[&'static str]) -> Self {
        self.tls = Some((identity.clone(), protocols.to_vec()));
        self
    }

    /// Answers requests for this path, whatever their query, by this function
    /// instead of an echo.
    #[must_use]
    pub fn answer<H, F>(mut self, path: &'static str, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        self.handlers.insert(path, Arc::new(move |request| Box::pin(handler(request))));
        self
    }

    /// Answers requests for this path with this status and text.
    #[must_use]
    pub fn say(self, path: &'static str, status: u16, text: &'static str) -> Self {
        self.answer(path, move |_| async move {
            Response::builder().status(status).body(crate::body(text)).expect("a valid response")
        })
    }

    /// Starts it.
    pub async fn start(self) -> Origin {
        let scheme = match (&self.tls, self.protocol) {
            (Some(_), _) => "https",
            (None, Protocol::Http1) => "http",
            (None, Protocol::Http2) => "h2c",
        };
        let acceptor =
            self.tls.as_ref().map(|(identity, names)| TlsAcceptor::from(identity.server(names)));
        let script = Arc::new(self);
        Origin::accepting(scheme, move |stream, record| {
            let script = Arc::clone(&script);
            let acceptor = acceptor.clone();
            async move {
                let Some(acceptor) = acceptor else {
                    let protocol = script.protocol;
                    return script.serve(stream, protocol, record).await;
                };
                // A client that refuses the certificate ends here, as it should.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let protocol = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Protocol::Http2,
                    _ => Protocol::Http1,
                };
                script.serve(stream, protocol, record).await;
            }
        })
        .await
    }

    async fn serve<S>(self: Arc<Self>, stream: S, protocol: Protocol, record: Arc<Record>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let script = Arc::clone(&self);
            record.request(&request);
            async move { Ok::<_, Infallible>(script.respond(request).await) }
        });
        let io = TokioIo::new(stream);
        // How a connection ends is what the proxy makes of it, not the origin's affair.
        let _: Result<(), _> = match protocol {
            Protocol::Http1 => {
                http1::Builder::new().serve_connection(io, service).with_upgrades().await
            }
            Protocol::Http2 => {
                http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
            }
        };
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        match self.handlers.get(request.uri().path()) {
            Some(handler) => handler(request).await,
            None if self.plain => echo::respond_in_text(&self.name, request).await,
            None => echo::respond(&self.name, request).await,
        }
    }
}

/// A body error that ends a response in the middle.
#[must_use]
pub fn broken() -> io::Error {
    io::Error::other("the script says so")
}
