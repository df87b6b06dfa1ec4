//! What a file without mistakes means.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::{
    Balance, Config, HashKey, HostPattern, Isolation, Limits, Loader, LogTarget, OnFailure, Origin,
    PathPattern, Place, Plugin, PluginSource, Timeouts, UpstreamHost, UpstreamProtocol,
    ValuePattern, load, plan, sidecar,
};

#[test]
fn the_example_is_read_as_written() {
    let folder = Folder::new();
    let loaded = folder.parse(EXAMPLE).expect("good");
    let Config { listeners, clusters, plugins, routes, .. } = &loaded.config;
    let path = |name: &str| folder.0.path().join(name);

    assert_eq!(loaded.config.workers.get(), 2);
    assert_eq!(loaded.config.plugin_dir, Some(path("plugins")));
    assert_eq!(loaded.config.admin.as_ref().map(|admin| admin.listen.port()), Some(9180));
    assert_eq!(loaded.config.access_log.as_ref().map(|log| &log.target), Some(&LogTarget::Stdout));

    assert_eq!(listeners[0].name, "0.0.0.0:8443");
    assert!(listeners[0].http2);
    assert_eq!(listeners[0].tls[0].certificate, path("site.pem"));
    assert_eq!(listeners[0].tls[0].key, path("site.key"));

    assert_eq!(clusters[0].balance, Balance::LeastRequest);
    let weights: Vec<u32> = clusters[0].endpoints.iter().map(|endpoint| endpoint.weight).collect();
    assert_eq!(weights, [1, 2]);

    let waf = &plugins["waf"];
    assert_eq!(waf.source, PluginSource::Builtin("waf".to_owned()));
    assert_eq!(waf.capabilities.files, [path("rules")]);
    assert_eq!(waf.config, json!({ "mode": "block", "paranoia": 1 }));
    assert_eq!(plugins["auth"].source, PluginSource::File(path("auth.wasm")));

    assert_eq!(routes[0].name, "example.com /api/");
    assert_eq!(routes[0].matcher.host, Some(HostPattern::Exact("example.com".to_owned())));
    assert_eq!(routes[0].matcher.path, Some(PathPattern::Prefix("/api/".to_owned())));
    assert_eq!(routes[0].plugins[0].config, None);
    assert_eq!(routes[0].plugins[1].config, Some(json!({ "realm": "api" })));
    assert_eq!(loaded.report.diagnostics(), []);
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = good(LEAST).config;
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.timeouts, Timeouts::default());
    assert_eq!(config.drain_timeout, Duration::from_secs(30));
    assert_eq!((config.admin, config.access_log), (None, None));
    assert_eq!(config.clusters[0].host, UpstreamHost::Preserve);
    assert_eq!(config.clusters[0].balance, Balance::RoundRobin);
    assert_eq!(config.routes[0].name, "* /");
    let config = good(&format!("{LEAST}[admin]\n[access_log]\n")).config;
    assert!(config.admin.is_some_and(|admin| admin.listen.ip().is_loopback()));
    assert!(config.access_log.is_some_and(|log| log.target == LogTarget::Stdout));
}

