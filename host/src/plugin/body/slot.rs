//! The one exchange that a request's body, a response's body and the exchange's
//! own task share while both bodies may be under way.
//!
//! Whoever needs the exchange takes it, together with the run of plugins, and
//! gives it back; the others wait for it. All of them are on one worker.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::HeaderValue;

use super::Stop;
use crate::exchange::Exchange;
use crate::plugin::chain::Run;
use crate::plugin::instance;

/// An exchange and its way through the plugins.
pub struct Token {
    /// The exchange.
    pub exchange: Box<Exchange>,
    /// Its way.
    pub run: Run,
}

/// Called with the token when the exchange is over and nobody has it any more.
type Then = Box<dyn FnOnce(Token)>;

/// Where the token lies while nobody needs it.
#[derive(Default)]
pub struct Slot {
    token: Cell<Option<Token>>,
    then: Cell<Option<Then>>,
    closed: Cell<bool>,
    stop: Cell<Option<Stop>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Slot {
    /// Without a token.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Gives the token back, or for the first time.
    pub fn put(&self, token: Token) {
        match self.then.take() {
            Some(then) => then(token),
            None => {
                self.token.set(Some(token));
                self.wake();
            }
        }
    }

    /// The token, as soon as it is there; none once the exchange is over.
    pub async fn take(&self) -> Option<Token> {
        poll_fn(|cx| match self.closed.get() {
            true => Poll::Ready(None),
            false => self.poll(cx, self.token.take().map(Some)),
        })
        .await
    }

    /// Ends the request, whose body a plugin did not let pass to its end.
    pub fn stop(&self, stop: Stop) {
        self.stop.set(Some(stop));
        self.wake();
    }

    /// What [`Self::stop`] said, if it has been called.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop.take()
    }

    /// Waits for [`Self::stop`].
    pub fn poll_stop(&self, cx: &mut Context<'_>) -> Poll<Stop> {
        self.poll(cx, self.stop.take())
    }

    /// The exchange is over; what waits for the token gets none.
    pub fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    /// The exchange is over: `then` has the token, at once or when a hook that is
    /// still running gives it back.
    pub fn end(&self, then: impl FnOnce(Token) + 'static) {
        self.close();
        match self.token.take() {
            Some(token) => then(token),
            None => self.then.set(Some(Box::new(then))),
        }
    }

    fn poll<T>(&self, cx: &mut Context<'_>, ready: Option<T>) -> Poll<T> {
        if let Some(ready) = ready {
            return Poll::Ready(ready);
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn wake(&self) {
        // Taken first: waking may run code that waits again.
        for waker in self.waiting.take() {
            waker.wake();
        }
    }
}

/// The use of the token for one hook; it goes back when this is dropped, also by
/// a receiver that left in the middle.
pub(super) struct Turn<'a> {
    slot: &'a Slot,
    request_id: HeaderValue,
    /// Where the exchange is but for the call itself.
    pub(super) exchange: Option<Box<Exchange>>,
    /// None only while this is dropped.
    run: Option<Run>,
}

impl<'a> Turn<'a> {
    /// As soon as the token is there; none once the exchange is over.
    pub(super) async fn take(slot: &'a Slot) -> Option<Self> {
        let Token { exchange, run } = slot.take().await?;
        let request_id = exchange.request_id.clone();
        Some(Self { slot, request_id, exchange: Some(exchange), run: Some(run) })
    }

    /// Both parts of the token.
    pub(super) fn parts(&mut self) -> (&mut Run, &mut Option<Box<Exchange>>) {
        (self.run.as_mut().expect("there until the drop"), &mut self.exchange)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let exchange = self.exchange.take().or_else(|| instance::orphan(&self.request_id));
        if let (Some(exchange), Some(run)) = (exchange, self.run.take()) {
            self.slot.put(Token { exchange, run });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_when_the_exchange_ends_gets_none() {
        let slot = Slot::new();
        let waits = slot.take();
        let ends = async { slot.close() };
        let (taken, ()) = tokio::join!(waits, ends);
        assert!(taken.is_none());
    }
}
