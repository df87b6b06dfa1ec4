//! The watched plugin directory: a file dropped, replaced or removed changes what
//! runs; a file that is no good changes nothing and says why.

use std::fs;

use harness::{Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;

fn watching(origin: &Origin) -> Setup {
    Proxy::with(format!(
        "plugin_dir = \"plugins\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
}

/// Whether the plugin `trivial` ran on an exchange.
async fn trivial_ran(proxy: &Proxy) -> bool {
    let answer = proxy.get("/").await;
    assert_eq!(answer.status, 200, "no exchange fails while plugins change");
    answer.header("x-trivial") == Some("1")
}

#[tokio::test]
async fn a_dropped_file_runs_and_a_removed_one_does_not() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin).start().await;
    assert!(!trivial_ran(&proxy).await);

    proxy.replace_by("plugins/50-trivial.wasm", guest::TRIVIAL);
    eventually!(trivial_ran(&proxy).await);

    proxy.remove("plugins/50-trivial.wasm");
    eventually!(!trivial_ran(&proxy).await);
}

#[tokio::test]
async fn a_file_that_is_there_at_the_start_runs_from_the_start() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin).plugin("plugins/trivial.wasm", guest::TRIVIAL).start().await;

    assert!(trivial_ran(&proxy).await);
}

#[tokio::test]
async fn a_replaced_file_runs_whichever_way_it_was_replaced() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin).plugin("plugins/a.wasm", guest::NOOP).start().await;
    let path = proxy.path("plugins/a.wasm");
    let trivial = fs::read(guest::TRIVIAL).unwrap();
    let noop = fs::read(guest::NOOP).unwrap();
    assert!(!trivial_ran(&proxy).await);

    // A rename over it.
    proxy.replace("plugins/a.wasm", &trivial);
    eventually!(trivial_ran(&proxy).await);
    // Written in place, as `cp` does.
    fs::write(&path, &noop).unwrap();
    eventually!(!trivial_ran(&proxy).await);
    // Removed and made anew.
    fs::remove_file(&path).unwrap();
    fs::write(&path, &trivial).unwrap();
    eventually!(trivial_ran(&proxy).await);
    // Moved away, and another moved there.
    fs::rename(&path, proxy.path("elsewhere")).unwrap();
    eventually!(!trivial_ran(&proxy).await);
    fs::rename(proxy.path("elsewhere"), &path).unwrap();
    eventually!(trivial_ran(&proxy).await);
}

#[tokio::test]
async fn a_directory_whose_link_is_switched_is_read_again() {
    // As Kubernetes mounts a ConfigMap.
    let origin = Origin::http1().start().await;
    let link = |directory: &std::path::Path, folder: &str| {
        let beside = directory.join("plugins/..data_tmp");
        std::os::unix::fs::symlink(folder, &beside).unwrap();
        fs::rename(&beside, directory.join("plugins/..data")).unwrap();
    };
    let setup = watching(&origin)
        .plugin("plugins/..1/a.wasm", guest::NOOP)
        .plugin("plugins/..2/a.wasm", guest::TRIVIAL);
    link(setup.directory(), "..1");
    std::os::unix::fs::symlink("..data/a.wasm", setup.directory().join("plugins/a.wasm")).unwrap();
    let proxy = setup.start().await;
    assert!(!trivial_ran(&proxy).await);

    link(proxy.path("").as_path(), "..2");

    eventually!(trivial_ran(&proxy).await);
}

#[tokio::test]
async fn only_wasm_files_are_looked_at() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin)
        .file("plugins/README.md", "text")
        .file("plugins/trivial.wasm.bak", "text")
        .file("plugins/.hidden.wasm.swp", "text")
        .file("plugins/folder.wasm/file", "text")
        .start()
        .await;

    assert!(!trivial_ran(&proxy).await);
    proxy.replace_by("plugins/trivial.wasm", guest::TRIVIAL);
    eventually!(trivial_ran(&proxy).await);
}

/// What may be dropped by mistake, and words that its refusal has.
fn bad_files() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let read = |path| fs::read(path).unwrap();
    let good = read(guest::TRIVIAL);
    let half = good.len() / 2;
    vec![
        ("text", b"this is a text".to_vec(), &["not WebAssembly"]),
        ("half a component", good[..half].to_vec(), &[]),
        ("all but the last octet", good[..good.len() - 1].to_vec(), &[]),
        ("a core module", b"\0asm\x01\0\0\0".to_vec(), &["core WebAssembly module", "component"]),
        ("a component without exports", b"\0asm\x0d\0\x01\0".to_vec(), &["lifecycle"]),
        ("another contract version", read(guest::WRONG_VERSION), &["0.9.0", "0.1"]),
        ("an import that is not granted", read(guest::UNGRANTED), &["counter = true", "a.toml"]),
        (
            "an import that no host has",
            read(guest::UNKNOWN_IMPORT),
            &["teleport", "does not offer"],
        ),
        ("a hook that no host knows", read(guest::UNKNOWN_HOOK), &["teleport"]),
        ("a plugin that refuses its configuration", read(guest::REFUSE_CONFIG), &["try `red`"]),
    ]
}

