//! Certificates made on the spot, and handshakes over memory.

use std::error::Error;
use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConnection,
    SignatureScheme, SupportedProtocolVersion,
};
use tempfile::TempDir;

use super::*;

/// A folder of certificates that one authority has signed.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("it can sign itself");
        let (root, pem) = (root.der().clone(), root.pem());
        Self {
            folder: TempDir::new().expect("a folder can be made"),
            issuer: Issuer::new(params, key),
            root,
            pem,
        }
    }

    fn issue(&self, file: &str, names: &[&str]) -> config::Certificate {
        self.issue_with(file, names, |_| ())
    }

    fn issue_with(
        &self,
        file: &str,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> config::Certificate {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key can be made");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are valid");
        edit(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        self.write(file, &certificate.pem(), &key.serialize_pem())
    }

    fn write(&self, file: &str, certificate: &str, key: &str) -> config::Certificate {
        let files = config::Certificate {
            certificate: self.folder.path().join(format!("{file}.pem")),
            key: self.folder.path().join(format!("{file}.key")),
        };
        fs::write(&files.certificate, certificate).expect("it can be written");
        fs::write(&files.key, key).expect("it can be written");
        files
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("the root is valid");
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("the versions are supported")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

fn loaded(certificates: &[config::Certificate]) -> ServerTls {
    let tickets = Tickets::new().expect("there is randomness");
    server_config(certificates, None, true, &tickets).expect("the certificates are good")
}

fn failure(files: &config::Certificate) -> TlsError {
    let tickets = Tickets::new().expect("there is randomness");
    server_config(std::slice::from_ref(files), None, true, &tickets).expect_err("they are bad")
}

/// Both ends after the handshake, or why there was none.
fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).expect("the name is valid");
    let mut client = ClientConnection::new(client.clone(), name)?;
    let mut server = ServerConnection::new(server.clone())?;
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("memory takes all");
        server.read_tls(&mut &*wire).expect("memory gives all");
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).expect("memory takes all");
        client.read_tls(&mut &*wire).expect("memory gives all");
        client.process_new_packets()?;
    }
    Ok((client, server))
}

/// The index of the certificate that a client is shown who asks for `name`.
fn chosen(certificates: &[config::Certificate], name: Option<&str>) -> Option<usize> {
    let provider = aws_lc_rs::default_provider();
    let mut resolver = Resolver::default();
    let mut leaves = Vec::new();
    for files in certificates {
        let certificate = certificate::load(files, &provider).expect("the certificate is good");
        leaves.push(certificate.certified.cert[0].clone());
        resolver.add(&certificate);
    }
    let chosen = resolver.choose(name, &[SignatureScheme::ECDSA_NISTP384_SHA384])?;
    leaves.iter().position(|leaf| *leaf == chosen.cert[0])
}

#[test]
fn a_certificate_is_chosen_by_name() {
    let authority = Authority::new();
    let certificates = [
        authority.issue("first", &["first.test"]),
        authority.issue("wild", &["*.wild.test", "Upper.Test"]),
        authority.issue("exact", &["exact.wild.test"]),
    ];
    let cases = [
        (None, 0),
        (Some("first.test"), 0),
        (Some("unknown.test"), 0),
        (Some("a.wild.test"), 1),
        (Some("a.b.wild.test"), 0),
        (Some("wild.test"), 0),
        (Some(".wild.test"), 0),
        (Some("exact.wild.test"), 2),
        (Some("EXACT.wild.TEST."), 2),
        (Some("upper.test"), 1),
    ];
    for (name, expected) in cases {
        assert_eq!(chosen(&certificates, name), Some(expected), "{name:?}");
    }
}

#[test]
fn among_several_of_one_name_the_client_gets_one_that_it_can_verify() {
    let authority = Authority::new();
    let p256 = KeyPair::generate().expect("a key can be made");
    let certificate = CertificateParams::new(vec!["a.test".to_owned()])
        .and_then(|params| params.signed_by(&p256, &authority.issuer))
        .expect("it can be signed");
    let certificates = [
        authority.write("p256", &certificate.pem(), &p256.serialize_pem()),
        authority.issue("p384", &["a.test"]),
    ];
    assert_eq!(chosen(&certificates, Some("a.test")), Some(1));
}

#[test]
fn clients_of_both_versions_are_served() {
    let authority = Authority::new();
    let server = loaded(&[authority.issue("a", &["a.test"]), authority.issue("b", &["b.test"])]);
    assert_eq!(server.warnings, []);
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(authority.client(&[version]));
        for name in ["a.test", "b.test"] {
            let (client, _) = handshake(&client, &server.config, name).expect("both can agree");
            assert_eq!(client.protocol_version(), Some(version.version));
        }
        let error = handshake(&client, &server.config, "c.test").expect_err("none is for it");
        assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error}");
    }
}

#[test]
fn http2_is_offered_only_where_it_is_on() {
    let authority = Authority::new();
    let certificates = [authority.issue("a", &["a.test"])];
    let tickets = Tickets::new().expect("there is randomness");
    let mut client = authority.client(&[&TLS13]);
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = Arc::new(client);
    for (http2, expected) in [(true, &b"h2"[..]), (false, b"http/1.1")] {
        let server =
            server_config(&certificates, None, http2, &tickets).expect("the certificates are good");
        let (client, _) = handshake(&client, &server.config, "a.test").expect("both can agree");
        assert_eq!(client.alpn_protocol(), Some(expected));
    }
}

