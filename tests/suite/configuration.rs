//! The configuration file: what is accepted, and what is said of what is not.

use std::fs;
use std::path::Path;

use harness::{Authority, Origin, Proxy, guest};

/// The configurations that the project ships, by the name of their folder.
pub(crate) fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut examples = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(text) = fs::read_to_string(path.join("wasmgate.toml")) {
            examples.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
        }
    }
    assert!(!examples.is_empty(), "the project ships examples");
    examples
}

const MINIMAL: &str = "[[listener]]\nlisten = \"@http\"\n\
                       [cluster.app]\nendpoints = [\"http://127.0.0.1:3000\"]\n\
                       [[route]]\ncluster = \"app\"\n";

/// What is added to a good file, and what its refusal says.
const MISTAKES: &[(&str, &[&str])] = &[
    ("[limits]\ntarget = \"1KiB\"", &["target", "target_bytes"]),
    ("[limits]\nbody_bytes = \"1 parsec\"", &["body_bytes", "parsec"]),
    ("[limits]\nheader_bytes = 8192", &["header_bytes", "an integer"]),
    ("[limits]\nheader_count = 0", &["header_count", "between"]),
    ("[timeouts]\nheader = 5", &["header", "duration"]),
    ("[timeouts]\nheader = \"5\"", &["header", "5"]),
    ("[timeouts]\nheader = \"0s\"", &["header", "between"]),
    ("[cluster.b]\nendpoints = []", &["endpoints", "at least one"]),
    ("[cluster.b]\nendpoints = [\"ftp://127.0.0.1\"]", &["ftp"]),
    ("[cluster.b]\nendpoints = [\"127.0.0.1:3000\"]", &["127.0.0.1:3000"]),
    ("[cluster.b]\nendpoints = [{ url = \"http://127.0.0.1:1\", weight = 0 }]", &["weight"]),
    (
        "[cluster.b]\nendpoints = [\"http://127.0.0.1:1\"]\nbalance = \"ramdom\"",
        &["ramdom", "random"],
    ),
    (
        "[cluster.b]\nendpoints = [\"http://127.0.0.1:1\"]\nbalance = \"hash\"",
        &["hash", "header:NAME"],
    ),
    ("[cluster.b]\nendpoints = [\"https://127.0.0.1:1\"]\nca = \"missing.pem\"", &["missing.pem"]),
    ("[cluster.b]\nendpoints = [\"https://127.0.0.1:1\"]\nca = \"text.pem\"", &["text.pem"]),
    ("[[route]]\ncluster = \"ap\"", &["ap", "app"]),
    ("[[route]]\npath = \"api\"\ncluster = \"app\"", &["path", "/"]),
    ("[[route]]\npath_regex = \"/(\"\ncluster = \"app\"", &["path_regex"]),
    ("[[route]]\nhost = \"a b\"\ncluster = \"app\"", &["host"]),
    ("[[route]]\npath = \"/x\"\nplugins = [\"nothing\"]\ncluster = \"app\"", &["nothing"]),
    ("[[route]]\npath = \"/x\"", &["cluster"]),
    ("[plugin.a]\nsource = \"missing.wasm\"", &["missing.wasm"]),
    ("[plugin.a]\nsource = \"builtin:haeders\"", &["haeders", "headers"]),
    ("[plugin.a]\non_failure = \"open\"", &["source"]),
    ("[plugin.a]\nsource = \"builtin:headers\"\ndeadline = \"1h\"", &["deadline", "between"]),
    ("[plugin.a]\nsource = \"builtin:headers\"\nisolation = \"none\"", &["isolation", "exchange"]),
    ("[plugin.a]\nsource = \"builtin:headers\"\ncapabilities = { sokets = true }", &["sokets"]),
    (
        "[plugin.a]\nsource = \"builtin:headers\"\nconfig = { a = { env = \"NOT_SET\" } }",
        &["NOT_SET"],
    ),
    (
        "[plugin.a]\nsource = \"builtin:headers\"\nconfig = { a = { file = \"missing\" } }",
        &["missing"],
    ),
    ("[[listener]]\nlisten = \"localhost\"", &["listen", "localhost"]),
    ("[[listener]]\nlisten = \"127.0.0.1:99999\"", &["127.0.0.1:99999"]),
    (
        "[[listener]]\nlisten = \"127.0.0.1:1\"\n[[listener.tls]]\ncertificate = \"text.pem\"",
        &["key"],
    ),
    (
        "[[listener]]\nlisten = \"127.0.0.1:1\"\n[[listener.tls]]\ncertificate = \"text.pem\"\nkey = \"text.pem\"",
        &["text.pem"],
    ),
    ("[admin]\nlisten = 9180", &["listen", "address"]),
    ("[unheard]\nof = 1", &["unheard"]),
    ("x = ", &["wasmgate.toml"]),
];

