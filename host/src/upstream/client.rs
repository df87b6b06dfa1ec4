//! One exchange with a cluster: choose an endpoint, send, try again where that is
//! safe, stream the answer back.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use smallvec::SmallVec;

use super::balance::picker::{Attempt as Attempted, Picker, Question};
use super::cluster::{LocalCluster, LocalEndpoint};
use super::connect::connect;
use super::connection_pool::Sender;
use super::failure::classify;
use crate::config::UpstreamProtocol;
use crate::deadlines::{Deadlines, TICK, Watch};
use crate::exchange::body::{Meter, RequestBody};
use crate::exchange::{Error, ErrorKind};

/// Endpoints tried for one exchange.
const ATTEMPTS_MAX: usize = 3;

/// What an endpoint is asked.
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: PathAndQuery,
    /// The host that the client asked for.
    pub authority: HeaderValue,
    /// Without `host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: RequestBody,
    /// Of `body`, if it is the client's.
    pub meter: Option<Rc<Meter>>,
    /// The key for hash balancing, and for plugins that balance.
    pub key: Option<u64>,
    /// From the request's last octet to the response's head.
    pub response_timeout: Duration,
}

/// What an endpoint answered.
pub struct Reply {
    /// Its response, body not yet read.
    pub response: Response<Incoming>,
    /// The connection that it came on.
    pub lease: Lease,
}

/// What is known of the attempts, whether or not one succeeded.
#[derive(Default)]
pub struct Attempts {
    /// How many endpoints, or connections to one, were tried.
    pub count: u32,
    /// The last one.
    pub endpoint: Option<Rc<LocalEndpoint>>,
    /// Who chose it, if that was not the cluster's own algorithm.
    pub choice: Option<Choice>,
}

/// What another than the cluster's own algorithm chose.
pub struct Choice {
    /// Who.
    pub by: Arc<str>,
    /// Whether the last endpoint is its choice, and not the fallback's.
    pub obeyed: bool,
    /// How long choosing took, all attempts together.
    pub time: Duration,
}

/// Sends a call to an endpoint of the cluster.
///
/// Tried again is what surely was not received: a connection that could not be
/// made, and a request that was not written. A request that may have been
/// received is sent once more only if it came upon a pooled connection that
/// turned out closed, has no body, and its method is idempotent (RFC 9110,
/// section 9.2.2).
pub async fn send(
    cluster: &Rc<LocalCluster>,
    mut call: Call,
    deadlines: &Rc<Deadlines>,
    attempts: &mut Attempts,
) -> Result<Reply, Error> {
    let mut tried: SmallVec<[usize; ATTEMPTS_MAX]> = SmallVec::new();
    loop {
        let chosen = match cluster.picker() {
            None => cluster.pick(call.key, &tried, deadlines.now()),
            // Boxed, so that others do not carry its state.
            Some(picker) => {
                Box::pin(ask(cluster, &**picker, &call, &tried, deadlines.now(), attempts)).await
            }
        };
        let Some(index) = chosen else {
            return Err(Error::new(ErrorKind::Internal, "a cluster without endpoints"));
        };
        let endpoint = cluster.endpoint(index);
        attempts.endpoint = Some(Rc::clone(endpoint));
        let began = cluster.measures().then(Instant::now);
        let sent = on_endpoint(cluster, endpoint, call, deadlines, attempts).await;
        if let Some(began) = began {
            attempted(cluster, index, &sent, began, attempts);
        }
        let error = match sent {
            Ok(reply) => {
                endpoint.reached();
                return Ok(reply);
            }
            Err(Unsent::Failed(error)) => return Err(error),
            Err(Unsent::Unreachable(error, unsent)) => {
                endpoint.unreachable(deadlines.now());
                call = *unsent;
                error
            }
        };
        tried.push(index);
        if tried.len() == ATTEMPTS_MAX || tried.len() == cluster.endpoints().len() {
            return Err(error);
        }
    }
}

