//! One immutable version of everything configured, and a worker's view of it.
//!
//! A [`Snapshot`] is built off the request path and published as a whole. Each
//! worker makes itself a [`LocalSnapshot`], which takes over instances and
//! connections of what has not changed; exchanges keep the one they began with.

// How a plugin's requests get from its instance to the worker's connections.
mod call_out;
// A plugin as the one who chooses a cluster's endpoints.
mod picker;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config};
use crate::deadlines::Deadlines;
use crate::plugin::balancing::{Balancing, Endpoint};
use crate::plugin::chain::{Chain, ChosenRoute, Destinations};
use crate::plugin::instance_pool::InstancePool;
use crate::plugin::registry::Plugin;
use crate::plugin::running_time::Lane;
use crate::router::{RequestView, Router};
use crate::upstream::cluster::{Cluster, LocalCluster};
use crate::upstream::outbound;
use picker::PluginPicker;

/// What all workers share.
pub struct Snapshot {
    /// What it was built from.
    pub config: Arc<Config>,
    /// Which route takes a request.
    pub router: Router,
    /// The loaded plugins that something uses: a route, a cluster, the time.
    pub plugins: Vec<Arc<Plugin>>,
    /// For each plugin, where it may send requests of its own; none = nowhere.
    pub grants: Vec<Option<Arc<outbound::Grant>>>,
    /// For each route, indices into `plugins`, in order.
    pub chains: Vec<Vec<usize>>,
    /// In the order of the configuration.
    pub clusters: Vec<Arc<Cluster>>,
    /// For each cluster, the index in `plugins` of the one that chooses its endpoints.
    pub balancing: Vec<Option<usize>>,
}

