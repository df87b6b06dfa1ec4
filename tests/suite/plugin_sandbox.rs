//! What a plugin can learn and reach: the exchange, a clock, files that the
//! operator grants, and nothing else.

use harness::{Authority, Client, Origin, Proxy, empty, guest};
use http::Request;
use serde_json::{Value, json};

fn running(origin: &Origin, component: &str, keys: &str) -> String {
    format!(
        "[[listener]]\nname = \"front\"\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {component:?}\n{keys}\n\
         [[route]]\nname = \"main\"\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url()
    )
}

#[tokio::test]
async fn a_plugin_can_learn_all_about_the_exchange() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(running(&origin, guest::PROBE, "")).start().await;

    let request = Request::put("/a/../b?x=%41")
        .header("host", "Shop.Example")
        .header("x-asked", "one")
        .header("x-asked", "two")
        .header("x-pulled", "1")
        .header("x-pulled", "2")
        .body(empty())
        .unwrap();
    let answer = proxy.client().await.send(request).await;

    let facts: Value = serde_json::from_slice(&answer.body).unwrap();
    let entry = proxy.await_log_of("/a/../b?x=%41").await;
    assert_eq!(facts["request_id"], entry["request_id"]);
    assert_eq!(facts["method"], "PUT");
    assert_eq!(facts["scheme"], "http");
    assert_eq!(facts["authority"], "shop.example");
    assert_eq!(facts["target"], "/b?x=%41");
    assert_eq!(facts["raw_target"], "/a/../b?x=%41");
    assert_eq!(facts["http_version"], "HTTP/1.1");
    assert_eq!(facts["route"], "main");
    assert_eq!(facts["cluster"], "app");
    assert_eq!(facts["asked"], "one, two");
    assert_eq!(facts["joined"], "1, 2");
    assert_eq!(facts["lines"], json!(["1", "2"]));
    assert_eq!(facts["status"], Value::Null);
    assert_eq!(facts["client_address"], "127.0.0.1");
    assert!(facts["client_port"].is_u64());
    assert_eq!(facts["listener"], "front");
    for absent in ["tls_version", "server_name", "application_protocol"] {
        assert_eq!(facts[absent], Value::Null, "{absent}");
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(facts["clock"].as_u64().unwrap().abs_diff(now) < 600, "WASI clocks are there");
}

#[tokio::test]
async fn a_plugin_can_learn_what_tls_agreed_on() {
    let authority = Authority::new();
    let identity = authority.issue(&["shop.example"]);
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@https\"\n\
         [[listener.tls]]\ncertificate = \"site.pem\"\nkey = \"site.key\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::PROBE
    ))
    .file("site.pem", &identity.certificate)
    .file("site.key", &identity.key)
    .start()
    .await;

    let address = proxy.address("https");
    let mut client = Client::tls(address, &authority, "shop.example", &["h2"], None).await.unwrap();
    let answer = client.get("/").await;

    let facts: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(facts["scheme"], "https");
    assert_eq!(facts["http_version"], "HTTP/2.0");
    assert_eq!(facts["tls_version"], "TLSv1.3");
    assert_eq!(facts["server_name"], "shop.example");
    assert_eq!(facts["application_protocol"], "h2");
}

#[tokio::test]
async fn a_plugins_environment_is_empty() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(running(&origin, guest::PROBE, "")).env("SECRET", "s").start().await;

    let facts: Value = serde_json::from_slice(&proxy.get("/").await.body).unwrap();

    assert_eq!(facts["environment"], json!([]));
}

#[tokio::test]
async fn a_plugin_reads_only_below_what_it_was_granted_and_writes_nothing() {
    let origin = Origin::http1().start().await;
    // The path is chosen by the operator; the grant decides.
    for (path, grant, write, expected) in [
        ("data/file", true, false, Some("granted")),
        ("data/file", false, false, None),
        ("secret", true, false, None),
        ("data/../secret", true, false, None),
        ("data/link", true, false, None),
        ("data/file", true, true, None),
        ("data/new", true, true, None),
    ] {
        let folder = Proxy::with("").file("data/file", "granted").file("secret", "not granted");
        let root = folder.directory().display().to_string();
        std::os::unix::fs::symlink("../secret", folder.directory().join("data/link")).unwrap();
        let capabilities = if grant { "capabilities = { files = [\"data\"] }" } else { "" };
        let config = running(
            &origin,
            guest::READER,
            &format!("{capabilities}\nconfig = {{ path = \"{root}/{path}\", write = {write} }}"),
        );
        let proxy = folder.configured(config).start().await;

        let answer = proxy.get("/").await;

        match expected {
            Some(content) => assert_eq!((answer.status, answer.text()), (200, content), "{path}"),
            None => assert_eq!(
                answer.status,
                404,
                "{path}, granted: {grant}, write: {write}: {}",
                answer.text()
            ),
        }
        assert!(!proxy.path("data/new").exists());
        assert_eq!(std::fs::read_to_string(proxy.path("data/file")).unwrap(), "granted");
    }
}

#[tokio::test]
async fn a_plugin_reaches_no_socket() {
    let origin = Origin::http1().start().await;
    let keys = format!("config = {{ address = \"{}\" }}", origin.address());
    let proxy = Proxy::with(running(&origin, guest::SOCKETS, &keys)).start().await;

    assert_eq!(proxy.get("/").await.status, 403);

    assert_eq!(origin.connection_count(), 0);
}
