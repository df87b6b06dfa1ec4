//! The commands, as a person types them.

use harness::{Client, Finished, Origin, Program, Proxy, eventually, guest};
use serde_json::Value;
use tempfile::TempDir;

async fn run(arguments: &[&str]) -> Finished {
    let directory = TempDir::new().unwrap();
    Program::new(arguments).directory(directory.path()).run().await
}

#[tokio::test]
async fn every_command_explains_itself() {
    for command in [
        &["--help"] as &[&str],
        &["demo", "--help"],
        &["proxy", "--help"],
        &["run", "--help"],
        &["check", "--help"],
        &["schema", "--help"],
        &["plugin", "--help"],
        &["plugin", "new", "--help"],
        &["plugin", "build", "--help"],
        &["plugin", "inspect", "--help"],
        &["plugin", "list", "--help"],
        &["completions", "--help"],
    ] {
        let finished = run(command).await;
        assert_eq!(finished.code, Some(0), "{command:?}: {}", finished.stderr);
        assert!(finished.stdout.contains("Usage"), "{command:?}: {}", finished.stdout);
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_package() {
    let finished = run(&["--version"]).await;
    assert_eq!(finished.code, Some(0));
    assert!(finished.stdout.contains(env!("CARGO_PKG_VERSION")), "{}", finished.stdout);
    assert!(finished.stdout.starts_with("wasmgate "), "{}", finished.stdout);
}

#[tokio::test]
async fn what_is_no_command_is_refused() {
    for command in
        [&["serve"] as &[&str], &["run", "--prot", "80"], &["proxy"], &["plugin", "inspect"]]
    {
        let finished = run(command).await;
        assert_eq!(finished.code, Some(2), "{command:?}");
        assert!(
            finished.stderr.contains("--help") || finished.stderr.contains("Usage"),
            "{}",
            finished.stderr
        );
    }
}

#[tokio::test]
async fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let finished = run(&["completions", shell]).await;
        assert_eq!(finished.code, Some(0), "{shell}: {}", finished.stderr);
        assert!(finished.stdout.contains("wasmgate"), "{shell}");
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_named() {
    for command in [&["run"] as &[&str], &["check"]] {
        let finished = run(command).await;
        assert_eq!(finished.code, Some(1), "{command:?}");
        assert!(finished.stderr.contains("wasmgate.toml"), "{}", finished.stderr);
    }
    let finished = run(&["run", "-c", "other.toml"]).await;
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("other.toml"), "{}", finished.stderr);
}

#[tokio::test]
async fn check_names_three_mistakes_with_line_and_remedy() {
    let finished = Proxy::with(
        r#"[[listener]]
listen = "127.0.0.1:8080"

[cluster.app]
endpoints = ["http://127.0.0.1:3000"]
balnce = "random"

[[route]]
path = "/api"
cluster = "ap"

[limits]
body_bytes = 10
"#,
    )
    .own_cache()
    .no_access_log()
    .check()
    .await;

    assert_eq!(finished.code, Some(1));
    let text = format!("{}{}", finished.stdout, finished.stderr);
    for expected in [
        "wasmgate.toml:6:1",
        "balnce",
        "did you mean `balance`?",
        "wasmgate.toml:10:11",
        "no cluster `ap`",
        "did you mean `app`?",
        "wasmgate.toml:13:14",
        "body_bytes",
        "a size such as",
        "^^^^^^",
        "3 errors",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn check_prints_the_plan_in_the_order_in_which_routes_are_tried() {
    let finished = Proxy::with(
        r#"
plugin_dir = "plugins"

[[listener]]
listen = "127.0.0.1:8080"

[cluster.app]
endpoints = ["http://127.0.0.1:3000"]

[plugin.second]
source = "second.wasm"

[[route]]
name = "everything"
cluster = "app"

[[route]]
name = "only-api"
path = "/api"
plugins = ["second"]
cluster = "app"
"#,
    )
    .plugin("plugins/first.wasm", guest::NOOP)
    .plugin("second.wasm", guest::NOOP)
    .check()
    .await;

    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let plan = &finished.stdout;
    let place =
        |text: &str| plan.find(text).unwrap_or_else(|| panic!("{text:?} is not in:\n{plan}"));
    place("127.0.0.1:8080");
    place("http://127.0.0.1:3000");
    assert!(place("only-api") < place("everything"), "{plan}");
    let api = &plan[place("only-api")..place("everything")];
    assert!(api.find("first") < api.find("second"), "the directory's plugins come first:\n{plan}");
    assert!(api.contains("second"), "{plan}");
    assert!(!plan[place("everything")..].contains("second"), "{plan}");
}

#[tokio::test]
async fn check_loads_the_plugins_and_serves_nothing() {
    let setup = Proxy::with(
        r#"
[[listener]]
listen = "@http"

[cluster.app]
endpoints = ["http://127.0.0.1:3000"]

[plugin.broken]
source = "broken.wasm"

[[route]]
plugins = ["broken"]
cluster = "app"
"#,
    )
    .file("broken.wasm", "this is not wasm");

    let finished = setup.check().await;

    assert_eq!(finished.code, Some(1));
    let text = format!("{}{}", finished.stdout, finished.stderr);
    assert!(text.contains("broken"), "{text}");
    assert!(text.contains("WebAssembly") || text.contains("Wasm"), "{text}");
}

#[tokio::test]
async fn check_does_not_mind_a_port_that_is_in_use() {
    let origin = Origin::http1().start().await;
    let finished = Proxy::with(format!(
        "[[listener]]\nlisten = \"{}\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.address(),
        origin.url()
    ))
    .check()
    .await;

    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[tokio::test]
async fn the_schema_accepts_what_the_program_accepts() {
    let finished = run(&["schema"]).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let schema: Value = serde_json::from_str(&finished.stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let json = |text: &str| serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();

    for (name, text) in crate::configuration::examples() {
        let errors: Vec<String> =
            schema.iter_errors(&json(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    for wrong in [
        "[[listener]]\nlissten = \"127.0.0.1:80\"",
        "workers = \"two\"",
        "[cluster.app]\nendpoints = 5",
        "[plugin.x]\nsource = \"builtin:headers\"\non_failure = \"maybe\"",
    ] {
        assert!(!schema.is_valid(&json(wrong)), "{wrong}");
    }
}

#[tokio::test]
async fn inspect_says_what_a_plugin_is() {
    let text = run(&["plugin", "inspect", guest::TRIVIAL]).await;
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for expected in ["trivial", "0.1.0", "hooks", "request", "KiB"] {
        assert!(text.stdout.contains(expected), "{expected:?} is not in:\n{}", text.stdout);
    }

    let json = run(&["plugin", "inspect", "--json", guest::TRIVIAL]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["name"], &json["version"]), (&"trivial".into(), &"0.1.0".into()));
    assert_eq!(json["hooks"], serde_json::json!(["request"]));
    assert_eq!(json["size"], std::fs::metadata(guest::TRIVIAL).unwrap().len());

    let bundled = run(&["plugin", "inspect", "--json", "builtin:headers"]).await;
    let bundled: Value = serde_json::from_str(&bundled.stdout).unwrap();
    assert!(bundled["schema"]["properties"]["request"].is_object(), "{bundled}");
}

#[tokio::test]
async fn inspect_refuses_what_is_no_plugin() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("text.wasm");
    std::fs::write(&file, "text").unwrap();
    for path in [file.to_str().unwrap(), "missing.wasm"] {
        let finished = run(&["plugin", "inspect", path]).await;
        assert_eq!(finished.code, Some(1), "{path}");
        assert!(finished.stderr.contains(".wasm"), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn list_names_the_bundled_plugins() {
    let finished = run(&["plugin", "list"]).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for name in ["auth", "headers", "rate-limit", "rewrite"] {
        assert!(finished.stdout.contains(name), "{}", finished.stdout);
    }
}

#[tokio::test]
async fn a_proxy_needs_no_file() {
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let proxy = Proxy::command(&[
        "proxy",
        "--listen",
        "@http",
        "--to",
        &one.url(),
        "--to",
        &two.url(),
        "--plugin",
        guest::TRIVIAL,
        "--workers",
        "1",
        "--access-log",
        "-",
    ])
    .start()
    .await;
    let mut client = proxy.client().await;

    let answers = [client.get("/a").await, client.get("/b").await];

    assert_eq!((one.request_count(), two.request_count()), (1, 1));
    for answer in &answers {
        assert_eq!(answer.header("x-trivial"), Some("1"));
    }
    assert_eq!(proxy.await_log_of("/a").await["status"], 200);
}

#[tokio::test]
async fn a_proxy_without_a_file_watches_its_plugin_directory() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::command(&[
        "proxy",
        "--listen",
        "@http",
        "--to",
        &origin.url(),
        "--plugin-dir",
        "plugins",
    ])
    .start()
    .await;
    assert_eq!(proxy.get("/").await.header("x-trivial"), None);

    proxy.replace_by("plugins/a.wasm", guest::TRIVIAL);

    eventually!(proxy.get("/").await.header("x-trivial") == Some("1"));
}

#[tokio::test]
async fn a_port_in_use_ends_the_start() {
    let origin = Origin::http1().start().await;
    let address = origin.address().to_string();
    let by_file = Proxy::with(format!(
        "[[listener]]\nlisten = \"{address}\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .fail()
    .await;
    let by_command = run(&["proxy", "--listen", &address, "--to", &origin.url()]).await;

    for finished in [by_file, by_command] {
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains(&address), "{}", finished.stderr);
        assert!(finished.stderr.contains("in use"), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn two_proxies_do_not_share_a_port() {
    let origin = Origin::http1().start().await;
    let first = Proxy::to(&[&origin.url()]).start().await;
    let address = first.http().to_string();

    let second = run(&["proxy", "--listen", &address, "--to", &origin.url()]).await;

    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains(&address), "{}", second.stderr);
    assert_eq!(Client::http1(first.http()).await.get("/").await.status, 200);
}
