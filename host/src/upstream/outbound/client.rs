//! One request on one worker: resolve, look at the addresses, send, collect.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::BodyExt;

use super::url::Url;
use super::{Grant, HEAD};
use crate::config::http_grant::{Allowed, Host, Scheme};
use crate::config::{self, Timeouts, UpstreamHost, UpstreamProtocol};
use crate::deadlines::{Deadlines, TICK};
use crate::exchange::body::{InHand, RequestBody};
use crate::exchange::error::chain_text;
use crate::exchange::outgoing::{OutgoingError, OutgoingRequest};
use crate::exchange::{Error, ErrorKind};
use crate::http::head::strip_connection;
use crate::upstream::client::{Attempts, Call, UpstreamBody, send};
use crate::upstream::cluster::{Cluster, LocalCluster};
use crate::upstream::connect;

/// Hosts with connections at a time. A plugin that may reach every name below one
/// can have as many as it can think of.
const DESTINATIONS_MAX: usize = 256;

/// Addresses of one name that are looked at; resolvers answer with far fewer.
const ADDRESSES_MAX: usize = 32;

/// How long a connection is kept without use: as to endpoints.
const IDLE: Duration = Duration::from_secs(60);

/// Finds the addresses of a name.
pub(super) trait Resolve {
    /// All of them; the text says why there are none.
    fn resolve(&self, name: &str) -> impl Future<Output = Result<Vec<IpAddr>, String>>;
}

/// The process's resolver.
pub(super) struct System;

impl Resolve for System {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        connect::resolve(name).await
    }
}

/// A grant's connections on one worker.
pub(super) struct Client<R> {
    grant: Arc<Grant>,
    deadlines: Rc<Deadlines>,
    resolver: R,
    destinations: RefCell<HashMap<Destination, Known>>,
}

/// Whom a connection is to.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Destination {
    scheme: Scheme,
    host: Host,
    port: u16,
    /// Those that were looked at, in order.
    addresses: Vec<IpAddr>,
}

struct Known {
    cluster: Rc<LocalCluster>,
    /// The tick of its last use.
    used: u64,
}

impl<R: Resolve> Client<R> {
    pub(super) fn new(grant: Arc<Grant>, deadlines: Rc<Deadlines>, resolver: R) -> Self {
        Self { grant, deadlines, resolver, destinations: RefCell::default() }
    }

