//! From a configuration to everything that serves it: plugins, clusters, routes,
//! certificates. Compiling can take seconds, so none of this runs on a worker.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmgate_bundled::Bundled;

use super::{Options, Source, StartError};
use crate::config::{self, Config, Diagnostic, Origin, Place, PluginSource};
use crate::exchange::error::chain_text;
use crate::listener::accept::Mode;
use crate::listener::tls::{self, ClientVerifier, Tickets};
use crate::plugin::artifact::{Digest, digest};
use crate::plugin::engine::{self, Engine};
use crate::plugin::registry::{LoadError, Outcome, Plugin, Registry, directory};
use crate::plugin::running_time::Ticker;
use crate::plugin::store::Store;
use crate::router::Router;
use crate::snapshot::Snapshot;
use crate::upstream::cluster::Cluster;
use crate::upstream::outbound::Grant;

/// Loads configurations, one after the other, and keeps what has not changed.
pub(super) struct Loader {
    source: Source,
    builtins: Vec<&'static str>,
    registry: Registry,
    engine: Arc<Engine>,
    /// What plugins keep.
    store: Arc<Store>,
    ticker: Ticker,
    runtime: tokio::runtime::Runtime,
    tickets: Tickets,
    /// With a stamp of the authorities' file.
    clusters: Vec<(Stamp, Arc<Cluster>)>,
    /// By plugin, with a stamp of the authorities' file.
    grants: HashMap<u64, (Stamp, Arc<Grant>)>,
    /// With a stamp of the certificates' files.
    listeners: Vec<(Stamp, config::Listener, Mode)>,
    directory: BTreeMap<PathBuf, DirectoryPlugin>,
    /// The configuration that serves.
    current: Option<Arc<Config>>,
    /// What the last load depended on, and what that looked like before it began.
    watched: Vec<PathBuf>,
    looked: Option<Stamp>,
}

/// A file of the plugin directory that was loaded.
struct DirectoryPlugin {
    spec: config::Plugin,
    plugin: Arc<Plugin>,
}

/// Everything that serves a configuration.
pub(super) struct Built {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) listeners: Vec<(SocketAddr, Mode)>,
    pub(super) directory_plugins: Vec<String>,
    /// Files whose change may change any of this.
    pub(super) files: Vec<PathBuf>,
    pub(super) swaps: Vec<Swap>,
    pub(super) warnings: String,
}

/// What became of one plugin in a load.
#[derive(Clone, Debug)]
pub(super) struct Swap {
    pub(super) name: String,
    pub(super) outcome: Swapped,
}

/// See [`Swap`].
#[derive(Clone, Debug)]
pub(super) enum Swapped {
    /// New content or configuration.
    Loaded,
    /// Nothing changed.
    Unchanged,
    /// Refused, with the reason; what was there before serves on.
    Rejected(String),
}

/// How strictly a load takes a plugin that cannot be loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// Any failure refuses the whole load: at the start, and for a changed file of
    /// the configuration.
    All,
    /// The one that was loaded before serves on: a plugin's file has changed.
    KeepLastGood,
}

fn fatal(what: &str, error: &dyn std::fmt::Display) -> StartError {
    StartError(format!("error: {what}: {error}"))
}

impl Loader {
    pub(super) fn new(options: Options) -> Result<Self, StartError> {
        let cache = match &options.source {
            Source::Config(config) => config.cache_dir.clone(),
            // A file that cannot be read is reported by the load that follows.
            Source::File(path) => {
                config::load(path).ok().and_then(|loaded| loaded.config.cache_dir)
            }
        };
        let cache = cache.or_else(engine::default_cache_dir);
        let engine = Engine::new(cache.as_deref())
            .map_err(|error| fatal("the Wasm engine does not start", &error))?
            .with_compiler(options.compiler);
        let engine = Arc::new(engine);
        let ticker = Ticker::start(engine.wasmtime())
            .map_err(|error| fatal("cannot start a thread", &error))?;
        let bundled = options.bundled;
        let store = Arc::new(Store::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| fatal("cannot start a runtime", &error))?;
        Ok(Self {
            source: options.source,
            builtins: bundled.iter().map(|plugin| plugin.name).collect(),
            registry: Registry::new(
                Arc::clone(&engine),
                ticker.clone(),
                Arc::clone(&store),
                bundled_of(bundled),
            ),
            engine,
            store,
            ticker,
            runtime,
            tickets: Tickets::new().map_err(|error| fatal("TLS does not start", &error))?,
            clusters: Vec::new(),
            grants: HashMap::new(),
            listeners: Vec::new(),
            directory: BTreeMap::new(),
            current: None,
            watched: Vec::new(),
            looked: None,
        })
    }

