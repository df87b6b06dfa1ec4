//! HTTP/1 or HTTP/2, on a connection where ALPN has not said it.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// What a client with prior knowledge of HTTP/2 sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Enough for the head of a usual request, so that it takes one read.
const READ: usize = 4096;

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1, or something that its parser will refuse.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// Reads until it is clear what the client speaks: up to the first octet that is
/// not of the HTTP/2 preface. What was read belongs before the rest of the
/// stream: [`Guard::with_prefix`](super::Guard::with_prefix).
///
/// Holds no buffer while it waits. Waits for as long as the client sends nothing:
/// the caller bounds that. A client that leaves at once is an HTTP/1 client that
/// sent nothing.
///
/// # Errors
///
/// Those of the stream.
pub async fn detect<IO: AsyncRead + Unpin>(io: &mut IO) -> io::Result<(Protocol, Bytes)> {
    let mut read = BytesMut::new();
    loop {
        let length = poll_fn(|cx| {
            let mut scratch = [MaybeUninit::uninit(); READ];
            let mut buf = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut buf))?;
            read.extend_from_slice(buf.filled());
            Poll::Ready(io::Result::Ok(buf.filled().len()))
        })
        .await?;
        let protocol = if read.starts_with(PREFACE) {
            Protocol::Http2
        } else if length > 0 && PREFACE.starts_with(&read) {
            continue;
        } else {
            Protocol::Http1
        };
        return Ok((protocol, read.freeze()));
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn one_octet_that_differs_is_enough() {
        for start in [&b"G"[..], b"PO", b"PRI * HTTP/1", b"PRI * HTTP/2.0\r\n\r\nSX"] {
            let (mut client, mut server) = duplex(64);
            client.write_all(start).await.unwrap();
            // The client stays: detection must not wait for more of it.
            let (protocol, read) = detect(&mut server).await.unwrap();
            assert_eq!((protocol, &read[..]), (Protocol::Http1, start));
        }
    }

    #[tokio::test]
    async fn preface_is_recognised_at_every_split_and_what_follows_is_kept() {
        let stream = [PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat();
        for split in 1..stream.len() {
            let mut io = tokio_stream_of(&stream, split);
            let (protocol, read) = detect(&mut io).await.unwrap();
            assert_eq!(protocol, Protocol::Http2);
            assert!(read.starts_with(PREFACE) && stream.starts_with(&read));
        }
    }

    #[tokio::test]
    async fn client_that_leaves_midway_is_left_to_http1() {
        for length in 0..PREFACE.len() {
            let mut io = &PREFACE[..length];
            let (protocol, read) = detect(&mut io).await.unwrap();
            assert_eq!((protocol, &read[..]), (Protocol::Http1, &PREFACE[..length]));
        }
    }

    fn tokio_stream_of(stream: &[u8], split: usize) -> impl AsyncRead + Unpin + '_ {
        let (first, second) = stream.split_at(split);
        tokio::io::AsyncReadExt::chain(first, second)
    }
}
