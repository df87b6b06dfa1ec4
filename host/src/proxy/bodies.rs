//! Bodies that plugins want to see, until their heads can go on.
//!
//! The first octets are pulled here, through the plugins, until one comes out or
//! the body ends: up to then a plugin may change the head, refuse, or answer.
//! Mostly the whole body is in hand by then and its length is known; of what is
//! left, [`plugin::body::passing`](crate::plugin::body::passing) makes a body
//! that drives itself.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::Body;

use super::body::{Content, bodiless};
use super::finish::Finish;
use crate::exchange::body::{ClientBody, InHand, PassingBody, RequestBody};
use crate::exchange::{Error, Exchange, Message, ResponseHead};
use crate::plugin::body::passing::Hooks;
use crate::plugin::body::slot::Slot;
use crate::plugin::body::stage::Stage;
use crate::plugin::body::{Next, Pipeline, Stop};
use crate::plugin::chain::Passage;
use crate::plugin::running_time::Lane;
use crate::snapshot::LocalSnapshot;

/// A body of which the head can go on.
enum Ready {
    InHand(InHand),
    Passing(PassingBody, Option<u64>),
}

/// Passes the request's body through the plugins that want to see it, until the
/// head can go on.
pub(super) async fn request(
    mut exchange: Box<Exchange>,
    body: ClientBody,
    finish: &mut Finish,
    lane: &Rc<Lane>,
) -> (Box<Exchange>, Result<RequestBody, Stop>) {
    let stages = finish.request_stages(&exchange, 0);
    if stages.is_empty() {
        return (exchange, Ok(RequestBody::Client(body)));
    }
    let (back, ready) = pass(Message::Request, exchange, body, stages, finish, lane).await;
    exchange = back;
    let body = ready.map(|ready| match ready {
        Ready::InHand(body) => {
            frame(&mut exchange.headers, body.length(), body.trailers());
            RequestBody::InHand(body)
        }
        Ready::Passing(body, length) => {
            frame(&mut exchange.headers, length, None);
            RequestBody::Passing(body)
        }
    });
    (exchange, body)
}

/// Likewise the response's. An error is the response's, of which nothing has been
/// sent; what takes the response's place is seen by no plugin.
pub(super) async fn response(
    mut exchange: Box<Exchange>,
    content: Content,
    finish: &mut Finish,
    lane: &Rc<Lane>,
) -> (Box<Exchange>, Result<Content, Error>) {
    let stages = finish.response_stages(&exchange);
    let Some(head) = exchange.response.as_mut().filter(|_| !stages.is_empty()) else {
        return (exchange, Ok(content));
    };
    if exchange.method == Method::HEAD || bodiless(head.status) {
        // Its length would be that of a body which plugins could change.
        if stages.iter().any(Stage::may_change) {
            head.headers.remove(header::CONTENT_LENGTH);
            // The endpoint's own tells its length too (HTTP/2).
            return (exchange, Ok(Content::Full(Bytes::new())));
        }
        return (exchange, Ok(content));
    }
    let (mut exchange, ready) =
        pass(Message::Response, exchange, content, stages, finish, lane).await;
    let Some(head) = &mut exchange.response else {
        return (exchange, ready.map(|_| Content::Full(Bytes::new())).map_err(|stop| stop.error()));
    };
    let content = match ready {
        Ok(Ready::InHand(body)) => {
            frame(&mut head.headers, body.length(), body.trailers());
            Content::InHand(body)
        }
        Ok(Ready::Passing(body, length)) => {
            frame(&mut head.headers, length, None);
            Content::Passing(body)
        }
        Err(Stop::Failed(error)) => return (exchange, Err(error)),
        Err(Stop::Answer(response)) => {
            let (parts, body) = response.into_parts();
            *head = ResponseHead { status: parts.status, headers: parts.headers };
            Content::Full(body)
        }
    };
    (exchange, Ok(content))
}

