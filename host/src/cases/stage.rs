//! The proxy with one plugin, started in this process; a client before it and a
//! scripted endpoint behind it, on loopback sockets.

mod client;
mod endpoint;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value as Json;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc;

use super::{Request, Surroundings, Upstream};
use crate::app::{App, Options, Running, Source, StartError};
use crate::config::{
    AccessLog, Cluster, Config, Endpoint, HostPattern, Listener, LogTarget, Matcher, Plugin,
    PluginUse, Route,
};
use endpoint::Script;

/// Where clients come from that have a trusted proxy before them; all others come
/// from 127.0.0.1, which is nobody in particular.
const TRUSTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// For an exchange and its line in the log: a plugin that hangs ends by its
/// deadline, and a case that reaches this one is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy, its client and its endpoint.
pub(super) struct Stage {
    running: Option<Running>,
    runtime: LocalRuntime,
    script: Script,
    address: SocketAddr,
    log: Lines,
}

/// What happened in one exchange.
#[derive(Debug)]
pub(super) struct Observed {
    /// What the client got, or why it got nothing.
    pub(super) answer: Result<Answer, String>,
    /// What the endpoint got, in order.
    pub(super) received: Vec<Received>,
    /// The line of the access log; null if there was none.
    pub(super) entry: Json,
}

/// What a client got.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The fields.
    pub(super) headers: HeaderMap,
    /// The whole body.
    pub(super) body: Vec<u8>,
    /// The fields after it.
    pub(super) trailers: HeaderMap,
}

/// What the endpoint got.
#[derive(Debug)]
pub(super) struct Received {
    /// The method.
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    /// The `Host` field.
    pub(super) host: Option<Vec<u8>>,
    /// All other fields.
    pub(super) headers: HeaderMap,
    /// The whole body.
    pub(super) body: Vec<u8>,
    /// The fields after it.
    pub(super) trailers: HeaderMap,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// As the proxy's own start: a plugin that does not load, most of all.
    pub(super) fn start(plugin: &Plugin, surroundings: &Surroundings) -> Result<Self, StartError> {
        let fatal = |what: &str, error: std::io::Error| {
            StartError(format!("error: cannot start {what}: {error}"))
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .map_err(|error| fatal("a runtime", error))?;
        let script = Script::default();
        let endpoint = runtime
            .block_on(endpoint::serve(script.clone()))
            .map_err(|error| fatal("the endpoint", error))?;
        let (observer, lines) = mpsc::unbounded_channel();
        let config = config(plugin, surroundings, endpoint);
        let options = Options { observer: Some(observer), ..Options::new(Source::Config(config)) };
        let running = App::start(options)?;
        let address = running.addresses().first().map(|(_, address)| *address);
        let Some(address) = address else {
            running.shutdown();
            return Err(StartError("error: the proxy has no listener".to_owned()));
        };
        let log = Lines { received: lines, kept: Vec::new() };
        Ok(Self { running: Some(running), runtime, script, address, log })
    }

    /// One exchange, from the request to its line in the access log.
    pub(super) fn exchange(&mut self, request: &Request, upstream: &Upstream) -> Observed {
        let Self { runtime, script, address, log, .. } = self;
        runtime.block_on(async {
            log.forget();
            script.set(upstream);
            let answer = tokio::time::timeout(PATIENCE, client::ask(*address, request)).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
            let entry = tokio::time::timeout(PATIENCE, log.next()).await.ok().flatten();
            Observed { answer, received: script.take(), entry: entry.unwrap_or_default() }
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown();
        }
    }
}

/// Everything is as in production, but for one worker: a case is one exchange after
/// the other.
fn config(plugin: &Plugin, surroundings: &Surroundings, endpoint: SocketAddr) -> Box<Config> {
    let defaults = Config::default();
    let url = format!("http://{endpoint}");
    let names = std::iter::once(&surroundings.cluster).chain(&surroundings.clusters);
    let cluster = |name: &String| {
        let endpoint = Endpoint::parse(&url).expect("an address is a host and a port");
        Cluster::with_defaults(name, vec![endpoint], &defaults.timeouts)
    };
    let clusters: Vec<Cluster> = names.map(cluster).collect();
    let route = |name: &str, matcher: Matcher, cluster: &str, plugins: Vec<PluginUse>| Route {
        name: name.to_owned(),
        matcher,
        plugins,
        cluster: clusters.iter().position(|known| known.name == cluster).unwrap_or_default(),
        body_bytes: None,
        response_timeout: None,
    };
    // No host ends in `.invalid` (RFC 2606): these are there to be chosen.
    let never = |number: usize| Matcher {
        host: Some(HostPattern::Exact(format!("route-{number}.invalid"))),
        ..Matcher::default()
    };
    let mut routes: Vec<Route> = surroundings
        .routes
        .iter()
        .enumerate()
        .map(|(number, (name, cluster))| route(name, never(number), cluster, Vec::new()))
        .collect();
    let chain = vec![PluginUse { name: plugin.name.clone(), config: None }];
    routes.push(route(&surroundings.route, Matcher::default(), &surroundings.cluster, chain));
    Box::new(Config {
        workers: NonZeroUsize::MIN,
        drain_timeout: Duration::from_secs(1),
        trusted_proxies: vec![TRUSTED.into()],
        access_log: Some(AccessLog { target: LogTarget::Observer, request_headers: Vec::new() }),
        listeners: vec![Listener::plain((Ipv4Addr::LOCALHOST, 0).into())],
        clusters,
        plugins: [(plugin.name.clone(), plugin.clone())].into(),
        routes,
        ..defaults
    })
}

/// The lines of the access log, one by one.
struct Lines {
    received: mpsc::UnboundedReceiver<Vec<u8>>,
    kept: Vec<Json>,
}

impl Lines {
    /// Drops what is there: it is of exchanges that are over.
    fn forget(&mut self) {
        self.kept.clear();
        while self.received.try_recv().is_ok() {}
    }

    async fn next(&mut self) -> Option<Json> {
        while self.kept.is_empty() {
            let lines = self.received.recv().await?;
            let lines = lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
            self.kept.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        }
        Some(self.kept.remove(0))
    }
}