#[tokio::test]
async fn every_mistake_ends_the_start_and_the_check_alike() {
    for (mistake, words) in MISTAKES {
        let setup = || {
            Proxy::with(format!("{MINIMAL}{mistake}\n")).file("text.pem", "this is no certificate")
        };
        for finished in [setup().check().await, setup().fail().await] {
            assert_eq!(finished.code, Some(1), "{mistake}\n{}", finished.stderr);
            let text = format!("{}{}", finished.stdout, finished.stderr);
            for word in *words {
                assert!(text.contains(word), "{mistake}\n{word:?} is not in:\n{text}");
            }
            assert!(!text.contains("panicked"), "{text}");
        }
    }
}

#[tokio::test]
async fn top_level_mistakes_are_found_too() {
    for (mistake, word) in [
        ("worker = 2", "workers"),
        ("workers = 0", "between"),
        ("workers = \"two\"", "an integer"),
        ("plugin_dir = \"nowhere\"", "nowhere"),
        ("trusted_proxies = [\"10.0.0.0/99\"]", "10.0.0.0/99"),
        ("drain_timeout = \"soon\"", "soon"),
    ] {
        let finished = Proxy::with(format!("{mistake}\n{MINIMAL}")).check().await;
        let text = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.code, Some(1), "{mistake}\n{text}");
        assert!(text.contains(word), "{mistake}\n{text}");
    }
}

