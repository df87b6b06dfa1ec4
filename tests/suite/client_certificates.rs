//! Clients that show certificates: who is let in, and what plugins learn of them.

use std::io;

use harness::{
    Answer, Authority, Client, DnType, Identity, Origin, Proxy, Setup, TlsVersion, eventually,
    guest,
};
use http::Request;
use serde_json::{Value, json};

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

/// Who signs the server's certificate, and who the clients'.
struct Parties {
    server: Authority,
    clients: Authority,
}

impl Parties {
    fn new() -> Self {
        Self { server: Authority::new(), clients: Authority::new() }
    }

    /// A listener `@https` with these lines, and a plugin that answers with what it
    /// learns; `@open` asks nobody for anything.
    fn proxy(&self, origin: &Origin, lines: &str) -> Setup {
        let tls = "[[listener.tls]]\ncertificate = \"site.pem\"\nkey = \"site.key\"\n";
        let site = self.server.issue(&["site.example"]);
        Proxy::with(format!(
            "[[listener]]\nlisten = \"@https\"\n{lines}\n{tls}\
             [[listener]]\nlisten = \"@open\"\n{tls}\
             [cluster.app]\nendpoints = [{:?}]\n\
             [plugin.p]\nsource = {:?}\n\
             [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
            origin.url(),
            guest::PROBE,
        ))
        .file("site.pem", &site.certificate)
        .file("site.key", &site.key)
        .file("clients.pem", self.clients.pem())
    }

    /// One exchange with the listener `@https`.
    async fn ask(
        &self,
        proxy: &Proxy,
        version: TlsVersion,
        identity: Option<&Identity>,
    ) -> Result<Answer, String> {
        let address = proxy.address("https");
        let client = Client::tls_as(address, &self.server, "site.example", Some(version), identity);
        exchange(client.await).await
    }
}

/// In TLS 1.3 a client learns only after its handshake that it is refused.
async fn exchange(client: io::Result<Client>) -> Result<Answer, String> {
    let mut client = client.map_err(|error| error.to_string())?;
    let request = Request::get("/").body(harness::empty()).unwrap();
    let response = client.try_start(request).await.map_err(|error| error.to_string())?;
    Answer::collect(response).await.map_err(|error| error.to_string())
}

fn certificate(answer: &Answer) -> Value {
    let facts: Value = serde_json::from_slice(&answer.body).unwrap();
    facts["certificate"].clone()
}

#[tokio::test]
async fn a_plugin_learns_whom_the_clients_certificate_is_for() {
    let parties = Parties::new();
    let origin = Origin::http1().start().await;
    let proxy = parties.proxy(&origin, "client_ca = \"clients.pem\"").start().await;
    let subject = [
        (DnType::CountryName, "NL"),
        (DnType::OrganizationName, "Example, Inc."),
        (DnType::CommonName, "billing"),
    ];
    let identity = parties.clients.issue_to(&subject, &["billing.example", "192.0.2.7"]);

    for version in VERSIONS {
        let answer = parties.ask(&proxy, version, Some(&identity)).await.unwrap();
        let told = certificate(&answer);
        assert_eq!(told["subject"], r"CN=billing,O=Example\, Inc.,C=NL");
        assert_eq!(told["names"], json!(["billing.example", "192.0.2.7"]));
        assert_eq!(told["der"], json!(identity.der()));
        let fingerprint = sha256(&identity.der());
        assert_eq!(told["fingerprint"], fingerprint);
    }
}