async fn pass<B>(
    of: Message,
    exchange: Box<Exchange>,
    body: B,
    stages: Vec<Stage>,
    finish: &mut Finish,
    lane: &Rc<Lane>,
) -> (Box<Exchange>, Result<Ready, Stop>)
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    let mut pipeline = Pipeline::new(body, stages);
    let snapshot = Rc::clone(finish.snapshot());
    let (exchange, begun) = begin(of, exchange, &mut pipeline, finish, &snapshot, lane).await;
    if let Err(stop) = begun {
        return (exchange, Err(stop));
    }
    if let Some(body) = pipeline.in_hand() {
        return (exchange, Ok(Ready::InHand(body)));
    }
    let length = pipeline.length();
    let hooks =
        pipeline.is_seen().then(|| Hooks { of, slot: finish.slot(), lane: Rc::clone(lane) });
    (exchange, Ok(Ready::Passing(pipeline.into_passing(hooks, length), length)))
}

/// Drives a pipeline until something comes out of it.
async fn begin<B>(
    of: Message,
    mut exchange: Box<Exchange>,
    pipeline: &mut Pipeline<B>,
    finish: &mut Finish,
    snapshot: &LocalSnapshot,
    lane: &Lane,
) -> (Box<Exchange>, Result<(), Stop>)
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    loop {
        // While the sender is waited for, the other body may need the exchange.
        let slot = finish.shared();
        finish.hold(exchange);
        let next = or_stop(slot.as_deref(), pipeline.advance()).await;
        exchange = finish.release().await;
        for at in pipeline.unseen() {
            finish.run_mut().unseen(of, at);
        }
        match next {
            Ok(Next::Octets | Next::End) => return (exchange, Ok(())),
            Err(stop) => return (exchange, Err(stop)),
            Ok(Next::Refused(number)) => {
                let error = finish.run_mut().refuse(of, pipeline.stage(number));
                return (exchange, Err(Stop::Failed(error)));
            }
            Ok(Next::Call(number)) => {
                let mut place = Some(exchange);
                let run = finish.run_mut();
                let called = run.body(of, pipeline, number, &mut place, snapshot, lane).await;
                exchange = place.expect("a hook that returned has given the exchange back");
                if let Err(stop) = called {
                    return (exchange, Err(stop));
                }
            }
        }
        if of == Message::Request {
            let (back, passed) = catch_up(exchange, pipeline, finish, snapshot, lane).await;
            exchange = back;
            if let Err(stop) = passed {
                return (exchange, Err(stop));
            }
        }
    }
}

/// A body hook may have chosen a route with plugins that have not seen the request:
/// they see it now, its head and then its body.
async fn catch_up<B>(
    exchange: Box<Exchange>,
    pipeline: &mut Pipeline<B>,
    finish: &mut Finish,
    snapshot: &LocalSnapshot,
    lane: &Lane,
) -> (Box<Exchange>, Result<(), Stop>)
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    let run = finish.run_mut();
    let before = run.passed();
    if !run.has_more() {
        return (exchange, Ok(()));
    }
    let (exchange, passage) = run.request(exchange, snapshot, lane).await;
    let passed = match passage {
        Passage::Forward => {
            pipeline.extend(run.request_stages(&exchange, before));
            Ok(())
        }
        Passage::Answer(response) => Err(Stop::Answer(response)),
        Passage::Failed(error) => Err(Stop::Failed(error)),
    };
    (exchange, passed)
}

/// Waits for something, or for a plugin that stops the request on its way.
pub(super) async fn or_stop<T>(
    slot: Option<&Slot>,
    wait: impl Future<Output = Result<T, Error>>,
) -> Result<T, Stop> {
    let mut wait = pin!(wait);
    poll_fn(|cx| {
        if let Some(slot) = slot
            && let Poll::Ready(stop) = slot.poll_stop(cx)
        {
            return Poll::Ready(Err(stop));
        }
        wait.as_mut().poll(cx).map(|waited| waited.map_err(Stop::Failed))
    })
    .await
}

/// Says in a head what is known of the length of its body, and which fields come
/// after it.
fn frame(headers: &mut HeaderMap, length: Option<u64>, trailers: Option<&HeaderMap>) {
    headers.remove(header::CONTENT_LENGTH);
    if let Some(length) = length {
        let _ = headers.try_insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    // HTTP/1 sends only fields that are announced.
    if let Some(trailers) = trailers {
        let names: Vec<&str> = trailers.keys().map(header::HeaderName::as_str).collect();
        if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
            let _ = headers.try_insert(header::TRAILER, names);
        }
    }
}
