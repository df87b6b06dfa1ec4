//! What is left of a body once its head has gone on: it drives itself, as fast as
//! whoever receives it takes it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::slot::{Slot, Turn};
use super::{Next, Pipeline, Stop};
use crate::exchange::body::PassingBody;
use crate::exchange::{Error, ErrorKind, Message};
use crate::plugin::chain::{ChosenRoute, Destinations};
use crate::plugin::running_time::Lane;

/// What the hooks of a body under way are called with.
pub struct Hooks {
    /// Whose body it is.
    pub of: Message,
    /// Where the exchange is.
    pub slot: Rc<Slot>,
    /// Of the worker.
    pub lane: Rc<Lane>,
}

impl<B> Pipeline<B>
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    /// The rest of the body, of which this length was announced. `hooks` is there
    /// if some plugin is still to be called.
    pub fn into_passing(self, hooks: Option<Hooks>, length: Option<u64>) -> PassingBody {
        let outlet = Rc::new(Outlet::default());
        let driver: Driver = Box::pin(drive(self, hooks, Rc::clone(&outlet)));
        Box::pin(Passing { driver: Some(driver), outlet, left: length })
    }
}

type Driver = Pin<Box<dyn Future<Output = ()>>>;

/// Where the driver puts what has come out.
#[derive(Default)]
struct Outlet {
    frame: RefCell<Option<Result<Frame<Bytes>, Error>>>,
    /// Nothing follows the frame.
    ended: Cell<bool>,
}

impl Outlet {
    /// Puts a frame there and waits until it is taken. The driver is polled for
    /// the next one only, so nobody has to be woken.
    async fn put(&self, frame: Result<Frame<Bytes>, Error>) {
        *self.frame.borrow_mut() = Some(frame);
        poll_fn(|_| match &*self.frame.borrow() {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        })
        .await;
    }
}

async fn drive<B>(mut pipeline: Pipeline<B>, hooks: Option<Hooks>, outlet: Rc<Outlet>)
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    loop {
        let error = match pipeline.advance().await {
            Ok(Next::Octets) => {
                while let Some((piece, last)) = pipeline.pop() {
                    outlet.ended.set(last);
                    outlet.put(Ok(Frame::data(piece))).await;
                }
                continue;
            }
            Ok(Next::End) => {
                outlet.ended.set(true);
                if let Some(trailers) = pipeline.end.take().flatten()
                    && !trailers.is_empty()
                {
                    outlet.put(Ok(Frame::trailers(*trailers))).await;
                }
                return;
            }
            Ok(Next::Call(number)) => match call(&mut pipeline, number, hooks.as_ref()).await {
                Ok(()) => continue,
                Err(error) => error,
            },
            // A plugin that wants all of a body lets nothing pass before its end.
            Ok(Next::Refused(_)) => Error::new(ErrorKind::Internal, "refused under way"),
            Err(error) => error,
        };
        outlet.ended.set(true);
        outlet.put(Err(error)).await;
        return;
    }
}

/// Calls the hook that is due. A failure ends the message in the middle: it must
/// never look whole.
async fn call<B>(
    pipeline: &mut Pipeline<B>,
    number: usize,
    hooks: Option<&Hooks>,
) -> Result<(), Error>
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    let over = || Error::new(ErrorKind::ClientClosed, "the exchange is over");
    let Hooks { of, slot, lane } = hooks.ok_or_else(over)?;
    let mut turn = Turn::take(slot).await.ok_or_else(over)?;
    let (run, place) = turn.parts();
    let called = run.body(*of, pipeline, number, place, &Nowhere, lane).await;
    drop(turn);
    let Err(stop) = called else { return Ok(()) };
    let error = stop.error();
    if *of == Message::Request {
        slot.stop(stop);
    }
    Err(error)
}

impl Stop {
    /// The error that a message under way ends with.
    pub fn error(&self) -> Error {
        match self {
            Self::Failed(error) => Error::new(error.kind, error.detail.clone()),
            Self::Answer(_) => Error::new(
                ErrorKind::PluginFailed,
                "a plugin answered while another response was under way",
            ),
        }
    }
}

/// The head has gone on: nothing can be chosen any more.
struct Nowhere;

impl Destinations for Nowhere {
    fn cluster(&self, _: &str) -> Option<(usize, std::sync::Arc<str>)> {
        None
    }

    fn route(&self, _: &str) -> Option<ChosenRoute> {
        None
    }
}

struct Passing {
    /// None when it has ended.
    driver: Option<Driver>,
    outlet: Rc<Outlet>,
    /// Octets that are still to come, if a length was announced.
    left: Option<u64>,
}

impl Passing {
    /// Whoever frames the message relies on the length that was announced.
    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), Error> {
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            *left = left.checked_sub(data.len() as u64).ok_or_else(|| {
                Error::new(ErrorKind::Internal, "a body is longer than what was announced")
            })?;
        }
        Ok(())
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, Error>> {
        self.driver = None;
        let short = self.left.take().is_some_and(|left| left > 0);
        short.then(|| {
            Err(Error::new(ErrorKind::Internal, "a body is shorter than what was announced"))
        })
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(driver) = &mut this.driver else { return Poll::Ready(None) };
        let driven = driver.as_mut().poll(cx);
        let frame = this.outlet.frame.borrow_mut().take();
        match (frame, driven) {
            (Some(Ok(frame)), _) => {
                if let Err(error) = this.count(&frame) {
                    this.driver = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            (Some(Err(error)), _) => {
                this.driver = None;
                Poll::Ready(Some(Err(error)))
            }
            (None, Poll::Ready(())) => Poll::Ready(this.end()),
            (None, Poll::Pending) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.driver.is_none()
            || (self.outlet.ended.get()
                && self.outlet.frame.borrow().is_none()
                && self.left.is_none_or(|left| left == 0))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
