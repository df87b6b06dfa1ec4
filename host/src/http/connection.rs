//! One client connection, from its first byte to its last.
//!
//! hyper speaks the protocol; this module decides for how long: it knows whether
//! the client is idle, in the middle of a head, or slow to take an answer, and
//! ends the connection when that lasts too long or the worker drains.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite};

use super::forward::ForwardedCache;
use super::framing::{self, Guard, Protocol};
use crate::config::{Limits, Timeouts};
use crate::exchange::{Connection, ErrorKind};
use crate::proxy;
use crate::upstream::connect::SpawnLocal;
use crate::worker::Worker;

/// HTTP/2 flow control towards clients.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// What hyper may buffer of one stream's response before it stops asking.
const SEND_BUFFER: usize = 256 << 10;

/// An HTTP/1 connection that has been idle for so long gives its buffers back.
const REST_AFTER: Duration = Duration::from_millis(300);

/// A client's connection, as its exchanges see it.
pub struct Client {
    /// The worker that serves it.
    pub worker: Rc<Worker>,
    /// What is known of it.
    pub facts: Arc<Connection>,
    /// Switches the framing guard off for a tunnel; HTTP/1 only.
    pub guard: Option<framing::Handle>,
    /// The last `Forwarded` element.
    pub forwarded: ForwardedCache,
    /// Exchanges that are not over.
    active: Cell<usize>,
    /// Of these, those that wait for something else than this client.
    waiting: Cell<usize>,
    /// Moves whenever the client took or sent something.
    progress: Cell<u64>,
    served: Cell<usize>,
    /// What counts the connection; a tunnel that it becomes is still one.
    _counted: Counted,
}

/// Counts a connection until it is dropped.
pub type Counted = Box<dyn std::any::Any>;

impl Client {
    fn new(
        worker: Rc<Worker>,
        facts: Arc<Connection>,
        guard: Option<framing::Handle>,
        counted: Counted,
    ) -> Rc<Self> {
        Rc::new(Self {
            worker,
            facts,
            guard,
            forwarded: ForwardedCache::default(),
            active: Cell::new(0),
            waiting: Cell::new(0),
            progress: Cell::new(0),
            served: Cell::new(0),
            _counted: counted,
        })
    }

    /// The client took or sent something.
    pub fn progressed(&self) {
        self.progress.set(self.progress.get().wrapping_add(1));
    }

    /// Whether nothing of the last answer is left to be sent.
    fn may_rest(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| !guard.write_pending())
    }

    /// What the connection waits for, as far as its deadline is concerned.
    fn waits_for(&self) -> WaitsFor {
        if self.active.get() > 0 {
            return match self.waiting.get() {
                0 => WaitsFor::Taking,
                _ => WaitsFor::Others,
            };
        }
        match &self.guard {
            Some(guard) if guard.in_message() => WaitsFor::Head,
            _ => WaitsFor::Request,
        }
    }
}

/// One exchange of a connection: counted until it is over.
pub struct Active {
    client: Rc<Client>,
    waiting: Cell<bool>,
}

impl Active {
    /// An exchange begins, and waits for others than the client.
    pub fn new(client: &Rc<Client>) -> Self {
        client.active.set(client.active.get() + 1);
        client.waiting.set(client.waiting.get() + 1);
        client.served.set(client.served.get() + 1);
        client.progressed();
        Self { client: Rc::clone(client), waiting: Cell::new(true) }
    }

    /// Says whether the exchange waits for others than the client.
    pub fn waits_for_others(&self, waits: bool) {
        if self.waiting.replace(waits) != waits {
            let waiting = self.client.waiting.get();
            self.client.waiting.set(if waits { waiting + 1 } else { waiting - 1 });
        }
    }

    /// The connection.
    pub fn client(&self) -> &Rc<Client> {
        &self.client
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.waits_for_others(false);
        self.client.active.set(self.client.active.get() - 1);
        self.client.progressed();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    /// A request, of which nothing has come.
    Request,
    /// The rest of a request's head.
    Head,
    /// The client, to take what there is of a response.
    Taking,
    /// A plugin or an endpoint, which have bounds of their own.
    Others,
}

/// How a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// As it should.
    Closed,
    /// It goes on, but there is nothing to do for now.
    Resting,
    /// The client broke the protocol, left in the middle, or was too slow.
    Failed(ErrorKind, String),
}

