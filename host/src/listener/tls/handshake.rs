//! The handshake with a client, and what it settles.

use std::io;
use std::sync::Arc;

use rustls::server::{Accepted, Acceptor};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::{StartHandshake, TlsStream};

use crate::exchange::{ClientCertificate, ClientHello, Tls};

/// Speaks TLS with a client until both have agreed, or one refuses.
pub async fn accept(
    config: Arc<ServerConfig>,
    mut stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Tls)> {
    let (accepted, hello) = hello(&mut stream).await?;
    let stream = StartHandshake::from_parts(accepted, stream).into_stream(config).await?;
    let settled = settled(stream.get_ref().1, hello);
    Ok((stream, settled))
}

/// Reads the client's hello, once for rustls and once for its fingerprint: here,
/// before there is a session, its octets can be looked at without anything being
/// left between session and socket afterwards.
async fn hello(stream: &mut TcpStream) -> io::Result<(Accepted, Option<Box<ClientHello>>)> {
    let mut acceptor = Acceptor::default();
    let mut taken = Vec::new();
    loop {
        stream.readable().await?;
        match acceptor.read_tls(&mut Tap { stream, taken: &mut taken }) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok((accepted, ClientHello::read(&taken).map(Box::new))),
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut octets = Vec::new();
                alert.write_all(&mut octets)?;
                // The client may be gone; why it was refused is what matters.
                let _ = stream.write_all(&octets).await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

/// What is on the socket, with a copy for us. rustls bounds what it reads of a
/// hello, and with it the copy.
struct Tap<'a> {
    stream: &'a TcpStream,
    taken: &'a mut Vec<u8>,
}

impl io::Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.try_read(buffer)?;
        self.taken.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

fn settled(session: &ServerConnection, hello: Option<Box<ClientHello>>) -> Tls {
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    Tls {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        },
        server_name: session.server_name().map(Box::from),
        protocol: match session.alpn_protocol() {
            Some(b"h2") => Some("h2"),
            Some(b"http/1.1") => Some("http/1.1"),
            _ => None,
        },
        certificate: certificate.map(|der| Box::new(ClientCertificate::new(der))),
        hello,
    }
}