#[test]
fn every_key_reaches_its_field() {
    let config = good(
        r#"
cache_dir = "cache"
drain_timeout = "0s"
trusted_proxies = ["10.1.2.3/8", "::1"]
[admin]
listen = "127.0.0.1:1"
[access_log]
path = "plugins/access.log"
[limits]
connections = 1
connections_per_address = 2
requests_per_connection = 3
target_bytes = "4KiB"
header_bytes = "16KiB"
header_count = 6
body_bytes = "unlimited"
http2_streams = 8
http2_resets = 9
[timeouts]
handshake = "1s"
header = "2s"
body = "3s"
idle = "4s"
connect = "5m"
response = "6s"
upstream_body = "7s"
upstream_idle = "8s"
tunnel = "9h"
[[listener]]
name = "front"
listen = "[::1]:8080"
http2 = false
[cluster.b]
endpoints = ["https://b", "h2c://[::1]:1"]
balance = "hash"
hash = "cookie:Session"
host = "b.internal:81"
ca = "ca.pem"
server_name = "b.Internal"
expose = ["Server"]
idle_connections = 0
response_timeout = "10s"
[cluster.a]
endpoints = ["http://a"]
host = "endpoint"
connect_timeout = "11ms"
[plugin.p]
source = "auth.wasm"
on_failure = "open"
isolation = "exchange"
deadline = "1ms"
memory = "1MiB"
[[route]]
name = "r"
host = "*.Example.com"
path_regex = "/v[12]/.*"
method = ["get", "POST", "GET"]
headers = { X-Team = "a", x-any = "*", x-re = "~a+" }
query = { Debug = "1" }
plugins = ["p"]
cluster = "a"
body_bytes = "0"
response_timeout = "12s"
[[route]]
cluster = "b"
body_bytes = "unlimited"
"#,
    )
    .config;
    assert_eq!(config.drain_timeout, Duration::ZERO);
    let networks: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "::1/128"]);
    assert!(config.cache_dir.is_some_and(|path| path.ends_with("cache")));
    assert!(matches!(
        config.access_log.map(|log| log.target),
        Some(LogTarget::File(path)) if path.ends_with("plugins/access.log")
    ));
    assert_eq!(
        config.limits,
        Limits {
            connections: 1,
            connections_per_address: 2,
            requests_per_connection: 3,
            target_bytes: 4096,
            header_bytes: 16_384,
            header_count: 6,
            body_bytes: None,
            http2_streams: 8,
            http2_resets: 9,
        }
    );
    assert_eq!(
        config.timeouts,
        Timeouts {
            handshake: Duration::from_secs(1),
            header: Duration::from_secs(2),
            body: Duration::from_secs(3),
            idle: Duration::from_secs(4),
            connect: Duration::from_secs(300),
            response: Duration::from_secs(6),
            upstream_body: Duration::from_secs(7),
            upstream_idle: Duration::from_secs(8),
            tunnel: Duration::from_secs(32_400),
        }
    );
    let listener = &config.listeners[0];
    assert_eq!((listener.name.as_str(), listener.http2, listener.tls.len()), ("front", false, 0));

    let [b, a] = config.clusters.as_slice() else { panic!("two clusters") };
    assert_eq!(b.name, "b", "in the file's order");
    assert_eq!(b.balance, Balance::Hash(HashKey::Cookie("Session".to_owned())));
    assert_eq!(b.host, UpstreamHost::Fixed("b.internal:81".to_owned()));
    assert_eq!(b.server_name.as_deref(), Some("b.internal"));
    assert_eq!(b.expose, ["server"]);
    assert!(b.ca.as_ref().is_some_and(|path| path.ends_with("ca.pem")));
    assert_eq!((b.idle_connections, b.response_timeout), (0, Duration::from_secs(10)));
    assert_eq!(b.connect_timeout, Duration::from_secs(300), "of [timeouts]");
    assert_eq!(b.endpoints[1].protocol, UpstreamProtocol::H2c);
    assert_eq!(a.host, UpstreamHost::Endpoint);
    assert_eq!(
        (a.connect_timeout, a.response_timeout),
        (Duration::from_millis(11), Duration::from_secs(6))
    );

    let plugin = &config.plugins["p"];
    assert_eq!((plugin.on_failure, plugin.isolation), (OnFailure::Open, Isolation::Exchange));
    assert_eq!((plugin.deadline, plugin.memory), (Duration::from_millis(1), 1 << 20));
    assert_eq!(plugin.config, json!({}));

    let route = &config.routes[0];
    assert_eq!(route.name, "r");
    assert_eq!(route.matcher.host, Some(HostPattern::Below("example.com".to_owned())));
    assert_eq!(route.matcher.path, Some(PathPattern::Regex("/v[12]/.*".to_owned())));
    assert_eq!(route.matcher.methods, ["GET", "POST"]);
    assert_eq!(
        route.matcher.headers,
        [
            ("x-team".to_owned(), ValuePattern::Exact("a".to_owned())),
            ("x-any".to_owned(), ValuePattern::Present),
            ("x-re".to_owned(), ValuePattern::Regex("a+".to_owned())),
        ]
    );
    assert_eq!(route.matcher.query, [("Debug".to_owned(), ValuePattern::Exact("1".to_owned()))]);
    assert_eq!((route.cluster, route.body_bytes), (1, Some(0)));
    assert_eq!(route.response_timeout, Some(Duration::from_secs(12)));
    assert_eq!(config.routes[1].body_bytes, Some(u64::MAX));
}

