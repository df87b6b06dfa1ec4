//! What a call into a plugin costs, without HTTP around it.
//!
//! `call/*` is one hook of one instance: the exchange goes into the store, the
//! asked-for fields into the guest, the decision comes back. `chain/*` is ten
//! plugins as a route has them: permits, instance pools, edits applied to the
//! response. `body/*` is a body hook with its pipeline. `instance/*` is a fresh instance, configured and dropped.
//! `sha256_1kib/*` is a hook that hashes 1 KiB, through `crypto` or in Wasm.
//! `matcher_50/*` is a search for 50 patterns: by the library itself, and as a whole
//! hook, from which `call/noop` is to be taken off. `varied_*` is about patterns
//! over input that is another each time.
//! `balance/*` is the choice of one of three endpoints by a plugin that asked for a field.

#![allow(
    clippy::panic,
    clippy::print_stderr,
    reason = "a benchmark speaks to a person and fails by panicking"
)]

#[path = "end_to_end/guest.rs"]
#[allow(dead_code, reason = "each benchmark needs a part")]
mod guest;
#[path = "plugin_call/patterns.rs"]
mod patterns;

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tokio::runtime::Runtime;
use wasmgate::config::{self, PluginSource};
use wasmgate::exchange::body::InHand;
use wasmgate::exchange::{Bodies, Connection, Exchange, Message, Notes, ResponseHead, Scheme};
use wasmgate::plugin::balancing::{Balancing, Endpoint, Load};
use wasmgate::plugin::body::{Next, Pipeline};
use wasmgate::plugin::chain::{Chain, ChosenRoute, Destinations, Run, asked};
use wasmgate::plugin::engine::Engine;
use wasmgate::plugin::instance_pool::InstancePool;
use wasmgate::plugin::registry::{LoadError, Outcome, Plugin, Registry};
use wasmgate::plugin::running_time::{Lane, Ticker};

/// Fields of an ordinary browser.
const FIELDS: [(&str, &str); 8] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://example.com/"),
    ("cookie", "session=0123456789abcdef0123456789abcdef"),
    ("sec-fetch-dest", "document"),
    ("priority", "u=0, i"),
];

fn exchange() -> Box<Exchange> {
    let peer = "127.0.0.1:40000".parse().expect("an address");
    let mut headers = HeaderMap::new();
    for (name, value) in FIELDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let target = PathAndQuery::from_static("/index.html?page=1");
    Box::new(Exchange {
        connection: Arc::new(Connection {
            peer,
            listener: "bench".into(),
            tls: None,
            peer_value: HeaderValue::from_static("127.0.0.1"),
        }),
        client: peer,
        forwarded: false,
        scheme: Scheme::Http,
        request_id: HeaderValue::from_static("0123456789abcdef0123456789abcdef"),
        method: Method::GET,
        version: Version::HTTP_11,
        authority: HeaderValue::from_static("example.com"),
        asked_authority: HeaderValue::from_static("example.com"),
        target: target.clone(),
        raw_target: target,
        headers,
        route: "bench".into(),
        cluster: None,
        endpoint: None,
        response: None,
        bodies: Bodies::default(),
        notes: Notes::default(),
    })
}

struct Bench {
    runtime: Runtime,
    registry: Registry,
    lane: Rc<Lane>,
}

impl Bench {
    fn new() -> Self {
        let engine = Arc::new(Engine::new(None).expect("the engine starts"));
        let ticker = Ticker::start(engine.wasmtime()).expect("a thread starts");
        let no_builtins = |name: &str| {
            Err(LoadError::NoBuiltin { name: name.to_owned(), available: String::new() })
        };
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime starts"),
            registry: Registry::new(engine, ticker.clone(), Arc::default(), no_builtins),
            lane: Rc::new(Lane::new(ticker)),
        }
    }

    fn load(&mut self, name: &str, guest: &str, config: serde_json::Value) -> Arc<Plugin> {
        let file = guest::find(guest, None).expect("the guest is there");
        let mut spec = config::Plugin::with_defaults(name, PluginSource::File(file));
        spec.config = config;
        spec.capabilities.matcher = true;
        // What a guest does not import costs it nothing.
        spec.capabilities.counter = Some(Default::default());
        spec.capabilities.kv = Some(Default::default());
        spec.capabilities.metrics = Some(Default::default());
        spec.capabilities.rate_limit = Some(Default::default());
        match self.runtime.block_on(self.registry.load(&spec)) {
            Outcome::Loaded(plugin) | Outcome::Unchanged(plugin) => plugin,
            Outcome::Rejected { error, .. } => panic!("{guest}: {error}"),
        }
    }
}