    /// The first load of a proxy that will serve.
    pub(super) fn start(&mut self) -> Result<Built, StartError> {
        let loaded = self.parse()?;
        match &loaded.config.store {
            None => {}
            Some(config::Store::File(path)) => self.store.persist(path).map_err(|error| {
                let path = path.display();
                StartError(format!("error: cannot use the store {path}: {error}\n"))
            })?,
            Some(config::Store::Redis(redis)) => {
                self.store.join(redis).map_err(|error| {
                    let url = &redis.url;
                    StartError(format!("error: cannot use the store {url}: {error}\n"))
                })?;
                self.engine
                    .share_state()
                    .map_err(|error| fatal("the Wasm engine does not start", &error))?;
            }
        }
        let built = self.build(loaded, Strictness::All)?;
        self.engine.leave_room();
        Ok(built)
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    pub(super) fn ticker(&self) -> Ticker {
        self.ticker.clone()
    }

    /// The file to watch, if there is one.
    pub(super) fn config_file(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Config(_) => None,
        }
    }

    /// The first load: everything has to be right.
    pub(super) fn first(&mut self) -> Result<Built, StartError> {
        let loaded = self.parse()?;
        self.build(loaded, Strictness::All)
    }

    /// Loads the configuration again. As a whole, or not at all: a plugin that the
    /// new configuration asks for and that cannot be loaded refuses all of it.
    ///
    /// None if no file has changed since the last load, right or wrong, unless it is
    /// `forced`.
    pub(super) fn reload(&mut self, forced: bool) -> Result<Option<Built>, StartError> {
        let look = look(&self.watched);
        if !forced && self.looked == Some(look) {
            return Ok(None);
        }
        self.looked = Some(look);
        let loaded = self.parse()?;
        let changed = self.current.as_deref() != Some(&loaded.config);
        let strictness = if changed { Strictness::All } else { Strictness::KeepLastGood };
        self.build(loaded, strictness).map(Some)
    }

    fn parse(&self) -> Result<config::Loaded, StartError> {
        match &self.source {
            Source::Config(config) => Ok(config::Loaded::of((**config).clone())),
            Source::File(path) => {
                let loader = config::Loader::default().builtins(self.builtins.iter().copied());
                loader.load(path).map_err(|report| StartError(report.to_string()))
            }
        }
    }

    fn build(
        &mut self,
        mut loaded: config::Loaded,
        strictness: Strictness,
    ) -> Result<Built, StartError> {
        let config = Arc::new(loaded.config.clone());
        let mut swaps = Vec::new();
        let mut plugins = Plugins::default();
        let of_directory = self.load_directory(&mut loaded, strictness, &mut swaps, &mut plugins);
        let chains =
            self.load_routes(&mut loaded, strictness, &mut swaps, &mut plugins, &of_directory);
        let balancing = self.load_balancing(&mut loaded, strictness, &mut swaps, &mut plugins);
        self.load_unused(&mut loaded, strictness, &mut swaps, &mut plugins);
        let clusters = self.build_clusters(&mut loaded);
        let listeners = self.build_listeners(&mut loaded);
        let router = Router::new(&config.routes)
            .map_err(|error| StartError(format!("error: {error}: {}", error.source)))?;
        if loaded.report.has_errors() {
            return Err(StartError(loaded.report.to_string()));
        }
        self.registry.retain(|plugin| plugins.list.iter().any(|used| used.id == plugin.id));
        self.grants.retain(|id, _| plugins.list.iter().any(|used| used.id == *id));
        let grant = |plugin: &Arc<Plugin>| Some(Arc::clone(&self.grants.get(&plugin.id)?.1));
        let grants = plugins.list.iter().map(grant).collect();
        self.clusters.clone_from(&clusters);
        self.listeners.clone_from(&listeners);
        self.current = Some(Arc::clone(&config));
        let files = self.files(&config);
        self.watched.clone_from(&files);
        let names = |index: &usize| plugins.list[*index].settings.name.to_string();
        let directory_plugins = of_directory.iter().map(names).collect();
        let clusters = clusters.into_iter().map(|(_, cluster)| cluster).collect();
        let listeners =
            listeners.into_iter().map(|(_, listener, mode)| (listener.listen, mode)).collect();
        let snapshot =
            Snapshot { config, router, plugins: plugins.list, grants, chains, clusters, balancing };
        Ok(Built {
            snapshot: Arc::new(snapshot),
            listeners,
            directory_plugins,
            files,
            swaps,
            warnings: match loaded.report.diagnostics() {
                [] => String::new(),
                _ => loaded.report.to_string(),
            },
        })
    }

