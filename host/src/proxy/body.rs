//! The response's body on its way to the client; its end is the exchange's end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::finish::Finish;
use super::tunnel::Tunnel;
use crate::exchange::{Error, Exchange};
use crate::upstream::client::UpstreamBody;

/// What follows a response's head.
pub enum Content {
    /// Made here or by a plugin.
    Full(Bytes),
    /// An endpoint's, piece by piece as the client takes it.
    Upstream(Box<UpstreamBody>),
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
    exchange: Box<Exchange>,
    finish: Finish,
}

impl ResponseBody {
    /// The exchange is over when the body is.
    pub(super) fn new(content: Content, exchange: Box<Exchange>, finish: Finish) -> Self {
        let mut body = Self { content, end: Some(End { exchange, finish }), sent: 0 };
        // hyper asks neither an empty body nor one to HEAD for anything.
        let head = body.end.as_ref().is_some_and(|end| end.exchange.method == http::Method::HEAD);
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
        match &self.content {
            Content::Full(bytes) => bytes.is_empty(),
            Content::Upstream(body) => body.is_end_stream(),
            Content::Tunnel(_) => true,
        }
    }

    fn end_exchange(&mut self) {
        if let Some(End { exchange, mut finish }) = self.end.take() {
            finish.sent(self.sent);
            finish.end(Some(exchange));
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
        let polled = match &mut this.content {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Upstream(body) => Pin::new(&mut **body).poll_frame(cx),
            Content::Tunnel(_) => Poll::Ready(None),
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
        match &self.content {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Upstream(body) => body.size_hint(),
            Content::Tunnel(_) => SizeHint::with_exact(0),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(End { exchange, mut finish }) = self.end.take() {
            finish.sent(self.sent);
            finish.client_left();
            finish.end(Some(exchange));
        }
    }
}