#[tokio::test]
async fn mistakes_of_every_kind_are_reported_together() {
    let finished = Proxy::with(
        "wrokers = 2\n\
         [[listener]]\nlisten = \"nowhere\"\n\
         [cluster.app]\nendpoints = [\"gopher://x\"]\n\
         [plugin.a]\nsource = \"missing.wasm\"\n\
         [plugin.b]\nsource = \"text.wasm\"\n\
         [[route]]\nplugins = [\"c\"]\ncluster = \"ap\"\n",
    )
    .file("text.wasm", "text")
    .check()
    .await;

    assert_eq!(finished.code, Some(1));
    let text = format!("{}{}", finished.stdout, finished.stderr);
    for word in ["wrokers", "nowhere", "gopher", "missing.wasm", "`c`", "`ap`"] {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_match_are_refused() {
    let authority = Authority::new();
    let one = authority.issue(&["a.example"]);
    let other = authority.issue(&["a.example"]);
    let finished = Proxy::with(
        "[[listener]]\nlisten = \"@https\"\n\
         [[listener.tls]]\ncertificate = \"one.pem\"\nkey = \"other.key\"\n\
         [cluster.app]\nendpoints = [\"http://127.0.0.1:3000\"]\n\
         [[route]]\ncluster = \"app\"\n",
    )
    .file("one.pem", one.certificate)
    .file("other.key", other.key)
    .fail()
    .await;

    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("one.pem") || finished.stderr.contains("other.key"),
        "{}",
        finished.stderr
    );
}

#[tokio::test]
async fn every_key_is_accepted() {
    let authority = Authority::new();
    let identity = authority.issue(&["a.example"]);
    let finished = Proxy::with(
        r#"
workers = 2
plugin_dir = "plugins"
cache_dir = "cache"
drain_timeout = "5s"
trusted_proxies = ["10.0.0.0/8", "::1"]

[admin]
listen = "127.0.0.1:9180"

[access_log]
path = "access.log"

[limits]
connections = 100
connections_per_address = 10
requests_per_connection = 1000
target_bytes = "4KiB"
header_bytes = "16KiB"
header_count = 50
body_bytes = "unlimited"
http2_streams = 50
http2_resets = 50

[timeouts]
handshake = "5s"
header = "500ms"
body = "1m"
idle = "1h"
connect = "1s"
response = "10s"
upstream_body = "10s"
upstream_idle = "10s"
tunnel = "1h"

[[listener]]
name = "secure"
listen = "127.0.0.1:8443"
http2 = true
[[listener.tls]]
certificate = "a.pem"
key = "a.key"

[cluster.app]
endpoints = ["http://127.0.0.1:3000", { url = "h2c://127.0.0.1:3001", weight = 2 }]
balance = "hash"
hash = "cookie:session"
host = "endpoint"
idle_connections = 10
connect_timeout = "1s"
response_timeout = "5s"

[cluster.secure]
endpoints = ["https://127.0.0.1:3002"]
ca = "ca.pem"
server_name = "inner.example"
expose = ["server"]

[plugin.noop]
source = "noop.wasm"
on_failure = "open"
isolation = "exchange"
deadline = "20ms"
memory = "16MiB"
capabilities = { files = ["data"] }
config = {}

[[route]]
name = "api"
host = "*.example.com"
path = "/api"
method = ["GET", "POST"]
headers = { x-canary = "*" }
query = { v = "~[0-9]+" }
plugins = ["noop", { use = "noop", config = {} }]
cluster = "app"
body_bytes = "10MiB"
response_timeout = "1m"

[[route]]
path_regex = "/item/[0-9]+"
cluster = "secure"
"#,
    )
    .file("a.pem", &identity.certificate)
    .file("a.key", &identity.key)
    .file("ca.pem", authority.pem())
    .file("data/file", "")
    .plugin("noop.wasm", guest::NOOP)
    .check()
    .await;

    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
}

#[tokio::test]
async fn every_example_starts() {
    let authority = Authority::new();
    let identity = authority.issue(&["example.test"]);
    for (name, text) in examples() {
        let table: toml::Table = text.parse().unwrap();
        // Its ports may be in use here, and its certificates are for the reader to make.
        let mut config = text.clone();
        let mut setup = Proxy::with("");
        for (number, listener) in table["listener"].as_array().unwrap().iter().enumerate() {
            config = config.replace(&listener["listen"].to_string(), &format!("\"@{number}\""));
            for tls in listener.get("tls").and_then(toml::Value::as_array).into_iter().flatten() {
                setup = setup
                    .file(tls["certificate"].as_str().unwrap(), &identity.certificate)
                    .file(tls["key"].as_str().unwrap(), &identity.key);
            }
        }
        if let Some(admin) = table.get("admin").and_then(|admin| admin.get("listen")) {
            config = config.replace(&admin.to_string(), "\"@admin\"");
        }

        let finished = setup.configured(config).start().await.stop().await;

        assert_eq!(finished.code, Some(0), "{name}: {}", finished.stderr);
    }
}

#[tokio::test]
async fn a_secret_reaches_the_plugin_and_no_output() {
    let origin = Origin::http1().start().await;
    let config = format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.edit]\nsource = \"builtin:headers\"\n\
         [plugin.edit.config.request]\n\
         set = {{ x-from-env = {{ env = \"TOKEN\" }}, x-from-file = {{ file = \"token\" }} }}\n\
         [[route]]\nplugins = [\"edit\"]\ncluster = \"app\"\n",
        origin.url()
    );
    let setup = || {
        Proxy::with(&config)
            .env("TOKEN", "secret-of-the-environment")
            .file("token", "secret-of-the-file\n")
    };

    let checked = setup().check().await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    let proxy = setup().start().await;
    assert_eq!(proxy.get("/").await.status, 200);

    let received = origin.only_request();
    assert_eq!(received.header("x-from-env"), Some("secret-of-the-environment"));
    assert_eq!(received.header("x-from-file"), Some("secret-of-the-file"));
    let finished = proxy.stop().await;
    for text in [checked.stdout, checked.stderr, finished.stdout, finished.stderr] {
        assert!(!text.contains("secret-of"), "{text}");
    }
}
