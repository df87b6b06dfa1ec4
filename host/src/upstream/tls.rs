//! TLS to endpoints: whom to trust and what to ask for in the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::version::{TLS12, TLS13};
use rustls_platform_verifier::BuilderVerifierExt;

/// What a cluster keeps of TLS: this module alone deals in rustls.
pub use rustls::ClientConfig;
/// The name that an endpoint's certificate must have.
pub use rustls::pki_types::ServerName;

/// Verifies endpoints against the authorities in the PEM file `ca`, else against
/// those that the system trusts, which are read anew each time.
///
/// `alpn_h2` is whether HTTP/2 is asked for before HTTP/1.1.
pub fn client_config(ca: Option<&Path>, alpn_h2: bool) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Provider)?;
    let builder = match ca {
        Some(path) => builder.with_root_certificates(read_authorities(path)?),
        None => builder.with_platform_verifier().map_err(TlsError::SystemRoots)?,
    };
    let mut config = builder.with_no_client_auth();
    let asked: &[&[u8]] = if alpn_h2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = asked.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

fn read_authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let damaged = |source| TlsError::Read { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_file_iter(path).map_err(damaged)?.enumerate() {
        roots.add(certificate.map_err(damaged)?).map_err(|source| TlsError::Authority {
            path: path.to_owned(),
            number: index + 1,
            source,
        })?;
    }
    match roots.is_empty() {
        true => Err(TlsError::NoAuthority { path: path.to_owned() }),
        false => Ok(roots),
    }
}

/// Why TLS to endpoints cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read or is damaged.
    #[error("cannot read the authorities in `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// One of the certificates cannot be used.
    #[error("certificate {number} in `{}` cannot be trusted", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Its place in the file, from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The file has no certificate in it.
    #[error("`{}` contains no certificate", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// The system has no certificates to trust.
    #[error(
        "the system's trusted authorities cannot be loaded; install them (often a package \
         called `ca-certificates`) or give a `ca`"
    )]
    SystemRoots(#[source] rustls::Error),
    /// The cryptography does not work here.
    #[error("TLS is not available")]
    Provider(#[source] rustls::Error),
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use rustls::{ClientConnection, ServerConfig, ServerConnection};
    use tempfile::TempDir;

    use super::*;

    /// An endpoint with a certificate of its own, and that in PEM.
    fn endpoint() -> (Arc<ServerConfig>, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["a.test".to_owned()]).expect("it can sign itself");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("it is a key");
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("the versions are supported")
                .with_no_client_auth()
                .with_single_cert(vec![cert.der().clone()], key)
                .expect("the key belongs to the certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        (Arc::new(config), cert.pem())
    }

    fn file(text: &str) -> (TempDir, PathBuf) {
        let folder = TempDir::new().expect("a folder can be made");
        let path = folder.path().join("ca.pem");
        fs::write(&path, text).expect("it can be written");
        (folder, path)
    }

    fn handshake(
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
        name: &str,
    ) -> Result<ClientConnection, rustls::Error> {
        let name = ServerName::try_from(name.to_owned()).expect("the name is valid");
        let mut client = ClientConnection::new(client, name)?;
        let mut server = ServerConnection::new(server)?;
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
        Ok(client)
    }

    #[test]
    fn an_endpoint_of_a_given_authority_is_trusted() {
        let (server, pem) = endpoint();
        let (_folder, path) = file(&pem);
        for (alpn_h2, expected) in [(true, &b"h2"[..]), (false, b"http/1.1")] {
            let client = client_config(Some(&path), alpn_h2).expect("the file is good");
            let client = handshake(client, server.clone(), "a.test").expect("it is trusted");
            assert_eq!(client.alpn_protocol(), Some(expected));
        }
    }

    #[test]
    fn another_authority_or_another_name_is_refused() {
        let (server, pem) = endpoint();
        let (_folder, path) = file(&endpoint().1);
        let client = client_config(Some(&path), true).expect("the file is good");
        assert!(handshake(client, server.clone(), "a.test").is_err());
        let (_folder, path) = file(&pem);
        let client = client_config(Some(&path), true).expect("the file is good");
        assert!(handshake(client, server, "b.test").is_err());
    }

    #[test]
    fn a_bad_file_is_named() {
        let (_, pem) = endpoint();
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cases = [
            ("", (|error| matches!(error, TlsError::NoAuthority { .. })) as fn(&_) -> bool),
            (&pem[..pem.len() / 2], |error| matches!(error, TlsError::Read { .. })),
            (&(pem.clone() + junk), |error| matches!(error, TlsError::Authority { number: 2, .. })),
        ];
        for (text, is_right) in cases {
            let (_folder, path) = file(text);
            let error = client_config(Some(&path), true).expect_err("the file is bad");
            assert!(is_right(&error), "{error}: {:?}", error.source());
            assert!(error.to_string().contains(path.to_str().expect("it is text")), "{error}");
        }
        let (folder, _) = file("");
        let error = client_config(Some(&folder.path().join("none")), true);
        assert!(matches!(error, Err(TlsError::Read { .. })));
    }
}
