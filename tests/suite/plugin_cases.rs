//! `wasmgate plugin test`: what happens in a case is what happens in production, and
//! what differs is told.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Finished, Origin, Program, Proxy, empty, guest};
use http::Request;
use tempfile::TempDir;

/// A folder, and `wasmgate plugin test` in it.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::with_prefix("wasmgate-cases-").unwrap())
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    async fn test(&self, arguments: &[&str]) -> Finished {
        let arguments = ["plugin", "test"].iter().chain(arguments);
        Program::new(arguments).directory(self.0.path()).run().await
    }

    /// These cases, with this guest.
    async fn play(&self, component: &str, cases: &str) -> Finished {
        self.write("cases.toml", cases);
        self.test(&[component, "--cases", "cases.toml"]).await
    }
}

fn passes(finished: &Finished, count: usize) {
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
    let summary = format!("{count} passed, 0 failed");
    assert!(finished.stdout.contains(&summary), "{}", finished.stdout);
}

fn root(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}

#[tokio::test]
async fn the_cases_of_the_bundled_plugins_pass() {
    let bundled = [
        ("access", 11),
        ("auth", 55),
        ("body-limit", 12),
        ("bounded-hash", 4),
        ("cohort", 8),
        ("cors", 13),
        ("headers", 8),
        ("maintenance", 13),
        ("rate-limit", 8),
        ("respond", 15),
        ("rewrite", 7),
        ("security-headers", 9),
        ("sticky", 6),
    ];
    let mut with_cases: Vec<_> = fs::read_dir(root("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("cases.toml").is_file())
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    with_cases.sort_unstable();
    assert_eq!(with_cases, bundled.map(|(name, _)| name.to_owned()), "each plugin's are played");
    for (name, count) in bundled {
        let project = root("plugins").join(name);
        let finished = Bench::new()
            .test(&[project.to_str().unwrap(), "--plugin", &format!("builtin:{name}")])
            .await;
        passes(&finished, count);
    }
}

#[tokio::test]
async fn the_cases_of_the_example_pass() {
    let project = root("examples/plugins/api-key");

    let finished =
        Bench::new().test(&[project.to_str().unwrap(), "--plugin", guest::API_KEY]).await;

    passes(&finished, 4);
}

#[tokio::test]
async fn a_case_that_fails_shows_what_differs_and_what_the_plugin_said() {
    let finished = Bench::new()
        .play(
            guest::VALUES,
            r#"
[plugin]
config = { annotate = { owner = "shop" }, log = { info = "hello from the plugin" } }

[[case]]
name = "is right"
expect = { decision = "continue", annotations = { owner = "shop" } }

[[case]]
name = "is wrong"
upstream = { status = 201, headers = { x-a = ["1", "2"] }, body = "one\ntwo\nthree\n" }

[case.expect]
decision = "respond"
status = [200, 204]
headers = { x-a = "1", x-b = "2" }
body = "one\n2\nthree\n"
annotations = { owner = "office" }
upstream = false
"#,
        )
        .await;

    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    for words in [
        "  ok  is right (",
        "  FAILED  is wrong (",
        "  decision\n    - respond\n    + continue\n",
        "  status\n    - 200 or 204\n    + 201\n",
        "  header x-a\n      1\n    + 2\n",
        "  header x-b\n    - 2\n    + (none)\n",
        "  body\n      one\n    - 2\n    + two\n      three\n",
        "  annotation owner\n    - office\n    + shop\n",
        "  upstream\n    - (none)\n    + GET /\n",
        "  log\n    INFO hello from the plugin\n",
        "1 passed, 1 failed",
    ] {
        assert!(finished.stdout.contains(words), "no {words:?} in\n{}", finished.stdout);
    }
}

#[tokio::test]
async fn what_tools_read_is_a_line_of_json_for_each_case() {
    let bench = Bench::new();
    bench.write(
        "cases.toml",
        "[[case]]\nname = \"a\"\n[[case]]\nname = \"b\"\nexpect = { status = 404 }\n",
    );

    let finished = bench.test(&[guest::NOOP, "--cases", "cases.toml", "--json"]).await;

    assert_eq!(finished.code, Some(1));
    let lines: Vec<serde_json::Value> =
        finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["name"], &lines[0]["passed"]), (&"a".into(), &true.into()));
    assert_eq!((&lines[1]["name"], &lines[1]["passed"]), (&"b".into(), &false.into()));
    assert_eq!(
        lines[1]["differences"],
        serde_json::json!([{ "what": "status", "expected": "404", "got": "200" }])
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_with_its_places() {
    let finished = Bench::new()
        .play(
            guest::NOOP,
            r#"
[plugin]
source = "other.wasm"
[proxy]
routes = { admin = "nowhere" }
[[case]]
nmae = "a"
request = { targt = "/", headers = { host = "a" }, body = { base65 = "" } }
[[case]]
name = "b"
request = { target = "no-slash" }
expect = { decision = "contine", status = 20, body = { matches = "(" } }
[[case]]
name = "c"
times = 2
[[case.step]]
upstream = { status = 42 }
"#,
        )
        .await;

    assert_eq!(finished.code, Some(2), "{}", finished.stdout);
    for words in [
        "cases.toml:3:10",
        "remove `source`",
        "there is no cluster `nowhere`",
        "`[[case]]` has no `name`",
        "unknown key `nmae`",
        "did you mean `name`?",
        "unknown key `targt`",
        "did you mean `target`?",
        "write `host = \"…\"` beside `headers`",
        "did you mean `base64`?",
        "is not a request target",
        "did you mean \"continue\"?",
        "20 is not between 100 and 999",
        "not a regular expression: unclosed group",
        "move this to one of the steps",
        "42 is not between 200 and 999",
        "^^^",
    ] {
        assert!(finished.stderr.contains(words), "no {words:?} in\n{}", finished.stderr);
    }
}

#[tokio::test]
async fn without_cases_or_a_component_it_says_what_to_do() {
    let bench = Bench::new();
    let finished = bench.test(&[]).await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("wasmgate plugin build"), "{}", finished.stderr);
    let finished = bench.test(&["--plugin", guest::NOOP]).await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("--cases FILE"), "{}", finished.stderr);
}

