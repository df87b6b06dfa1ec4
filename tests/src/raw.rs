//! Octets as they are, for what no well-behaved client would send or notice.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use crate::client::connect;
use crate::{Authority, within};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to the proxy, octet by octet.
pub struct Raw {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

/// One HTTP/1.1 response, as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Status line and fields, without the empty line.
    pub head: String,
    /// The body, transfer coding removed.
    pub body: Vec<u8>,
    /// The fields after a chunked body.
    pub trailers: String,
}

impl Raw {
    /// Plain TCP.
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: Box::new(connect(address).await), unread: Vec::new() }
    }

    /// TLS without ALPN.
    pub async fn tls(address: SocketAddr, authority: &Authority, name: &str) -> Self {
        Self::over_tls(address, authority.client(&[], None, None), name).await
    }

    /// TLS without ALPN, everything cut into the shortest records that there are.
    pub async fn tls_in_pieces(address: SocketAddr, authority: &Authority, name: &str) -> Self {
        let mut config = (*authority.client(&[], None, None)).clone();
        config.max_fragment_size = Some(32);
        Self::over_tls(address, Arc::new(config), name).await
    }

    async fn over_tls(address: SocketAddr, config: Arc<ClientConfig>, name: &str) -> Self {
        let connector = TlsConnector::from(config);
        let server = ServerName::try_from(name.to_owned()).expect("a server name");
        let handshake = connector.connect(server, connect(address).await);
        let stream = within("TLS handshake", handshake).await.expect("a handshake");
        Self { stream: Box::new(stream), unread: Vec::new() }
    }

    /// Sends octets; a connection that the other side has closed is no error
    /// here, since refusing early is its right.
    pub async fn write(&mut self, octets: impl AsRef<[u8]>) -> bool {
        let written = async {
            self.stream.write_all(octets.as_ref()).await?;
            self.stream.flush().await
        };
        within("write", written).await.is_ok()
    }

    /// No more will be sent.
    pub async fn finish_writing(&mut self) {
        // As in `write`: it may be closed already.
        let _ = within("shutdown", self.stream.shutdown()).await;
    }

    /// Everything until the other side closes.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_more().await {}
        std::mem::take(&mut self.unread)
    }

    /// Reads until `text` has come, and returns everything up to its end.
    pub async fn read_until(&mut self, text: &str) -> String {
        let end = loop {
            let found =
                self.unread.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                break at + text.len();
            }
            let so_far = String::from_utf8_lossy(&self.unread).into_owned();
            assert!(self.read_more().await, "closed before {text:?}, after {so_far:?}");
        };
        let rest = self.unread.split_off(end);
        let read = std::mem::replace(&mut self.unread, rest);
        String::from_utf8(read).expect("text")
    }

    /// Whether the other side has closed and left nothing unread.
    pub async fn is_at_end(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more().await
    }

    /// The head of the next response; its body stays to be read.
    pub async fn read_head(&mut self) -> Reply {
        let head = self.read_until("\r\n\r\n").await;
        let head = head.trim_end_matches("\r\n").to_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line in {head:?}"));
        Reply { status, head, body: Vec::new(), trailers: String::new() }
    }

    /// The next response with its body. Responses to HEAD have none to read: use
    /// [`Raw::read_head`].
    pub async fn read_reply(&mut self) -> Reply {
        let mut reply = self.read_head().await;
        if reply
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            self.read_chunks(&mut reply).await;
        } else if let Some(length) = reply.header("content-length") {
            let length = length.parse().expect("content-length is a number");
            reply.body = self.read_exactly(length).await;
        } else if reply.status >= 200 && reply.status != 204 && reply.status != 304 {
            reply.body = self.read_to_end().await;
        }
        reply
    }

    async fn read_chunks(&mut self, reply: &mut Reply) {
        loop {
            let line = self.read_until("\r\n").await;
            let size = line.trim_end().split(';').next().unwrap_or_default();
            let size =
                usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("chunk size {line:?}"));
            if size == 0 {
                break;
            }
            reply.body.extend(self.read_exactly(size).await);
            self.read_until("\r\n").await;
        }
        loop {
            let line = self.read_until("\r\n").await;
            if line == "\r\n" {
                break;
            }
            reply.trailers.push_str(&line);
        }
    }

    /// The next `length` octets.
    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(
                self.read_more().await,
                "closed after {} of {length} octets",
                self.unread.len()
            );
        }
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    async fn read_more(&mut self) -> bool {
        let read = within("read", self.stream.read_buf(&mut self.unread)).await;
        // A reset is an end like any other: what was refused may lie unread there.
        read.is_ok_and(|octets| octets > 0)
    }
}

impl Reply {
    /// The first value of a field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }
}