#[test]
fn routes_are_sorted_and_their_places_follow() {
    let text = format!(
        "{LEAST}[plugin.p]\nsource = \"auth.wasm\"\n[[route]]\npath = \"/a\"\ncluster = \"app\"\nplugins = [\"p\"]\n[[route]]\nhost = \"h\"\ncluster = \"app\"\n"
    );
    let loaded = good(&text);
    let names: Vec<&str> = loaded.config.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["h /", "* /a", "* /"]);
    let span = loaded.locate(&Place::RoutePlugin(1, 0)).expect("there");
    assert_eq!(&text[span], "\"p\"");
    let span = loaded.locate(&Place::RoutePlugin(0, 7)).expect("its route");
    assert_eq!(&text[span], "[[route]]");
}

#[test]
fn names_that_would_be_shared_are_numbered() {
    let loaded = good(&format!(
        "{LEAST}method = \"GET\"\n[[route]]\ncluster = \"app\"\nmethod = \"PUT\"\n[[route]]\nname = \"* / #2\"\ncluster = \"app\"\n"
    ));
    let names: Vec<&str> = loaded.config.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["* /", "* / #3", "* / #2"]);
}

#[test]
fn places_are_found_or_the_heading_above() {
    let mut loaded = good(EXAMPLE);
    for (place, text) in [
        (Place::PluginDir, "\"plugins\""),
        (Place::Admin, "\"127.0.0.1:9180\""),
        (Place::AccessLog, "\"-\""),
        (Place::Listener(0), "\"0.0.0.0:8443\""),
        (Place::Certificate(0, 0), "\"site.pem\""),
        (Place::CertificateKey(0, 0), "\"site.key\""),
        (Place::Endpoint("app".into(), 0), "\"http://127.0.0.1:3000\""),
        (Place::ClusterCa("app".into()), "app"),
        (Place::PluginSource("waf".into()), "\"builtin:waf\""),
        (Place::PluginConfig("waf".into()), "{ mode = \"block\", paranoia = 1 }"),
        (Place::PluginCapabilities("waf".into()), "{ files = [\"rules\"] }"),
        (Place::PluginConfig("auth".into()), "auth"),
        (Place::RoutePlugin(0, 1), "{ use = \"auth\", config = { realm = \"api\" } }"),
    ] {
        assert_eq!(loaded.locate(&place).map(|span| &EXAMPLE[span]), Some(text), "{place:?}");
    }
    assert_eq!(loaded.locate(&Place::CacheDir), None);
    loaded.error(&Place::PluginSource("waf".into()), "not a component", None);
    assert_eq!(remarks(&loaded.report, Severity::Error), ["21:10 not a component"]);
}

#[test]
fn secrets_are_put_in_and_shown_nowhere() {
    // PATH is the one variable that every test run has.
    let value = std::env::var("PATH").expect("a PATH");
    let loaded = good(&format!(
        r#"{LEAST}plugins = [{{ use = "p", config = {{ b = {{ env = "PATH" }} }} }}]
[plugin.p]
source = "auth.wasm"
[plugin.p.config]
file = "not a secret"
a = [{{ file = "secret" }}, {{ env = "PATH", more = 1 }}, {{ env = 5 }}]
b = 1
date = 1979-05-27
nested = {{ f = 1.5, t = true }}
"#
    ));
    let own = &loaded.config.plugins["p"].config;
    let expected = json!({
        "file": "not a secret",
        "a": ["from a file", { "env": "PATH", "more": 1 }, { "env": 5 }],
        "b": 1,
        "date": "1979-05-27",
        "nested": { "f": 1.5, "t": true },
    });
    assert_eq!(*own, expected);
    let laid_over = loaded.config.routes[0].plugins[0].config.as_ref().expect("its own");
    assert_eq!(laid_over["b"], json!(value));
    assert_eq!(laid_over["a"], expected["a"], "the other keys stay");
    for shown in [format!("{loaded:?}"), plan(&loaded.config, &[]), loaded.report.to_string()] {
        assert!(!shown.contains("from a file") && !shown.contains(&value), "{shown}");
    }
}

