//! From nothing to a plugin that runs, by the commands alone.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Finished, Origin, Program, Proxy};
use tempfile::TempDir;

/// A command that may run cargo, which has its folders below the real home.
async fn run(directory: &Path, arguments: &[&str]) -> Finished {
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    let mut program = Program::new(arguments).directory(directory);
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        program = program.env(name, env::var_os(name).unwrap_or_else(|| home.join(folder).into()));
    }
    if let Some(toolchain) = env::var_os("RUSTUP_TOOLCHAIN") {
        program = program.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    // It compiles the SDK and what that rests on.
    program.patience(Duration::from_secs(600)).run().await
}

#[tokio::test]
async fn a_new_plugin_builds_is_what_it_says_and_runs() {
    let directory = TempDir::new().unwrap();

    let made = run(directory.path(), &["plugin", "new", "--lang", "rust", "guard"]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(directory.path().join("guard/src/lib.rs").is_file());

    let built = run(directory.path(), &["plugin", "build", "guard"]).await;
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let component = directory.path().join("guard/guard.wasm");
    assert!(component.is_file(), "{}", built.stdout);

    let tested = run(directory.path(), &["plugin", "test", "guard"]).await;
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    assert!(tested.stdout.contains("3 passed, 0 failed"), "{}", tested.stdout);

    let inspected = run(directory.path(), &["plugin", "inspect", "guard/guard.wasm"]).await;
    assert_eq!(inspected.code, Some(0), "{}", inspected.stderr);
    assert!(inspected.stdout.contains("guard"), "{}", inspected.stdout);
    assert!(inspected.stdout.contains("request"), "{}", inspected.stdout);

    let origin = Origin::http1().start().await;
    let component = component.to_str().unwrap();
    let proxy = Proxy::command(&[
        "proxy",
        "--listen",
        "@http",
        "--to",
        &origin.url(),
        "--plugin",
        component,
        "--access-log",
        "-",
    ])
    .start()
    .await;
    proxy.get("/").await;
    let entry = proxy.await_log_of("/").await;
    assert_eq!(entry["plugins"][0]["name"], "guard");

    std::fs::write(directory.path().join("guard/src/lib.rs"), "fn broken( {").unwrap();
    let broken = run(directory.path(), &["plugin", "build", "guard"]).await;
    assert_eq!(broken.code, Some(1));
    assert!(broken.stderr.contains("src/lib.rs"), "the compiler's words: {}", broken.stderr);
    assert!(Path::new(component).is_file(), "what was built before is left");
}

#[tokio::test]
async fn a_new_plugin_does_not_overwrite_what_is_there() {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("guard")).unwrap();
    std::fs::write(directory.path().join("guard/precious"), "mine").unwrap();

    let made = run(directory.path(), &["plugin", "new", "--lang", "rust", "guard"]).await;

    assert_eq!(made.code, Some(1));
    assert!(made.stderr.contains("guard"), "{}", made.stderr);
    assert!(!directory.path().join("guard/Cargo.toml").exists());
}

#[tokio::test]
async fn a_name_that_cannot_be_a_package_is_refused() {
    let directory = TempDir::new().unwrap();
    for name in ["1st", "a b", "..", ""] {
        let made = run(directory.path(), &["plugin", "new", "--lang", "rust", name]).await;
        assert_ne!(made.code, Some(0), "{name:?}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
