//! A closed loop of HTTP/2 streams over TLS.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use h2::client::SendRequest;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificate::Certificate;
use super::message::BROWSER_FIELDS;
use super::origin::SMALL_BODY;

/// Some connections, each with the same number of streams in flight.
pub(crate) struct Client {
    senders: Vec<SendRequest<Bytes>>,
    streams: usize,
    request: http::Request<()>,
}

impl Client {
    /// Must be called inside a `LocalSet`, which drives the connections.
    pub(crate) async fn connect(
        proxy: SocketAddr,
        certificate: &Certificate,
        connections: usize,
        streams: usize,
    ) -> Result<Self> {
        let mut tls =
            rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
                .with_root_certificates(certificate.roots()?)
                .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsConnector::from(Arc::new(tls));
        let senders = try_join_all((0..connections).map(|_| connect(proxy, tls.clone()))).await?;
        let mut request = http::Request::get("https://localhost/small");
        for (name, value) in BROWSER_FIELDS {
            request = request.header(name, value);
        }
        Ok(Self { senders, streams, request: request.body(())? })
    }

    /// Sends `requests` over all streams of all connections together.
    pub(crate) async fn run(&mut self, requests: usize) -> Result<()> {
        let left = Rc::new(Cell::new(requests));
        let mut tasks = Vec::new();
        for sender in self.senders.iter().cycle().take(self.senders.len() * self.streams) {
            let (sender, request, left) = (sender.clone(), self.request.clone(), Rc::clone(&left));
            tasks.push(tokio::task::spawn_local(async move {
                let mut sender = sender;
                while let Some(rest) = left.get().checked_sub(1) {
                    left.set(rest);
                    sender = exchange(sender, request.clone()).await?;
                }
                anyhow::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        Ok(())
    }
}

async fn connect(proxy: SocketAddr, tls: TlsConnector) -> Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(proxy).await.context("connecting to the proxy")?;
    stream.set_nodelay(true)?;
    let stream = tls
        .connect(ServerName::try_from("localhost")?, stream)
        .await
        .context("the TLS handshake")?;
    ensure!(stream.get_ref().1.alpn_protocol() == Some(b"h2"), "the proxy did not choose HTTP/2");
    let (sender, connection) = h2::client::handshake(stream).await?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            eprintln!("http2 client: {error}");
        }
    });
    Ok(sender)
}

async fn exchange(
    sender: SendRequest<Bytes>,
    request: http::Request<()>,
) -> Result<SendRequest<Bytes>> {
    let mut sender = sender.ready().await.context("opening a stream")?;
    let (response, _) = sender.send_request(request, true)?;
    let response = response.await.context("waiting for an answer")?;
    ensure!(response.status() == 200, "answered {}", response.status());
    let mut body = response.into_body();
    let mut read = 0;
    while let Some(data) = body.data().await {
        let data = data.context("reading an answer's body")?;
        read += data.len();
        body.flow_control().release_capacity(data.len())?;
    }
    ensure!(read == SMALL_BODY, "answered with a body of {read} octets");
    Ok(sender)
}
