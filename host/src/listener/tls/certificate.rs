//! One certificate with its chain and key, from its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, KeyUsage};

use super::TlsError;
use crate::config;

/// A certificate that can be shown to clients.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    /// The DNS names that it is for, in lower case; `*.` begins a wildcard.
    pub(super) names: Vec<String>,
    validity: Validity,
}

#[derive(Clone, Copy, Debug)]
enum Validity {
    Now,
    Ended(UnixTime),
    NotYet,
}

/// A certificate that clients will refuse, though a listener can run with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Its time is over.
    #[error("the certificate in `{}` expired {}", path.display(), ago(*by))]
    Expired {
        /// The file.
        path: PathBuf,
        /// For how long.
        by: Duration,
    },
    /// Its time has not come.
    #[error("the certificate in `{}` is not valid yet; is the clock right?", path.display())]
    NotYetValid {
        /// The file.
        path: PathBuf,
    },
    /// It has no subject alternative name of DNS type.
    #[error("the certificate in `{}` names no host: clients take it only as the first", path.display())]
    Nameless {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the files and proves that they belong together.
pub(super) fn load(
    files: &config::Certificate,
    provider: &CryptoProvider,
) -> Result<Certificate, TlsError> {
    let chain = read_chain(&files.certificate)?;
    let key = read_key(&files.key)?;
    let (names, validity) = inspect(&chain[0], UnixTime::now())
        .map_err(|source| TlsError::Certificate { path: files.certificate.clone(), source })?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|source| TlsError::Key { path: files.key.clone(), source })?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|_| TlsError::Mismatch {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
    })?;
    Ok(Certificate { certified: Arc::new(certified), names, validity })
}

impl Certificate {
    pub(super) fn warning(&self, path: &Path, now: UnixTime) -> Option<Warning> {
        let path = path.to_owned();
        match self.validity {
            Validity::Ended(end) => {
                let by = Duration::from_secs(now.as_secs().saturating_sub(end.as_secs()));
                Some(Warning::Expired { path, by })
            }
            Validity::NotYet => Some(Warning::NotYetValid { path }),
            Validity::Now if self.names.is_empty() => Some(Warning::Nameless { path }),
            Validity::Now => None,
        }
    }
}

/// The certificates of a file, of which there is at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    match chain.is_empty() {
        true => Err(TlsError::NoCertificate { path: path.to_owned() }),
        false => Ok(chain),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    let path = path.to_owned();
    // PKCS#8 says it in the label and PKCS#1 in a header, either of which would
    // otherwise end in a message about something else.
    if contains(&text, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(&text, b"4,ENCRYPTED") {
        return Err(TlsError::EncryptedKey { path });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsError::NoKey { path },
        source => TlsError::Pem { path, source },
    })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

fn inspect(
    leaf: &CertificateDer<'_>,
    now: UnixTime,
) -> Result<(Vec<String>, Validity), webpki::Error> {
    let leaf = EndEntityCert::try_from(leaf)?;
    let names = leaf.valid_dns_names().map(str::to_ascii_lowercase).collect();
    // Who signed it is the clients' affair. Without a single trust anchor this
    // always fails, but it looks at the dates first and says when they are wrong.
    let verified = leaf.verify_for_usage(&[], &[], &[], now, KeyUsage::server_auth(), None, None);
    let validity = match verified.err() {
        Some(webpki::Error::CertExpired { not_after, .. }) => Validity::Ended(not_after),
        Some(webpki::Error::CertNotValidYet { .. }) => Validity::NotYet,
        _ => Validity::Now,
    };
    Ok((names, validity))
}

fn ago(time: Duration) -> String {
    match time.as_secs() / (24 * 60 * 60) {
        0 => "within the last day".to_owned(),
        1 => "a day ago".to_owned(),
        days => format!("{days} days ago"),
    }
}
