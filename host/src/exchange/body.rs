//! Bodies: the request's on its way to an endpoint, and those that are all in hand.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
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
    /// A plugin's own, or what plugins made of the client's, all of it.
    InHand(InHand),
    /// What plugins make of the client's, or have left of it.
    Passing(PassingBody),
}

/// A body on its way through plugins.
pub type PassingBody = Pin<Box<dyn Body<Data = Bytes, Error = Error>>>;

/// A whole body in memory. With fields after it its length is not told, since
/// HTTP/1 sends such fields with chunks only.
#[derive(Debug, Default)]
pub struct InHand {
    pieces: VecDeque<Bytes>,
    trailers: Option<Box<HeaderMap>>,
}

impl InHand {
    /// These pieces, then these fields.
    pub fn new(pieces: VecDeque<Bytes>, trailers: Option<Box<HeaderMap>>) -> Self {
        Self { pieces, trailers: trailers.filter(|trailers| !trailers.is_empty()) }
    }

    /// The fields after it.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// How many octets it has, if that is to be announced.
    pub fn length(&self) -> Option<u64> {
        let length = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        self.trailers.is_none().then_some(length)
    }
}

impl Body for InHand {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match self.pieces.pop_front() {
            Some(piece) => Some(Frame::data(piece)),
            None => self.trailers.take().map(|trailers| Frame::trailers(*trailers)),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// A client's body, bounded in size and in time.
pub struct ClientBody {
    incoming: Incoming,
    meter: Rc<Meter>,
    patience: Duration,
    watch: Watch,
}

/// What the exchange knows of its request body while hyper has it.
#[derive(Debug, Default)]
pub struct Meter {
    /// Octets that came.
    pub bytes: Cell<u64>,
    /// Octets that may come; a plugin may choose a route with another bound while
    /// they do.
    pub limit: Cell<u64>,
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
        meter.limit.set(limit.unwrap_or(u64::MAX));
        let body = Self { incoming, meter: Rc::clone(&meter), patience, watch: deadlines.watch() };
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
                let came = self.meter.bytes.get() + size;
                if came > self.meter.limit.get() {
                    let error = self.fail(ErrorKind::BodyTooLarge, "the body exceeds its limit");
                    return Poll::Ready(Some(Err(error)));
                }
                self.meter.bytes.set(came);
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

impl Body for ClientBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_piece(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
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
            Self::InHand(body) => Pin::new(body).poll_frame(cx),
            Self::Passing(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(body) => body.is_end_stream(),
            Self::InHand(body) => body.is_end_stream(),
            Self::Passing(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(body) => body.size_hint(),
            Self::InHand(body) => body.size_hint(),
            Self::Passing(body) => body.size_hint(),
        }
    }
}