    /// The plugins of the plugin directory, as indices.
    fn load_directory(
        &mut self,
        loaded: &mut config::Loaded,
        strictness: Strictness,
        swaps: &mut Vec<Swap>,
        plugins: &mut Plugins,
    ) -> Vec<usize> {
        let Some(path) = loaded.config.plugin_dir.clone() else { return Vec::new() };
        let files = match directory(&path) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("cannot read the plugin directory: {error}");
                loaded.error(&Place::PluginDir, message, None);
                return Vec::new();
            }
        };
        self.directory.retain(|file, gone| {
            let stays = files.contains(file);
            if !stays {
                let name = gone.spec.name.clone();
                tracing::info!(plugin = %name, file = %file.display(), "the plugin's file is gone");
            }
            stays
        });
        let mut indices = Vec::new();
        for file in files {
            let (name, outcome) = self.load_file(&file);
            let kept = self.directory.get(&file).map(|known| Arc::clone(&known.plugin));
            if let Swapped::Rejected(reason) = &outcome {
                let message = format!("cannot load the plugin {}: {reason}", file.display());
                if strictness == Strictness::All && self.current.is_none() {
                    loaded.error(&Place::PluginDir, message, None);
                }
            }
            swaps.push(Swap { name, outcome });
            if let Some(plugin) = kept {
                indices.push(plugins.index(&plugin));
            }
        }
        indices
    }

    /// Loads one file of the directory, with the configuration beside it.
    fn load_file(&mut self, file: &Path) -> (String, Swapped) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let sidecar = file.with_extension("toml");
        let spec = match sidecar.is_file() {
            true => config::sidecar(&sidecar, &name, file),
            false => Ok(config::Plugin {
                origin: Origin::Sidecar,
                ..config::Plugin::with_defaults(&*name, PluginSource::File(file.to_owned()))
            }),
        };
        let spec = match spec {
            Ok(spec) => spec,
            Err(report) => return (name, Swapped::Rejected(report.to_string())),
        };
        let outcome = self.load_plugin(&spec);
        let swapped = match outcome {
            Outcome::Unchanged(plugin) => {
                self.directory.insert(file.to_owned(), DirectoryPlugin { spec, plugin });
                Swapped::Unchanged
            }
            Outcome::Loaded(plugin) => {
                self.directory.insert(file.to_owned(), DirectoryPlugin { spec, plugin });
                Swapped::Loaded
            }
            Outcome::Rejected { error, .. } => Swapped::Rejected(error.to_string()),
        };
        (name, swapped)
    }

    /// Loads a plugin, and what its requests need.
    fn load_plugin(&mut self, spec: &config::Plugin) -> Outcome {
        let kept = self.registry.known(spec);
        let grant = match self.grant(spec, kept.as_deref()) {
            Ok(grant) => grant,
            Err(error) => return Outcome::Rejected { error, kept },
        };
        let outcome = self.runtime.block_on(self.registry.load(spec));
        if let (Outcome::Loaded(plugin) | Outcome::Unchanged(plugin), Some(grant)) =
            (&outcome, grant)
        {
            self.grants.insert(plugin.id, grant);
        }
        outcome
    }

    /// The plugin's grant, with the authorities read anew only if their file changed.
    fn grant(
        &self,
        spec: &config::Plugin,
        known: Option<&Plugin>,
    ) -> Result<Option<(Stamp, Arc<Grant>)>, LoadError> {
        let Some(config) = &spec.capabilities.http else { return Ok(None) };
        let stamp = stamp(config.ca.iter());
        let known = known.and_then(|plugin| self.grants.get(&plugin.id));
        if let Some(known) = known.filter(|(before, _)| *before == stamp) {
            return Ok(Some(known.clone()));
        }
        let grant = Grant::new(config).map_err(|error| LoadError::Http(chain_text(&error)))?;
        Ok(Some((stamp, Arc::new(grant))))
    }

    /// Each route's chain, as indices: the directory's plugins, then its own.
    fn load_routes(
        &mut self,
        loaded: &mut config::Loaded,
        strictness: Strictness,
        swaps: &mut Vec<Swap>,
        plugins: &mut Plugins,
        of_directory: &[usize],
    ) -> Vec<Vec<usize>> {
        let config = loaded.config.clone();
        let mut chains = Vec::with_capacity(config.routes.len());
        for (route_index, route) in config.routes.iter().enumerate() {
            let mut chain = of_directory.to_vec();
            for (use_index, entry) in route.plugins.iter().enumerate() {
                let Some(base) = config.plugins.get(&entry.name) else { continue };
                let mut spec = base.clone();
                if let Some(config) = &entry.config {
                    spec.config = config.clone();
                }
                let place = match &entry.config {
                    Some(_) => Place::RoutePlugin(route_index, use_index),
                    None => Place::Plugin(entry.name.clone()),
                };
                chain.extend(self.load_used(&spec, &place, loaded, strictness, swaps, plugins));
            }
            chains.push(chain);
        }
        chains
    }

    /// For each cluster the plugin that chooses its endpoints, as an index.
    fn load_balancing(
        &mut self,
        loaded: &mut config::Loaded,
        strictness: Strictness,
        swaps: &mut Vec<Swap>,
        plugins: &mut Plugins,
    ) -> Vec<Option<usize>> {
        let config = loaded.config.clone();
        let mut load = |cluster: &config::Cluster| {
            let config::Balance::Plugin { name, .. } = &cluster.balance else { return None };
            let place = Place::Plugin(name.clone());
            self.load_used(config.plugins.get(name)?, &place, loaded, strictness, swaps, plugins)
        };
        config.clusters.iter().map(&mut load).collect()
    }

    /// Loads a plugin that something uses; `place` is blamed if that fails.
    fn load_used(
        &mut self,
        spec: &config::Plugin,
        place: &Place,
        loaded: &mut config::Loaded,
        strictness: Strictness,
        swaps: &mut Vec<Swap>,
        plugins: &mut Plugins,
    ) -> Option<usize> {
        if let Some((_, plugin)) = plugins.seen.iter().find(|(known, _)| known == spec) {
            return plugin.clone().map(|plugin| plugins.index(&plugin));
        }
        let outcome = self.load_plugin(spec);
        let (plugin, swapped) = settle(outcome, strictness);
        plugins.seen.push((spec.clone(), plugin.clone()));
        if plugin.is_none() {
            report_plugin(loaded, &mut plugins.reported, &spec.name, place, &swapped);
        }
        swaps.push(Swap { name: spec.name.clone(), outcome: swapped });
        plugin.map(|plugin| plugins.index(&plugin))
    }

    /// A plugin that no route and no cluster uses is loaded too, so that its mistakes
    /// show, and serves if it is one that is called by time.
    fn load_unused(
        &mut self,
        loaded: &mut config::Loaded,
        strictness: Strictness,
        swaps: &mut Vec<Swap>,
        plugins: &mut Plugins,
    ) {
        let config = loaded.config.clone();
        for (name, spec) in &config.plugins {
            let mut used = config.routes.iter().flat_map(|route| &route.plugins);
            if spec.balances || used.any(|entry| entry.name == *name) {
                continue;
            }
            let place = Place::Plugin(name.clone());
            let outcome = self.load_plugin(spec);
            let (plugin, swapped) = settle(outcome, strictness);
            match plugin {
                None => report_plugin(loaded, &mut plugins.reported, name, &place, &swapped),
                Some(plugin) if plugin.interval.is_some() => {
                    plugins.index(&plugin);
                    swaps.push(Swap { name: name.clone(), outcome: swapped });
                }
                Some(_) => loaded.warning(&place, format!("no route uses the plugin `{name}`")),
            }
        }
    }

    fn build_clusters(&self, loaded: &mut config::Loaded) -> Vec<(Stamp, Arc<Cluster>)> {
        let config = loaded.config.clone();
        let same_bounds = self.current.as_ref().is_some_and(|current| {
            current.timeouts == config.timeouts && current.limits == config.limits
        });
        let mut clusters = Vec::new();
        for cluster in &config.clusters {
            let stamp = stamp(cluster.ca.iter());
            let mut known = self.clusters.iter().filter(|_| same_bounds);
            if let Some(known) = known.find(|known| known.0 == stamp && known.1.config == *cluster)
            {
                clusters.push(known.clone());
                continue;
            }
            match Cluster::new(cluster, &config.timeouts, &config.limits) {
                Ok(cluster) => clusters.push((stamp, Arc::new(cluster))),
                Err(error) => {
                    let place = match cluster.ca {
                        Some(_) => Place::ClusterCa(cluster.name.clone()),
                        None => Place::Cluster(cluster.name.clone()),
                    };
                    loaded.error(&place, chain_text(&error), None);
                }
            }
        }
        clusters
    }

    fn build_listeners(&self, loaded: &mut config::Loaded) -> Vec<(Stamp, config::Listener, Mode)> {
        let listeners = loaded.config.listeners.clone();
        let mut built = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            let own = listener.tls.iter().flat_map(|files| [&files.certificate, &files.key]);
            let clients = listener.client_auth.iter();
            let clients = clients.flat_map(|auth| [&auth.ca].into_iter().chain(&auth.crls));
            let stamp = stamp(own.chain(clients));
            let known = self.listeners.iter().find(|known| known.0 == stamp && known.1 == listener);
            let mode = match known {
                Some((_, _, mode)) => Some(mode.clone()),
                None => self.build_mode(loaded, index, &listener),
            };
            built.extend(mode.map(|mode| (stamp, listener, mode)));
        }
        built
    }

    fn build_mode(
        &self,
        loaded: &mut config::Loaded,
        index: usize,
        listener: &config::Listener,
    ) -> Option<Mode> {
        if listener.tls.is_empty() {
            return Some(Mode::new(&listener.name, None, listener.http2));
        }
        // Each alone first, so that every broken one is reported at its place.
        let mut broken = false;
        let clients = listener.client_auth.as_ref().map(ClientVerifier::load).transpose();
        let clients = clients.unwrap_or_else(|error| {
            broken = true;
            loaded.error(&Place::ClientCa(index), chain_text(&error), None);
            None
        });
        for (entry, certificate) in listener.tls.iter().enumerate() {
            let alone = std::slice::from_ref(certificate);
            if let Err(error) = tls::server_config(alone, None, listener.http2, &self.tickets) {
                broken = true;
                loaded.error(&Place::Certificate(index, entry), chain_text(&error), None);
            }
        }
        if broken {
            return None;
        }
        let clients = clients.as_ref();
        match tls::server_config(&listener.tls, clients, listener.http2, &self.tickets) {
            Ok(server) => {
                for warning in &server.warnings {
                    loaded.report.push(Diagnostic::warning(warning.to_string()));
                }
                Some(Mode::new(&listener.name, Some(&server), listener.http2))
            }
            Err(error) => {
                loaded.error(&Place::Listener(index), chain_text(&error), None);
                None
            }
        }
    }

    /// What to watch.
    fn files(&self, config: &Config) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.config_file().map(Path::to_owned).into_iter().collect();
        files.extend(config.plugin_dir.clone());
        files.extend(self.directory.keys().cloned());
        for plugin in config.plugins.values() {
            if let PluginSource::File(path) = &plugin.source {
                files.push(path.clone());
            }
            files.extend(plugin.capabilities.secrets.files().map(Path::to_owned));
        }
        files.extend(self.grants.values().filter_map(|(_, grant)| grant.config.ca.clone()));
        for certificate in config.listeners.iter().flat_map(|listener| &listener.tls) {
            files.extend([certificate.certificate.clone(), certificate.key.clone()]);
        }
        for clients in config.listeners.iter().filter_map(|listener| listener.client_auth.as_ref())
        {
            files.push(clients.ca.clone());
            files.extend(clients.crls.iter().cloned());
        }
        files.extend(config.clusters.iter().filter_map(|cluster| cluster.ca.clone()));
        files
    }
}

