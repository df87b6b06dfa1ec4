//! Connections that stopped being HTTP: WebSocket and other upgrades (RFC 9110,
//! section 7.8). Bytes pass both ways until one side ends or neither sends.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::upgrade::{OnUpgrade, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::{Content, ResponseBody};
use super::finish::Finish;
use crate::exchange::{Error, ErrorKind, Exchange};
use crate::upstream::client::Lease;

/// What one side may send before the other side takes it.
const BUFFER: usize = 16 << 10;

/// Two connections that are about to become one.
pub struct Tunnel {
    /// Resolves when hyper has sent the 101.
    pub(super) of_client: OnUpgrade,
    /// Resolves when hyper has read the 101.
    pub(super) endpoint: OnUpgrade,
    /// What the endpoint switches to.
    pub(super) protocol: Option<HeaderValue>,
    /// Counts as one of the endpoint's exchanges for as long as it lasts.
    pub(super) lease: Lease,
}

/// Answers 101 and tunnels from then on.
pub(super) fn open(
    tunnel: Tunnel,
    status: StatusCode,
    headers: HeaderMap,
    exchange: Box<Exchange>,
    mut finish: Finish,
) -> Response<ResponseBody> {
    let client = Rc::clone(finish.active().client());
    // The framing guard must let bytes pass before hyper sends the 101.
    let refused = client.guard.as_ref().and_then(|guard| guard.tunnel().err());
    if let Some(violation) = refused {
        finish.failed(Error::new(ErrorKind::BadRequest, violation.to_string()));
        let mut response =
            Response::new(ResponseBody::new(Content::Full(Bytes::new()), exchange, finish));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    }
    let mut response = Response::new(ResponseBody::detached());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    tokio::task::spawn_local(async move {
        let idle = finish.snapshot().shared.config.timeouts.tunnel;
        run(tunnel, idle, &mut finish).await;
        finish.end(Some(exchange));
    });
    response
}

async fn run(tunnel: Tunnel, idle: Duration, finish: &mut Finish) {
    let deadlines = Rc::clone(&finish.active().client().worker.deadlines);
    let both = async { (tunnel.of_client.await, tunnel.endpoint.await) };
    let (of_client, of_endpoint) = match deadlines.limit(idle, both).await {
        Some((Ok(of_client), Ok(of_endpoint))) => (of_client, of_endpoint),
        Some(_) | None => {
            finish.failed(Error::new(ErrorKind::ClientClosed, "a side left during the upgrade"));
            return;
        }
    };
    let received = Rc::new(Cell::new(0));
    let sent = Rc::new(Cell::new(0));
    let traffic = || (received.get(), sent.get());
    let mut of_client = Side { io: of_client, read: Rc::clone(&received) };
    let mut of_endpoint = Side { io: of_endpoint, read: Rc::clone(&sent) };
    let copy =
        tokio::io::copy_bidirectional_with_sizes(&mut of_client, &mut of_endpoint, BUFFER, BUFFER);
    let mut copy = std::pin::pin!(copy);
    loop {
        let before = traffic();
        match deadlines.limit(idle, copy.as_mut()).await {
            None if traffic() != before => {}
            // One side closing, also by a reset, is how tunnels end.
            Some(_) | None => break,
        }
    }
    finish.tunnelled(traffic());
    drop(tunnel.lease);
}

/// hyper's connection as tokio's stream, counting what comes from it.
struct Side {
    io: Upgraded,
    read: Rc<Cell<u64>>,
}

impl AsyncRead for Side {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = {
            let mut own = hyper::rt::ReadBuf::new(buf.initialize_unfilled());
            let polled = Pin::new(&mut self.io).poll_read(cx, cursor(&mut own));
            let read = own.filled().len();
            buf.advance(read);
            polled
        };
        let read = (buf.filled().len() - before) as u64;
        self.read.set(self.read.get().wrapping_add(read));
        polled
    }
}

fn cursor<'a>(buf: &'a mut hyper::rt::ReadBuf<'_>) -> ReadBufCursor<'a> {
    buf.unfilled()
}

impl AsyncWrite for Side {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
