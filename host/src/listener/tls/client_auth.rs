//! Which clients are let in by their certificates.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::TlsError;
use super::certificate::{read, read_chain};
use crate::config;

/// Verifies the certificates of clients.
#[derive(Clone, Debug)]
pub struct ClientVerifier(Arc<dyn ClientCertVerifier>);

impl ClientVerifier {
    /// Reads the authorities and the revocation lists.
    pub fn load(files: &config::ClientAuth) -> Result<Self, TlsError> {
        let mut authorities = RootCertStore::empty();
        for authority in read_chain(&files.ca)? {
            authorities
                .add(authority)
                .map_err(|source| TlsError::Authority { path: files.ca.clone(), source })?;
        }
        let mut revoked = Vec::new();
        for path in &files.crls {
            let before = revoked.len();
            for list in CertificateRevocationListDer::pem_slice_iter(&read(path)?) {
                revoked.push(list.map_err(|source| TlsError::Pem { path: path.clone(), source })?);
            }
            if revoked.len() == before {
                return Err(TlsError::NoRevocationList { path: path.clone() });
            }
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        // An authority without a list, or with one that has expired, says nothing
        // about its certificates: they are refused, once there are lists at all.
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
                .with_crls(revoked)
                .enforce_revocation_expiration();
        if !files.required {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map(Self).map_err(TlsError::ClientAuth)
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.0)
    }
}
