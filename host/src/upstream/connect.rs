//! New connections to an endpoint: its name, a socket, TLS, the protocol.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::OnceLock;

use hickory_resolver::TokioResolver;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::cluster::{Cluster, Host, LocalEndpoint, Target};
use super::connection_pool::Sender;
use crate::config::UpstreamProtocol;
use crate::deadlines::Deadlines;
use crate::exchange::error::chain_text;
use crate::exchange::{Error, ErrorKind};
use crate::http::framing::Guard;

/// HTTP/2 flow control towards endpoints: what a fast endpoint may have on its way
/// to a client that takes it more slowly.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Opens a connection; the caller has the only use of it, or its first stream.
pub async fn connect(
    cluster: &Cluster,
    endpoint: &Rc<LocalEndpoint>,
    deadlines: &Rc<Deadlines>,
) -> Result<Sender, Error> {
    let limit = cluster.config.connect_timeout;
    let opened = deadlines.limit(limit, open(cluster, endpoint)).await;
    opened.unwrap_or_else(|| {
        let url = &endpoint.target.url;
        Err(Error::new(ErrorKind::ConnectTimeout, format!("{url}: no connection within {limit:?}")))
    })
}

async fn open(cluster: &Cluster, endpoint: &Rc<LocalEndpoint>) -> Result<Sender, Error> {
    let target = &endpoint.target;
    let stream = dial(target).await?;
    let Some((config, name)) = &target.tls else {
        return match target.protocol {
            UpstreamProtocol::H2c => http2(cluster, endpoint, stream).await,
            UpstreamProtocol::Http1 | UpstreamProtocol::Https => {
                http1(cluster, target, stream).await
            }
        };
    };
    let connector = TlsConnector::from(std::sync::Arc::clone(config));
    let stream = connector.connect(name.clone(), stream).await.map_err(|error| {
        Error::new(ErrorKind::UpstreamTls, format!("{}: {}", target.url, chain_text(&error)))
    })?;
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => http2(cluster, endpoint, stream).await,
        _ => http1(cluster, target, stream).await,
    }
}

async fn dial(target: &Target) -> Result<TcpStream, Error> {
    let addresses = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => resolve(name)
            .await
            .map_err(|text| Error::new(ErrorKind::Dns, format!("{}: {text}", target.url)))?,
    };
    let mut refused = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(address, target.port)).await {
            Ok(stream) => {
                // Without it small messages wait for an acknowledgement. A socket
                // that refuses the option works all the same.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => refused = error,
        }
    }
    Err(Error::new(ErrorKind::ConnectRefused, format!("{}: {refused}", target.url)))
}

/// All addresses of a name, in the resolver's order. One resolver, and so one
/// cache that honours the records' life, for the process.
pub(super) async fn resolve(name: &str) -> Result<Vec<IpAddr>, String> {
    static RESOLVER: OnceLock<Result<TokioResolver, String>> = OnceLock::new();
    let resolver = RESOLVER.get_or_init(|| {
        let builder = TokioResolver::builder_tokio().map_err(|error| chain_text(&error))?;
        builder.build().map_err(|error| chain_text(&error))
    });
    let resolver = resolver.as_ref().map_err(Clone::clone)?;
    let found = resolver.lookup_ip(name).await.map_err(|error| chain_text(&error))?;
    Ok(found.iter().collect())
}

async fn http1<IO>(cluster: &Cluster, target: &Target, stream: IO) -> Result<Sender, Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_headers(cluster.head.count)
        .max_header_size(cluster.head.bytes)
        .handshake(Guard::transparent(stream))
        .await
        .map_err(|error| handshake(target, &error))?;
    tokio::task::spawn_local(async move {
        // Its failure is the failure of the exchange that it carries, and is told
        // there.
        let _ = connection.with_upgrades().await;
    });
    Ok(Sender::Http1(sender))
}

async fn http2<IO>(
    cluster: &Cluster,
    endpoint: &Rc<LocalEndpoint>,
    stream: IO,
) -> Result<Sender, Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(SpawnLocal)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(cluster.head.bytes).unwrap_or(u32::MAX))
        .handshake(Guard::transparent(stream))
        .await
        .map_err(|error| handshake(&endpoint.target, &error))?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(endpoint.pool.share(sender))
}

fn handshake(target: &Target, error: &hyper::Error) -> Error {
    Error::new(ErrorKind::UpstreamClosed, format!("{}: {}", target.url, chain_text(error)))
}

/// Runs hyper's HTTP/2 tasks on this worker.
#[derive(Clone, Copy, Debug)]
pub struct SpawnLocal;

impl<F: Future<Output: 'static> + 'static> Executor<F> for SpawnLocal {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
