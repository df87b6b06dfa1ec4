//! The request's body on its way to an endpoint.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Error, ErrorKind};
use crate::deadlines::{Deadlines, Watch};

/// What an endpoint is sent as body.
pub enum RequestBody {
    /// Nothing.
    Empty,
    /// The client's, piece by piece as the endpoint takes it.
    Client(ClientBody),
}

/// A client's body, bounded in size and in time.
pub struct ClientBody {
    incoming: Incoming,
    meter: Rc<Meter>,
    left: u64,
    patience: Duration,
    watch: Watch,
}

/// What the exchange knows of its request body while hyper has it.
#[derive(Debug, Default)]
pub struct Meter {
    /// Octets that came.
    pub bytes: Cell<u64>,
    /// All of it came.
    pub ended: Cell<bool>,
    /// Why it will not.
    pub failure: Cell<Option<ErrorKind>>,
    /// The endpoint would take more, and the client has not sent it.
    pub starved: Cell<bool>,
    /// The tick of the worker's deadlines at which the last piece came, or the
    /// endpoint was found to wait for one.
    pub progress: Cell<u64>,
}

impl ClientBody {
    /// At most `limit` octets, and `patience` between two pieces.
    pub fn new(
        incoming: Incoming,
        limit: Option<u64>,
        patience: Duration,
        deadlines: &Rc<Deadlines>,
    ) -> (Self, Rc<Meter>) {
        let meter = Rc::new(Meter::default());
        let body = Self {
            incoming,
            meter: Rc::clone(&meter),
            left: limit.unwrap_or(u64::MAX),
            patience,
            watch: deadlines.watch(),
        };
        (body, meter)
    }

    fn fail(&self, kind: ErrorKind, detail: &'static str) -> Error {
        self.meter.failure.set(Some(kind));
        Error::new(kind, detail)
    }

    fn end(&self) {
        self.meter.ended.set(true);
        self.meter.starved.set(false);
        self.meter.progress.set(self.watch.now());
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Pending => {
                // The client's time runs only while its next piece is waited for,
                // not while an endpoint is slow to take the last one.
                self.meter.starved.set(true);
                self.watch.set_if_clear(self.patience);
                if self.watch.poll_due(cx).is_ready() {
                    let error = self.fail(ErrorKind::BodyTimeout, "the request's body stalled");
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Pending
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let error = if error.is_parse() || error.is_parse_too_large() {
                    self.fail(ErrorKind::BadRequest, "the request's body is malformed")
                } else {
                    self.fail(ErrorKind::ClientClosed, "the client left in the middle of its body")
                };
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                if size > self.left {
                    let error = self.fail(ErrorKind::BodyTooLarge, "the body exceeds its limit");
                    return Poll::Ready(Some(Err(error)));
                }
                self.left -= size;
                self.meter.bytes.set(self.meter.bytes.get() + size);
                self.meter.starved.set(false);
                self.meter.progress.set(self.watch.now());
                self.watch.clear();
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Client(body) => body.poll_piece(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(body) => body.incoming.size_hint(),
        }
    }
}
