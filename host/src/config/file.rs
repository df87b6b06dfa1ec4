//! The keys of the configuration file, as its JSON Schema describes them.
//!
//! For editors alone: the file is read by [`validate`](super::validate), which
//! finds more mistakes and says more about each than a schema can. A test holds
//! that both know the same keys. Defaults are added by [`schema`](super::schema)
//! from the values that really hold.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::capability::{CapabilitiesFile, SecretFile};

/// The configuration of wasmgate.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "wasmgate.toml")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct File {
    /// Worker threads, each with its own sockets and plugin instances. Default: one
    /// for each core.
    #[schemars(range(min = 1, max = 1024))]
    workers: Option<u32>,
    /// Every `*.wasm` in this directory runs on every route, in file-name order,
    /// before the route's own plugins. It is watched: a file that is added, changed
    /// or removed takes effect at once. `NAME.toml` beside `NAME.wasm` holds the keys
    /// of a `[plugin.NAME]` table but `source`.
    plugin_dir: Option<String>,
    /// Where compiled plugins are kept. Default: the user's cache directory.
    cache_dir: Option<String>,
    /// How long exchanges in flight may go on after SIGTERM.
    drain_timeout: Option<Duration>,
    /// Addresses and networks of proxies in front of this one: their `Forwarded` and
    /// `X-Forwarded-*` are believed.
    trusted_proxies: Option<Vec<String>>,
    store: Option<Store>,
    admin: Option<Admin>,
    access_log: Option<AccessLog>,
    limits: Option<Limits>,
    timeouts: Option<Timeouts>,
    /// Where clients are accepted.
    #[schemars(length(min = 1))]
    listener: Vec<Listener>,
    /// Groups of endpoints, by name.
    cluster: Option<BTreeMap<String, Cluster>>,
    /// Plugins that routes use, by name.
    plugin: Option<BTreeMap<String, Plugin>>,
    /// Which request goes where. The most specific route is taken.
    route: Option<Vec<Route>>,
}

/// The admin endpoint: metrics, readiness, plugins. Without this table it is off.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Admin {
    /// Address and port.
    listen: Option<String>,
}

/// Where what plugins keep is, beside memory: a file in which values of the capability
/// `kv` survive a restart, or a Redis in which `kv`, `counter` and `rate_limit` are those
/// of a fleet. Without this table it is in memory alone.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Store {
    /// The file; it is made if there is none. Either this or `url`.
    path: Option<String>,
    /// `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` over TLS. Either this
    /// or `path`.
    url: Option<TextOrSecret>,
    /// Of the Redis, if it is not in `url`.
    password: Option<TextOrSecret>,
    /// For one command, from sending it to its answer.
    timeout: Option<Duration>,
    /// What all keys in the Redis begin with.
    prefix: Option<String>,
}

/// A text, or where it is read from.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum TextOrSecret {
    /// In the clear.
    Text(String),
    /// From an environment variable or a file.
    Elsewhere(SecretFile),
}

/// The access log: one JSON object for each exchange. Without this table it is off.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct AccessLog {
    /// A file, appended to and opened again on SIGHUP, or `-` for standard output.
    path: Option<String>,
    /// Request headers whose values are logged. No other header is, so that none
    /// with a secret is logged unless it is named.
    request_headers: Option<Vec<String>>,
}

/// Bounds on what clients may send and hold.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Limits {
    /// Client connections in all; further ones wait until one ends.
    #[schemars(range(min = 1))]
    connections: Option<u64>,
    /// Client connections from one address; further ones are closed at once.
    #[schemars(range(min = 1))]
    connections_per_address: Option<u64>,
    /// Exchanges on one connection before it is closed.
    #[schemars(range(min = 1))]
    requests_per_connection: Option<u64>,
    /// Length of the request's target (path and query); more is answered 414.
    target_bytes: Option<Size>,
    /// Size of a request's or a response's head, at least 8KiB; more is answered 431
    /// or 502.
    header_bytes: Option<Size>,
    /// Number of a request's or a response's header fields; more is answered 431 or
    /// 502.
    #[schemars(range(min = 1, max = 10000))]
    header_count: Option<u32>,
    /// Size of a request's body; more is answered 413.
    body_bytes: Option<BodySize>,
    /// Concurrent streams of one HTTP/2 connection.
    #[schemars(range(min = 1, max = 65536))]
    http2_streams: Option<u32>,
    /// Streams that a client may reset before they are answered, before its
    /// connection is closed.
    #[schemars(range(min = 1, max = 1000000))]
    http2_resets: Option<u32>,
}