impl Snapshot {
    /// Whether exchanges are handled alike by both.
    pub fn same(&self, other: &Self) -> bool {
        let ids =
            |snapshot: &Self| snapshot.plugins.iter().map(|plugin| plugin.id).collect::<Vec<_>>();
        self.config == other.config
            && self.chains == other.chains
            && self.balancing == other.balancing
            && ids(self) == ids(other)
            && self.grants.iter().zip(&other.grants).all(|(one, other)| same_grant(one, other))
            && self.clusters.len() == other.clusters.len()
            && self.clusters.iter().zip(&other.clusters).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// What one worker has of a snapshot.
pub struct LocalSnapshot {
    /// What all workers share.
    pub shared: Arc<Snapshot>,
    router: Router,
    routes: Vec<LocalRoute>,
    clusters: Vec<Rc<LocalCluster>>,
    /// For each cluster, its choice if a plugin makes it.
    balancing: Vec<Option<Rc<Balancing>>>,
    pools: Vec<Rc<InstancePool>>,
    has_complete_hook: bool,
}

/// A route on one worker.
pub struct LocalRoute {
    /// Its name; a copy for each worker.
    pub name: Arc<str>,
    /// Its plugins.
    pub chain: Rc<Chain>,
    /// Where its exchanges go.
    pub cluster: Rc<LocalCluster>,
    /// Bound on a request's body.
    pub body_bytes: Option<u64>,
    /// Instead of the cluster's.
    pub response_timeout: Option<Duration>,
}

impl LocalSnapshot {
    /// `previous` is what the worker had until now; `seed` differs between workers.
    ///
    /// Within the worker's runtime: a plugin's requests need a task there.
    pub fn new(
        shared: &Arc<Snapshot>,
        previous: Option<&Self>,
        deadlines: &Rc<Deadlines>,
        seed: u64,
        lane: &Rc<Lane>,
    ) -> Rc<Self> {
        let old_pools = previous.map(|previous| &*previous.pools).unwrap_or_default();
        let old_grants = previous.map(|previous| &*previous.shared.grants).unwrap_or_default();
        let pool = |(plugin, grant): (&Arc<Plugin>, &Option<Arc<outbound::Grant>>)| {
            let old = old_pools.iter().zip(old_grants).find(|(pool, old)| {
                // Instances keep how they send requests: other authorities, other instances.
                pool.plugin.id == plugin.id && same_grant(old, grant)
            });
            old.map(|(pool, _)| Rc::clone(pool)).unwrap_or_else(|| {
                let outbound = grant.as_ref().map(|grant| call_out::start(grant, deadlines));
                InstancePool::new(Arc::clone(plugin), outbound)
            })
        };
        let pools: Vec<_> = shared.plugins.iter().zip(&shared.grants).map(pool).collect();
        let (clusters, balancing): (Vec<_>, Vec<_>) = shared
            .clusters
            .iter()
            .zip(&shared.balancing)
            .map(|(cluster, plugin)| {
                let pool = plugin.map(|index| &pools[index]);
                local_cluster(cluster, pool, previous, seed, lane)
            })
            .unzip();
        let routes = shared.config.routes.iter().zip(&shared.chains).map(|(route, chain)| {
            let links = chain.iter().map(|&plugin| Rc::clone(&pools[plugin])).collect();
            LocalRoute {
                name: route.name.as_str().into(),
                chain: Chain::new(links),
                cluster: Rc::clone(&clusters[route.cluster]),
                body_bytes: route.body_bytes.or(shared.config.limits.body_bytes),
                response_timeout: route.response_timeout,
            }
        });
        Rc::new(Self {
            routes: routes.collect(),
            router: shared.router.clone(),
            shared: Arc::clone(shared),
            clusters,
            balancing,
            has_complete_hook: pools
                .iter()
                .any(|pool| pool.plugin.artifact.exports.complete.is_some()),
            pools,
        })
    }

    /// Makes the first instances, so that no exchange waits for one.
    pub async fn warm(&self, lane: &Lane) {
        for pool in self.routes.iter().flat_map(|route| route.chain.pools()) {
            pool.warm(lane).await;
        }
        for balancing in self.balancing.iter().flatten() {
            balancing.warm().await;
        }
    }

    /// Brings the accounts of plugins up to date that workers share.
    pub fn account(&self) {
        self.balancing.iter().flatten().for_each(|balancing| balancing.account());
    }

    /// Lets go of instances that nobody needs any more.
    pub fn trim(&self) {
        self.pools.iter().for_each(|pool| pool.trim());
        self.balancing.iter().flatten().for_each(|balancing| balancing.trim());
    }

    /// The route that takes a request.
    pub fn route(&self, request: &RequestView<'_>) -> Option<usize> {
        self.router.route(request)
    }

    /// The route of that index.
    pub fn route_at(&self, index: usize) -> &LocalRoute {
        &self.routes[index]
    }

    /// The cluster of that index.
    pub fn cluster_at(&self, index: usize) -> &Rc<LocalCluster> {
        &self.clusters[index]
    }

    /// Whether some plugin wants to know how exchanges end.
    pub fn has_complete_hook(&self) -> bool {
        self.has_complete_hook
    }

    /// Every plugin's instances.
    pub fn pools(&self) -> &[Rc<InstancePool>] {
        &self.pools
    }

    /// Every cluster.
    pub fn clusters(&self) -> &[Rc<LocalCluster>] {
        &self.clusters
    }
}

fn same_grant(one: &Option<Arc<outbound::Grant>>, other: &Option<Arc<outbound::Grant>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// A cluster on this worker, with the plugin that chooses its endpoints, if one does.
/// What has not changed is taken over.
fn local_cluster(
    shared: &Arc<Cluster>,
    pool: Option<&Rc<InstancePool>>,
    previous: Option<&LocalSnapshot>,
    seed: u64,
    lane: &Rc<Lane>,
) -> (Rc<LocalCluster>, Option<Rc<Balancing>>) {
    let name = &shared.config.name;
    let old = previous.and_then(|previous| {
        let index = previous.clusters.iter().position(|old| *old.name == **name)?;
        Some((&previous.clusters[index], previous.balancing[index].as_ref()))
    });
    let same = old.filter(|(old, _)| Arc::ptr_eq(&old.shared, shared));
    let cluster = || match same {
        Some((old, _)) => Rc::clone(old),
        None => LocalCluster::new(Arc::clone(shared), seed),
    };
    let Some(pool) = pool else { return (cluster(), None) };
    let before = old.and_then(|(_, balancing)| balancing).filter(|old| old.is_of(pool));
    if let (Some((old, _)), Some(before)) = (same, before) {
        return (Rc::clone(old), Some(Rc::clone(before)));
    }
    let endpoints = endpoints(&shared.config);
    let balancing = Balancing::new(pool, name, endpoints, before.map(|before| &**before), lane);
    let picker = Rc::new(PluginPicker(Rc::clone(&balancing)));
    (cluster().picked_by(picker, seed), Some(balancing))
}

fn endpoints(cluster: &config::Cluster) -> Vec<Endpoint> {
    let endpoint = |(index, endpoint): (usize, &config::Endpoint)| Endpoint {
        id: index as u32,
        url: endpoint.url.clone(),
        weight: endpoint.weight,
    };
    cluster.endpoints.iter().enumerate().map(endpoint).collect()
}

impl Destinations for LocalSnapshot {
    fn cluster(&self, name: &str) -> Option<(usize, Arc<str>)> {
        let index = self.clusters.iter().position(|cluster| &*cluster.name == name)?;
        Some((index, Arc::clone(&self.clusters[index].name)))
    }

    fn route(&self, name: &str) -> Option<ChosenRoute> {
        let index = self.routes.iter().position(|route| &*route.name == name)?;
        let LocalRoute { chain, cluster, .. } = &self.routes[index];
        Some(ChosenRoute { index, chain: Rc::clone(chain), cluster: Arc::clone(&cluster.name) })
    }
}