/// What some files hold; a file that cannot be read counts as an empty one, and
/// whoever needs it will say what is wrong with it.
type Stamp = Digest;

fn stamp<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Stamp {
    let contents: Vec<u8> =
        files.flat_map(|file| digest(&std::fs::read(file).unwrap_or_default())).collect();
    digest(&contents)
}

/// What files, and the plugins in directories, look like from outside: enough to
/// know that nothing has changed, without reading it all every few seconds.
fn look(paths: &[PathBuf]) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;

    let mut seen = String::new();
    let mut note = |path: &Path| {
        // Of what a link leads to: that is what is loaded.
        let metadata = std::fs::metadata(path).ok().map(|file| {
            (
                file.dev(),
                file.ino(),
                file.len(),
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            )
        });
        let is_dir = path.is_dir();
        // A directory's own times change with every file in it.
        let metadata = metadata.filter(|_| !is_dir);
        // Writing to a String cannot fail.
        let _ =
            std::fmt::Write::write_fmt(&mut seen, format_args!("{path:?} {is_dir} {metadata:?}\n"));
    };
    for path in paths {
        note(path);
        let Ok(entries) = std::fs::read_dir(path) else { continue };
        let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        entries.retain(|path| {
            path.extension().is_some_and(|extension| extension == "wasm" || extension == "toml")
        });
        entries.sort();
        entries.iter().for_each(|path| note(path));
    }
    digest(seen.as_bytes())
}

