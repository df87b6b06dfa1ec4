//! TLS on both sides.

use harness::{Authority, Client, Identity, Origin, Proxy, Setup, TlsVersion};
use http::Version;

/// Three certificates: one name, names below another, and what is shown to
/// everybody else.
struct Sites {
    authority: Authority,
    default: Identity,
    exact: Identity,
    below: Identity,
}

impl Sites {
    fn new() -> Self {
        let authority = Authority::new();
        Self {
            default: authority.issue(&["default.example", "unknown.example", "127.0.0.1"]),
            exact: authority.issue(&["shop.example"]),
            below: authority.issue(&["*.wild.example"]),
            authority,
        }
    }

    fn proxy(&self, origin: &Origin) -> Setup {
        let mut setup = Proxy::with(format!(
            "[[listener]]\nlisten = \"@https\"\nname = \"secure\"\n\
             [[listener.tls]]\ncertificate = \"default.pem\"\nkey = \"default.key\"\n\
             [[listener.tls]]\ncertificate = \"exact.pem\"\nkey = \"exact.key\"\n\
             [[listener.tls]]\ncertificate = \"below.pem\"\nkey = \"below.key\"\n\
             [cluster.app]\nendpoints = [{:?}]\n\
             [[route]]\ncluster = \"app\"\n",
            origin.url()
        ));
        for (name, identity) in
            [("default", &self.default), ("exact", &self.exact), ("below", &self.below)]
        {
            setup = setup
                .file(&format!("{name}.pem"), &identity.certificate)
                .file(&format!("{name}.key"), &identity.key);
        }
        setup
    }
}

