//! A self-made certificate for `localhost`, trusted by the bench's own clients.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// An ECDSA P-256 certificate and its key, as PEM files that every proxy reads.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    der: CertificateDer<'static>,
}

impl Certificate {
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = directory.join("localhost.pem");
        let key = directory.join("localhost.key");
        fs::write(&certificate, made.cert.pem())?;
        fs::write(&key, made.signing_key.serialize_pem())?;
        Ok(Self { certificate, key, der: made.cert.der().clone() })
    }

    pub(crate) fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        Ok(roots)
    }
}