/// The plugins of a snapshot, each once.
#[derive(Default)]
struct Plugins {
    list: Vec<Arc<Plugin>>,
    /// What this load has read so far: many routes use one plugin.
    seen: Vec<(config::Plugin, Option<Arc<Plugin>>)>,
    /// What was said of plugins that cannot be loaded.
    reported: Vec<String>,
}

impl Plugins {
    fn index(&mut self, plugin: &Arc<Plugin>) -> usize {
        let known = self.list.iter().position(|known| known.id == plugin.id);
        known.unwrap_or_else(|| {
            self.list.push(Arc::clone(plugin));
            self.list.len() - 1
        })
    }
}

fn settle(outcome: Outcome, strictness: Strictness) -> (Option<Arc<Plugin>>, Swapped) {
    match outcome {
        Outcome::Loaded(plugin) => (Some(plugin), Swapped::Loaded),
        Outcome::Unchanged(plugin) => (Some(plugin), Swapped::Unchanged),
        Outcome::Rejected { error, kept } => {
            let kept = kept.filter(|_| strictness == Strictness::KeepLastGood);
            (kept, Swapped::Rejected(error.to_string()))
        }
    }
}

/// Reports a plugin once, however many routes use it.
fn report_plugin(
    loaded: &mut config::Loaded,
    reported: &mut Vec<String>,
    name: &str,
    place: &Place,
    swapped: &Swapped,
) {
    let Swapped::Rejected(reason) = swapped else { return };
    let message = format!("cannot load the plugin `{name}`: {reason}");
    if !reported.contains(&message) {
        loaded.error(place, message.clone(), None);
        reported.push(message);
    }
}

fn bundled_of(
    bundled: &'static [Bundled],
) -> impl Fn(&str) -> Result<&'static [u8], LoadError> + Send + use<> {
    move |name| {
        let found = bundled.iter().find(|plugin| plugin.name == name);
        found.map(|plugin| plugin.wasm).ok_or_else(|| LoadError::NoBuiltin {
            name: name.to_owned(),
            available: bundled.iter().map(|plugin| plugin.name).collect::<Vec<_>>().join(", "),
        })
    }
}
