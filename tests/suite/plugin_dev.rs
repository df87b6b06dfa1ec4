//! `wasmgate plugin dev`: from a changed file to a plugin that serves.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use harness::{Answer, Client, Program, Proxy, eventually};
use tempfile::TempDir;
use tokio::net::TcpStream;

const CARGO: [(&str, &str); 2] = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];

fn folder_of_cargo(name: &str, folder: &str) -> String {
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    let value = env::var_os(name).unwrap_or_else(|| home.join(folder).into());
    value.into_string().unwrap()
}

#[tokio::test]
async fn a_changed_source_is_built_tested_and_swapped_in() {
    let directory = TempDir::new().unwrap();
    // Built beforehand: the first build compiles the SDK, which takes its time.
    for arguments in
        [&["plugin", "new", "--lang", "rust", "guard"] as &[&str], &["plugin", "build", "guard"]]
    {
        let mut program = Program::new(arguments).directory(directory.path());
        for (name, folder) in CARGO {
            program = program.env(name, folder_of_cargo(name, folder));
        }
        let finished = program.patience(Duration::from_secs(600)).run().await;
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    }
    let project = directory.path().join("guard");
    let mut setup =
        Proxy::command(&["plugin", "dev", project.to_str().unwrap(), "--listen", "@http"]);
    for (name, folder) in CARGO {
        setup = setup.env(name, &folder_of_cargo(name, folder));
    }
    let proxy = setup.start().await;
    assert_eq!(proxy.get("/hello").await.text(), "Welcome, stranger!\n", "as cases.toml says");
    proxy.stdout().find("the cases", |line| line == "3 passed, 0 failed").await;
    proxy.stdout().find("an exchange", |line| line.starts_with("GET /hello  200  respond  ")).await;
    let echoed = proxy.get("/else").await;
    assert_eq!(echoed.header("x-greeting"), Some("Welcome"));
    assert!(echoed.text().contains("\"path\": \"/else\""), "{}", echoed.text());

    let source = project.join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("{visitor}!", "{visitor}?")).unwrap();
    eventually!(proxy.get("/hello").await.text() == "Welcome, stranger?\n");
    proxy.stdout().find("the cases", |line| line == "2 passed, 1 failed").await;

    fs::write(&source, "fn broken( {").unwrap();
    proxy.await_stderr(&["src/lib.rs"]).await;
    assert_eq!(proxy.get("/hello").await.status, 200, "what was built before serves on");

    fs::write(&source, text).unwrap();
    eventually!(proxy.get("/hello").await.text() == "Welcome, stranger!\n");

    // How the plugin is run is in cases.toml, which takes effect at once too.
    let cases = project.join("cases.toml");
    let changed = fs::read_to_string(&cases).unwrap().replace("Welcome", "Hi");
    fs::write(&cases, changed).unwrap();
    eventually!(greets(&proxy, "Hi, stranger!\n").await);

    assert_eq!(proxy.stop().await.code, Some(0));
}

/// Whether there is a proxy that greets so: between two of them nobody listens.
async fn greets(proxy: &Proxy, greeting: &str) -> bool {
    let Ok(stream) = TcpStream::connect(proxy.address("http")).await else { return false };
    let mut client = Client::http1_over(stream).await;
    let request = http::Request::get("/hello").body(harness::empty()).unwrap();
    match client.try_start(request).await {
        Ok(response) => {
            Answer::collect(response).await.is_ok_and(|answer| answer.text() == greeting)
        }
        Err(_) => false,
    }
}
