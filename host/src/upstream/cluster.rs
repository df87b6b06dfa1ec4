//! A named group of endpoints: what workers share of it, and what each has alone.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::Authority;
use http::{HeaderName, HeaderValue};
use thiserror::Error;
use tokio::sync::Mutex;

use super::balance::latency::Latency;
use super::balance::picker::{Candidates, Picker};
use super::balance::{Balancer, Table};
use super::connection_pool::ConnectionPool;
use super::tls::{self, ClientConfig, ServerName, TlsError};
use crate::config::{self, Balance, UpstreamHost, UpstreamProtocol};

/// A cluster, built from its configuration; never written after that.
pub struct Cluster {
    /// What it was built from: an unchanged cluster keeps its connections when the
    /// configuration is loaded again.
    pub config: config::Cluster,
    /// Bounds on the head of a response.
    pub head: HeadLimits,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// How long a response body may stall.
    pub body: Duration,
    /// Identifying response headers that clients may see.
    pub expose: Box<[HeaderName]>,
    table: Arc<Table>,
    endpoints: Vec<Arc<Target>>,
}

/// Bounds on the head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Octets.
    pub bytes: usize,
    /// Fields.
    pub count: usize,
}

/// Where and how to reach one endpoint.
pub struct Target {
    /// As configured: what the access log shows.
    pub url: Arc<str>,
    /// How to speak to it.
    pub protocol: UpstreamProtocol,
    /// An address, or a name to resolve.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// What the endpoint sees as host, unless it is the client's.
    pub authority: Option<HeaderValue>,
    /// The endpoint's own, for a client that named no host.
    pub own_authority: HeaderValue,
    /// For `https`.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Known.
    Address(IpAddr),
    /// Resolved when a connection is made.
    Name(String),
}

/// Why a cluster cannot be built.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The authorities.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A name that cannot be verified against a certificate.
    #[error("`{0}` is no name that a certificate can have")]
    ServerName(String),
    /// A host that cannot be sent.
    #[error("`{0}` is no host")]
    Host(String),
}

impl Cluster {
    /// Builds a cluster; reads the authorities' file if there is one.
    pub fn new(
        config: &config::Cluster,
        timeouts: &config::Timeouts,
        limits: &config::Limits,
    ) -> Result<Self, ClusterError> {
        let needs_tls = |endpoint: &config::Endpoint| endpoint.protocol == UpstreamProtocol::Https;
        let tls = match config.endpoints.iter().any(needs_tls) {
            true => Some(tls::client_config(config.ca.as_deref(), true)?),
            false => None,
        };
        let head = HeadLimits { bytes: limits.header_bytes, count: limits.header_count };
        Self::with_tls(config, tls.as_ref(), timeouts, head)
    }

    /// Builds a cluster with TLS that is ready: reads no file.
    pub fn with_tls(
        config: &config::Cluster,
        tls: Option<&Arc<ClientConfig>>,
        timeouts: &config::Timeouts,
        head: HeadLimits,
    ) -> Result<Self, ClusterError> {
        let target = |endpoint| Target::new(endpoint, config, tls).map(Arc::new);
        Ok(Self {
            config: config.clone(),
            head,
            idle: timeouts.upstream_idle,
            body: timeouts.upstream_body,
            expose: config.expose.iter().filter_map(|name| name.parse().ok()).collect(),
            table: Arc::new(Table::new(&config.balance, &config.endpoints)),
            endpoints: config.endpoints.iter().map(target).collect::<Result<_, _>>()?,
        })
    }
}

impl Target {
    fn new(
        endpoint: &config::Endpoint,
        cluster: &config::Cluster,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, ClusterError> {
        let host = match endpoint.host.parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(endpoint.host.clone()),
        };
        let server_name = || {
            let name = cluster.server_name.as_ref().unwrap_or(&endpoint.host);
            ServerName::try_from(name.clone()).map_err(|_| ClusterError::ServerName(name.clone()))
        };
        let authority = match &cluster.host {
            UpstreamHost::Preserve => None,
            UpstreamHost::Endpoint => Some(endpoint_authority(endpoint)),
            UpstreamHost::Fixed(host) => Some(host.clone()),
        };
        let value = |text: String| match text.parse::<Authority>() {
            Ok(_) => HeaderValue::try_from(&text).map_err(|_| ClusterError::Host(text)),
            Err(_) => Err(ClusterError::Host(text)),
        };
        let tls = match endpoint.protocol {
            UpstreamProtocol::Https => {
                tls.cloned().map(|tls| server_name().map(|name| (tls, name)))
            }
            UpstreamProtocol::Http1 | UpstreamProtocol::H2c => None,
        };
        Ok(Self {
            url: endpoint.url.as_str().into(),
            protocol: endpoint.protocol,
            host,
            port: endpoint.port,
            own_authority: value(endpoint_authority(endpoint))?,
            authority: authority.map(value).transpose()?,
            tls: tls.transpose()?,
        })
    }
}

fn endpoint_authority(endpoint: &config::Endpoint) -> String {
    let default = match endpoint.protocol {
        UpstreamProtocol::Https => 443,
        UpstreamProtocol::Http1 | UpstreamProtocol::H2c => 80,
    };
    let host = match endpoint.host.contains(':') {
        true => format!("[{}]", endpoint.host),
        false => endpoint.host.clone(),
    };
    if endpoint.port == default { host } else { format!("{host}:{}", endpoint.port) }
}

