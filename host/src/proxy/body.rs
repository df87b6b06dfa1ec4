//! The response's body on its way to the client; its end is the exchange's end.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use super::finish::Finish;
use super::tunnel::Tunnel;
use crate::exchange::body::{InHand, PassingBody};
use crate::exchange::{Error, Exchange};
use crate::plugin::body::slot::Slot;
use crate::upstream::client::UpstreamBody;

/// What follows a response's head.
pub enum Content {
    /// Made here or by a plugin.
    Full(Bytes),
    /// An endpoint's, piece by piece as the client takes it.
    Upstream(Box<UpstreamBody>),
    /// What plugins made of another one, all of it.
    InHand(InHand),
    /// What plugins make of another one, or have left of it.
    Passing(PassingBody),
    /// No HTTP any more.
    Tunnel(Box<Tunnel>),
}

/// A response's body, with what is left to do when it ends.
pub struct ResponseBody {
    content: Content,
    end: Option<End>,
    sent: u64,
}

struct End {
    /// None if bodies under way share it: it is in the slot then.
    exchange: Option<Box<Exchange>>,
    finish: Finish,
    /// Where plugins stop a request that is still on its way.
    slot: Option<Rc<Slot>>,
}

impl ResponseBody {
    /// The exchange is over when the body is.
    pub(super) fn new(content: Content, exchange: Box<Exchange>, mut finish: Finish) -> Self {
        // hyper asks neither an empty body nor one to HEAD for anything.
        let head = exchange.method == http::Method::HEAD;
        let slot = finish.shared();
        let exchange = match &slot {
            Some(_) => {
                finish.hold(exchange);
                None
            }
            None => Some(exchange),
        };
        let mut body = Self { content, end: Some(End { exchange, finish, slot }), sent: 0 };
        if head || body.content_ended() {
            body.end_exchange();
        }
        body
    }

    /// No body, and nothing left to do: the exchange goes on elsewhere.
    pub(super) fn detached() -> Self {
        Self { content: Content::Full(Bytes::new()), end: None, sent: 0 }
    }

    fn content_ended(&self) -> bool {
        self.content.is_end_stream()
    }

    fn end_exchange(&mut self) {
        if let Some(End { exchange, mut finish, .. }) = self.end.take() {
            finish.sent(self.sent);
            finish.end(exchange);
        }
    }

    /// One more piece, or the end.
    fn account(&mut self, frame: &Option<Result<Frame<Bytes>, Error>>) {
        let client = self.end.as_ref().map(|end| end.finish.active());
        match frame {
            Some(Ok(frame)) => {
                self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some(active) = client {
                    active.client().progressed();
                    active.waits_for_others(false);
                }
                if self.content_ended() {
                    self.end_exchange();
                }
            }
            Some(Err(error)) => {
                if let Some(end) = &mut self.end {
                    end.finish.failed(Error::new(error.kind, error.detail.clone()));
                }
                self.end_exchange();
            }
            None => self.end_exchange(),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let stop = this.end.as_ref().and_then(|end| end.slot.as_ref());
        let polled = match stop.map(|slot| slot.poll_stop(cx)) {
            Some(Poll::Ready(stop)) => Poll::Ready(Some(Err(stop.error()))),
            _ => Pin::new(&mut this.content).poll_frame(cx),
        };
        match polled {
            Poll::Ready(frame) => {
                this.account(&frame);
                Poll::Ready(frame)
            }
            Poll::Pending => {
                if let Some(end) = &this.end {
                    end.finish.active().waits_for_others(true);
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Upstream(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::InHand(body) => Pin::new(body).poll_frame(cx),
            Self::Passing(body) => body.as_mut().poll_frame(cx),
            Self::Tunnel(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::InHand(body) => body.is_end_stream(),
            Self::Passing(body) => body.is_end_stream(),
            Self::Tunnel(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Upstream(body) => body.size_hint(),
            Self::InHand(body) => body.size_hint(),
            Self::Passing(body) => body.size_hint(),
            Self::Tunnel(_) => SizeHint::with_exact(0),
        }
    }
}

/// Statuses that have no body (RFC 9110, section 6.4.1).
pub(super) fn bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(End { exchange, mut finish, .. }) = self.end.take() {
            finish.sent(self.sent);
            finish.client_left();
            finish.end(exchange);
        }
    }
}
