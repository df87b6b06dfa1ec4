//! A changed file, or SIGHUP: applied as a whole or not at all.

use harness::{Authority, Client, Origin, Proxy, Signal, empty, eventually};
use http::Request;

fn config(endpoint: &str, more: &str) -> String {
    format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{endpoint:?}]\n\
         [[route]]\ncluster = \"app\"\n{more}"
    )
}

async fn served_by(proxy: &Proxy, name: &str) -> bool {
    let answer = proxy.get("/").await;
    assert_eq!(answer.status, 200, "no exchange fails while it changes");
    answer.header("x-origin") == Some(name)
}

#[tokio::test]
async fn a_changed_file_is_applied() {
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let mut proxy = Proxy::with(config(&one.url(), "")).start().await;
    assert!(served_by(&proxy, "one").await);

    proxy.configure(&config(&two.url(), ""));

    eventually!(served_by(&proxy, "two").await);
}

#[tokio::test]
async fn a_file_written_in_place_is_applied() {
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let proxy = Proxy::with(config(&one.url(), "")).start().await;

    let file = proxy.path("wasmgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&one.url(), &two.url())).unwrap();

    eventually!(served_by(&proxy, "two").await);
}

#[tokio::test]
async fn a_file_behind_a_link_that_is_switched_is_applied() {
    // As Kubernetes mounts a ConfigMap: the file is a link into `..data`, which is
    // a link to a folder, and the switch is a rename over that link.
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let link = |directory: &std::path::Path, folder: &str| {
        let beside = directory.join("..data_tmp");
        std::os::unix::fs::symlink(folder, &beside).unwrap();
        std::fs::rename(&beside, directory.join("..data")).unwrap();
    };
    let mut setup = Proxy::with(config(&one.url(), ""));
    let first = setup.text();
    let second = first.replace(&one.url(), &two.url());
    let setup =
        setup.file("..2026_1/wasmgate.toml", &first).file("..2026_2/wasmgate.toml", &second);
    link(setup.directory(), "..2026_1");
    std::os::unix::fs::symlink("..data/wasmgate.toml", setup.directory().join("wasmgate.toml"))
        .unwrap();
    let proxy = setup.config_is_there().start().await;
    assert!(served_by(&proxy, "one").await);

    link(proxy.path("wasmgate.toml").parent().unwrap(), "..2026_2");

    eventually!(served_by(&proxy, "two").await);
}

#[tokio::test]
async fn sighup_reads_the_file_again() {
    let one = Origin::http1().named("one").start().await;
    let proxy = Proxy::with(config(&one.url(), "")).start().await;

    proxy.signal(Signal::HUP);

    proxy.await_stderr(&["SIGHUP"]).await;
    assert!(served_by(&proxy, "one").await);
}

#[tokio::test]
async fn a_rejected_file_changes_nothing_and_says_why() {
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let mut proxy = Proxy::with(config(&one.url(), "")).start().await;

    // The new endpoint is in order; what follows is not, so neither is applied.
    for (mistake, word) in [
        ("[limits]\nbodi_bytes = \"1KiB\"\n", "bodi_bytes"),
        ("[[route]]\ncluster = \"nowhere\"\n", "nowhere"),
        ("[plugin.x]\nsource = \"missing.wasm\"\n", "missing.wasm"),
        ("this is not toml\n", "wasmgate.toml"),
    ] {
        let skip = proxy.stderr().len();
        proxy.configure(&config(&two.url(), mistake));
        proxy.await_stderr_after(skip, &[word]).await;
        assert!(served_by(&proxy, "one").await, "{mistake}");
    }
    assert_eq!(two.request_count(), 0);

    proxy.configure(&config(&two.url(), ""));
    eventually!(served_by(&proxy, "two").await);
}

#[tokio::test]
async fn a_file_that_vanishes_changes_nothing() {
    let one = Origin::http1().named("one").start().await;
    let mut proxy = Proxy::with(config(&one.url(), "")).start().await;
    let skip = proxy.stderr().len();

    proxy.remove("wasmgate.toml");
    proxy.signal(Signal::HUP);

    proxy.await_stderr_after(skip, &["wasmgate.toml"]).await;
    assert!(served_by(&proxy, "one").await);
    assert!(proxy.is_running());
}

#[tokio::test]
async fn an_exchange_in_flight_ends_as_it_began() {
    let slow = Origin::http1()
        .named("slow")
        .answer("/slow", |_| async {
            let (mut sender, out) = harness::channel();
            tokio::spawn(async move {
                while sender.send_data("tick ".into()).await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            });
            http::Response::new(out)
        })
        .start()
        .await;
    let two = Origin::http1().named("two").start().await;
    let mut proxy = Proxy::with(config(&slow.url(), "")).start().await;
    let mut client = proxy.client().await;
    let response = client.start(Request::get("/slow").body(empty()).unwrap()).await;
    let mut body = response.into_body();

    proxy.configure(&config(&two.url(), ""));
    eventually!(served_by(&proxy, "two").await);

    for _ in 0..5 {
        let frame = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "tick ");
    }
}