fn sha256(octets: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

#[tokio::test]
async fn whoever_shows_no_certificate_or_a_strangers_is_refused_and_the_log_says_why() {
    let parties = Parties::new();
    let stranger = Authority::new().issue(&["billing.example"]);
    let origin = Origin::http1().start().await;
    for lines in
        ["client_ca = \"clients.pem\"\nclient_auth = \"required\"", "client_ca = \"clients.pem\""]
    {
        for (version, identity, reason) in [
            (TlsVersion::V1_2, None, "no certificates"),
            (TlsVersion::V1_3, None, "no certificates"),
            (TlsVersion::V1_2, Some(&stranger), "invalid peer certificate"),
            (TlsVersion::V1_3, Some(&stranger), "invalid peer certificate"),
        ] {
            let proxy = parties.proxy(&origin, lines).start().await;
            parties.ask(&proxy, version, identity).await.expect_err(reason);
            let told = |entry: &Value| {
                entry["error"]["kind"] == "client_tls"
                    && entry["error"]["detail"].as_str().is_some_and(|why| why.contains(reason))
            };
            proxy.await_log(told).await;
        }
    }
    assert_eq!(origin.request_count(), 0);
}

#[tokio::test]
async fn where_a_certificate_is_optional_only_a_wrong_one_is_refused() {
    let parties = Parties::new();
    let origin = Origin::http1().start().await;
    let lines = "client_ca = \"clients.pem\"\nclient_auth = \"optional\"";
    let proxy = parties.proxy(&origin, lines).start().await;
    let known = parties.clients.issue(&["billing.example"]);
    let stranger = Authority::new().issue(&["billing.example"]);

    for version in VERSIONS {
        let without = parties.ask(&proxy, version, None).await.unwrap();
        assert_eq!(certificate(&without), Value::Null);
        let with = parties.ask(&proxy, version, Some(&known)).await.unwrap();
        assert_eq!(certificate(&with)["names"], json!(["billing.example"]));
        assert!(parties.ask(&proxy, version, Some(&stranger)).await.is_err());
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let parties = Parties::new();
    let origin = Origin::http1().start().await;
    let good = parties.clients.issue(&["good.example"]);
    let revoked = parties.clients.issue(&["revoked.example"]);
    let lines = "client_ca = \"clients.pem\"\nclient_crl = [\"revoked.crl\"]";
    let list = parties.clients.revocation_list(&[&revoked]);
    let proxy = parties.proxy(&origin, lines).file("revoked.crl", list).start().await;

    for version in VERSIONS {
        assert!(parties.ask(&proxy, version, Some(&revoked)).await.is_err());
        assert_eq!(parties.ask(&proxy, version, Some(&good)).await.unwrap().status, 200);
    }
    let told = |entry: &Value| entry["error"]["detail"].to_string().contains("Revoked");
    proxy.await_log(told).await;

    // A changed list counts for new connections, without a restart.
    proxy.replace("revoked.crl", parties.clients.revocation_list(&[&good, &revoked]));
    eventually!(parties.ask(&proxy, TlsVersion::V1_3, Some(&good)).await.is_err());
}

#[tokio::test]
async fn another_authority_takes_over_when_its_file_changes() {
    let parties = Parties::new();
    let origin = Origin::http1().start().await;
    let other = Authority::new();
    let (before, after) = (parties.clients.issue(&["a.example"]), other.issue(&["a.example"]));
    let proxy = parties.proxy(&origin, "client_ca = \"clients.pem\"").start().await;
    assert!(parties.ask(&proxy, TlsVersion::V1_3, Some(&before)).await.is_ok());
    assert!(parties.ask(&proxy, TlsVersion::V1_3, Some(&after)).await.is_err());

    proxy.replace("clients.pem", other.pem());

    eventually!(parties.ask(&proxy, TlsVersion::V1_3, Some(&after)).await.is_ok());
    assert!(parties.ask(&proxy, TlsVersion::V1_3, Some(&before)).await.is_err());
}

#[tokio::test]
async fn what_cannot_verify_anybody_is_no_configuration() {
    let parties = Parties::new();
    let origin = Origin::http1().start().await;
    for (lines, told) in [
        ("client_ca = \"site.key\"", "contains no certificate"),
        ("client_ca = \"clients.pem\"\nclient_crl = [\"clients.pem\"]", "revocation list"),
        ("client_auth = \"required\"", "needs `client_ca`"),
        ("client_ca = \"clients.pem\"\nclient_auth = \"never\"", "client_auth"),
    ] {
        let checked = parties.proxy(&origin, lines).check().await;
        assert_eq!(checked.code, Some(1), "{lines}");
        assert!(checked.stderr.contains(told), "{lines}: {}", checked.stderr);
    }
}