#[tokio::test]
async fn a_bad_file_keeps_the_old_plugin_and_says_why() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin).plugin("plugins/a.wasm", guest::TRIVIAL).start().await;
    assert!(trivial_ran(&proxy).await);

    for (what, content, words) in bad_files() {
        let skip = proxy.stderr().len();
        proxy.replace("plugins/a.wasm", content);
        let line = proxy.await_stderr_after(skip, &[&["plugin=a"], words].concat()).await;
        assert!(!line.contains("panicked"), "{line}");
        assert!(trivial_ran(&proxy).await, "{what}: the old plugin still runs");
    }

    proxy.replace_by("plugins/a.wasm", guest::NOOP);
    eventually!(!trivial_ran(&proxy).await, "a good file is taken again");
}

#[tokio::test]
async fn a_bad_file_that_is_new_harms_no_other_plugin() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin).plugin("plugins/b.wasm", guest::TRIVIAL).start().await;

    for (what, content, words) in bad_files() {
        let skip = proxy.stderr().len();
        proxy.replace("plugins/a.wasm", content);
        proxy.await_stderr_after(skip, &[&["plugin=a"], words].concat()).await;
        assert!(trivial_ran(&proxy).await, "{what}");
        proxy.remove("plugins/a.wasm");
    }
}

#[tokio::test]
async fn a_bad_file_ends_the_start() {
    let origin = Origin::http1().start().await;
    for (what, content, words) in bad_files() {
        let finished = watching(&origin).file("plugins/a.wasm", content).fail().await;
        assert_eq!(finished.code, Some(1), "{what}");
        for word in [&["a.wasm"], words].concat() {
            assert!(
                finished.stderr.contains(word),
                "{what}: {word:?} is not in:\n{}",
                finished.stderr
            );
        }
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    }
}

#[tokio::test]
async fn a_configured_plugins_file_is_watched_as_well() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.mine]\nsource = \"mine.wasm\"\n\
         [[route]]\nplugins = [\"mine\"]\ncluster = \"app\"\n",
        origin.url()
    ))
    .plugin("mine.wasm", guest::NOOP)
    .start()
    .await;
    assert!(!trivial_ran(&proxy).await);

    proxy.replace_by("mine.wasm", guest::TRIVIAL);
    eventually!(trivial_ran(&proxy).await);

    let skip = proxy.stderr().len();
    proxy.replace("mine.wasm", "text");
    proxy.await_stderr_after(skip, &["mine"]).await;
    assert!(trivial_ran(&proxy).await);
}

#[tokio::test]
async fn the_file_beside_a_plugin_configures_it() {
    let origin = Origin::http1().start().await;
    let proxy = watching(&origin).plugin("plugins/trivial.wasm", guest::TRIVIAL).start().await;
    assert!(trivial_ran(&proxy).await);
    let skip = proxy.stderr().len();

    // A mistake in it is refused, and the plugin goes on as it was.
    proxy.replace("plugins/trivial.toml", "on_falure = \"open\"\n");
    proxy.await_stderr_after(skip, &["on_falure"]).await;
    assert!(trivial_ran(&proxy).await);

    proxy.replace("plugins/trivial.toml", "on_failure = \"open\"\n");
    assert!(trivial_ran(&proxy).await);
}

#[tokio::test]
async fn plugins_run_in_the_order_of_their_file_names_and_before_the_routes_own() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "plugin_dir = \"plugins\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.own]\nsource = \"own.wasm\"\n\
         [[route]]\nplugins = [\"own\"]\ncluster = \"app\"\n",
        origin.url()
    ))
    .plugin("plugins/20-second.wasm", guest::NOOP)
    .plugin("plugins/10-first.wasm", guest::NOOP)
    .plugin("own.wasm", guest::NOOP)
    .start()
    .await;

    proxy.client().await.send(Request::get("/").body(empty()).unwrap()).await;

    let entry = proxy.await_log_of("/").await;
    let names: Vec<&str> = entry["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["10-first", "20-second", "own"]);
}
