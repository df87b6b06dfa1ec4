//! One TCP connection of an origin that is scripted octet by octet.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::record::{Received, Record};

/// A connection from the proxy. Closes when dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    record: Arc<Record>,
    ordinal: usize,
    served: usize,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, record: Arc<Record>) -> Self {
        let ordinal = record.connections();
        Self { stream, unread: Vec::new(), record, ordinal, served: 0 }
    }

    /// Its number among the origin's connections; the first is 1.
    #[must_use]
    pub fn ordinal(&self) -> usize {
        self.ordinal
    }

    /// How many requests have been read from it.
    #[must_use]
    pub fn served(&self) -> usize {
        self.served
    }

    /// The head of the next request, as it came; none when the proxy has closed.
    pub async fn read_request(&mut self) -> Option<String> {
        let head = self.read_until(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).into_owned();
        self.served += 1;
        self.record.received(Received::parsed(&head));
        Some(head)
    }

    /// Everything up to the end of `mark`; none when the proxy closes before.
    pub async fn read_until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                let rest = self.unread.split_off(at + mark.len());
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            if self.stream.read_buf(&mut self.unread).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Sends octets. The proxy may be gone already, which is for the test to notice.
    pub async fn write(&mut self, octets: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(octets.as_ref()).await;
    }

    /// Ends the sending side in order and waits for the other side to close, so
    /// that nothing sent is lost to a reset.
    pub async fn finish(mut self) {
        let _ = self.stream.shutdown().await;
        while self.stream.read_buf(&mut self.unread).await.is_ok_and(|octets| octets > 0) {}
    }

    /// Closes with a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("a TCP option");
    }

    /// The stream itself, for another protocol. Nothing read so far may be unread.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        assert!(self.unread.is_empty(), "octets were read ahead");
        self.stream
    }
}
