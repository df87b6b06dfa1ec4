//! What the operator configured, proven: after [`load`] nothing re-checks it.
//!
//! Two stages. `document` reads the TOML file as a tree in which every value
//! knows its place. `validate` turns the tree into [`Config`]: addresses,
//! durations, resolved names and paths; every mistake in the file is a
//! [`Diagnostic`] with its place, and all of them are reported at once. The keys of
//! the file, as editors are told of them, stand in `file`; a test holds the two
//! together.
//!
//! Plain data: no sockets, no tasks, nothing of Wasm. Of the files that are named
//! only that they are there and can be read is proven: whoever uses one proves what
//! is in it, and reports at its [`Place`].

mod capability;
mod defaults;
mod diagnostic;
pub(crate) mod document;
mod endpoint;
mod file;
pub mod http_grant;
mod load;
mod pattern;
mod place;
mod plan;
pub(crate) mod scalar;
mod schema;
pub(crate) mod secret;
mod store;
mod suggest;
mod units;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use capability::{
    Capabilities, CounterQuota, KvQuota, MetricsQuota, RateLimitQuota, Secrets, Unavailable,
};
pub use diagnostic::{Diagnostic, Report, Severity};
pub use http_grant::{Destination, HttpGrant};
pub use load::{Loaded, Loader, load, parse, sidecar};
pub(crate) use load::{plugin, read, tables};
pub use place::Place;
pub use plan::render as plan;
pub use scalar::Invalid;
pub use schema::schema;
pub use store::{Redis, RedisUrl, Store};

/// One validated configuration, the input of everything that is built from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Worker threads, each with its own runtime, sockets and instances.
    pub workers: NonZeroUsize,
    /// Every `*.wasm` here runs on every route, in file-name order, before the
    /// route's own plugins.
    pub plugin_dir: Option<PathBuf>,
    /// Where compiled plugins are kept; none = the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// Where what plugins keep survives a restart; none = in memory alone.
    pub store: Option<Store>,
    /// How long exchanges in flight may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// Addresses whose `Forwarded` and `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The admin endpoint; none = off.
    pub admin: Option<Admin>,
    /// The access log; none = off.
    pub access_log: Option<AccessLog>,
    /// Bounds on what a client may send and hold.
    pub limits: Limits,
    /// How long each step of an exchange may take.
    pub timeouts: Timeouts,
    /// In file order.
    pub listeners: Vec<Listener>,
    /// In file order; a route's `cluster` is an index into this.
    pub clusters: Vec<Cluster>,
    /// By the operator's name for it.
    pub plugins: BTreeMap<String, Plugin>,
    /// Most specific first: the first that matches is the one.
    pub routes: Vec<Route>,
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Loopback unless told otherwise.
    pub listen: SocketAddr,
}

/// `[access_log]`
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// Where the JSON lines go.
    pub target: LogTarget,
    /// Lower-case names of request fields whose values are logged.
    pub request_headers: Vec<String>,
}

/// A place for lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// `-`
    Stdout,
    /// Appended to; opened again on SIGHUP, for log rotation.
    File(PathBuf),
    /// To whoever started the proxy, within the process; no file can ask for it.
    Observer,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Client connections in all; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Client connections from one address; further ones are closed at once.
    pub connections_per_address: usize,
    /// Exchanges on one connection before it is closed.
    pub requests_per_connection: usize,
    /// Octets of the request line's target; more is answered 414.
    pub target_bytes: usize,
    /// Octets of a request's or a response's head; more is answered 431 or 502.
    pub header_bytes: usize,
    /// Header fields of a request or a response; more is answered 431 or 502.
    pub header_count: usize,
    /// Octets of a request's body; more is answered 413. None = no bound.
    pub body_bytes: Option<u64>,
    /// Concurrent streams of one HTTP/2 connection.
    pub http2_streams: u32,
    /// Streams that a client may reset before they are answered (CVE-2023-44487)
    /// before its connection is closed.
    pub http2_resets: usize,
}

/// `[timeouts]`
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// The TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request's head to its last.
    pub header: Duration,
    /// Between two pieces of a request's body, and for the client to take a
    /// piece of the response.
    pub body: Duration,
    /// An idle keep-alive connection of a client.
    pub idle: Duration,
    /// A new connection to an endpoint, TLS included.
    pub connect: Duration,
    /// From the request's last byte sent to the head of the endpoint's response.
    pub response: Duration,
    /// Between two pieces of an endpoint's response body.
    pub upstream_body: Duration,
    /// An idle pooled connection to an endpoint.
    pub upstream_idle: Duration,
    /// A tunnel (WebSocket and other upgrades) without traffic either way.
    pub tunnel: Duration,
}