/// How long each step of an exchange may take.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Timeouts {
    /// The client's TLS handshake.
    handshake: Option<Duration>,
    /// From the first byte of a request's head to its last.
    header: Option<Duration>,
    /// Between two pieces of a request's body, and for the client to take a piece of
    /// the response.
    body: Option<Duration>,
    /// An idle keep-alive connection of a client.
    idle: Option<Duration>,
    /// A new connection to an endpoint, TLS included.
    connect: Option<Duration>,
    /// From the request's last byte sent to the head of the endpoint's response.
    response: Option<Duration>,
    /// Between two pieces of an endpoint's response body.
    upstream_body: Option<Duration>,
    /// An idle connection to an endpoint.
    upstream_idle: Option<Duration>,
    /// A tunnel (WebSocket and other upgrades) without traffic either way.
    tunnel: Option<Duration>,
}

/// An address to accept clients on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Listener {
    /// Address and port, such as `0.0.0.0:8443`.
    listen: String,
    /// What the access log and plugins call it. Default: the address.
    name: Option<String>,
    /// HTTP/2: negotiated on TLS, by prior knowledge on plain listeners.
    http2: Option<bool>,
    /// One table for each certificate; the client's server name chooses. None = plain
    /// HTTP.
    tls: Option<Vec<Certificate>>,
    /// PEM file: the authorities that sign clients' certificates. Without it clients
    /// are not asked for one.
    client_ca: Option<String>,
    /// PEM files: the revocation lists of those authorities, one for each.
    client_crl: Option<Vec<String>>,
    /// Whether a client without a certificate is refused. A certificate that cannot be
    /// verified always is.
    client_auth: Option<ClientAuth>,
}

/// Whether clients have to show a certificate.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum ClientAuth {
    /// Whoever shows none is refused.
    Required,
    /// Whoever shows none is served, as nobody in particular.
    Optional,
}

/// A certificate and its key. The first is for clients that name no or an unknown
/// server.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Certificate {
    /// PEM file: the chain, the server's own certificate first.
    certificate: String,
    /// PEM file: the private key.
    key: String,
}

/// A named group of endpoints.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Cluster {
    /// Where requests go: `http://` (HTTP/1.1), `h2c://` (HTTP/2 without TLS) or
    /// `https://`, then host and port.
    #[schemars(length(min = 1))]
    endpoints: Vec<Endpoint>,
    /// How an endpoint is chosen.
    balance: Option<Balance>,
    /// What `balance = "hash"` hashes, and a balancing plugin is handed the key of:
    /// `client-address`, `path`, `header:NAME` or `cookie:NAME`.
    #[schemars(regex(pattern = "^(client-address|path|header:.+|cookie:.+)$"))]
    hash: Option<String>,
    /// What the endpoint sees as host: `preserve` (what the client asked for),
    /// `endpoint` (the endpoint's own), or a host.
    host: Option<String>,
    /// PEM file of the authorities that sign the endpoints' certificates. Default:
    /// the system's.
    ca: Option<String>,
    /// The name in the endpoints' certificates. Default: the host of the endpoint's
    /// URL.
    server_name: Option<String>,
    /// Response headers that identify the endpoint's software, such as `server` and
    /// `x-powered-by`, and are let through to clients; others of these are removed.
    expose: Option<Vec<String>>,
    /// Idle connections kept for each endpoint and worker.
    #[schemars(range(max = 65536))]
    idle_connections: Option<u32>,
    /// Overrides `timeouts.connect`.
    connect_timeout: Option<Duration>,
    /// Overrides `timeouts.response`.
    response_timeout: Option<Duration>,
}

/// One upstream address.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum Endpoint {
    /// The URL alone.
    Url(Url),
    /// With a weight.
    Weighted(WeightedEndpoint),
}

/// An endpoint and its share of the requests.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct WeightedEndpoint {
    /// Where.
    url: Url,
    /// Its share, relative to the other endpoints' weights.
    #[schemars(range(min = 1, max = 1000))]
    weight: Option<u32>,
}

/// Scheme, host and port of an endpoint.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = "^([hH][tT][tT][pP][sS]?|[hH]2[cC])://[^/?#@]+/?$"))]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Url(String);

/// How an endpoint is chosen.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum Balance {
    /// By the proxy itself.
    Native(NativeBalance),
    /// `plugin:NAME`: by a plugin of this file.
    Plugin(#[schemars(regex(pattern = "^plugin:.+$"))] String),
}

