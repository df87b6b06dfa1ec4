//! HTTP/1.1 clients on raw sockets: one for load, one for exact latencies.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, BytesMut};
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::message::{Request, Response};
use super::origin::{discard, send_zeros};

/// How long a blocking client waits for an answer before it calls it lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// A closed loop over keep-alive connections: each sends its next request when
/// the answer to the last is complete.
pub(crate) struct Client {
    connections: Vec<Connection>,
    request: Request,
}

impl Client {
    pub(crate) async fn connect(
        proxy: SocketAddr,
        connections: usize,
        request: Request,
    ) -> Result<Self> {
        let connections =
            try_join_all((0..connections).map(|_| Connection::connect(proxy))).await?;
        Ok(Self { connections, request })
    }

    /// Sends `requests` over all connections together.
    pub(crate) async fn run(&mut self, requests: usize) -> Result<()> {
        let left = Cell::new(requests);
        let (left, request) = (&left, &self.request);
        try_join_all(self.connections.iter_mut().map(|connection| async move {
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                request.check(&connection.exchange(request).await?)?;
            }
            anyhow::Ok(())
        }))
        .await?;
        Ok(())
    }
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    piece: Vec<u8>,
}

impl Connection {
    pub(crate) async fn connect(proxy: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(proxy).await.context("connecting to the proxy")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(16 * 1024), piece: Vec::new() })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Result<Response> {
        self.stream.write_all(&request.head).await.context("sending a request")?;
        send_zeros(&mut self.stream, request.body).await.context("sending a request's body")?;
        let response = loop {
            if let Some(response) = Response::parse(&self.buffer)? {
                break response;
            }
            if self.stream.read_buf(&mut self.buffer).await.context("reading an answer")? == 0 {
                bail!("the proxy closed a connection instead of answering");
            }
        };
        self.buffer.advance(response.head);
        if !discard(&mut self.stream, &mut self.buffer, &mut self.piece, response.body).await? {
            bail!("the proxy closed a connection within a response's body");
        }
        Ok(response)
    }
}

/// One keep-alive connection for a thread of its own: between the answer's
/// arrival and its time stamp there is only the kernel's wake-up.
pub(crate) struct BlockingConnection {
    stream: std::net::TcpStream,
    buffer: Vec<u8>,
}

impl BlockingConnection {
    pub(crate) fn connect(proxy: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(proxy).context("connecting to the proxy")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024] })
    }

    /// Sends a request without a body and reads the whole answer, which must fit
    /// 16 KiB.
    pub(crate) fn exchange(&mut self, request: &Request) -> Result<Response> {
        self.stream.write_all(&request.head).context("sending a request")?;
        let mut filled = 0;
        loop {
            if let Some(response) = Response::parse(&self.buffer[..filled])?
                && filled as u64 >= response.head as u64 + response.body
            {
                return Ok(response);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).context("reading an answer")?;
            if read == 0 {
                bail!("the proxy closed a connection instead of answering");
            }
            filled += read;
        }
    }
}