/// `[[listener]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// As written, or the address: what the access log shows.
    pub name: String,
    /// Where to accept.
    pub listen: SocketAddr,
    /// HTTP/2 to clients: by ALPN on TLS, by prior knowledge on plain listeners.
    pub http2: bool,
    /// One certificate for each entry, chosen by SNI; none = plain HTTP. The
    /// first is for clients that name no or an unknown server.
    pub tls: Vec<Certificate>,
    /// Which clients are let in by their certificates; none = clients need none.
    pub client_auth: Option<ClientAuth>,
}

/// `client_ca`, `client_crl` and `client_auth` of a listener; the files are there.
/// `listener::tls` proves that they are PEM and can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// PEM: the authorities that sign clients' certificates.
    pub ca: PathBuf,
    /// PEM: which of their certificates are revoked. With any, every authority in a
    /// client's chain needs one.
    pub crls: Vec<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// `[[listener.tls]]`; both files are there. `listener::tls` proves that they are
/// PEM and belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM, leaf first.
    pub certificate: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// `[cluster.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its key in the file.
    pub name: String,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
    /// How an endpoint is chosen.
    pub balance: Balance,
    /// What the endpoint sees as host.
    pub host: UpstreamHost,
    /// PEM file of the authorities that sign the endpoints' certificates; none =
    /// the system's roots.
    pub ca: Option<PathBuf>,
    /// The name to verify the endpoints' certificates against and to send as
    /// SNI; none = the host of the endpoint's URL.
    pub server_name: Option<String>,
    /// Lower-case names of response headers that identify the endpoint's software
    /// (`server`, `x-powered-by` and their like) and are let through to clients.
    pub expose: Vec<String>,
    /// Idle connections kept for each endpoint and worker.
    pub idle_connections: usize,
    /// Overrides `timeouts.connect`.
    pub connect_timeout: Duration,
    /// Overrides `timeouts.response`.
    pub response_timeout: Duration,
}

/// One upstream address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As written: what the access log shows.
    pub url: String,
    /// From the URL's scheme.
    pub protocol: UpstreamProtocol,
    /// A name or an address, without brackets.
    pub host: String,
    /// From the URL, or its scheme's default.
    pub port: u16,
    /// 1 to 1000.
    pub weight: u32,
}

/// How to speak to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// `http://`: HTTP/1.1.
    Http1,
    /// `h2c://`: HTTP/2 with prior knowledge.
    H2c,
    /// `https://`: TLS; HTTP/2 if the endpoint offers it, else HTTP/1.1.
    Https,
}

/// `balance = "…"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// In turn, smoothly by weight.
    RoundRobin,
    /// The one of two random choices with fewer exchanges in flight per weight.
    LeastRequest,
    /// At random by weight.
    Random,
    /// The same endpoint for the same key (Maglev), by weight.
    Hash(HashKey),
    /// The one of two random choices that is likely to answer sooner, by its latency
    /// and its exchanges in flight per weight.
    PeakEwma,
    /// A plugin's choice.
    Plugin {
        /// A key of [`Config::plugins`].
        name: String,
        /// The plugin is handed the key of each exchange.
        hash: Option<HashKey>,
    },
}

/// `hash = "…"`: what `balance = "hash"` hashes, and a balancing plugin is handed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// `client-address`
    ClientAddress,
    /// `path`
    Path,
    /// `header:NAME`
    Header(String),
    /// `cookie:NAME`
    Cookie(String),
}

/// `host = "…"` of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamHost {
    /// `preserve`: what the client asked for.
    Preserve,
    /// `endpoint`: the host of the endpoint's URL.
    Endpoint,
    /// Anything else: this.
    Fixed(String),
}