#[test]
fn a_plugin_balances_a_cluster() {
    let cluster = |more: &str| {
        let loaded = good(&format!(
            "{LEAST}[plugin.sticky]\nsource = \"auth.wasm\"\n[plugin.other]\nsource = \"auth.wasm\"\n\
             [cluster.b]\nendpoints = [\"http://b\"]\nbalance = \"plugin:sticky\"\n{more}"
        ));
        let balancing: Vec<bool> =
            loaded.config.plugins.values().map(|plugin| plugin.balances).collect();
        assert_eq!(balancing, [false, true], "it has to have the hook, the other need not");
        loaded.config.clusters.last().expect("two clusters").clone()
    };
    let by = |hash| Balance::Plugin { name: "sticky".to_owned(), hash };
    assert_eq!(cluster("").balance, by(None));
    assert_eq!(cluster("hash = \"path\"\n").balance, by(Some(HashKey::Path)));
}

#[test]
fn doubts_are_warnings() {
    assert_eq!(
        warnings(&format!(
            "{LEAST}method = \"GTE\"\n[plugin.p]\nsource = \"auth.wasm\"\n[cluster.b]\nendpoints = [\"http://b\", \"http://b:80\"]\nca = \"ca.pem\"\n[[route]]\nmethod = \"GTE\"\ncluster = \"app\"\n"
        )),
        [
            "10:10 `route.method`: `GTE` is not a common method (did you mean `GET`?)",
            "13:10 no route sends to the cluster `b`",
            "14:26 `http://b:80` is in `cluster.b.endpoints` twice (give it a weight instead: { url = \"…\", weight = 2 })",
            "15:6 `cluster.b.ca` has no effect: no endpoint is https://",
            "16:1 this route is never taken: an earlier one, `* /`, matches the same requests",
            "17:10 `route.method`: `GTE` is not a common method (did you mean `GET`?)",
        ]
    );
    assert_eq!(
        warnings("[[listener]]\nlisten = \"127.0.0.1:1\"\n"),
        [
            "there is no route: every request is answered 404 (add [[route]] with `cluster = \"NAME\"`)"
        ]
    );
    let mentioned = format!(
        "{LEAST}plugins = [\"p\"]\n[plugin.p]\nsource = \"auth.wasm\"\nconfig = {{ split = [{{ to = \"b\" }}] }}\n[cluster.b]\nendpoints = [\"http://b\"]\n"
    );
    assert_eq!(warnings(&mentioned), [""; 0], "a plugin may send to it");
}

#[test]
fn clients_show_certificates_where_authorities_are_named() {
    let listener = "[[listener]]\nlisten = \"127.0.0.1:1\"\nclient_ca = \"ca.pem\"\n\
                    tls = [{ certificate = \"site.pem\", key = \"site.key\" }]\n";
    let of = |keys: &str| {
        let loaded = good(&format!("{LEAST}{listener}{keys}"));
        let shown = plan(&loaded.config, &[]);
        (loaded.config.listeners[1].client_auth.clone().expect("it is there"), shown)
    };
    let (auth, shown) = of("");
    assert!(auth.required && auth.ca.ends_with("ca.pem") && auth.crls.is_empty());
    assert!(shown.contains("TLS, 1 certificate, clients' required"), "{shown}");
    let (auth, _) = of("client_auth = \"optional\"\nclient_crl = [\"ca.pem\"]\n");
    assert!(!auth.required && auth.crls.len() == 1);
}

#[test]
fn secrets_are_granted_by_name_and_not_shown() {
    let loaded = good(&format!(
        "{LEAST}[plugin.p]\nsource = \"auth.wasm\"\n\
         capabilities = {{ secrets = {{ b = {{ file = \"secret\" }}, a = {{ env = \"PATH\" }} }} }}\n"
    ));
    let secrets = &loaded.config.plugins["p"].capabilities.secrets;
    let octets = |name| secrets.at(secrets.place(name)?);
    let path = std::env::var("PATH").unwrap();
    assert_eq!(octets("a"), Some(path.as_bytes()));
    assert!(octets("b").is_some_and(|octets| !octets.ends_with(b"\n")));
    assert_eq!(octets("c"), None);
    assert_eq!(secrets.files().count(), 1);
    let shown = format!("{:?} {}", loaded.config, plan(&loaded.config, &[]));
    assert!(shown.contains("secrets a b") && !shown.contains(&path), "{shown}");
}

