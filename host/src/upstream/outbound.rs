//! Requests of plugins' own, to hosts that the operator granted.
//!
//! A request goes through four doors, in this order and none twice: its URL has one
//! meaning ([`url::Url`]), its host is granted, every address that it is connected
//! to has been looked at, and the connection is to that address. A pool of
//! connections belongs to the addresses that were looked at, never to a name.
//!
//! [`Outbound`] is what an instance holds: it can be sent between threads, as
//! instances must be, and hands each request to a task on its worker, where the
//! connections are.

mod client;
pub mod url;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::cluster::HeadLimits;
use super::tls::{self, ClientConfig, TlsError};
use crate::config::HttpGrant;
use crate::config::http_grant::{Allowed, Scheme};
use crate::deadlines::Deadlines;
use crate::exchange::error::chain_text;
use crate::exchange::outgoing::{OutgoingError, OutgoingRequest};
use client::{Client, System};
use url::Url;

/// How often idle connections are looked after.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// One plugin's grant, ready for use by all workers.
pub struct Grant {
    /// As configured.
    pub config: HttpGrant,
    /// Why not, where no authorities can be had and none may be needed.
    tls: Result<Arc<ClientConfig>, String>,
    /// The one thing here that workers write: a bound over all of them can be kept
    /// in no other way, and a request to another host costs a thousand times more.
    in_flight: AtomicUsize,
}

impl Grant {
    /// Reads the authorities: not on a worker.
    ///
    /// # Errors
    ///
    /// When they cannot be had, and are surely needed.
    pub fn new(config: &HttpGrant) -> Result<Self, TlsError> {
        let needs_tls = config.hosts.iter().any(|host| host.scheme == Some(Scheme::Https));
        let tls = match tls::client_config(config.ca.as_deref(), true) {
            Err(error) if needs_tls || config.ca.is_some() => return Err(error),
            tls => tls.map_err(|error| chain_text(&error)),
        };
        Ok(Self { config: config.clone(), tls, in_flight: AtomicUsize::new(0) })
    }

    fn place(self: &Arc<Self>) -> Option<Place> {
        // Taken before it is known to be there: two callers never get the last one.
        let place = Place(Arc::clone(self));
        (self.in_flight.fetch_add(1, Ordering::Relaxed) < self.config.in_flight).then_some(place)
    }
}

/// One of the requests that may be under way.
struct Place(Arc<Grant>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A grant on one worker.
pub struct Outbound {
    grant: Arc<Grant>,
    orders: mpsc::UnboundedSender<Order>,
}

/// A request on its way to the worker's task.
struct Order {
    request: OutgoingRequest,
    url: Url,
    allowed: Allowed,
    answer: oneshot::Sender<Result<Response<Bytes>, OutgoingError>>,
    /// Given back when the request is over, however it ends.
    place: Place,
}

impl Outbound {
    /// Starts the task, on this worker. It ends when this is dropped.
    pub fn start(grant: &Arc<Grant>, deadlines: &Rc<Deadlines>) -> Self {
        // Not bounded here: every order in it holds a place of the grant's.
        let (orders, received) = mpsc::unbounded_channel();
        let client = Rc::new(Client::new(Arc::clone(grant), Rc::clone(deadlines), System));
        tokio::task::spawn_local(serve(client, received));
        Self { grant: Arc::clone(grant), orders }
    }

    /// The bound for one request, and for all of one hook together.
    pub fn timeout(&self) -> Duration {
        self.grant.config.timeout
    }

    /// Sends a request; dropping the future ends it.
    pub fn send(
        &self,
        request: OutgoingRequest,
    ) -> impl Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + 'static {
        let under_way = self.begin(request);
        async move {
            // A task that ends without an answer is a worker that ends.
            let ended = || OutgoingError::Unreachable("the proxy is shutting down".to_owned());
            under_way?.await.unwrap_or_else(|_| Err(ended()))
        }
    }

    fn begin(
        &self,
        request: OutgoingRequest,
    ) -> Result<oneshot::Receiver<Result<Response<Bytes>, OutgoingError>>, OutgoingError> {
        let url = Url::parse(&request.url).map_err(|why| OutgoingError::Illegal(why.to_owned()))?;
        let allowed = self.grant.config.allows(url.scheme, &url.host, url.port);
        let allowed = allowed.ok_or_else(|| {
            OutgoingError::Denied(format!("`{}` is not among the granted hosts", url.origin()))
        })?;
        let place = self.grant.place().ok_or(OutgoingError::Busy)?;
        let (answer, answered) = oneshot::channel();
        // If the task is gone, so is `answer`, which the caller then learns.
        let _ = self.orders.send(Order { request, url, allowed, answer, place });
        Ok(answered)
    }
}

async fn serve(client: Rc<Client<System>>, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut interval = tokio::time::interval(HOUSEKEEPING);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => {
                    tokio::task::spawn_local(exchange(Rc::clone(&client), order));
                }
                None => return,
            },
            _ = interval.tick(), if !client.is_quiet() => client.sweep(),
        }
    }
}

async fn exchange(client: Rc<Client<System>>, order: Order) {
    let Order { request, url, allowed, mut answer, place } = order;
    let outcome = tokio::select! {
        outcome = client.exchange(request, &url, allowed) => outcome,
        // The hook is gone, and with it the need.
        () = answer.closed() => return,
    };
    // Before the answer: who asks again at once finds the place free.
    drop(place);
    let _ = answer.send(outcome);
}

/// Bounds on the head of a response: the defaults for endpoints.
const HEAD: HeadLimits = HeadLimits { bytes: 64 << 10, count: 100 };
