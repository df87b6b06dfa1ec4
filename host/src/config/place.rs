//! Where in the file a part of the configuration was written.

use std::collections::BTreeMap;
use std::ops::Range;

/// A part of the configuration, to be pointed at by whoever finds fault with it
/// after it was loaded: an engine that cannot compile the plugin, a listener whose
/// port is in use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `plugin_dir`
    PluginDir,
    /// `cache_dir`
    CacheDir,
    /// `[admin]`
    Admin,
    /// `[access_log]`
    AccessLog,
    /// The address of a listener, by its index in `Config::listeners`.
    Listener(usize),
    /// The certificate of a listener, by their indices.
    Certificate(usize, usize),
    /// The key that belongs to it.
    CertificateKey(usize, usize),
    /// The authorities of a listener's clients, by its index.
    ClientCa(usize),
    /// A cluster, by its name.
    Cluster(String),
    /// An endpoint of a cluster, by its index.
    Endpoint(String, usize),
    /// A cluster's `ca`.
    ClusterCa(String),
    /// A plugin, by its name.
    Plugin(String),
    /// Its `source`.
    PluginSource(String),
    /// Its `capabilities`.
    PluginCapabilities(String),
    /// Its `config`.
    PluginConfig(String),
    /// A route, by its index in `Config::routes`.
    Route(usize),
    /// A plugin of a route, by its index in the route's chain.
    RoutePlugin(usize, usize),
}

impl Place {
    /// Where to point when the file does not have this one: the heading above it.
    fn heading(&self) -> Option<Self> {
        match self {
            Self::Endpoint(name, _) | Self::ClusterCa(name) => Some(Self::Cluster(name.clone())),
            Self::PluginSource(name)
            | Self::PluginCapabilities(name)
            | Self::PluginConfig(name) => Some(Self::Plugin(name.clone())),
            Self::RoutePlugin(route, _) => Some(Self::Route(*route)),
            Self::Certificate(listener, _)
            | Self::CertificateKey(listener, _)
            | Self::ClientCa(listener) => Some(Self::Listener(*listener)),
            _ => None,
        }
    }
}

/// The places of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places(BTreeMap<Place, Range<usize>>);

impl Places {
    pub(super) fn insert(&mut self, place: Place, span: Range<usize>) {
        self.0.insert(place, span);
    }

    pub(super) fn get(&self, place: &Place) -> Option<Range<usize>> {
        match self.0.get(place) {
            Some(span) => Some(span.clone()),
            None => self.get(&place.heading()?),
        }
    }
}