    /// The whole of a request, within its time.
    pub(super) async fn exchange(
        &self,
        request: OutgoingRequest,
        url: &Url,
        allowed: Allowed,
    ) -> Result<Response<Bytes>, OutgoingError> {
        let limit = request.timeout.min(self.grant.config.timeout);
        match tokio::time::timeout(limit, self.send(request, url, allowed)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutgoingError::Timeout),
        }
    }

    async fn send(
        &self,
        request: OutgoingRequest,
        url: &Url,
        allowed: Allowed,
    ) -> Result<Response<Bytes>, OutgoingError> {
        let addresses = Box::pin(self.addresses(url, allowed)).await?;
        let cluster = self.cluster(url, addresses)?;
        let OutgoingRequest { method, headers, body, .. } = request;
        let call = Call {
            method,
            target: url.target.clone(),
            // The cluster's own is sent.
            authority: HeaderValue::from_static(""),
            headers,
            body: match body.is_empty() {
                true => RequestBody::Empty,
                false => RequestBody::InHand(InHand::new([body].into(), None)),
            },
            meter: None,
            key: None,
            response_timeout: self.grant.config.timeout,
        };
        let reply = send(&cluster, call, &self.deadlines, &mut Attempts::default()).await;
        let reply = reply.map_err(|error| failure(&error))?;
        let (mut parts, incoming) = reply.response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            let text = format!("{}: it switches protocols unasked", url.origin());
            return Err(OutgoingError::Unreachable(text));
        }
        let body = UpstreamBody::new(incoming, reply.lease, self.grant.config.timeout);
        let body = collect(body, self.grant.config.body).await?;
        strip_connection(&mut parts.headers, Version::HTTP_11);
        Ok(Response::from_parts(parts, body))
    }

    /// Where to connect to: addresses that may be reached, each looked at.
    async fn addresses(&self, url: &Url, allowed: Allowed) -> Result<Vec<IpAddr>, OutgoingError> {
        let found =
            match &url.host {
                Host::Address(address) => vec![*address],
                Host::Name(name) => self.resolver.resolve(name).await.map_err(|text| {
                    OutgoingError::Unreachable(format!("{}: {text}", url.origin()))
                })?,
            };
        let mut reached = Vec::new();
        let mut refused = None;
        for address in found.into_iter().take(ADDRESSES_MAX) {
            match self.grant.config.reaches(allowed, address) {
                Ok(address) => reached.push(address),
                Err(error) => refused = Some(error),
            }
        }
        // So that the order of an answer makes no other destination.
        reached.sort_unstable();
        reached.dedup();
        match (reached.is_empty(), refused) {
            (false, _) => Ok(reached),
            (true, Some(error)) => {
                Err(OutgoingError::Denied(format!("`{}`: {error}", url.origin())))
            }
            (true, None) => {
                Err(OutgoingError::Unreachable(format!("{}: it has no address", url.origin())))
            }
        }
    }

    /// The connections to these addresses, as this host.
    fn cluster(
        &self,
        url: &Url,
        addresses: Vec<IpAddr>,
    ) -> Result<Rc<LocalCluster>, OutgoingError> {
        let now = self.deadlines.now();
        let destination =
            Destination { scheme: url.scheme, host: url.host.clone(), port: url.port, addresses };
        let mut destinations = self.destinations.borrow_mut();
        if let Some(known) = destinations.get_mut(&destination) {
            known.used = now;
            return Ok(Rc::clone(&known.cluster));
        }
        if destinations.len() >= DESTINATIONS_MAX {
            // Requests under way keep what they use.
            let oldest = destinations.iter().min_by_key(|(_, known)| known.used);
            if let Some(oldest) = oldest.map(|(destination, _)| destination.clone()) {
                destinations.remove(&oldest);
            }
        }
        let cluster = self.build(url, &destination.addresses)?;
        destinations.insert(destination, Known { cluster: Rc::clone(&cluster), used: now });
        Ok(cluster)
    }

    /// An endpoint for each address, all under the URL's name: for TLS and for the
    /// field `host`.
    fn build(&self, url: &Url, addresses: &[IpAddr]) -> Result<Rc<LocalCluster>, OutgoingError> {
        let unreachable =
            |text: String| OutgoingError::Unreachable(format!("{}: {text}", url.origin()));
        let (protocol, tls) = match url.scheme {
            Scheme::Http => (UpstreamProtocol::Http1, None),
            Scheme::Https => {
                let tls = self.grant.tls.as_ref().map_err(|text| unreachable(text.clone()))?;
                (UpstreamProtocol::Https, Some(tls))
            }
        };
        let endpoint = |address: &IpAddr| config::Endpoint {
            url: url.origin(),
            protocol,
            host: address.to_string(),
            port: url.port,
            weight: 1,
        };
        let timeouts = Timeouts {
            // Leaves time for a second address when nobody answers at the first.
            connect: Timeouts::default().connect.min(self.grant.config.timeout / 2),
            upstream_idle: IDLE,
            ..Timeouts::default()
        };
        let endpoints = addresses.iter().map(endpoint).collect();
        let mut config = config::Cluster::with_defaults("", endpoints, &timeouts);
        config.host = UpstreamHost::Fixed(url.authority());
        config.server_name = Some(match &url.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        });
        let cluster = Cluster::with_tls(&config, tls, &timeouts, HEAD)
            .map_err(|error| unreachable(chain_text(&error)))?;
        Ok(LocalCluster::new(Arc::new(cluster), 0))
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&self) {
        let now = self.deadlines.now();
        let old = u64::try_from(IDLE.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX);
        self.destinations.borrow_mut().retain(|_, known| {
            for endpoint in known.cluster.endpoints() {
                endpoint.pool.sweep(now);
            }
            now.saturating_sub(known.used) <= old
        });
    }

    /// Whether there is nothing to look after.
    pub(super) fn is_quiet(&self) -> bool {
        self.destinations.borrow().is_empty()
    }
}

/// The body, as long as it stays within the bound.
async fn collect(mut body: UpstreamBody, most: usize) -> Result<Bytes, OutgoingError> {
    let fits = |size: u64| size <= most as u64;
    // What is announced as too large need not be read.
    if !fits(body.size_hint().lower()) {
        return Err(OutgoingError::TooLarge);
    }
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error))?;
        if let Ok(data) = frame.into_data() {
            if !fits(collected.len() as u64 + data.len() as u64) {
                return Err(OutgoingError::TooLarge);
            }
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.freeze())
}

fn failure(error: &Error) -> OutgoingError {
    match error.kind {
        ErrorKind::ConnectTimeout | ErrorKind::ResponseTimeout | ErrorKind::UpstreamBodyTimeout => {
            OutgoingError::Timeout
        }
        _ => OutgoingError::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
