//! Capabilities are granted by name: no grant, no import.

use harness::{Finished, Origin, Program, Proxy, Setup, eventually, guest};

fn with(origin: &Origin, capabilities: &str) -> String {
    format!(
        "plugin_dir = \"plugins\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\n{capabilities}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::COUNTER
    )
}

fn setup(origin: &Origin, capabilities: &str) -> Setup {
    Proxy::with(with(origin, capabilities))
}

fn assert_refused(finished: &Finished, line: &str) {
    assert_eq!(finished.code, Some(1));
    let said = "it imports `counter`, which it was not granted: add ";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    assert!(finished.stderr.contains(line), "{}", finished.stderr);
}

#[tokio::test]
async fn an_import_without_its_grant_is_refused_with_the_line_to_add() {
    let origin = Origin::http1().start().await;
    for (capabilities, line) in [
        ("", "`capabilities = { counter = true }` to [plugin.p]"),
        ("capabilities = { counter = false }", "`capabilities = { counter = true }`"),
        ("capabilities = { files = [\"plugins\"] }", "`counter = true` to the `capabilities` of"),
    ] {
        assert_refused(&setup(&origin, capabilities).fail().await, line);
        assert_refused(&setup(&origin, capabilities).check().await, line);
    }
}

#[tokio::test]
async fn the_plan_says_what_was_granted() {
    let origin = Origin::http1().start().await;
    let all = setup(&origin, "capabilities = { counter = true, files = [\"plugins\"] }");
    let plan = all.check().await.stdout;
    assert!(plan.contains("counter (10000 names)") && plan.contains("reads /"), "{plan}");

    let plan = setup(&origin, "capabilities = { counter = { names = 7 } }").check().await.stdout;
    assert!(plan.contains("counter (7 names)"), "{plan}");
}

#[tokio::test]
async fn a_reload_that_takes_a_grant_away_changes_nothing() {
    let origin = Origin::http1().start().await;
    let granted = "capabilities = { counter = true }";
    let mut proxy = setup(&origin, granted).start().await;
    assert_eq!(proxy.get("/add/a/1").await.text(), "1");

    proxy.configure(&with(&origin, ""));

    proxy.await_stderr(&["which it was not granted"]).await;
    assert_eq!(proxy.get("/add/a/1").await.text(), "2");
}

#[tokio::test]
async fn a_dropped_plugin_is_granted_what_the_file_beside_it_says() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "plugin_dir = \"plugins\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;

    proxy.replace_by("plugins/counts.wasm", guest::COUNTER);
    proxy
        .await_stderr(&["plugin=counts", "`capabilities = { counter = true }` to counts.toml"])
        .await;
    assert_eq!(proxy.get("/get/a").await.header("x-count"), None, "it does not run");

    proxy.replace("plugins/counts.toml", "capabilities = { counter = true }\n");
    eventually!(proxy.get("/get/a").await.text() == "0");
}

#[tokio::test]
async fn the_command_line_grants_nothing() {
    let finished = Proxy::command(&[
        "proxy",
        "--listen",
        "@http",
        "--to",
        "http://127.0.0.1:1",
        "--plugin",
        guest::COUNTER,
    ])
    .fail()
    .await;
    assert!(finished.stderr.contains("that needs a configuration file"), "{}", finished.stderr);
}

#[tokio::test]
async fn inspect_says_what_a_plugin_needs() {
    let text = Program::new(["plugin", "inspect", guest::COUNTER]).run().await.stdout;
    assert!(text.contains("capabilities = { counter = true }"), "{text}");
    let text = Program::new(["plugin", "inspect", guest::TRIVIAL]).run().await.stdout;
    assert!(text.contains("no grant"), "{text}");
}
