//! The fingerprint of a client's TLS hello (JA4).

use std::net::SocketAddr;
use std::process::Command;

use harness::{Authority, Client, Origin, Proxy, Raw, TlsVersion, guest};
use serde_json::Value;

async fn proxy(authority: &Authority, origin: &Origin) -> Proxy {
    let site = authority.issue(&["site.example", "127.0.0.1"]);
    Proxy::with(format!(
        "[[listener]]\nlisten = \"@https\"\n\
         [[listener.tls]]\ncertificate = \"site.pem\"\nkey = \"site.key\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::PROBE,
    ))
    .file("site.pem", &site.certificate)
    .file("site.key", &site.key)
    .start()
    .await
}

fn ja4(body: &[u8]) -> Value {
    serde_json::from_slice::<Value>(body).unwrap()["ja4"].clone()
}

#[tokio::test]
async fn a_client_has_the_same_fingerprint_wherever_it_goes() {
    let authority = Authority::new();
    let origin = Origin::http1().start().await;
    let proxy = proxy(&authority, &origin).await;
    let address = proxy.address("https");
    let mut parts = Vec::new();
    // rustls sends its extensions in another order each time.
    for (name, protocols, start) in [
        ("site.example", &["h2", "http/1.1"][..], "t13d"),
        ("site.example", &["http/1.1"], "t13d"),
        ("127.0.0.1", &["h2"], "t13i"),
        ("127.0.0.1", &[], "t13i"),
    ] {
        let client = Client::tls(address, &authority, name, protocols, Some(TlsVersion::V1_3));
        let answer = client.await.unwrap().get("/").await;
        let shown = ja4(&answer.body);
        let shown = shown.as_str().unwrap();
        let protocol =
            protocols.first().map_or("00", |name| if *name == "h2" { "h2" } else { "h1" });
        assert!(shown.starts_with(start) && shown[8..].starts_with(protocol), "{shown}");
        let (_, hashes) = shown.split_once('_').unwrap();
        parts.push(hashes.to_owned());
    }
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|hashes| *hashes == parts[0]), "{parts:?}");
}

#[tokio::test]
async fn other_software_has_another_fingerprint() {
    let authority = Authority::new();
    let origin = Origin::http1().start().await;
    let proxy = proxy(&authority, &origin).await;
    let address = proxy.address("https");
    let client = Client::tls(address, &authority, "127.0.0.1", &["h2", "http/1.1"], None).await;
    let ours = ja4(&client.unwrap().get("/").await.body);

    let Some(theirs) = curl(address).await else { return };

    assert_ne!(ja4(&theirs), ours);
    assert_eq!(ja4(&theirs), ja4(&curl(address).await.unwrap()));
    assert!(ja4(&theirs).as_str().unwrap().starts_with("t13i"), "{theirs:?}");
}

/// What curl gets; none on a machine without curl.
async fn curl(address: SocketAddr) -> Option<Vec<u8>> {
    let asked = tokio::task::spawn_blocking(move || {
        Command::new("curl")
            .args(["-sk", "--max-time", "20", &format!("https://{address}/")])
            .output()
    });
    let output = asked.await.unwrap().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(output.stdout)
}

#[tokio::test]
async fn a_hello_in_many_pieces_has_its_fingerprint_too() {
    let authority = Authority::new();
    let origin = Origin::http1().start().await;
    let proxy = proxy(&authority, &origin).await;
    let address = proxy.address("https");
    let whole = Client::tls(address, &authority, "site.example", &[], None).await;
    let whole = whole.unwrap().get("/").await;

    let mut pieces = Raw::tls_in_pieces(address, &authority, "site.example").await;
    pieces.write("GET / HTTP/1.1\r\nhost: site.example\r\n\r\n").await;
    let reply = pieces.read_reply().await;

    assert_eq!(ja4(&reply.body), ja4(&whole.body));
}

#[tokio::test]
async fn a_plain_connection_has_none() {
    let authority = Authority::new();
    let origin = Origin::http1().start().await;
    let proxy = proxy(&authority, &origin).await;
    assert_eq!(ja4(&proxy.get("/").await.body), Value::Null);
}
