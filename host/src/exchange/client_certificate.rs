//! The certificate of a client, verified when its connection began.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use x509_cert::der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// The certificate that a client showed, and proved to be its own.
#[derive(Debug)]
pub struct ClientCertificate {
    der: Box<[u8]>,
    facts: OnceLock<Facts>,
}

/// What a certificate says of whom it is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The subject as text (RFC 4514); empty if there is none, or none to be read.
    pub subject: String,
    /// DNS names, addresses and URIs of its subjectAltName, in order.
    pub names: Vec<String>,
    /// SHA-256 of the DER form, in lower-case hexadecimal.
    pub fingerprint: String,
}

impl ClientCertificate {
    /// One that TLS has verified.
    pub fn new(der: &[u8]) -> Self {
        Self { der: der.into(), facts: OnceLock::new() }
    }

    /// As it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Read when somebody first asks: most connections end before that.
    pub fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| read(&self.der))
    }
}

/// TLS has verified it, but by another reader's standards: what this one cannot
/// read stays empty, so that nobody is taken for somebody.
fn read(der: &[u8]) -> Facts {
    let mut facts = Facts { fingerprint: fingerprint(der), ..Facts::default() };
    let Ok(certificate) = CertificateInner::<Raw>::from_der(der) else { return facts };
    let body = certificate.tbs_certificate();
    facts.subject = body.subject().to_string();
    let mut extensions = body.extensions().into_iter().flatten();
    if let Some(extension) =
        extensions.find(|extension| extension.extn_id == ID_CE_SUBJECT_ALT_NAME)
    {
        facts.names = names(extension.extn_value.as_bytes()).unwrap_or_default();
    }
    facts
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for octet in Sha256::digest(der) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// The names of a subjectAltName (RFC 5280, section 4.2.1.6). Read by hand: kinds
/// of names that nobody asks for must not hide the others.
fn names(value: &[u8]) -> x509_cert::der::Result<Vec<String>> {
    const DNS: TagNumber = TagNumber(2);
    const URI: TagNumber = TagNumber(6);
    const ADDRESS: TagNumber = TagNumber(7);
    let list = AnyRef::from_der(value)?;
    let mut entries = SliceReader::new(list.value())?;
    let mut names = Vec::new();
    while !entries.is_finished() {
        let entry = AnyRef::decode(&mut entries)?;
        let Tag::ContextSpecific { number, .. } = entry.tag() else { continue };
        let text = match number {
            DNS | URI => std::str::from_utf8(entry.value()).ok().map(str::to_owned),
            ADDRESS => address(entry.value()).map(|address| address.to_string()),
            _ => None,
        };
        names.extend(text);
    }
    Ok(names)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4().or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(edit: impl FnOnce(&mut CertificateParams)) -> ClientCertificate {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        edit(&mut params);
        ClientCertificate::new(params.self_signed(&key).expect("it can sign itself").der())
    }

    #[test]
    fn the_subject_is_written_last_part_first_and_cannot_be_forged() {
        let plain = certificate(|params| {
            params.distinguished_name.push(DnType::CountryName, "NL");
            params.distinguished_name.push(DnType::OrganizationName, "Example B.V.");
            params.distinguished_name.push(DnType::CommonName, "billing");
        });
        assert_eq!(plain.facts().subject, "CN=billing,O=Example B.V.,C=NL");
        let forged = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "x,O=Example B.V.+CN=y\\");
        });
        assert_eq!(forged.facts().subject, r"CN=x\,O=Example B.V.\+CN=y\\");
        assert_eq!(certificate(|_| ()).facts().subject, "");
    }

    #[test]
    fn names_of_three_kinds_are_listed_in_order() {
        let certificate = certificate(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("a.example".try_into().unwrap()),
                SanType::Rfc822Name("who@example.com".try_into().unwrap()),
                SanType::URI("spiffe://example/billing".try_into().unwrap()),
                SanType::IpAddress("192.0.2.7".parse().unwrap()),
                SanType::IpAddress("2001:db8::7".parse().unwrap()),
            ];
        });
        assert_eq!(
            certificate.facts().names,
            ["a.example", "spiffe://example/billing", "192.0.2.7", "2001:db8::7"]
        );
    }

    #[test]
    fn what_cannot_be_read_still_has_its_fingerprint() {
        let facts = read(b"abc");
        // SHA-256 of `abc` (FIPS 180-4).
        assert_eq!(
            facts.fingerprint,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!((facts.subject.as_str(), facts.names.len()), ("", 0));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(der in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = names(&der);
            read(&der);
        }
    }
}