#[tokio::test]
async fn a_connection_kept_open_sees_the_change() {
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let mut proxy = Proxy::with(config(&one.url(), "")).start().await;
    let mut client = proxy.client().await;
    assert_eq!(client.get("/").await.header("x-origin"), Some("one"));

    proxy.configure(&config(&two.url(), ""));

    eventually!(client.get("/").await.header("x-origin") == Some("two"));
}

#[tokio::test]
async fn a_renewed_certificate_is_shown() {
    let old = Authority::new();
    let new = Authority::new();
    let before = old.issue(&["shop.example"]);
    let after = new.issue(&["shop.example"]);
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@https\"\n\
         [[listener.tls]]\ncertificate = \"site.pem\"\nkey = \"site.key\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .file("site.pem", &before.certificate)
    .file("site.key", &before.key)
    .start()
    .await;
    let address = proxy.address("https");
    assert!(Client::tls(address, &old, "shop.example", &[], None).await.is_ok());

    proxy.replace("site.key", &after.key);
    proxy.replace("site.pem", &after.certificate);
    proxy.signal(Signal::HUP);

    eventually!(Client::tls(address, &new, "shop.example", &[], None).await.is_ok());
}

#[tokio::test]
async fn listeners_come_and_go() {
    let origin = Origin::http1().start().await;
    let with = |names: &[&str]| {
        let listeners: String =
            names.iter().map(|name| format!("[[listener]]\nlisten = \"@{name}\"\n")).collect();
        format!(
            "{listeners}[cluster.app]\nendpoints = [{:?}]\n[[route]]\ncluster = \"app\"\n",
            origin.url()
        )
    };
    let mut proxy = Proxy::with(with(&["http"])).start().await;
    let mut kept = proxy.client().await;
    assert_eq!(kept.get("/").await.status, 200);

    proxy.configure(&with(&["http", "more"]));
    eventually!(tokio::net::TcpStream::connect(proxy.address("more")).await.is_ok());
    assert_eq!(Client::http1(proxy.address("more")).await.get("/").await.status, 200);

    proxy.configure(&with(&["more"]));
    eventually!(tokio::net::TcpStream::connect(proxy.http()).await.is_err());
    assert_eq!(Client::http1(proxy.address("more")).await.get("/").await.status, 200);
}

#[tokio::test]
async fn a_listener_whose_port_is_taken_rejects_the_whole_file() {
    let one = Origin::http1().named("one").start().await;
    let two = Origin::http1().named("two").start().await;
    let mut proxy = Proxy::with(config(&one.url(), "")).start().await;
    let taken = two.address();
    let skip = proxy.stderr().len();

    proxy.configure(&config(&two.url(), &format!("[[listener]]\nlisten = \"{taken}\"\n")));

    proxy.await_stderr_after(skip, &[&taken.to_string()]).await;
    assert!(served_by(&proxy, "one").await);
}