#[tokio::test]
async fn the_servers_name_chooses_the_certificate() {
    let sites = Sites::new();
    let origin = Origin::http1().start().await;
    let proxy = sites.proxy(&origin).start().await;
    let address = proxy.address("https");

    // The client verifies the certificate against the name that it asks for, so a
    // handshake that succeeds has got the right one.
    for name in ["shop.example", "a.wild.example", "B.WILD.example", "default.example"] {
        let mut client = Client::tls(address, &sites.authority, name, &[], None).await.expect(name);
        assert_eq!(client.get("/").await.status, 200, "{name}");
    }
    // One label only; and the first certificate for those that no other is for,
    // and for clients that say no name.
    for name in ["unknown.example", "127.0.0.1"] {
        assert!(Client::tls(address, &sites.authority, name, &[], None).await.is_ok(), "{name}");
    }
    for name in ["a.b.wild.example", "wild.example", "other.example"] {
        assert!(Client::tls(address, &sites.authority, name, &[], None).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn both_versions_of_tls_and_both_of_http_are_spoken() {
    let sites = Sites::new();
    let origin = Origin::http1().start().await;
    let proxy = sites.proxy(&origin).start().await;

    let versions = [(TlsVersion::V1_2, "TLSv1.2"), (TlsVersion::V1_3, "TLSv1.3")];
    let offers: [(&[&str], Version); 4] = [
        (&["h2", "http/1.1"], Version::HTTP_2),
        (&["http/1.1", "h2"], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ];
    for (number, (version, logged)) in versions.into_iter().enumerate() {
        for (offer, (protocols, spoken)) in offers.into_iter().enumerate() {
            let address = proxy.address("https");
            let client =
                Client::tls(address, &sites.authority, "shop.example", protocols, Some(version));
            let path = format!("/{number}/{offer}");
            let answer = client.await.unwrap().get(&path).await;
            assert_eq!((answer.status, answer.version), (200, spoken), "{version:?} {protocols:?}");
            let entry = proxy.await_log_of(&path).await;
            assert_eq!(entry["tls"], logged);
            assert_eq!(entry["protocol"], format!("{spoken:?}"));
            assert_eq!(entry["listener"], "secure");
        }
    }
}

#[tokio::test]
async fn a_protocol_that_nobody_speaks_is_refused_in_the_handshake() {
    let sites = Sites::new();
    let origin = Origin::http1().start().await;
    let proxy = sites.proxy(&origin).start().await;

    let client =
        Client::tls(proxy.address("https"), &sites.authority, "shop.example", &["spdy/3"], None)
            .await;

    assert!(client.is_err());
}

#[tokio::test]
async fn plain_http_on_a_tls_port_ends_the_connection() {
    let sites = Sites::new();
    let origin = Origin::http1().start().await;
    let proxy = sites.proxy(&origin).start().await;

    let mut raw = harness::Raw::connect(proxy.address("https")).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;

    assert!(!String::from_utf8_lossy(&raw.read_to_end().await).contains("200"));
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_ended() {
    let sites = Sites::new();
    let proxy = Proxy::with(
        "[timeouts]\nhandshake = \"200ms\"\n\
         [[listener]]\nlisten = \"@https\"\n\
         [[listener.tls]]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n\
         [cluster.app]\nendpoints = [\"http://127.0.0.1:1\"]\n\
         [[route]]\ncluster = \"app\"\n",
    )
    .file("a.pem", &sites.exact.certificate)
    .file("a.key", &sites.exact.key)
    .start()
    .await;

    let mut raw = harness::Raw::connect(proxy.address("https")).await;
    raw.write(b"\x16\x03\x01").await;
    raw.read_to_end().await;
}

/// A proxy to this `https://` endpoint with these lines in its cluster.
fn to_secure(endpoint: &str, lines: &str, authority: &Authority) -> Setup {
    Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{endpoint:?}]\n{lines}\n\
         [[route]]\ncluster = \"app\"\n",
    ))
    .file("ca.pem", authority.pem())
}

#[tokio::test]
async fn an_endpoint_of_a_private_authority_is_verified() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1", "inner.example"]);
    for protocols in [&["h2", "http/1.1"] as &[_], &["http/1.1"], &[]] {
        let origin = Origin::http1().tls(&identity, protocols).start().await;
        let proxy = to_secure(&origin.url(), "ca = \"ca.pem\"", &authority).start().await;

        let answer = proxy.get("/").await;

        assert_eq!(answer.status, 200);
        let echo: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let spoken = if protocols.contains(&"h2") { "HTTP/2.0" } else { "HTTP/1.1" };
        assert_eq!(echo["version"], spoken, "HTTP/2 where it is offered");
    }
}

#[tokio::test]
async fn an_endpoint_is_verified_by_the_name_that_the_cluster_says() {
    let authority = Authority::new();
    let identity = authority.issue(&["inner.example"]);
    let origin = Origin::http1().tls(&identity, &[]).start().await;

    let right = "ca = \"ca.pem\"\nserver_name = \"inner.example\"";
    let proxy = to_secure(&origin.url(), right, &authority).start().await;
    assert_eq!(proxy.get("/").await.status, 200);

    for wrong in ["ca = \"ca.pem\"", "ca = \"ca.pem\"\nserver_name = \"outer.example\""] {
        let proxy = to_secure(&origin.url(), wrong, &authority).start().await;
        assert_eq!(proxy.get("/wrong").await.status, 502, "{wrong}");
        assert_eq!(proxy.await_log_of("/wrong").await["error"]["kind"], "tls");
    }
}

#[tokio::test]
async fn an_endpoint_of_another_authority_is_refused() {
    let trusted = Authority::new();
    let other = Authority::new();
    let origin = Origin::http1().tls(&other.issue(&["127.0.0.1"]), &[]).start().await;
    let proxy = to_secure(&origin.url(), "ca = \"ca.pem\"", &trusted).start().await;

    assert_eq!(proxy.get("/").await.status, 502);

    assert_eq!(origin.request_count(), 0);
    let entry = proxy.await_log_of("/").await;
    assert_eq!(
        (&entry["error"]["kind"], &entry["error"]["side"]),
        (&"tls".into(), &"upstream".into())
    );
}
