//! What the proxy itself says to the endpoint, and what it keeps from either side.

use harness::{Authority, Client, Origin, Proxy, Received, Setup, empty};
use http::Request;

const FORGED: [(&str, &str); 7] = [
    ("forwarded", "for=203.0.113.9;proto=https;host=evil.example"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-port", "9999"),
    ("x-real-ip", "203.0.113.9"),
    ("x-request-id", "chosen-by-the-client"),
];

fn trusting(origin: &Origin, trusted: &str) -> Setup {
    Proxy::with(format!(
        "trusted_proxies = [{trusted}]\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
}

async fn forged(proxy: &Proxy) {
    let mut request = Request::get("/forged").header("host", "shop.example");
    for (name, value) in FORGED {
        request = request.header(name, value);
    }
    let answer = proxy.client().await.send(request.body(empty()).unwrap()).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_endpoint_learns_who_asked_and_how() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let request = Request::get("/").header("host", "shop.example").body(empty()).unwrap();
    proxy.client().await.send(request).await;

    let received = origin.only_request();
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(received.header("x-forwarded-proto"), Some("http"));
    assert_eq!(received.header("x-forwarded-host"), Some("shop.example"));
    assert_forwarded(&received, "127.0.0.1", "http");
}

fn assert_forwarded(received: &Received, client: &str, scheme: &str) {
    let Some(forwarded) = received.header("forwarded") else { return };
    let last = forwarded.rsplit(',').next().unwrap();
    assert!(last.contains(client), "{forwarded}");
    assert!(last.contains(&format!("proto={scheme}")), "{forwarded}");
}

#[tokio::test]
async fn the_endpoint_learns_that_the_client_spoke_tls() {
    let authority = Authority::new();
    let identity = authority.issue(&["shop.example"]);
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@https\"\n\
         [[listener.tls]]\ncertificate = \"site.pem\"\nkey = \"site.key\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .file("site.pem", &identity.certificate)
    .file("site.key", &identity.key)
    .start()
    .await;

    let address = proxy.address("https");
    let mut client = Client::tls(address, &authority, "shop.example", &[], None).await.unwrap();
    assert_eq!(client.get("/").await.status, 200);

    let received = origin.only_request();
    assert_eq!(received.header("x-forwarded-proto"), Some("https"));
    assert_forwarded(&received, "127.0.0.1", "https");
}

#[tokio::test]
async fn an_untrusted_clients_forwarding_fields_are_not_believed() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    forged(&proxy).await;

    let received = origin.only_request();
    for (name, value) in &received.headers {
        assert!(!value.contains("203.0.113.9"), "{name}: {value}");
        assert!(!value.contains("evil.example"), "{name}: {value}");
        assert!(!value.contains("chosen-by-the-client"), "{name}: {value}");
    }
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(received.header("x-forwarded-proto"), Some("http"));
    let entry = proxy.await_log_of("/forged").await;
    assert!(entry["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{entry}");
}

#[tokio::test]
async fn a_trusted_proxys_forwarding_fields_are_carried_on() {
    let origin = Origin::http1().start().await;
    let proxy = trusting(&origin, "\"127.0.0.0/8\"").start().await;

    forged(&proxy).await;

    let received = origin.only_request();
    assert_eq!(received.header("x-forwarded-for"), Some("203.0.113.9, 127.0.0.1"));
    assert_eq!(received.header("x-forwarded-proto"), Some("https"));
    assert_eq!(received.header("x-forwarded-host"), Some("evil.example"));
    assert_eq!(received.header("x-request-id"), Some("chosen-by-the-client"));
    let entry = proxy.await_log_of("/forged").await;
    assert!(entry["client"].as_str().unwrap().starts_with("203.0.113.9"), "{entry}");
    assert_eq!(entry["request_id"], "chosen-by-the-client");
}

#[tokio::test]
async fn trust_in_one_address_is_not_trust_in_another() {
    let origin = Origin::http1().start().await;
    let proxy = trusting(&origin, "\"10.0.0.0/8\"").start().await;

    forged(&proxy).await;

    assert_eq!(origin.only_request().header("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn via_names_the_protocol_of_the_side_it_came_from() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    proxy.get("/").await;
    Client::http2(proxy.http()).await.get("/").await;
    let request = Request::get("/").header("via", "1.0 before").body(empty()).unwrap();
    proxy.client().await.send(request).await;

    let seen: Vec<String> =
        origin.requests().iter().map(|r| r.header_lines("via").join(", ")).collect();
    assert!(seen[0].starts_with("1.1 "), "{seen:?}");
    assert!(seen[1].starts_with("2.0 "), "{seen:?}");
    assert!(seen[2].starts_with("1.0 before, 1.1 "), "{seen:?}");
}

#[tokio::test]
async fn every_exchange_has_an_identifier_of_its_own() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    for n in 0..10 {
        proxy.get(&format!("/{n}")).await;
    }

    let mut seen = Vec::new();
    for (n, received) in origin.requests().iter().enumerate() {
        let id = received.header("x-request-id").expect("the endpoint gets it").to_owned();
        let entry = proxy.await_log_of(&format!("/{n}")).await;
        assert_eq!(entry["request_id"], id, "the log shows what the endpoint got");
        seen.push(id);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
}

#[tokio::test]
async fn fields_about_the_clients_connection_stay_on_it() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write(
        "GET / HTTP/1.1\r\nhost: a\r\n\
         connection: keep-alive, X-Named, x-other\r\nkeep-alive: timeout=5\r\n\
         x-named: secret\r\nX-Other: secret\r\nx-kept: yes\r\n\
         proxy-connection: keep-alive\r\nte: gzip\r\ntrailer: x-t\r\n\
         proxy-authorization: Basic c2VjcmV0\r\n\r\n",
    )
    .await;
    assert_eq!(raw.read_reply().await.status, 200);

    let received = origin.only_request();
    assert_eq!(received.header("x-kept"), Some("yes"));
    for name in ["x-named", "x-other", "keep-alive", "proxy-connection", "upgrade", "te"] {
        assert_eq!(received.header_lines(name), Vec::<&str>::new(), "{name}");
    }
    let connection = received.header_lines("connection").join(",").to_lowercase();
    assert!(!connection.contains("x-named") && !connection.contains("x-other"), "{connection}");
}

#[tokio::test]
async fn the_connection_field_cannot_remove_what_the_proxy_says() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write(
        "GET / HTTP/1.1\r\nhost: a\r\n\
         connection: close, x-forwarded-for, x-forwarded-proto, host, x-request-id, content-length\r\n\r\n",
    )
    .await;
    assert_eq!(raw.read_reply().await.status, 200);

    let received = origin.only_request();
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(received.header("x-forwarded-proto"), Some("http"));
    assert!(received.header("x-request-id").is_some());
    assert_eq!(received.authority, "a");
}

#[tokio::test]
async fn fields_about_the_endpoints_connection_stay_on_it() {
    let origin = Origin::saying(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: X-Named, keep-alive\r\n\
         x-named: inner\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nupgrade: h2c\r\n\
         x-kept: yes\r\n\r\nok",
    )
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let answer = proxy.get("/").await;

    assert_eq!(answer.text(), "ok");
    assert_eq!(answer.header("x-kept"), Some("yes"));
    for name in ["x-named", "keep-alive", "proxy-connection", "upgrade", "connection"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn an_http2_client_gets_no_field_that_http2_forbids() {
    let origin = Origin::saying(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\
         keep-alive: timeout=5\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let answer = Client::http2(proxy.http()).await.get("/").await;

    assert_eq!(answer.text(), "ok");
    for name in ["transfer-encoding", "connection", "keep-alive"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_endpoint_sees_the_host_that_the_cluster_says() {
    for (host, seen) in [
        ("preserve", "shop.example"),
        ("endpoint", "127.0.0.1"),
        ("inner.example", "inner.example"),
    ] {
        let origin = Origin::http1().start().await;
        let proxy = Proxy::with(format!(
            "[[listener]]\nlisten = \"@http\"\n\
             [cluster.app]\nendpoints = [{:?}]\nhost = {host:?}\n\
             [[route]]\ncluster = \"app\"\n",
            origin.url()
        ))
        .start()
        .await;

        let request = Request::get("/").header("host", "shop.example").body(empty()).unwrap();
        assert_eq!(proxy.client().await.send(request).await.status, 200);

        let authority = origin.only_request().authority;
        let expected =
            if host == "endpoint" { origin.address().to_string() } else { seen.to_owned() };
        assert_eq!(authority, expected, "host = {host:?}");
    }
}

#[tokio::test]
async fn cookies_that_http2_split_arrive_as_one_line() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;

    let request =
        Request::get("/").header("cookie", "a=1").header("cookie", "b=2").body(empty()).unwrap();
    Client::http2(proxy.http()).await.send(request).await;

    assert_eq!(origin.only_request().header("cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn what_identifies_the_endpoints_software_is_kept_back_unless_it_is_exposed() {
    let origin = Origin::saying(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nserver: inner/1.2.3\r\nx-powered-by: engine/4\r\n\r\n",
    )
    .await;
    for (lines, server) in [("", None), ("expose = [\"Server\"]", Some("inner/1.2.3"))] {
        let proxy = Proxy::with(format!(
            "[[listener]]\nlisten = \"@http\"\n\
             [cluster.app]\nendpoints = [{:?}]\n{lines}\n\
             [[route]]\ncluster = \"app\"\n",
            origin.url()
        ))
        .start()
        .await;

        let answer = proxy.get("/").await;

        assert_eq!(answer.header("server"), server, "{lines}");
        assert_eq!(answer.header("x-powered-by"), None, "{lines}");
    }
}
