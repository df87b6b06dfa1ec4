//! Certificates made on the spot, and the rustls configurations that use them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use rcgen::DnType;

/// A certificate authority that nobody but a test trusts.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    issued: AtomicU64,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS#8.
    pub key: String,
    serial: u64,
}

/// The version of TLS that a client insists on.
#[derive(Clone, Copy, Debug)]
pub enum TlsVersion {
    /// TLS 1.2
    V1_2,
    /// TLS 1.3
    V1_3,
}

impl Authority {
    /// A new one, with a key of its own.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "wasmgate test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("the provider makes keys");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("the parameters are valid");
        Self { issuer, issued: AtomicU64::new(1) }
    }

    /// The authority's own certificate, for who shall trust it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names or addresses.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_to(&[], names)
    }

    /// A certificate with this subject, for these names or addresses.
    #[must_use]
    pub fn issue_to(&self, subject: &[(DnType, &str)], names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("the provider makes keys");
        let serial = self.issued.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::new(names).expect("the names are valid");
        params.serial_number = Some(serial.into());
        params.distinguished_name = DistinguishedName::new();
        for (kind, text) in subject {
            params.distinguished_name.push(kind.clone(), *text);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        Identity { certificate: certificate.pem(), key: key.serialize_pem(), serial }
    }

    /// The list of the certificates that the authority does not stand for any more.
    #[must_use]
    pub fn revocation_list(&self, revoked: &[&Identity]) -> String {
        let entry = |identity: &&Identity| RevokedCertParams {
            serial_number: identity.serial.into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2120, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = list.signed_by(&self.issuer).expect("the authority may sign lists");
        signed.pem().expect("it can be written")
    }

    /// A client that trusts this authority and offers these protocols.
    pub(crate) fn client(
        &self,
        protocols: &[&str],
        version: Option<TlsVersion>,
        identity: Option<&Identity>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("the authority's certificate is valid");
        let versions: &[&SupportedProtocolVersion] = match version {
            Some(TlsVersion::V1_2) => &[&rustls::version::TLS12],
            Some(TlsVersion::V1_3) => &[&rustls::version::TLS13],
            None => rustls::ALL_VERSIONS,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("the provider speaks both versions")
            .with_root_certificates(roots);
        let mut config = match identity.map(Identity::parsed) {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(vec![certificate], key)
                .expect("the key belongs to the certificate"),
        };
        config.alpn_protocols = wire_names(protocols);
        Arc::new(config)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// The certificate's DER form.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.parsed().0.to_vec()
    }

    fn parsed(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        (certificate.expect("rcgen writes valid PEM"), key.expect("rcgen writes valid PEM"))
    }

    /// A server that shows this certificate and offers these protocols.
    pub(crate) fn server(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let (certificate, key) = self.parsed();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("the key belongs to the certificate");
        config.alpn_protocols = wire_names(protocols);
        Arc::new(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn wire_names(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.as_bytes().to_vec()).collect()
}