#[test]
fn a_session_goes_on_after_the_configuration_is_loaded_again() {
    let authority = Authority::new();
    let certificates = [authority.issue("a", &["a.test"])];
    let tickets = Tickets::new().expect("there is randomness");
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(authority.client(&[version]));
        let kinds = [(); 2].map(|()| {
            let server = server_config(&certificates, None, true, &tickets)
                .expect("the certificates are good");
            let (client, _) = handshake(&client, &server.config, "a.test").expect("both can agree");
            client.handshake_kind()
        });
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
    }
}

/// Tickets that two listeners can read would let a client in that never showed its
/// certificate.
#[test]
fn a_session_does_not_go_on_where_a_certificate_is_needed() {
    let authority = Authority::new();
    let certificates = [authority.issue("a", &["a.test"])];
    let ca = authority.folder.path().join("clients.pem");
    fs::write(&ca, &authority.pem).expect("it can be written");
    let clients =
        ClientVerifier::load(&config::ClientAuth { ca, crls: Vec::new(), required: true });
    let clients = clients.expect("the authority is good");
    let tickets = Tickets::new().expect("there is randomness");
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(authority.client(&[version]));
        let [open, closed] = [None, Some(&clients)].map(|clients| {
            server_config(&certificates, clients, true, &tickets).expect("they are good").config
        });
        handshake(&client, &open, "a.test").expect("both can agree");
        let error = handshake(&client, &closed, "a.test").expect_err("nothing was shown");
        assert!(matches!(error, rustls::Error::NoCertificatesPresented), "{error}");
    }
}

#[test]
fn certificates_that_clients_refuse_are_told() {
    let authority = Authority::new();
    let past = authority.issue_with("past", &["a.test"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let future = authority.issue_with("future", &["a.test"], |params| {
        params.not_before = rcgen::date_time_ymd(2120, 1, 1);
        params.not_after = rcgen::date_time_ymd(2121, 1, 1);
    });
    let nameless = authority.issue("nameless", &[]);
    let warnings = loaded(&[past.clone(), future.clone(), nameless.clone()]).warnings;
    let [expired, not_yet, no_name] = &warnings[..] else {
        panic!("three certificates, three warnings: {warnings:?}");
    };
    assert!(
        matches!(expired, Warning::Expired { path, by } if *path == past.certificate && !by.is_zero())
    );
    assert!(expired.to_string().ends_with(" days ago"), "{expired}");
    assert_eq!(*not_yet, Warning::NotYetValid { path: future.certificate });
    assert_eq!(*no_name, Warning::Nameless { path: nameless.certificate });
}

/// Whether the words name the file.
fn names(error: &TlsError, path: &Path) -> bool {
    error.to_string().contains(path.to_str().expect("the folder's name is text"))
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let files = config::Certificate {
        certificate: authority.issue("a", &["a.test"]).certificate,
        key: authority.issue("b", &["a.test"]).key,
    };
    let error = failure(&files);
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    assert!(names(&error, &files.key) && names(&error, &files.certificate), "{error}");
}

#[test]
fn every_bad_file_is_named() {
    let authority = Authority::new();
    let good = authority.issue("good", &["a.test"]);
    let certificate = fs::read_to_string(&good.certificate).expect("it was written");
    let key = fs::read_to_string(&good.key).expect("it was written");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let junk = |label| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let cut = |text: &str| text[..text.len() / 2].to_owned();

    let error = failure(&authority.write("swapped", &key, &certificate));
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");
    let error = failure(&authority.write("cut", &cut(&certificate), &key));
    assert!(matches!(error, TlsError::Pem { .. }), "{error}");
    let error = failure(&authority.write("junk", &junk("CERTIFICATE"), &key));
    assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
    assert!(error.source().is_some());

    for (text, is_right) in [
        (certificate.clone(), (|error| matches!(error, TlsError::NoKey { .. })) as fn(&_) -> bool),
        (encrypted.to_owned(), |error| matches!(error, TlsError::EncryptedKey { .. })),
        (legacy.to_owned(), |error| matches!(error, TlsError::EncryptedKey { .. })),
        (cut(&key), |error| matches!(error, TlsError::Pem { .. })),
        (junk("PRIVATE KEY"), |error| matches!(error, TlsError::Key { .. })),
        (String::new(), |error| matches!(error, TlsError::NoKey { .. })),
    ] {
        let files = authority.write("key", &certificate, &text);
        let error = failure(&files);
        assert!(is_right(&error) && names(&error, &files.key), "{text}: {error}");
    }

    let missing = config::Certificate { key: authority.folder.path().join("no.key"), ..good };
    let error = failure(&missing);
    assert!(matches!(error, TlsError::Read { .. }) && names(&error, &missing.key), "{error}");
}

#[test]
fn a_listener_without_certificates_has_no_tls() {
    let tickets = Tickets::new().expect("there is randomness");
    let error = server_config(&[], None, true, &tickets).expect_err("there is nothing to show");
    assert!(matches!(error, TlsError::NoCertificates));
}