/// `[plugin.NAME]`, or the `NAME.toml` beside a plugin in the plugin directory.
#[derive(Clone, PartialEq)]
pub struct Plugin {
    /// Its key in the file.
    pub name: String,
    /// Where the component comes from.
    pub source: PluginSource,
    /// Where all these keys are written.
    pub origin: Origin,
    /// What happens to an exchange when the plugin fails.
    pub on_failure: OnFailure,
    /// Whether instances are reused.
    pub isolation: Isolation,
    /// Of the plugin's own running time, for each hook.
    pub deadline: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: u64,
    /// What happens to a body that is larger than the plugin wants to see whole.
    pub body_over_limit: BodyOverLimit,
    /// Octets of a body that the plugin may ask for at once, or hold.
    pub body_limit: u32,
    /// What the plugin may import beyond the baseline.
    pub capabilities: Capabilities,
    /// Whether some cluster balances by it: it then has to export that hook.
    pub balances: bool,
    /// Handed to `configure`, secrets resolved. Always an object.
    pub config: serde_json::Value,
}

/// Leaves `config` out: it holds secrets.
impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("source", &self.source)
            .field("origin", &self.origin)
            .field("on_failure", &self.on_failure)
            .field("isolation", &self.isolation)
            .field("deadline", &self.deadline)
            .field("memory", &self.memory)
            .field("body_over_limit", &self.body_over_limit)
            .field("body_limit", &self.body_limit)
            .field("capabilities", &self.capabilities)
            .field("balances", &self.balances)
            .finish_non_exhaustive()
    }
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// `builtin:NAME`: embedded in the binary.
    Builtin(String),
    /// A file, watched.
    File(PathBuf),
}

/// Where a plugin's keys are written, and where more can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `[plugin.NAME]` in the main file.
    Table,
    /// The `NAME.toml`, if there is one, beside a plugin in the plugin directory.
    Sidecar,
    /// The arguments of `wasmgate proxy`.
    CommandLine,
}

/// `on_failure`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The exchange is answered 503.
    Closed,
    /// The plugin is skipped for this exchange.
    Open,
}

/// `isolation`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Instances are reused, one exchange at a time.
    Shared,
    /// Every exchange gets a fresh instance.
    Exchange,
}

/// `body_over_limit`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyOverLimit {
    /// The exchange is answered 413, or 502 if it is the response's body.
    Refuse,
    /// The plugin sees nothing of it.
    Pass,
    /// The plugin sees its beginning.
    Truncate,
}

/// `[[route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// As configured, or `HOST PATH` and, when several would share it, a number.
    pub name: String,
    /// What it matches.
    pub matcher: Matcher,
    /// The route's own chain, in order; the plugin directory's come before.
    pub plugins: Vec<PluginUse>,
    /// Index into [`Config::clusters`].
    pub cluster: usize,
    /// Overrides `limits.body_bytes`; `u64::MAX` = no bound.
    pub body_bytes: Option<u64>,
    /// Overrides the cluster's `response_timeout`.
    pub response_timeout: Option<Duration>,
}

/// What a route matches: all that is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matcher {
    /// None = any.
    pub host: Option<HostPattern>,
    /// None = any.
    pub path: Option<PathPattern>,
    /// Upper case; empty = any.
    pub methods: Vec<String>,
    /// Header name in lower case and what its value must be.
    pub headers: Vec<(String, ValuePattern)>,
    /// Query parameter and what its value must be.
    pub query: Vec<(String, ValuePattern)>,
}

/// `host = "…"`, lower case, without port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `example.com`
    Exact(String),
    /// `*.example.com`, kept as `example.com`: any name below it, not itself.
    Below(String),
}

/// `path` or `path_regex`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    /// As written. Whole segments: `/api` matches `/api` and `/api/x`, not `/apix`;
    /// `/api/` matches what is below it, not `/api`.
    Prefix(String),
    /// Anchored at both ends.
    Regex(String),
}

/// What a header or query parameter must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePattern {
    /// `"*"`: there, whatever its value.
    Present,
    /// Exactly this.
    Exact(String),
    /// `"~REGEX"`: anchored at both ends.
    Regex(String),
}

/// One entry of a route's `plugins`.
#[derive(Clone, PartialEq)]
pub struct PluginUse {
    /// A key of [`Config::plugins`].
    pub name: String,
    /// The plugin's configuration with this route's `config` laid over it, key by
    /// key; none = the plugin's own.
    pub config: Option<serde_json::Value>,
}

/// Leaves `config` out: it holds secrets.
impl fmt::Debug for PluginUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginUse").field("name", &self.name).finish_non_exhaustive()
    }
}