/// Lets another than the cluster's own algorithm choose; what it must not choose,
/// least-request does.
async fn ask(
    cluster: &LocalCluster,
    picker: &dyn Picker,
    call: &Call,
    tried: &[usize],
    now: u64,
    attempts: &mut Attempts,
) -> Option<usize> {
    let began = Instant::now();
    let candidates = cluster.candidates(tried, now, began);
    let question =
        Question { headers: &call.headers, authority: &call.authority, key: call.key, candidates };
    let picked = picker.pick(question).await.filter(|index| cluster.has_untried(*index, tried));
    let by = || Choice { by: Arc::clone(picker.name()), obeyed: false, time: Duration::ZERO };
    let choice = attempts.choice.get_or_insert_with(by);
    choice.obeyed = picked.is_some();
    choice.time += began.elapsed();
    picked.or_else(|| cluster.pick(call.key, tried, now))
}

/// Notes how long an attempt took, and tells who chose the endpoint.
fn attempted(
    cluster: &LocalCluster,
    index: usize,
    sent: &Result<Reply, Unsent>,
    began: Instant,
    attempts: &Attempts,
) {
    let now = Instant::now();
    let time = now.saturating_duration_since(began);
    let (status, error) = match sent {
        Ok(reply) => (Some(reply.response.status().as_u16()), None),
        Err(Unsent::Failed(error) | Unsent::Unreachable(error, _)) => (None, Some(error.kind)),
    };
    // An endpoint that fails at once is not fast.
    if error.is_none_or(|kind| kind == ErrorKind::ResponseTimeout) {
        cluster.endpoint(index).latency.observe(time, now);
    }
    if let Some(picker) = cluster.picker()
        && attempts.choice.as_ref().is_some_and(|choice| choice.obeyed)
    {
        let error = error.map(ErrorKind::as_str);
        picker.attempted(Attempted { index, status, error, time });
    }
}

/// Why an endpoint did not answer.
enum Unsent {
    /// It was not reached: the call may go to another.
    Unreachable(Error, Box<Call>),
    /// It may have begun to work on the request.
    Failed(Error),
}

async fn on_endpoint(
    cluster: &LocalCluster,
    endpoint: &Rc<LocalEndpoint>,
    mut call: Call,
    deadlines: &Rc<Deadlines>,
    attempts: &mut Attempts,
) -> Result<Reply, Unsent> {
    loop {
        attempts.count += 1;
        let mut pooled = endpoint.pool.take();
        let mut turn = None;
        if pooled.is_none() && endpoint.shares() {
            turn = Some(endpoint.connecting.lock().await);
            pooled = endpoint.pool.take();
        }
        let reused = pooled.is_some();
        let sender = match pooled {
            Some(sender) => sender,
            // Boxed, like everything rare: its state would be a part of every exchange's.
            None => match Box::pin(connect(&cluster.shared, endpoint, deadlines)).await {
                Ok(sender) => sender,
                Err(error) => return Err(Unsent::Unreachable(error, Box::new(call))),
            },
        };
        drop(turn);
        let lease = Lease::new(endpoint, sender, deadlines);
        match attempt(lease, call, reused, deadlines).await {
            Ok(reply) => return Ok(reply),
            Err(Attempt::Again(unsent)) => call = *unsent,
            Err(Attempt::Failed(error)) => return Err(Unsent::Failed(error)),
        }
    }
}

/// Why one attempt on one connection failed.
enum Attempt {
    /// The connection was closed before the endpoint can have seen the request.
    Again(Box<Call>),
    Failed(Error),
}