#[tokio::test]
async fn requests_are_what_the_case_says_over_every_protocol() {
    let finished = Bench::new()
        .play(
            guest::PROBE,
            r#"
[proxy]
route = "shop"
cluster = "carts"

[[case]]
name = "HTTP/1.1"
request = { method = "PUT", target = "/a/../b?c=%20", host = "Example.com:80", headers = { x-asked = "1", x-pulled = ["a", "b"] }, body = "text" }
expect = { decision = "respond", status = 200, route = "shop", upstream = false, body = { matches = '(?s).*"method":"PUT".*' } }

[[case]]
name = "HTTP/1.0 without a host"
request = { version = "HTTP/1.0", host = false }
expect = { body = { contains = '"http_version":"HTTP/1.0"' } }

[[case]]
name = "HTTP/2"
request = { version = "HTTP/2", host = "example.com" }
expect = { body = { contains = '"http_version":"HTTP/2.0"' } }

[[case]]
name = "a client of its own"
request = { client = "203.0.113.7:1234", scheme = "https" }
expect = { body = { matches = '(?s).*"client_address":"203\.0\.113\.7","client_port":1234.*' } }

[[case]]
name = "an address alone"
request = { client = "2001:db8::7" }
expect = { body = { contains = '"client_address":"2001:db8::7","client_port":null' } }

[[case]]
name = "no client may forge another"
request = { headers = { x-forwarded-for = "203.0.113.7" } }
expect = { body = { contains = '"client_address":"127.0.0.1"' } }
"#,
        )
        .await;

    passes(&finished, 6);
}

