//! One guest in every language, through the same cases: by each hook and by each
//! capability all of them answer what Rust's does. The table is printed, whatever
//! comes of it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use harness::{Answer, Origin, Proxy, body, eventually, guest};
use http::Request;
use serde_json::Value;

use crate::languages::{LANGUAGES, Language, expect, home, is_there, wasmgate};

/// What the guest is asked, where it shows, and what every language answers.
struct Case {
    /// In `x-case`.
    name: &'static str,
    /// The hook or the capability.
    shows: &'static str,
    look: Look,
    answer: &'static str,
}

/// Where the answer is.
enum Look {
    /// The status and `x-result`.
    Result,
    /// The same, which comes to be what is expected after a while.
    Later,
    /// The status and the body.
    Body,
    /// What the endpoint received: its target and the field `x-seen`.
    Upstream,
    /// The body that the endpoint received.
    UpstreamBody,
    /// The last octets of the response's body.
    End,
    /// `x-kept`.
    Kept,
    /// The endpoint that answered when the second was asked for, and when not.
    Endpoint,
    /// The annotation in the access log.
    Annotation,
    /// The line in the proxy's own log.
    Log,
}

const fn case(shows: &'static str, name: &'static str, look: Look, answer: &'static str) -> Case {
    Case { name, shows, look, answer }
}

const CASES: [Case; 28] = [
    case("request: edit", "request", Look::Result, "200 request"),
    case("request: edit, upstream", "request", Look::Upstream, "/changed request"),
    case("request: respond", "respond", Look::Body, "418 short and stout\n"),
    case("request: fail", "fail", Look::Result, "503 -"),
    case("request: continue", "none-of-these", Look::Result, "200 -"),
    case("request-body", "request-body", Look::UpstreamBody, "A BODY"),
    case("response", "response", Look::Result, "200 200 first"),
    case("response-body", "response-body", Look::End, "}!"),
    case("complete", "counted", Look::Later, "200 some"),
    case("balance: pick", "picked", Look::Endpoint, "second first"),
    case("balance: endpoints", "endpoints", Look::Result, "200 2"),
    case("balance: attempt", "attempted", Look::Later, "200 some"),
    case("tick", "ticked", Look::Later, "200 some"),
    case("exchange", "exchange", Look::Result, "200 POST /some?query other"),
    case("exchange: value", "values", Look::Result, "200 set"),
    case("exchange: value, later", "values", Look::Kept, "kept"),
    case("connection", "connection", Look::Result, "200 127.0.0.1"),
    case("body", "body", Look::Result, "200 true"),
    case("annotate", "annotate", Look::Annotation, "annotated"),
    case("log", "log", Look::Log, "a line of the guest"),
    case("crypto", "crypto", Look::Result, "200 ba7816bf"),
    case("kv", "kv", Look::Result, "200 one true false two true none"),
    case("counter", "counter", Look::Result, "200 5 5 0"),
    case("rate-limit", "rate-limit", Look::Result, "200 true false"),
    case("http", "http", Look::Result, "200 203 asked for"),
    case("matcher", "matcher", Look::Result, "200 0 true false"),
    case("metrics", "metrics", Look::Result, "200 ok"),
    case("secrets", "secrets", Look::Result, "200 sesame true none"),
];

#[tokio::test]
async fn all_languages_answer_alike_by_every_hook_and_capability() {
    let mut columns = vec![("rust", answers(guest::CONFORM, None).await)];
    for language in &LANGUAGES {
        if is_there(language) {
            let (component, home) = built(language).await;
            columns.push((language.name, answers(&component, Some(&home)).await));
        }
    }
    let (table, differing) = table(&columns);
    // Past the capture of the tests' output: it is there to be read.
    let _ = write!(std::io::stderr(), "{table}");
    assert!(differing.is_empty(), "{table}{}", differing.join("\n"));
}

/// A row for each case, and what differs from what is expected.
fn table(columns: &[(&str, Vec<String>)]) -> (String, Vec<String>) {
    let mut text = format!("\n{:<26}", "conformance");
    let mut differing = Vec::new();
    for (language, _) in columns {
        text += &format!("{language:>8}");
    }
    text.push('\n');
    for (at, case) in CASES.iter().enumerate() {
        text += &format!("{:<26}", case.shows);
        for (language, answers) in columns {
            let holds = answers[at] == case.answer;
            text += &format!("{:>8}", if holds { "ok" } else { "DIFFERS" });
            if !holds {
                let (shows, wanted, got) = (case.shows, case.answer, &answers[at]);
                differing.push(format!("{language}, {shows}: {got:?} and not {wanted:?}"));
            }
        }
        text.push('\n');
    }
    (text, differing)
}

