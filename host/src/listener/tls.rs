//! TLS to clients: the certificates, which of them a client is shown, and what is
//! offered in the handshake.

mod certificate;
mod client_auth;
pub mod handshake;
mod resolver;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{UnixTime, pem};
use rustls::server::{NoServerSessionStorage, ProducesTickets, VerifierBuilderError};
use rustls::version::{TLS12, TLS13};

use crate::config;
use resolver::Resolver;

pub use certificate::Warning;
pub use client_auth::ClientVerifier;
/// What [`handshake::accept`] needs; this module and `upstream::tls` alone deal in
/// rustls.
pub use rustls::ServerConfig;

/// What a listener needs to speak TLS.
#[derive(Debug)]
pub struct ServerTls {
    /// For all workers: they must agree on the keys of session tickets.
    pub config: Arc<ServerConfig>,
    /// What is wrong with certificates that can be used nevertheless.
    pub warnings: Vec<Warning>,
}

/// The keys of session tickets: with them a client resumes a session with any
/// worker. They change every six hours and are never written anywhere.
///
/// Kept when the configuration is loaded again, sessions outlive that.
#[derive(Clone, Debug)]
pub struct Tickets(Arc<dyn ProducesTickets>);

impl Tickets {
    /// Keys that nobody else has.
    pub fn new() -> Result<Self, TlsError> {
        aws_lc_rs::Ticketer::new().map(Self).map_err(TlsError::Provider)
    }
}

/// Loads `certificates` and offers TLS 1.2 and 1.3 with them.
///
/// The first is for clients that name no server, or one that none is for. `clients`
/// says who may come; none = everybody. `http2` is whether HTTP/2 is offered besides
/// HTTP/1.1.
pub fn server_config(
    certificates: &[config::Certificate],
    clients: Option<&ClientVerifier>,
    http2: bool,
    tickets: &Tickets,
) -> Result<ServerTls, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut resolver = Resolver::default();
    let mut warnings = Vec::new();
    for files in certificates {
        let certificate = certificate::load(files, &provider)?;
        warnings.extend(certificate.warning(&files.certificate, UnixTime::now()));
        resolver.add(&certificate);
    }
    if resolver.is_empty() {
        return Err(TlsError::NoCertificates);
    }
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Provider)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients.verifier()),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    // A resumed session is not verified again. With keys that others have too, one
    // begun where nobody is asked for a certificate would go on where one is needed,
    // and one of a certificate that has been revoked would go on for ever.
    config.ticketer = match clients {
        Some(_) => Tickets::new()?.0,
        None => tickets.0.clone(),
    };
    // Tickets keep sessions with the clients. The store that is the default would
    // be one more lock between workers and memory for each session.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(ServerTls { config: Arc::new(config), warnings })
}

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing or may not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is damaged.
    #[error("`{}` is not a valid PEM file", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: pem::Error,
    },
    /// PEM, or something else, without a certificate.
    #[error("`{}` contains no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// PEM, or something else, without a private key.
    #[error("`{}` contains no private key (PKCS#8, PKCS#1 or SEC1)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key would need a passphrase.
    #[error(
        "the private key in `{0}` is encrypted; decrypt it with `openssl pkey -in {0} -out FILE`",
        path.display()
    )]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// No X.509 version 3 certificate.
    #[error("the first certificate in `{}` cannot be used", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: webpki::Error,
    },
    /// A damaged key, or one of a kind that TLS has no use for.
    #[error("the private key in `{}` cannot be used", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The two files do not belong together.
    #[error(
        "the private key in `{}` does not belong to the first certificate in `{}`",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate that cannot sign others.
    #[error("a certificate in `{}` cannot be used as an authority", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// PEM, or something else, without a revocation list.
    #[error("`{}` contains no certificate revocation list (PEM, `X509 CRL`)", path.display())]
    NoRevocationList {
        /// The file.
        path: PathBuf,
    },
    /// Authorities or revocation lists that clients cannot be verified with.
    #[error("clients cannot be verified with these authorities and revocation lists")]
    ClientAuth(#[source] VerifierBuilderError),
    /// There is nothing to identify with.
    #[error("no certificate is configured")]
    NoCertificates,
    /// The cryptography does not work here.
    #[error("TLS is not available")]
    Provider(#[source] rustls::Error),
}