/// How the proxy itself chooses an endpoint.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum NativeBalance {
    /// In turn, by weight.
    RoundRobin,
    /// The one of two random choices with fewer exchanges in flight per weight.
    LeastRequest,
    /// At random, by weight.
    Random,
    /// The same endpoint for the same `hash` key, by weight.
    Hash,
    /// The one of two random choices that is likely to answer sooner.
    PeakEwma,
}

/// A plugin and how it is run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Plugin {
    /// `builtin:NAME`, or the path of a `.wasm` file, which is watched.
    source: String,
    /// When the plugin fails: `closed` answers the exchange 503, `open` skips the
    /// plugin for this exchange.
    on_failure: Option<OnFailure>,
    /// `shared`: instances are reused, one exchange at a time. `exchange`: every
    /// exchange gets a fresh instance.
    isolation: Option<Isolation>,
    /// How long one hook may run, not counting what it waits for; 1ms to 60s.
    deadline: Option<Duration>,
    /// Memory of one instance; 64KiB to 4GiB.
    memory: Option<Size>,
    /// What happens to a body that is larger than the plugin asked to see whole:
    /// `refuse` answers 413, or 502 for a response; `pass` lets it pass unseen;
    /// `truncate` shows the plugin its beginning.
    body_over_limit: Option<BodyOverLimit>,
    /// Octets of a body that the plugin may ask to see at once, or hold; up to 16MiB.
    body_limit: Option<Size>,
    capabilities: Option<CapabilitiesFile>,
    /// Handed to the plugin. Wherever it takes a string, `{ env = "NAME" }` stands for
    /// an environment variable and `{ file = "PATH" }` for a file's contents.
    config: Option<Map<String, Value>>,
}

/// What happens to an exchange when a plugin fails.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum OnFailure {
    /// It is answered 503.
    Closed,
    /// It goes on without the plugin.
    Open,
}

/// Whether instances are reused.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum Isolation {
    /// One exchange at a time, one after the other.
    Shared,
    /// Never.
    Exchange,
}

/// What happens to a body that is larger than a plugin asked to see whole.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum BodyOverLimit {
    /// The exchange is answered 413, or 502 if it is a response's.
    Refuse,
    /// It passes unseen.
    Pass,
    /// The plugin sees its beginning.
    Truncate,
}

/// Which requests go to which cluster through which plugins. All conditions that are
/// given have to hold.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Route {
    /// What logs and plugins call it. Default: host and path.
    name: Option<String>,
    /// `example.com`, or `*.example.com` for every name below it. Default: any.
    host: Option<String>,
    /// A prefix of whole segments: `/api` matches `/api` and `/api/x`, not `/apix`.
    #[schemars(regex(pattern = "^/"))]
    path: Option<String>,
    /// A regular expression for the whole path, instead of `path`.
    path_regex: Option<String>,
    /// A method or several. Default: any.
    method: Option<Methods>,
    /// Header names and what each must be: a value, `*` for any, or `~REGEX`.
    headers: Option<BTreeMap<String, String>>,
    /// Query parameters and what each must be: a value, `*` for any, or `~REGEX`.
    query: Option<BTreeMap<String, String>>,
    /// The route's chain of plugins, in order.
    plugins: Option<Vec<PluginUse>>,
    /// The cluster that requests go to.
    cluster: String,
    /// Overrides `limits.body_bytes`.
    body_bytes: Option<BodySize>,
    /// Overrides the cluster's `response_timeout`.
    response_timeout: Option<Duration>,
}

/// One method or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum Methods {
    /// One.
    One(String),
    /// Any of these.
    Several(#[schemars(length(min = 1))] Vec<String>),
}

/// A plugin in a route's chain.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum PluginUse {
    /// A plugin's name.
    Name(String),
    /// A plugin with keys of its own for this route.
    Configured(ConfiguredUse),
}

/// A plugin with a configuration for one route.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct ConfiguredUse {
    /// A plugin's name.
    #[schemars(rename = "use")]
    plugin: String,
    /// Laid over the plugin's own `config`, key by key.
    config: Option<Map<String, Value>>,
}

/// A whole number and a unit: `50ms`, `10s`, `2m`, `1h`.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = "^[0-9]+(ms|s|m|h)$"))]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Duration(String);

/// A whole number and a unit: `512B`, `64KiB`, `1MiB`, `2GiB`, `1TiB`.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = "^(0|[0-9]+(B|KiB|MiB|GiB|TiB))$"))]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct Size(String);

/// A size, or `unlimited`.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = "^(0|unlimited|[0-9]+(B|KiB|MiB|GiB|TiB))$"))]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) struct BodySize(String);
