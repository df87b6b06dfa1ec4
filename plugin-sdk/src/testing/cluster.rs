//! The cluster that a test lets a plugin pick from.

use std::time::Duration;

use crate::{Endpoint, Load};

/// A made-up cluster, for [`Loaded::on_endpoints`](super::Loaded::on_endpoints) and
/// [`Loaded::on_pick`](super::Loaded::on_pick). An endpoint's number is its place in
/// the list.
///
/// ```
/// use plugin_sdk::testing::{Cluster, Exchange, Loaded};
/// use plugin_sdk::{NoConfig, Pick, Plugin, Result};
///
/// struct Least;
///
/// impl Plugin for Least {
///     type Config = NoConfig;
///     fn new(_: NoConfig) -> Result<Self> {
///         Ok(Self)
///     }
///     fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
///         pick.loads().iter().min_by_key(|load| load.in_flight).map(|load| load.id)
///     }
/// }
///
/// let least = Loaded::<Least>::new("{}")?;
/// let cluster = Cluster::new("app", ["http://10.0.0.1", "http://10.0.0.2"]).in_flight(0, 7);
/// least.on_endpoints(&cluster);
/// assert_eq!(least.on_pick(&Exchange::get("/"), &cluster), Ok(Some(1)));
/// assert_eq!(least.on_pick(&Exchange::get("/"), &cluster.without(1)), Ok(Some(0)));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) name: String,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) loads: Vec<Load>,
    pub(super) key: Option<u64>,
}

impl Cluster {
    /// Idle endpoints with these URLs, of weight 1, of whose latency nothing is known.
    pub fn new<U: Into<String>>(
        name: impl Into<String>,
        urls: impl IntoIterator<Item = U>,
    ) -> Self {
        let endpoint = |(id, url): (u32, U)| Endpoint { id, url: url.into(), weight: 1 };
        let endpoints: Vec<Endpoint> = (0..).zip(urls).map(endpoint).collect();
        let load = |endpoint: &Endpoint| Load { id: endpoint.id, in_flight: 0, latency_us: 0 };
        let loads = endpoints.iter().map(load).collect();
        Self { name: name.into(), endpoints, loads, key: None }
    }

    /// Gives an endpoint a weight.
    #[must_use]
    pub fn weight(mut self, id: u32, weight: u32) -> Self {
        for endpoint in self.endpoints.iter_mut().filter(|endpoint| endpoint.id == id) {
            endpoint.weight = weight;
        }
        self
    }

    /// So many exchanges are under way with an endpoint.
    #[must_use]
    pub fn in_flight(self, id: u32, exchanges: u32) -> Self {
        self.with(id, |load| load.in_flight = exchanges)
    }

    /// An endpoint takes so long to answer.
    #[must_use]
    pub fn latency(self, id: u32, latency: Duration) -> Self {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.with(id, |load| load.latency_us = micros)
    }

    /// An endpoint is left alone after a failure, or was tried already.
    #[must_use]
    pub fn without(mut self, id: u32) -> Self {
        self.loads.retain(|load| load.id != id);
        self
    }

    /// What the exchange's `hash` comes to.
    #[must_use]
    pub fn key(mut self, key: u64) -> Self {
        self.key = Some(key);
        self
    }

    fn with(mut self, id: u32, change: impl Fn(&mut Load)) -> Self {
        self.loads.iter_mut().filter(|load| load.id == id).for_each(change);
        self
    }
}