/// Serves a connection until it is over.
pub async fn serve<IO>(
    worker: Rc<Worker>,
    mut io: IO,
    facts: Arc<Connection>,
    http2: bool,
    counted: Counted,
) -> Ended
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let timeouts = worker.timeouts();
    let negotiated = facts.tls.as_ref().and_then(|tls| tls.protocol);
    let (protocol, read) = match negotiated {
        Some("h2") => (Protocol::Http2, bytes::Bytes::new()),
        // On TLS the client had its chance to name HTTP/2.
        None if http2 && facts.tls.is_none() => {
            let mut first = pin!(worker.deadlines.limit(timeouts.idle, framing::detect(&mut io)));
            // A connection on which nothing came yet must not outlast a drain.
            let first = poll_fn(|cx| match worker.is_draining() {
                true => Poll::Ready(None),
                false => first.as_mut().poll(cx),
            });
            match first.await {
                None => return Ended::Closed,
                Some(Err(error)) => {
                    return Ended::Failed(ErrorKind::ClientClosed, error.to_string());
                }
                Some(Ok(detected)) => detected,
            }
        }
        _ => (Protocol::Http1, bytes::Bytes::new()),
    };
    let limits = worker.limits();
    match protocol {
        Protocol::Http1 => {
            let (guard, handle) = Guard::new(io);
            let client = Client::new(worker, facts, Some(handle), counted);
            serve_http1(&client, guard.with_prefix(read), &limits, &timeouts).await
        }
        Protocol::Http2 => {
            let client = Client::new(worker, facts, None, counted);
            let io = Guard::transparent(io).with_prefix(read);
            serve_http2(&client, io, &limits, &timeouts).await
        }
    }
}

async fn serve_http1<IO>(
    client: &Rc<Client>,
    mut io: Guard<IO>,
    limits: &Limits,
    timeouts: &Timeouts,
) -> Ended
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    loop {
        let answering = Rc::clone(client);
        // Boxed for each request: an idle connection has no use for the room.
        let service = service_fn(move |request| {
            let client = Rc::clone(&answering);
            Box::pin(async move { Ok::<_, Infallible>(proxy::handle(&client, request).await) })
        });
        let mut connection = http1::Builder::new()
            .max_headers(limits.header_count)
            .max_header_size(limits.header_bytes)
            .header_read_timeout(None)
            .half_close(false)
            .serve_connection(io, service)
            .with_upgrades();
        let pinned = Pin::new(&mut connection);
        let ended =
            drive(client, pinned, |connection| connection.graceful_shutdown(), limits, timeouts)
                .await;
        match ended {
            Ended::Resting => {
                let Some(parts) = connection.into_parts() else { return Ended::Closed };
                io = match parts.read_buf.is_empty() {
                    true => parts.io,
                    false => parts.io.with_prefix(parts.read_buf),
                };
            }
            Ended::Failed(ErrorKind::HeaderTimeout, _) => {
                // hyper has nothing of its own to say before a head is complete.
                if let Some(parts) = connection.into_parts() {
                    let told = tell_timeout(parts.io);
                    let _ = client.worker.deadlines.limit(timeouts.body, told).await;
                }
                return ended;
            }
            ended => return ended,
        }
        if !rest(client, &mut io, timeouts).await {
            return Ended::Closed;
        }
    }
}

/// An idle connection without hyper's buffers, which are most of its memory. Says
/// whether the client has sent something.
async fn rest<IO>(client: &Rc<Client>, io: &mut Guard<IO>, timeouts: &Timeouts) -> bool
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let worker = &client.worker;
    let mut next = pin!(worker.deadlines.limit(timeouts.idle, io.wait()));
    let next = poll_fn(|cx| match worker.is_draining() {
        true => Poll::Ready(None),
        false => next.as_mut().poll(cx),
    });
    matches!(next.await, Some(Ok(true)))
}

