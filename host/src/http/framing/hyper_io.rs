//! [`Guard`] as hyper's own I/O traits, on top of tokio's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Guard;

impl<IO: AsyncRead + Unpin> Read for Guard<IO> {
    #[expect(
        unsafe_code,
        reason = "hyper's cursor has no safe way to be filled in place; the safe one zeroes and \
                  copies every buffer"
    )]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: `as_mut` asks that no initialized octet becomes uninitialized.
        // All that happens to the slice goes through tokio's `ReadBuf`, whose
        // safe methods cannot do that.
        let mut buf = ReadBuf::uninit(unsafe { cursor.as_mut() });
        let memory = buf.filled().as_ptr();
        ready!(AsyncRead::poll_read(self, cx, &mut buf))?;
        // A reader that put another `ReadBuf` into the place of this one would
        // have initialized some other memory.
        assert_eq!(memory, buf.filled().as_ptr(), "readers fill the buffer they are given");
        let length = buf.filled().len();
        // SAFETY: `advance` asks that so many octets have been initialized: the
        // filled part of a `ReadBuf` always is, and it lies at the start of the
        // cursor's memory, as was just checked.
        unsafe { cursor.advance(length) };
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> Write for Guard<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = AsyncWrite::poll_write(Pin::new(this), cx, buf);
        this.note_write(polled.is_pending());
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = AsyncWrite::poll_flush(Pin::new(this), cx);
        this.note_write(polled.is_pending());
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(self, cx)
    }

    fn is_write_vectored(&self) -> bool {
        AsyncWrite::is_write_vectored(self)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = AsyncWrite::poll_write_vectored(Pin::new(this), cx, bufs);
        this.note_write(polled.is_pending());
        polled
    }
}