/// Times `count` rounds of an asynchronous step inside of one `block_on`.
async fn timed<F: Future>(count: u64, mut step: impl FnMut() -> F) -> Duration {
    let began = Instant::now();
    for _ in 0..count {
        black_box(step().await);
    }
    began.elapsed()
}

/// The hook of a plugin, over and over, in one instance.
fn calls(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let names = |count: usize| FIELDS[..count].iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let act = |act: &str| serde_json::json!({ "act": act });
    let asks = |count: usize| serde_json::json!({ "fields": names(count) });
    let matching = |act: &str, subject: &str| serde_json::json!({ "regexes": patterns::FIFTY.as_slice(), "subject": subject, "act": act });
    let header = "request:user-agent";
    let keeps = |what: &str| serde_json::json!({ "what": what });
    let plugins = [
        ("call/noop", bench.load("noop", "noop", serde_json::json!({}))),
        ("call/1_field", bench.load("one", "asks", asks(1))),
        ("call/3_fields", bench.load("three", "asks", asks(3))),
        ("call/trivial", bench.load("trivial", "trivial", serde_json::json!({}))),
        ("sha256_1kib/in_host", bench.load("host", "crypto", act("hash-in-host"))),
        ("matcher_50/hook/header", bench.load("m1", "matcher", matching("is-match", header))),
        ("matcher_50/hook/header_all", bench.load("m2", "matcher", matching("matches", header))),
        ("matcher_50/hook/path", bench.load("m3", "matcher", matching("is-match", "path"))),
        ("sha256_1kib/in_guest", bench.load("guest", "crypto", act("hash-in-guest"))),
        // What `kv.get`, `counter.add` and `rate-limit.check` cost is what these take
        // more than the first.
        ("call/keeps_none", bench.load("none", "keeps", keeps("none"))),
        ("call/keeps_kv", bench.load("kv", "keeps", keeps("kv"))),
        ("call/keeps_counter", bench.load("counter", "keeps", keeps("counter"))),
        ("call/keeps_rate_limit", bench.load("limit", "keeps", keeps("rate-limit"))),
    ];
    patterns::native(criterion, FIELDS[0].1, "/index.html");
    for (name, plugin) in plugins {
        let pool = InstancePool::new(Arc::clone(&plugin), None);
        let Bench { runtime, lane, .. } = &bench;
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                runtime.block_on(async {
                    let mut instance = pool.fresh(lane).await.expect("an instance");
                    let mut exchange = Some(exchange());
                    let began = Instant::now();
                    for _ in 0..count {
                        lane.begin();
                        let given = exchange.take().expect("given back each time");
                        let names = &plugin.subscription.request;
                        let asked = asked(names, &given.headers, Some(&given.authority));
                        let (back, decision) =
                            instance.on_request(given, asked, &plugin.settings, lane).await;
                        black_box(decision).expect("the hook ends well");
                        exchange = Some(back);
                    }
                    began.elapsed()
                })
            });
        });
    }
}

struct Nowhere;

impl Destinations for Nowhere {
    fn cluster(&self, _: &str) -> Option<(usize, Arc<str>)> {
        None
    }

    fn route(&self, _: &str) -> Option<ChosenRoute> {
        None
    }
}