async fn tell_timeout<IO: AsyncRead + AsyncWrite + Unpin>(
    mut io: Guard<IO>,
) -> std::io::Result<()> {
    const ANSWER: &[u8] =
        b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut io, ANSWER).await?;
    tokio::io::AsyncWriteExt::shutdown(&mut io).await
}

async fn serve_http2<IO>(
    client: &Rc<Client>,
    io: Guard<IO>,
    limits: &Limits,
    timeouts: &Timeouts,
) -> Ended
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = Rc::clone(client);
    let service = service_fn(move |request| {
        let client = Rc::clone(&answering);
        async move { Ok::<_, Infallible>(proxy::handle(&client, request).await) }
    });
    let connection = http2::Builder::new(SpawnLocal)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(limits.http2_resets)
        .max_local_error_reset_streams(limits.http2_resets)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .serve_connection(io, service);
    let connection = pin!(connection);
    drive(client, connection, |connection| connection.graceful_shutdown(), limits, timeouts).await
}

/// Polls a connection until it ends by itself, waits for too long, or has been
/// told to end and is done.
async fn drive<C>(
    client: &Rc<Client>,
    mut connection: Pin<&mut C>,
    shut_down: impl Fn(Pin<&mut C>),
    limits: &Limits,
    timeouts: &Timeouts,
) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let worker = &client.worker;
    let watch = worker.deadlines.watch();
    let mut told = false;
    let mut last = None;
    let polled = |cx: &mut Context<'_>| {
        worker.lane.worked();
        // The worker wakes every connection when it begins to drain.
        let enough = client.served.get() >= limits.requests_per_connection;
        if !told && (enough || worker.is_draining()) {
            told = true;
            shut_down(connection.as_mut());
        }
        if let Poll::Ready(result) = connection.as_mut().poll(cx) {
            return Poll::Ready(Ok(result));
        }
        let waits_for = client.waits_for();
        let state = (waits_for, client.progress.get());
        if last != Some(state) {
            last = Some(state);
            match waits_for {
                // HTTP/2 has streams' and tables' state to keep, so it stays.
                WaitsFor::Request if client.guard.is_some() => {
                    watch.set(timeouts.idle.min(REST_AFTER));
                }
                WaitsFor::Request => watch.set(timeouts.idle),
                WaitsFor::Head => watch.set(timeouts.header),
                WaitsFor::Taking => watch.set(timeouts.body),
                WaitsFor::Others => watch.clear(),
            }
        }
        ready!(watch.poll_due(cx));
        if waits_for == WaitsFor::Request && client.guard.is_some() && !client.may_rest() {
            // The last answer is not taken yet: the connection gets its whole time.
            watch.set(timeouts.idle);
            return watch.poll_due(cx).map(|()| Err(waits_for));
        }
        Poll::Ready(Err(waits_for))
    };
    let result = poll_fn(polled).await;
    match result {
        Ok(Ok(())) => Ended::Closed,
        Ok(Err(error)) => failed(client, &error),
        Err(WaitsFor::Head) => {
            Ended::Failed(ErrorKind::HeaderTimeout, "the head did not come".to_owned())
        }
        Err(WaitsFor::Taking) => {
            Ended::Failed(ErrorKind::BodyTimeout, "the client did not take its answer".to_owned())
        }
        Err(WaitsFor::Request) if client.may_rest() => Ended::Resting,
        Err(WaitsFor::Request | WaitsFor::Others) => Ended::Closed,
    }
}

fn failed(client: &Client, error: &hyper::Error) -> Ended {
    let text = crate::exchange::error::chain_text(error);
    if let Some(violation) = client.guard.as_ref().and_then(framing::Handle::violation) {
        return Ended::Failed(ErrorKind::BadRequest, violation.to_string());
    }
    let kind = if error.is_parse_too_large() && text.contains("URI") {
        ErrorKind::TargetTooLong
    } else if error.is_parse_too_large() {
        ErrorKind::HeadersTooLarge
    } else if error.is_parse() {
        ErrorKind::BadRequest
    } else {
        ErrorKind::ClientClosed
    };
    Ended::Failed(kind, text)
}