#[test]
fn the_plan_shows_what_will_be_done() {
    let text = format!(
        "workers = 2\n{LEAST}name = \"rest\"\n{}",
        r#"
[[listener]]
listen = "0.0.0.0:8443"
tls = [{ certificate = "site.pem", key = "site.key" }]
[cluster.users]
endpoints = ["http://u1", { url = "http://u2", weight = 3 }]
balance = "hash"
hash = "header:x-user"
[plugin.waf]
source = "builtin:waf"
config = { key = "value that nobody sees" }
[[route]]
host = "*.example.com"
path = "/users"
method = "GET"
headers = { x-team = "a" }
query = { v = "~[12]" }
plugins = ["waf", { use = "waf", config = {} }]
cluster = "users"
"#
    );
    assert_eq!(
        plan(&good(&text).config, &["10-first".to_owned()]),
        r#"listeners (2 workers)
  127.0.0.1:8080  plain               HTTP/1.1, HTTP/2 with prior knowledge
  0.0.0.0:8443    TLS, 1 certificate  HTTP/1.1, HTTP/2

clusters
  app    round-robin                http://127.0.0.1:3000
  users  hash of the header x-user  http://u1
                                    http://u2              weight 3

plugins
  waf  builtin:waf  failure answers 503, shared instances, 50ms, 64MiB

routes, the first that matches is taken
  1.  GET *.example.com /users header:x-team="a" query:v~"[12]"  -> users  10-first, waf, waf (own config)
  2.  * / [rest]                                                 -> app    10-first
"#
    );
}

#[test]
fn a_sidecar_configures_a_dropped_plugin() {
    let folder = Folder::new();
    let wasm = folder.0.path().join("auth.wasm");
    let path = folder.0.path().join("auth.toml");
    let with = |text: &str| {
        fs::write(&path, text).expect("written");
        sidecar(&path, "auth", &wasm)
    };
    let plugin = with("on_failure = \"open\"\nconfig.key = { file = \"secret\" }\n").expect("good");
    assert_eq!(plugin.name, "auth");
    assert_eq!(plugin.source, PluginSource::File(wasm.clone()));
    assert_eq!(plugin.on_failure, OnFailure::Open);
    assert_eq!(plugin.config, json!({ "key": "from a file" }));
    let mut plain = Plugin::with_defaults("auth", PluginSource::File(wasm.clone()));
    plain.origin = Origin::Sidecar;
    assert_eq!(with("").expect("good"), plain);
    let report = with("source = \"x\"\ndeadlin = \"1s\"\n").expect_err("two mistakes");
    assert_eq!(
        remarks(&report, Severity::Error),
        [
            "1:10 `source`: the source is the .wasm file of the same name beside this one (remove `source`)",
            "2:1 unknown key `deadlin` in the file (did you mean `deadline`?)",
        ]
    );
}

#[test]
fn the_reference_begins_with_a_good_example() {
    let reference = include_str!("../../../../docs/configuration.md");
    let example = reference
        .split_once("```toml\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(example, _)| example)
        .expect("an example");
    let loaded = good(example);
    assert_eq!(loaded.report.diagnostics(), []);
    assert_eq!(loaded.config.routes.len(), 1);
}

#[test]
fn files_are_loaded() {
    let folder = Folder::new();
    let path = folder.0.path().join("wasmgate.toml");
    let report = load(&path).expect_err("missing");
    let text = report.to_string();
    assert!(text.contains("no such file or directory") && text.contains("-c FILE"), "{text}");
    fs::write(&path, b"a = 1\n\xff").expect("written");
    assert!(load(&path).expect_err("not UTF-8").to_string().contains("see line 2"));
    fs::write(&path, LEAST).expect("written");
    assert_eq!(load(&path).expect("good").config.clusters[0].name, "app");
}

#[test]
fn bundled_plugins_are_checked_by_those_who_know_them() {
    let text = format!("{LEAST}plugins = [\"p\"]\n[plugin.p]\nsource = \"builtin:headrs\"\n");
    assert!(parse(&text, "wasmgate.toml".as_ref()).is_ok());
    let loader = Loader::default().builtins(["headers", "rewrite"]);
    let report = loader.parse(&text, "wasmgate.toml".as_ref()).expect_err("unknown");
    assert_eq!(
        remarks(&report, Severity::Error),
        ["12:10 `plugin.p.source`: there is no bundled plugin `headrs` (did you mean `headers`?)"]
    );
}