fn chains(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    for guest in ["noop", "trivial"] {
        let load = |index| bench.load(&format!("p{index}"), guest, serde_json::json!({}));
        let plugins: Vec<_> = (0..10).map(load).collect();
        let pools = plugins.into_iter().map(|plugin| InstancePool::new(plugin, None)).collect();
        let chain = Chain::new(pools);
        let Bench { runtime, lane, .. } = &bench;
        criterion.bench_function(&format!("chain/10_{guest}"), |bencher| {
            bencher.iter_custom(|count| {
                runtime.block_on(timed(count, || async {
                    let mut run = Run::new(Rc::clone(&chain), false);
                    let (mut exchange, _) = run.request(exchange(), &Nowhere, lane).await;
                    exchange.response =
                        Some(ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() });
                    run.response(exchange, lane).await
                }))
            });
        });
    }
    let Bench { runtime, lane, .. } = &bench;
    let none = Chain::new(Vec::new());
    criterion.bench_function("chain/0", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(timed(count, || async {
                let mut run = Run::new(Rc::clone(&none), false);
                let (mut exchange, _) = run.request(exchange(), &Nowhere, lane).await;
                exchange.response =
                    Some(ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() });
                run.response(exchange, lane).await
            }))
        });
    });
}

/// A hook on a whole body of 1 KiB, with everything that is around it but the head's
/// hooks: the stages, the pipeline, the call, the body that comes out.
fn bodies(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let config = serde_json::json!({ "mode": "whole" });
    let pool = InstancePool::new(bench.load("passing", "passing", config), None);
    let chain = Chain::new(vec![pool]);
    let Bench { runtime, lane, .. } = &bench;
    let octets = bytes::Bytes::from(vec![b'x'; 1024]);
    criterion.bench_function("body/whole_1KiB", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(async {
                let mut exchange = Some(exchange());
                let began = Instant::now();
                for _ in 0..count {
                    let mut run = Run::new(Rc::clone(&chain), false);
                    let given = exchange.take().expect("given back each time");
                    let (given, _) = run.request(given, &Nowhere, lane).await;
                    let body = InHand::new([octets.clone()].into(), None);
                    let stages = run.request_stages(&given, 0);
                    let mut pipeline = Pipeline::new(body, stages);
                    exchange = Some(given);
                    while let Next::Call(number) = pipeline.advance().await.expect("a body") {
                        let of = Message::Request;
                        let hook =
                            run.body(of, &mut pipeline, number, &mut exchange, &Nowhere, lane);
                        hook.await.expect("the hook ends well");
                    }
                    black_box(pipeline.in_hand()).expect("all of it came out");
                }
                began.elapsed()
            })
        });
    });
}

fn instances(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    for guest in ["noop", "trivial"] {
        let pool = InstancePool::new(bench.load(guest, guest, serde_json::json!({})), None);
        let Bench { runtime, lane, .. } = &bench;
        criterion.bench_function(&format!("instance/{guest}"), |bencher| {
            bencher.iter_custom(|count| runtime.block_on(timed(count, || pool.fresh(lane))));
        });
    }
}

fn picks(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let config = serde_json::json!({ "pick": "least", "quiet": true });
    let plugin = bench.load("balance", "balance", config);
    let pool = InstancePool::new(plugin, None);
    let Bench { runtime, lane, .. } = &bench;
    let endpoint = |id| Endpoint { id, url: format!("http://10.0.0.{id}:80"), weight: 1 };
    let endpoints = (0..3).map(endpoint).collect();
    let balancing = Balancing::new(&pool, "bench", endpoints, None, lane);
    let mut headers = exchange().headers;
    headers.insert("x-endpoint", HeaderValue::from_static("2"));
    let authority = HeaderValue::from_static("example.com");
    let load = |id| Load { id, in_flight: 3 - id, latency_us: 1_000 };
    criterion.bench_function("balance/3_endpoints_1_field", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(timed(count, || async {
                let asked = balancing.asked(&headers, &authority);
                let picked = balancing.pick(asked, None, (0..3).map(load).collect()).await;
                assert_eq!(picked, Some(2));
            }))
        });
    });
}

criterion_group!(benches, calls, chains, bodies, instances, picks, patterns::varied);
criterion_main!(benches);
