//! What holds when the file says nothing, each with its reason.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use super::{
    AccessLog, Admin, Balance, BodyOverLimit, Capabilities, Cluster, Config, Destination, Endpoint,
    HttpGrant, Isolation, Limits, Listener, LogTarget, OnFailure, Origin, Plugin, PluginSource,
    Timeouts, UpstreamHost, scalar,
};

/// Forms and API calls are kilobytes; a thousand such bodies at once are a GiB.
pub(super) const BODY_LIMIT: u32 = 1 << 20;

/// No listeners, no routes; all else as without a file.
impl Default for Config {
    fn default() -> Self {
        Self {
            // One for each core: a worker never waits, so more only add switches.
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            plugin_dir: None,
            cache_dir: None,
            // Plugins that keep much and may lose it should not pay for a file.
            store: None,
            // What Kubernetes and systemd allow between SIGTERM and SIGKILL is 30 s
            // and 90 s; an exchange that takes longer is cut off either way.
            drain_timeout: Duration::from_secs(30),
            // Any client can write these fields, so nobody is believed unasked.
            trusted_proxies: Vec::new(),
            admin: None,
            access_log: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            listeners: Vec::new(),
            clusters: Vec::new(),
            plugins: std::collections::BTreeMap::new(),
            routes: Vec::new(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        // It names plugins, routes and endpoints: nobody else's business.
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9180) }
    }
}

impl Default for AccessLog {
    fn default() -> Self {
        // Where containers and systemd look for it.
        Self { target: LogTarget::Stdout, request_headers: Vec::new() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 12 KiB each when idle: 120 MiB, and below common limits of open files
            // (each exchange needs one more, to its endpoint).
            connections: 10_000,
            // A tenth, so that one address cannot take all; offices and carriers
            // put hundreds of people behind one.
            connections_per_address: 1_000,
            // Lets long-lived clients spread over workers again now and then; too
            // many for the handshakes to cost anything.
            requests_per_connection: 10_000,
            // RFC 9110, section 4.1, asks for 8000 octets at least.
            target_bytes: 8 << 10,
            // Twice what browsers send at the most (cookies), the double of nginx.
            header_bytes: 64 << 10,
            // hyper's and Envoy's own; real requests have 10 to 40.
            header_count: 100,
            // Bodies are streamed, so this guards the endpoints' disks, not our
            // memory; uploads larger than this want a thought.
            body_bytes: Some(1 << 30),
            // RFC 9113, section 6.5.2, recommends no fewer than 100.
            http2_streams: 128,
            // A browser resets a handful at a time; an attack thousands.
            http2_resets: 100,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            // Three round trips at the worst, and slow clients' cryptography.
            handshake: Duration::from_secs(10),
            // A head is a packet or two; slower than this is slowloris.
            header: Duration::from_secs(10),
            // Between two pieces: longer than any mobile network's gap.
            body: Duration::from_secs(30),
            // nginx's; longer than browsers and below most load balancers' 5 min.
            idle: Duration::from_secs(75),
            // A lost SYN is sent again after 1 s and 3 s: room for two.
            connect: Duration::from_secs(5),
            // nginx's and HAProxy's: what people wait for at the most.
            response: Duration::from_secs(60),
            // As for the head: an endpoint that stalls midway is as good as gone.
            upstream_body: Duration::from_secs(60),
            // Below the 75 s and more that servers keep idle connections for, so
            // that it is we who close, not they under our next request; for
            // servers that close sooner (Node: 5 s) the request is sent again.
            upstream_idle: Duration::from_secs(60),
            // WebSockets without pings: as long as firewalls remember them.
            tunnel: Duration::from_secs(60 * 60),
        }
    }
}

impl Listener {
    /// Plain HTTP on an address, named after it.
    pub fn plain(listen: SocketAddr) -> Self {
        Self {
            name: listen.to_string(),
            listen,
            // Costs nothing to those who do not ask for it.
            http2: true,
            tls: Vec::new(),
            client_auth: None,
        }
    }
}

impl Cluster {
    /// A cluster of these endpoints.
    pub fn with_defaults(name: &str, endpoints: Vec<Endpoint>, timeouts: &Timeouts) -> Self {
        Self {
            name: name.to_owned(),
            endpoints,
            // Predictable: what people expect who have not read about the others.
            balance: Balance::RoundRobin,
            // Applications build links and check origins from it.
            host: UpstreamHost::Preserve,
            ca: None,
            server_name: None,
            // What an attacker looks up vulnerabilities by.
            expose: Vec::new(),
            // As many as one worker has in flight at a few thousand requests a
            // second; each costs an endpoint a descriptor.
            idle_connections: 64,
            connect_timeout: timeouts.connect,
            response_timeout: timeouts.response,
        }
    }
}

impl Plugin {
    /// A plugin with nothing but a name and a source.
    pub fn with_defaults(name: impl Into<String>, source: PluginSource) -> Self {
        Self {
            name: name.into(),
            source,
            origin: Origin::Table,
            // A firewall that failed must not let everything pass.
            on_failure: OnFailure::Closed,
            // A hundred times cheaper than a fresh instance.
            isolation: Isolation::Shared,
            // Hooks take microseconds; a thousand times that is a hang.
            deadline: Duration::from_millis(50),
            // Ample for Rust, Go and JavaScript; Python needs about this much.
            memory: 64 << 20,
            // What inspects whole bodies must not be passed by a large one.
            body_over_limit: BodyOverLimit::Refuse,
            body_limit: BODY_LIMIT,
            capabilities: Capabilities::default(),
            balances: false,
            config: serde_json::Value::Object(serde_json::Map::new()),
        }
    }
}

impl HttpGrant {
    /// A grant of these hosts.
    pub fn to(hosts: Vec<Destination>) -> Self {
        Self {
            hosts,
            // Whoever answers for a name decides where it leads: not into the
            // operator's own network unless the operator says so.
            private: Vec::new(),
            // A client waits meanwhile. Half of what people notice at all.
            timeout: Duration::from_secs(2),
            // Decisions and tokens are kilobytes; in an instance of 64 MiB a copy of
            // this leaves room for what is made of it.
            body: 1 << 20,
            // Five thousand a second at 50 ms each. Over HTTP/1.1 each holds a
            // descriptor, of which many systems allow a process 1024.
            in_flight: 256,
            ca: None,
        }
    }
}

impl PluginSource {
    /// Reads `builtin:NAME` or the path of a file, which begins at `folder` when it
    /// is relative. Whether there is such a plugin is not asked here.
    ///
    /// # Errors
    ///
    /// When it is an address of another kind (`oci://…`), or empty.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, scalar::Invalid> {
        let invalid = |message: String| {
            Err(scalar::Invalid::new(message)
                .help("available: \"builtin:NAME\", or the path of a .wasm file"))
        };
        if let Some(name) = text.strip_prefix("builtin:") {
            return scalar::name(name).map(Self::Builtin);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return invalid(format!(
                "sources of the kind `{}://` are not available in this version",
                scheme.escape_debug()
            ));
        }
        if text.is_empty() || text.contains('\0') {
            return invalid(format!("`{}` is not a source", text.escape_debug()));
        }
        let path = folder.join(text);
        Ok(Self::File(std::path::absolute(&path).unwrap_or(path)))
    }
}
