//! The guard in front of hyper: the pieces that a stream comes in change neither
//! the verdict nor what is passed on, and what is passed on before a violation is
//! what came.
#![no_main]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, ReadBuf};
use wasmgate::http::framing::{Guard, Violation};

// The first octet says how many octets each read brings at most.
fuzz_target!(|input: &[u8]| {
    let Some((&piece, stream)) = input.split_first() else { return };
    let (whole, whole_violation) = pass(stream, usize::MAX);
    let (pieces, violation) = pass(stream, usize::from(piece).max(1));
    assert_eq!(whole, pieces);
    assert_eq!(whole_violation, violation);

    let same = whole.iter().zip(stream).take_while(|(passed, came)| passed == came).count();
    match violation {
        None => assert_eq!(whole, stream),
        // Something that hyper must stumble over, and nothing after it.
        Some(_) => assert!(whole.len() - same <= 5 && whole.contains(&0)),
    }
});

/// What hyper would read, and what the guard says of it.
fn pass(stream: &[u8], piece: usize) -> (Vec<u8>, Option<Violation>) {
    let (mut guard, handle) = Guard::new(Pieces { stream, piece });
    let mut passed = Vec::new();
    let mut memory = vec![0; stream.len().clamp(1, piece)];
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let mut buf = ReadBuf::new(&mut memory);
        match Pin::new(&mut guard).poll_read(&mut context, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => break,
            Poll::Ready(Ok(())) => passed.extend_from_slice(buf.filled()),
            other => panic!("the stream is always ready: {other:?}"),
        }
    }
    (passed, handle.violation())
}

struct Pieces<'a> {
    stream: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let length = self.stream.len().min(self.piece).min(buf.remaining());
        let (now, later) = self.stream.split_at(length);
        buf.put_slice(now);
        self.stream = later;
        Poll::Ready(Ok(()))
    }
}