#[tokio::test]
async fn answers_are_what_the_case_says() {
    let finished = Bench::new()
        .play(
            guest::NOOP,
            r#"
[[case]]
name = "bodies and trailers, both ways"
request = { method = "POST", headers = { te = "trailers" }, body = { base64 = "AP8=" }, trailers = { x-end = "1" } }
upstream = { status = 203, body = "done", trailers = { x-sum = "4" } }
expect = { status = 203, body = "done", trailers = { x-sum = "4", x-none = false }, upstream = { method = "POST", body = { base64 = "AP8=" }, trailers = { x-end = "1" } } }

[[case]]
name = "JSON, however it is written"
upstream = { headers = { content-type = "application/json" }, body = '{"b": [1, 2], "a": null}' }
expect = { body = { json = '{"a": null, "b": [1,2]}' }, headers = { content-type = true } }

[[case]]
name = "an endpoint that closes"
upstream = { close = true }
expect = { status = 502, error = "upstream_closed", failure = false }

[[case]]
name = "large bodies"
request = { method = "POST", body = { base64 = "REPEATED" } }
expect = { status = 200, body = false }
"#
            .replace("REPEATED", &"QUFB".repeat(100_000))
            .as_str(),
        )
        .await;

    passes(&finished, 4);
}

#[tokio::test]
async fn a_failing_plugin_fails_as_its_settings_say() {
    let cases = r#"
[[case]]
name = "trap"
request = { headers = { x-trap = "1" } }
expect = { decision = "trap", failure = "trap", error = "plugin_failed", status = 503, log = ["told to", { matches = '(?s).*failure.*trap.*' }], upstream = false }

[[case]]
name = "and the next one works"
expect = { decision = "continue", failure = false, error = false, status = 200 }
"#;
    let bench = Bench::new();
    passes(&bench.play(guest::TRAP, cases).await, 2);

    let open = "[plugin]\non_failure = \"open\"\n[[case]]\nname = \"open\"\n\
                request = { headers = { x-trap = \"1\" } }\n\
                expect = { failure = [\"trap\", \"memory\"], error = false, status = 200, upstream = {} }\n";
    passes(&bench.play(guest::TRAP, open).await, 1);
}

#[tokio::test]
async fn steps_share_a_proxy_that_no_other_case_has() {
    let finished = Bench::new()
        .play(
            guest::COUNT,
            r#"
[[case]]
name = "a case before"
times = 3

[[case]]
name = "steps begin anew and go on"
[[case.step]]
expect = { headers = { x-count = "1" } }
[[case.step]]
times = 5
wait = "1ms"
[[case.step]]
expect = { headers = { x-count = "7" } }

[[case]]
name = "the other proxy goes on as well"
expect = { headers = { x-count = "1" } }
"#,
        )
        .await;

    passes(&finished, 3);
    let failing = Bench::new()
        .play(
            guest::COUNT,
            "[[case]]\nname = \"a\"\n[[case.step]]\n[[case.step]]\ntimes = 3\n\
             expect = { headers = { x-count = \"2\" } }\n",
        )
        .await;
    assert_eq!(failing.code, Some(1));
    assert!(failing.stdout.contains("at step 2, time 2 of 3"), "{}", failing.stdout);
}

#[tokio::test]
async fn a_plugin_that_does_not_load_fails_its_cases_with_the_reason() {
    let bench = Bench::new();
    let finished = bench.play(guest::REFUSE_CONFIG, "[[case]]\nname = \"a\"\n").await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.stdout.contains("`none` is no colour; try `red`"), "{}", finished.stdout);

    let expected = "[[case]]\nname = \"a\"\nrefuses = \"is no colour\"\n";
    passes(&bench.play(guest::REFUSE_CONFIG, expected).await, 1);

    let wrong = bench.play(guest::NOOP, expected).await;
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stdout.contains("the plugin was loaded"), "{}", wrong.stdout);
}

