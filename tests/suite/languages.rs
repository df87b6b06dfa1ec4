//! Plugins in every language, by the commands alone: each is begun, built and tested,
//! behaves as Rust's does, and is swapped while clients are served.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::{Client, Finished, Origin, Program, Proxy, empty, eventually, guest};
use http::Request;

/// A language, one of whose tools has to be there, and its own tests.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    tools: &'static [&'static str],
    test: &'static [&'static str],
}

/// Rust's answers are what the others are held to; `plugin_project` begins with it.
pub(crate) const LANGUAGES: [Language; 4] = [
    Language { name: "js", tools: &["npm"], test: &["npm", "test"] },
    Language { name: "go", tools: &["go"], test: &["go", "test"] },
    Language { name: "c", tools: &["zig", "python-zig"], test: &["make", "test"] },
    // After the build, which makes the types.
    Language { name: "python", tools: &["python3"], test: &["python3", "-m", "unittest"] },
];

/// Tools are installed, and an interpreter compiles for ten seconds on a free core.
const PATIENCE: Duration = Duration::from_secs(900);

#[tokio::test]
async fn a_plugin_of_javascript_is_made_and_swapped() {
    made_and_swapped(&LANGUAGES[0]).await;
}

#[tokio::test]
async fn a_plugin_of_go_is_made_and_swapped() {
    made_and_swapped(&LANGUAGES[1]).await;
}

#[tokio::test]
async fn a_plugin_of_c_is_made_and_swapped() {
    made_and_swapped(&LANGUAGES[2]).await;
}

#[tokio::test]
async fn a_plugin_of_python_is_made_and_swapped() {
    made_and_swapped(&LANGUAGES[3]).await;
}

async fn made_and_swapped(language: &Language) {
    if !is_there(language) {
        return;
    }
    let home = home(language.name);
    let name = format!("hello-{}", language.name);
    let project = home.join(&name);
    // What an earlier run left; the caches of the tools beside it stay.
    match fs::remove_dir_all(&project) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    expect(wasmgate(&home, &["plugin", "new", "--lang", language.name, &name]).await);
    expect(wasmgate(&home, &["plugin", "build", &name]).await);
    let tested = expect(wasmgate(&home, &["plugin", "test", &name]).await);
    assert!(tested.stdout.contains("3 passed, 0 failed"), "{}", tested.stdout);
    own_tests(language, &project);
    let inspected = expect(
        wasmgate(&home, &["plugin", "inspect", "--json", &format!("{name}/{name}.wasm")]).await,
    );
    let inspected: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(inspected["name"], name);
    assert_eq!(inspected["hooks"], serde_json::json!(["request"]));
    assert_eq!(inspected["schema"]["properties"]["path"]["default"], "/hello");
    swapped(project.join(format!("{name}.wasm")).to_str().unwrap(), &home).await;
}

/// Both plugins take turns under load: every answer is right.
async fn swapped(component: &str, home: &Path) {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "plugin_dir = \"plugins\"\ncache_dir = {:?}\n\
         [limits]\nrequests_per_connection = 100000000\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        // What the commands compiled is not compiled again.
        home.join(".cache/wasmgate"),
        origin.url()
    ))
    .plugin("plugins/a.wasm", guest::NOOP)
    .start()
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let client = tokio::spawn(load(proxy.client().await, Arc::clone(&stop)));
    for _ in 0..3 {
        proxy.replace_by("plugins/a.wasm", component);
        eventually!(proxy.get("/seen").await.header("x-greeting") == Some("Hello"));
        // Each worker swaps when its first instance is there.
        eventually!(greets(&proxy).await);
        proxy.replace_by("plugins/a.wasm", guest::NOOP);
        eventually!(proxy.get("/seen").await.header("x-greeting").is_none());
    }
    stop.store(true, Ordering::Relaxed);
    client.await.expect("every answer was right");
    assert!(proxy.log().iter().all(|entry| entry["status"] == 200 && entry.get("error").is_none()));
}

async fn greets(proxy: &Proxy) -> bool {
    let request = Request::get("/hello?a=b").header("user-agent", "tests");
    let greeting = proxy.client().await.send(request.body(empty()).unwrap()).await;
    assert_eq!(greeting.status, 200);
    &greeting.body[..] == b"Hello, tests!\n"
        && greeting.header("content-type") == Some("text/plain; charset=utf-8")
}

async fn load(mut client: Client, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200);
        assert!(matches!(answer.header("x-greeting"), None | Some("Hello")));
    }
}

/// Whether the language can be tested here; where tests decide, it has to be.
#[expect(clippy::print_stderr, reason = "what is not tested is said")]
pub(crate) fn is_there(language: &Language) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .any(|folder| language.tools.iter().any(|tool| folder.join(tool).is_file()));
    if !found {
        assert!(env::var_os("CI").is_none(), "{} needs one of {:?}", language.name, language.tools);
        eprintln!(
            "NOT TESTED: plugins in {}: there is none of {:?}",
            language.name, language.tools
        );
    }
    found
}

/// Where a language's tools keep their caches, for as long as what cargo built.
pub(crate) fn home(language: &str) -> PathBuf {
    let test = env::current_exe().expect("a process knows its executable");
    let built = test.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let home = built.join("wasmgate-test-languages").join(language);
    fs::create_dir_all(&home).expect("the target folder is ours");
    home
}

/// What the tools are told about this machine's way to their registries.
fn settings() -> impl Iterator<Item = (String, String)> {
    const PREFIXES: [&str; 7] =
        ["PIP_", "NPM_CONFIG_", "NODE_EXTRA_", "SSL_CERT_", "GOPROXY", "http", "HTTP"];
    env::vars().filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

pub(crate) async fn wasmgate(home: &Path, arguments: &[&str]) -> Finished {
    let program = Program::new(arguments).directory(home);
    let program = settings().fold(program, |program, (name, value)| program.env(name, value));
    program.patience(PATIENCE).run().await
}

pub(crate) fn expect(finished: Finished) -> Finished {
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
    finished
}

fn own_tests(language: &Language, project: &Path) {
    let [program, arguments @ ..] = language.test else { panic!("there is no command") };
    let output = std::process::Command::new(program)
        .args(arguments)
        .current_dir(project)
        .env("HOME", home(language.name))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