async fn attempt(
    mut lease: Lease,
    call: Call,
    reused: bool,
    deadlines: &Rc<Deadlines>,
) -> Result<Reply, Attempt> {
    let Call { meter, key, response_timeout, authority, .. } = &call;
    let (meter, key, response_timeout) = (meter.clone(), *key, *response_timeout);
    let authority = authority.clone();
    let target = call.target.clone();
    // A copy, for the race between our request and an endpoint that closes an idle
    // connection; without it every keep-alive time-out would cost somebody a 502.
    let replay = (reused && matches!(call.body, RequestBody::Empty) && call.method.is_idempotent())
        .then(|| (call.method.clone(), call.headers.clone()));
    let request = lease.request(call).map_err(Attempt::Failed)?;
    let again = |method, headers, body, meter| {
        Box::new(Call { method, target, authority, headers, body, meter, key, response_timeout })
    };
    let failed = match lease.send(request, meter.as_deref(), response_timeout, deadlines).await {
        Ok(response) => return Ok(Reply { response, lease }),
        Err(failed) => failed,
    };
    match failed {
        SendError::Timeout => {
            // An HTTP/2 connection may be dead for all its streams.
            lease.discard();
            Err(Attempt::Failed(Error::new(
                ErrorKind::ResponseTimeout,
                format!("{}: no response within {response_timeout:?}", lease.endpoint.target.url),
            )))
        }
        // A fresh connection that closes before it takes a request is an endpoint
        // that does not serve: asking it again would never end.
        SendError::Unsent(_) if !reused => Err(Attempt::Failed(Error::new(
            ErrorKind::UpstreamClosed,
            format!("{}: closed before it took the request", lease.endpoint.target.url),
        ))),
        SendError::Unsent(request) => {
            let (parts, body) = request.into_parts();
            let mut headers = parts.headers;
            headers.remove(HOST);
            headers.remove(TRANSFER_ENCODING);
            Err(Attempt::Again(again(parts.method, headers, body, meter)))
        }
        SendError::Sent(error) => match replay {
            Some((method, headers)) if !error.is_parse() => {
                Err(Attempt::Again(again(method, headers, RequestBody::Empty, meter)))
            }
            _ => {
                let url = &lease.endpoint.target.url;
                Err(Attempt::Failed(classify(url, &error, meter.as_deref())))
            }
        },
    }
}

enum SendError {
    Timeout,
    Unsent(Box<Request<RequestBody>>),
    Sent(hyper::Error),
}

/// The use of a connection by one exchange.
pub struct Lease {
    endpoint: Rc<LocalEndpoint>,
    sender: Option<Sender>,
    deadlines: Rc<Deadlines>,
}

