//! Which certificate a client is shown.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// Certificates by the server's name (SNI). A name may have several, such as one
/// with an ECDSA key and one with an RSA key for old clients.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// For clients that name no server, or one that no certificate is for.
    default: Vec<Arc<CertifiedKey>>,
    exact: FxHashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`, which stands for one label (RFC 6125, section 6.4.3).
    wildcard: FxHashMap<String, Vec<Arc<CertifiedKey>>>,
}

impl Resolver {
    /// Among certificates for the same name, those added earlier are preferred.
    pub(super) fn add(&mut self, certificate: &Certificate) {
        if self.default.is_empty() {
            self.default.push(certificate.certified.clone());
        }
        for name in &certificate.names {
            let entry = match name.strip_prefix("*.") {
                Some(parent) => self.wildcard.entry(without_final_dot(parent).to_owned()),
                None => self.exact.entry(without_final_dot(name).to_owned()),
            };
            entry.or_default().push(certificate.certified.clone());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.default.is_empty()
    }

    pub(super) fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let candidates = name.and_then(|name| self.named(name)).unwrap_or(&self.default);
        candidates
            .iter()
            .find(|certified| certified.key.choose_scheme(schemes).is_some())
            .or(candidates.first())
            .cloned()
    }

    fn named(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        let name = without_final_dot(name);
        let name: Cow<'_, str> = match name.bytes().any(|octet| octet.is_ascii_uppercase()) {
            true => name.to_ascii_lowercase().into(),
            false => name.into(),
        };
        self.exact.get(&*name).or_else(|| {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(parent) }
        })
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