/// A cluster on one worker.
pub struct LocalCluster {
    /// What all workers share.
    pub shared: Arc<Cluster>,
    /// Its name; a copy for each worker, so that counting its holders touches no
    /// memory that another worker writes.
    pub name: Arc<str>,
    /// Who chooses instead of `balancer`, as long as it does.
    picker: Option<Rc<dyn Picker>>,
    balancer: Balancer,
    endpoints: Rc<[Rc<LocalEndpoint>]>,
}

/// An endpoint on one worker.
pub struct LocalEndpoint {
    /// Where and how to reach it.
    pub target: Arc<Target>,
    /// Its URL; a copy for each worker, as of the cluster's name.
    pub url: Arc<str>,
    /// How long it takes to answer; only of clusters that choose by it.
    pub latency: Latency,
    /// Exchanges that it has not finished answering.
    pub in_flight: Cell<u32>,
    /// Connections that wait.
    pub pool: ConnectionPool,
    /// Held while an HTTP/2 connection is made, so that those who come meanwhile
    /// share it.
    pub connecting: Mutex<()>,
    failures: Cell<u32>,
    /// The tick until which it is left alone.
    avoided_until: Cell<u64>,
}

impl LocalCluster {
    /// `seed` differs between workers.
    pub fn new(shared: Arc<Cluster>, seed: u64) -> Rc<Self> {
        let endpoint = |target: &Arc<Target>| {
            Rc::new(LocalEndpoint {
                target: Arc::clone(target),
                url: (*target.url).into(),
                latency: Latency::default(),
                in_flight: Cell::new(0),
                pool: ConnectionPool::new(shared.config.idle_connections, shared.idle),
                connecting: Mutex::default(),
                failures: Cell::new(0),
                avoided_until: Cell::new(0),
            })
        };
        Rc::new(Self {
            name: shared.config.name.as_str().into(),
            picker: None,
            balancer: Balancer::new(Arc::clone(&shared.table), seed),
            endpoints: shared.endpoints.iter().map(endpoint).collect(),
            shared,
        })
    }

    /// The same cluster, its endpoints with their connections and counts included,
    /// with another one who chooses.
    pub fn picked_by(&self, picker: Rc<dyn Picker>, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            name: Arc::clone(&self.name),
            picker: Some(picker),
            balancer: Balancer::new(Arc::clone(&self.shared.table), seed),
            endpoints: Rc::clone(&self.endpoints),
            shared: Arc::clone(&self.shared),
        })
    }

    /// Who chooses, if it is not the cluster's own algorithm.
    pub fn picker(&self) -> Option<&Rc<dyn Picker>> {
        self.picker.as_ref()
    }

    /// Whether somebody chooses by how long endpoints take.
    pub(super) fn measures(&self) -> bool {
        matches!(self.shared.config.balance, Balance::PeakEwma | Balance::Plugin { .. })
    }

    /// Whether an attempt can go there, wise or not.
    pub(super) fn has_untried(&self, index: usize, tried: &[usize]) -> bool {
        index < self.endpoints.len() && !tried.contains(&index)
    }

    /// The endpoints that the next attempt may go to.
    pub(super) fn candidates<'a>(
        &'a self,
        tried: &'a [usize],
        ticks: u64,
        at: Instant,
    ) -> Candidates<'a> {
        Candidates::new(&self.endpoints, tried, ticks, at)
    }

    /// An endpoint for the next attempt: not one of those `tried`, and one that is
    /// left alone only if there is no other.
    pub fn pick(&self, key: Option<u64>, tried: &[usize], now: u64) -> Option<usize> {
        let in_flight = |index: usize| self.endpoints[index].in_flight.get();
        let at = matches!(self.shared.config.balance, Balance::PeakEwma).then(Instant::now);
        let latency = |index: usize| at.map_or(0.0, |at| self.endpoints[index].latency.at(at));
        let untried = |index: usize| !tried.contains(&index);
        let usable = |index: usize| untried(index) && self.endpoints[index].is_up(now);
        self.balancer
            .pick(key, in_flight, latency, usable)
            .or_else(|| self.balancer.pick(key, in_flight, latency, untried))
    }

    /// The endpoint of that index.
    pub fn endpoint(&self, index: usize) -> &Rc<LocalEndpoint> {
        &self.endpoints[index]
    }

    /// In the order of the configuration.
    pub fn endpoints(&self) -> &[Rc<LocalEndpoint>] {
        &self.endpoints
    }
}

impl LocalEndpoint {
    /// It could not be reached: leave it alone for a while, longer each time in a
    /// row, up to half a minute.
    pub fn unreachable(&self, now: u64) {
        let ticks_per_second = 1000 / crate::deadlines::TICK.as_millis() as u64;
        let failures = self.failures.get().saturating_add(1);
        self.failures.set(failures);
        let seconds = 1u64 << failures.min(5).saturating_sub(1);
        self.avoided_until.set(now + seconds.min(30) * ticks_per_second);
    }

    /// Whether it is not left alone.
    pub(super) fn is_up(&self, now: u64) -> bool {
        self.avoided_until.get() <= now
    }

    /// Whether its connections are known to take many exchanges at once.
    pub fn shares(&self) -> bool {
        self.target.protocol == UpstreamProtocol::H2c || self.pool.has_shared()
    }

    /// It was reached.
    pub fn reached(&self) {
        if self.failures.get() != 0 {
            self.failures.set(0);
            self.avoided_until.set(0);
        }
    }
}
