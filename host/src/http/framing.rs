//! Where one request ends and the next begins, beyond doubt.
//!
//! hyper reads HTTP/1 generously: it takes a bare line feed for a line end, lets
//! `Transfer-Encoding` silently win over `Content-Length` and skips whitespace in
//! chunk sizes. An endpoint behind the proxy may read the same bytes another way,
//! and what the two disagree about is a smuggled request. [`Guard`] stands
//! between the client's stream and hyper, follows the messages in the bytes that
//! pass, in place, and makes sure that hyper answers 400 where there are two ways
//! to read them: RFC 9112, sections 2.2, 5, 6 and 7, without the leniencies that
//! those sections allow.
//!
//! Left to others: bounds on the size of a head and the syntax of what does not
//! decide where a message ends (hyper), the syntax of host and path
//! ([`normalize`](super::normalize)), HTTP/2, whose frames carry their length.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

mod chunk;
mod detect;
mod hyper_io;
mod inspector;
#[cfg(test)]
mod tests;
mod violation;

pub use self::detect::{Protocol, detect};
pub use self::violation::Violation;

use self::inspector::Inspector;

/// What hyper gets instead of the first byte that must not pass. Wherever the
/// parser stands, it fails on one of these:
///
/// - in a head, NUL is allowed nowhere, and the two line feeds make hyper, which
///   waits for the end of a head that came in pieces, look at it now;
/// - in a chunk size or around chunk data NUL is not what must come next;
/// - in a chunk extension NUL passes, the line feed does not;
/// - in a trailer all pass up to the carriage return, which NUL must not follow.
const POISON: &[u8] = b"\0\n\n\r\0";

/// Enough for the head of a usual request, so that it takes one read.
const WAIT_READ: usize = 4096;

/// A client's stream, as hyper reads it: HTTP/1 is inspected, anything else
/// passes as it is.
///
/// Implements tokio's and hyper's I/O traits, so it needs no adapter in between
/// and can be used directly when a tunnel takes the connection over.
#[derive(Debug)]
pub struct Guard<IO> {
    io: IO,
    /// Read before the guard was there; comes before what `io` has.
    prefix: Bytes,
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    /// Bytes pass unseen.
    Blind,
    /// Bytes are inspected.
    Watching(Inspector, Handle),
    /// Something was refused: nothing passes any more.
    Refused {
        /// The part of [`POISON`] that hyper has yet to read.
        poison: &'static [u8],
    },
}

/// What the one who drives the connection, or an exchange on it, can ask and
/// tell its [`Guard`].
#[derive(Clone, Debug, Default)]
pub struct Handle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// [`Violation::code`], 0 for none.
    violation: AtomicU8,
    tunnel: AtomicBool,
    in_message: AtomicBool,
    write_pending: AtomicBool,
}

impl<IO> Guard<IO> {
    /// Inspects what the client sends as HTTP/1 requests.
    pub fn new(io: IO) -> (Self, Handle) {
        let handle = Handle::default();
        let guard = Self {
            io,
            prefix: Bytes::new(),
            mode: Mode::Watching(Inspector::default(), handle.clone()),
        };
        (guard, handle)
    }

    /// Inspects nothing: for HTTP/2.
    pub fn transparent(io: IO) -> Self {
        Self { io, prefix: Bytes::new(), mode: Mode::Blind }
    }

    /// Puts what was already read from the stream, by [`detect`], before the rest.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Bytes) -> Self {
        self.prefix = prefix;
        self
    }

    /// Waits for the client's next octets, without a buffer while there are none, and
    /// keeps them for whoever reads next. False when the client has ended.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub async fn wait(&mut self) -> io::Result<bool>
    where
        IO: AsyncRead + Unpin,
    {
        if !self.prefix.is_empty() {
            return Ok(true);
        }
        let io = &mut self.io;
        self.prefix = poll_fn(|cx| {
            let mut scratch = [MaybeUninit::uninit(); WAIT_READ];
            let mut buf = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut buf))?;
            Poll::Ready(io::Result::Ok(Bytes::copy_from_slice(buf.filled())))
        })
        .await?;
        Ok(!self.prefix.is_empty())
    }

    /// What hyper writes went through, or waits for the client.
    fn note_write(&self, pending: bool) {
        if let Mode::Watching(_, handle) = &self.mode {
            handle.0.write_pending.store(pending, Ordering::Relaxed);
        }
    }

    /// The client's stream. What was read ahead stays with the guard.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Inspects what was read into `buf` after its first `start` octets.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, start: usize) {
        let Mode::Watching(inspector, handle) = &mut self.mode else { return };
        if handle.is_tunnel() {
            self.mode = Mode::Blind;
            return;
        }
        let inspected = inspector.inspect(&buf.filled()[start..]);
        handle.0.in_message.store(inspector.in_message(), Ordering::Relaxed);
        if let Err((at, violation)) = inspected {
            handle.report(violation);
            buf.set_filled(start + at);
            let (now, later) = POISON.split_at(POISON.len().min(buf.remaining()));
            buf.put_slice(now);
            self.mode = Mode::Refused { poison: later };
        }
    }
}

impl Handle {
    /// What was refused, if anything was.
    ///
    /// hyper may have had no reason to read that far: after `connection: close`
    /// it looks at no further request.
    pub fn violation(&self) -> Option<Violation> {
        // Relaxed: the value stands for itself, nothing else is read on its account.
        Violation::from_code(self.0.violation.load(Ordering::Relaxed))
    }

    /// From now on the connection carries something else than HTTP/1: bytes pass
    /// unseen. To be called before the response that says so is handed to hyper.
    ///
    /// # Errors
    ///
    /// The client did not wait for that response and what it sent has been
    /// refused as an HTTP/1 request: bytes are lost, so there can be no tunnel.
    pub fn tunnel(&self) -> Result<(), Violation> {
        self.0.tunnel.store(true, Ordering::Relaxed);
        self.violation().map_or(Ok(()), Err)
    }

    /// Whether a request has begun and not ended, as far as the bytes that came say.
    pub fn in_message(&self) -> bool {
        self.0.in_message.load(Ordering::Relaxed)
    }

    /// Whether the client has yet to take what was last written.
    pub fn write_pending(&self) -> bool {
        self.0.write_pending.load(Ordering::Relaxed)
    }

    fn is_tunnel(&self) -> bool {
        self.0.tunnel.load(Ordering::Relaxed)
    }

    fn report(&self, violation: Violation) {
        self.0.violation.store(violation.code(), Ordering::Relaxed);
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guard<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Mode::Refused { poison } = &mut this.mode {
            // An empty rest reads as the end of the stream.
            let (now, later) = poison.split_at(poison.len().min(buf.remaining()));
            buf.put_slice(now);
            *poison = later;
            return Poll::Ready(Ok(()));
        }
        let start = buf.filled().len();
        if this.prefix.is_empty() {
            ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        } else {
            let length = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix[..length]);
            this.prefix.advance(length);
            if this.prefix.is_empty() {
                // Gives the memory back; an empty `Bytes` may still hold it.
                this.prefix = Bytes::new();
            }
        }
        this.inspect(buf, start);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guard<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