impl Lease {
    fn new(endpoint: &Rc<LocalEndpoint>, sender: Sender, deadlines: &Rc<Deadlines>) -> Self {
        endpoint.in_flight.set(endpoint.in_flight.get() + 1);
        Self {
            endpoint: Rc::clone(endpoint),
            sender: Some(sender),
            deadlines: Rc::clone(deadlines),
        }
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Rc<LocalEndpoint> {
        &self.endpoint
    }

    /// The exchange is over, and the connection can take another one.
    pub fn finish(mut self) {
        if let Some(sender) = self.sender.take() {
            self.endpoint.pool.put(sender, self.deadlines.now());
        }
    }

    /// The connection is not to take another exchange; those on it may go on.
    fn discard(&mut self) {
        if let Some(Sender::Http2(_, number)) = self.sender.take() {
            self.endpoint.pool.forget(number);
        }
    }

    /// The request as this connection's protocol has it.
    fn request(&self, call: Call) -> Result<Request<RequestBody>, Error> {
        let Call { method, target, authority, mut headers, body, .. } = call;
        let endpoint = &self.endpoint.target;
        let authority = match &endpoint.authority {
            Some(fixed) => fixed.clone(),
            None if authority.is_empty() => endpoint.own_authority.clone(),
            None => authority,
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        match self.sender {
            Some(Sender::Http2(..)) => {
                let mut uri = http::uri::Parts::default();
                let https = endpoint.protocol == UpstreamProtocol::Https;
                uri.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP });
                let valid = http::uri::Authority::try_from(authority.as_bytes());
                uri.authority = Some(valid.map_err(|error| {
                    Error::new(ErrorKind::Internal, format!("the host cannot be sent: {error}"))
                })?);
                uri.path_and_query = Some(target);
                *request.uri_mut() = Uri::from_parts(uri).map_err(|error| {
                    Error::new(ErrorKind::Internal, format!("the target cannot be sent: {error}"))
                })?;
                *request.version_mut() = Version::HTTP_2;
            }
            _ => {
                *request.uri_mut() = Uri::from(target);
                headers.insert(HOST, authority);
                // Where the method promises no body, hyper would leave it out.
                if !headers.contains_key(CONTENT_LENGTH)
                    && !request.body().is_end_stream()
                    && request.body().size_hint().exact().is_none()
                {
                    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
                }
            }
        }
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn send(
        &mut self,
        request: Request<RequestBody>,
        meter: Option<&Meter>,
        timeout: Duration,
        deadlines: &Rc<Deadlines>,
    ) -> Result<Response<Incoming>, SendError> {
        let sent = match &mut self.sender {
            Some(Sender::Http1(sender)) => {
                within(deadlines, timeout, meter, sender.try_send_request(request)).await
            }
            Some(Sender::Http2(sender, _)) => {
                within(deadlines, timeout, meter, sender.try_send_request(request)).await
            }
            // Taken by `finish` only, which consumes the lease.
            None => return Err(SendError::Timeout),
        };
        match sent {
            None => Err(SendError::Timeout),
            Some(Ok(response)) => Ok(response),
            Some(Err(mut error)) => Err(match error.take_message() {
                Some(request) => SendError::Unsent(Box::new(request)),
                None => SendError::Sent(error.into_error()),
            }),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.in_flight.set(self.endpoint.in_flight.get() - 1);
        // An HTTP/1 connection in the middle of a message closes with its sender;
        // an HTTP/2 connection only loses a stream.
        if let Some(Sender::Http2(_, number)) = self.sender.take() {
            self.endpoint.pool.release(number, self.deadlines.now());
        }
    }
}

/// Waits for a response, at most `timeout` from the last piece of the request's body
/// that the endpoint took. A client that is slow with its body has a bound of its
/// own (`timeouts.body`).
async fn within<F: Future>(
    deadlines: &Rc<Deadlines>,
    timeout: Duration,
    meter: Option<&Meter>,
    response: F,
) -> Option<F::Output> {
    let mut response = std::pin::pin!(response);
    let mut left = timeout;
    loop {
        let waited = deadlines.limit(left, response.as_mut()).await;
        if waited.is_some() {
            return waited;
        }
        let meter = meter?;
        let ticks = deadlines.now().saturating_sub(meter.progress.get());
        let since = TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
        // While the client owes the next piece, the endpoint owes nothing.
        left = if meter.starved.get() { timeout } else { timeout.saturating_sub(since) };
        if left.is_zero() {
            return None;
        }
    }
}

/// A response's body on its way to the client.
pub struct UpstreamBody {
    incoming: Incoming,
    lease: Option<Lease>,
    patience: Duration,
    watch: Option<Watch>,
    deadlines: Rc<Deadlines>,
}

impl UpstreamBody {
    /// The body of a reply; `patience` between two pieces.
    pub fn new(incoming: Incoming, lease: Lease, patience: Duration) -> Self {
        let deadlines = Rc::clone(&lease.deadlines);
        let mut body = Self { incoming, lease: Some(lease), patience, watch: None, deadlines };
        body.finish_if_ended();
        body
    }

    fn finish_if_ended(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.finish();
        }
    }

    fn stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let watch = self.watch.get_or_insert_with(|| {
            let watch = self.deadlines.watch();
            watch.set(self.patience);
            watch
        });
        // Cleared by each piece: the endpoint's time begins when it is waited for,
        // not while the client takes the last piece.
        watch.set_if_clear(self.patience);
        watch.poll_due(cx).is_ready()
    }

    fn error(&self, error: &hyper::Error) -> Error {
        let url = self.lease.as_ref().map_or("", |lease| &lease.endpoint.target.url);
        classify(url, error, None)
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Pending if this.stalled(cx) => {
                this.lease = None;
                let kind = ErrorKind::UpstreamBodyTimeout;
                Poll::Ready(Some(Err(Error::new(kind, "the endpoint's body stalled"))))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(watch) = &this.watch {
                    watch.clear();
                }
                this.finish_if_ended();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = this.error(&error);
                this.lease = None;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                if let Some(lease) = this.lease.take() {
                    lease.finish();
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