/// A log of three exchanges with `values`, which annotates, and one without it.
async fn log(bench: &Bench, keys: &str) -> PathBuf {
    let origin = Origin::http1().start().await;
    let log = bench.0.path().join("access.log");
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n[cluster.app]\nendpoints = [{:?}]\n\
         [plugin.asks]\nsource = {:?}\nconfig = {{ fields = [\"x-key\"] }}\n\
         [[route]]\nplugins = [\"asks\"]\ncluster = \"app\"\n\
         [[route]]\npath = \"/bare\"\ncluster = \"app\"\n\
         [access_log]\npath = {log:?}\n{keys}",
        origin.url(),
        guest::ASKS,
    ))
    .start()
    .await;
    let mut client = proxy.client().await;
    for (target, key) in [("/a?b=c", "fine"), ("/b", "refused"), ("/bare", "fine")] {
        let request = Request::post(target)
            .header("x-key", key)
            .header("authorization", "secret")
            .body(harness::body("text"));
        client.send(request.unwrap()).await;
    }
    client.send(Request::get("/c").body(empty()).unwrap()).await;
    drop(client);
    assert_eq!(proxy.stop().await.code, Some(0));
    log
}

const HEADERS: &str = "request_headers = [\"x-key\", \"User-Agent\"]\n";
const ASKS: &str = "[plugin]\nconfig = { fields = [\"x-key\"] }\n";

#[tokio::test]
async fn an_access_log_is_replayed_as_it_was() {
    let bench = Bench::new();
    let log = log(&bench, HEADERS).await;
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains(r#""request_headers":{"x-key":"refused"}"#), "{text}");
    assert!(!text.contains("secret"), "only what is named is logged: {text}");
    bench.write("cases.toml", ASKS);
    let replay = ["--replay", log.to_str().unwrap(), "--cases", "cases.toml"];

    let same = bench.test(&[&[guest::ASKS][..], &replay].concat()).await;

    assert_eq!(same.code, Some(0), "{}{}", same.stdout, same.stderr);
    for words in [
        "3 exchanges replayed, 0 would differ",
        "passed over: 1 line is without this plugin",
        "note: 1 of 3 requests had a body",
    ] {
        assert!(same.stdout.contains(words), "no {words:?} in {}", same.stdout);
    }

    bench.write("cases.toml", "[plugin]\nconfig = { fields = [] }\n");
    let other = bench.test(&[&[guest::ASKS][..], &replay].concat()).await;
    assert_eq!(other.code, Some(1), "{}{}", other.stdout, other.stderr);
    for words in [
        "DIFFERS line 2: POST",
        "  decision\n    - respond\n    + continue\n",
        "3 exchanges replayed, 1 would differ",
    ] {
        assert!(other.stdout.contains(words), "no {words:?} in {}", other.stdout);
    }
}

#[tokio::test]
async fn a_log_without_headers_says_so() {
    let bench = Bench::new();
    let log = log(&bench, "").await;
    bench.write("cases.toml", ASKS);
    let arguments =
        [guest::ASKS, "--replay", log.to_str().unwrap(), "--cases", "cases.toml", "--name", "asks"];

    let finished = bench.test(&arguments).await;

    assert_eq!(finished.code, Some(1), "{}{}", finished.stdout, finished.stderr);
    for words in ["access_log.request_headers", "1 would differ"] {
        assert!(finished.stdout.contains(words), "no {words:?} in {}", finished.stdout);
    }
}

#[tokio::test]
async fn a_log_becomes_a_file_of_cases() {
    let bench = Bench::new();
    let log = log(&bench, HEADERS).await;
    let log = log.to_str().unwrap();
    let arguments = [guest::ASKS, "--replay", log, "--write-cases", "made.toml"];

    let finished = bench.test(&arguments).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let made = fs::read_to_string(bench.0.path().join("made.toml")).unwrap();
    assert_eq!(made.matches("[[case]]").count(), 3, "{made}");
    assert_eq!(bench.test(&arguments).await.code, Some(1), "nothing is overwritten");

    bench.write("made.toml", &format!("{ASKS}{made}"));
    passes(&bench.test(&[guest::ASKS, "--cases", "made.toml"]).await, 3);
}