/// The guest in this language: a new project, with the guest's files in place of the
/// example's.
async fn built(language: &Language) -> (String, PathBuf) {
    let home = home(&format!("{}-conform", language.name));
    let project = home.join("conform");
    match fs::remove_dir_all(&project) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    expect(wasmgate(&home, &["plugin", "new", "--lang", language.name, "conform"]).await);
    for example in ["test", "test_plugin.py", "greeter.go", "greeter_test.go"] {
        let path = project.join(example);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => drop(fs::remove_file(path)),
        }
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/languages").join(language.name);
    copy(&ours, &project);
    expect(wasmgate(&home, &["plugin", "build", "conform"]).await);
    (project.join("conform.wasm").to_str().unwrap().to_owned(), home)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

/// What the guest answers to each case, in a proxy of its own.
async fn answers(component: &str, home: Option<&Path>) -> Vec<String> {
    let first = Origin::http1().named("first").say("/asked", 203, "asked for").start().await;
    let second = Origin::http1().named("second").start().await;
    // What the build compiled is not compiled again.
    let cache = home.map(|home| format!("cache_dir = {:?}\n", home.join(".cache/wasmgate")));
    let proxy = Proxy::with(format!(
        "workers = 1\n{}\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}, {:?}]\nbalance = \"plugin:conform\"\n\
         [plugin.conform]\nsource = {component:?}\ndeadline = \"10s\"\n\
         config = {{ url = {:?} }}\n\
         [plugin.conform.capabilities]\nkv = true\ncounter = true\nrate_limit = true\n\
         metrics = true\nmatcher = true\nhttp = [{:?}]\nsecrets = {{ token = {{ env = \"TOKEN\" }} }}\n\
         [[route]]\nplugins = [\"conform\"]\ncluster = \"app\"\n",
        cache.unwrap_or_default(),
        first.url(),
        second.url(),
        format!("{}/asked", first.url()),
        first.address().to_string(),
    ))
    .env("TOKEN", "sesame")
    .start()
    .await;
    let mut answers = Vec::new();
    for case in &CASES {
        answers.push(answer(&proxy, case).await);
    }
    answers
}

async fn ask(proxy: &Proxy, name: &str, endpoint: &str) -> Answer {
    let request = Request::post("/some?query")
        .header("x-case", name)
        .header("x-other", "other")
        .header("x-endpoint", endpoint)
        .body(body("a body"))
        .unwrap();
    proxy.client().await.send(request).await
}

async fn answer(proxy: &Proxy, case: &Case) -> String {
    let name = case.name;
    if let Look::Later = case.look {
        eventually!(result(&ask(proxy, name, "0").await) == case.answer, "{}", case.shows);
        return case.answer.to_owned();
    }
    let answer = ask(proxy, name, "0").await;
    match case.look {
        Look::Result | Look::Later => result(&answer),
        Look::Body => format!("{} {}", answer.status, answer.text()),
        Look::Upstream => {
            let echo = echo(&answer);
            let seen = field(&echo, "x-seen");
            format!("{} {seen}", echo["target"].as_str().unwrap_or("-"))
        }
        Look::UpstreamBody => echo(&answer)["body"].as_str().unwrap_or("-").to_owned(),
        Look::End => {
            let text = answer.text();
            text[text.len().saturating_sub(2)..].to_owned()
        }
        Look::Kept => answer.header("x-kept").unwrap_or("-").to_owned(),
        Look::Endpoint => {
            let other = ask(proxy, name, "1").await;
            let origin = |answer: &Answer| answer.header("x-origin").unwrap_or("-").to_owned();
            format!("{} {}", origin(&other), origin(&answer))
        }
        Look::Annotation => {
            let annotated = |entry: &Value| entry["annotations"]["conform"]["case"].is_string();
            let entry = proxy.await_log(annotated).await;
            entry["annotations"]["conform"]["case"].as_str().unwrap_or("-").to_owned()
        }
        Look::Log => {
            proxy.await_stderr(&["INFO", "conform", case.answer]).await;
            case.answer.to_owned()
        }
    }
}

fn result(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.header("x-result").unwrap_or("-"))
}

fn echo(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// A field that the endpoint received.
fn field<'a>(echo: &'a Value, name: &str) -> &'a str {
    let lines = echo["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = lines.iter().find(|line| line[0] == name);
    line.and_then(|line| line[1].as_str()).unwrap_or("-")
}
