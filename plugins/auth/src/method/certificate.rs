//! The client's certificate, as the listener verified it.

use std::rc::Rc;

use plugin_sdk::connection::{self, Certificate as Shown};
use plugin_sdk::{Error, Result};

use super::{Extras, Outcome, Refusal};
use crate::config::{self, CertificateName};
use crate::identity::{Identity, IdentityHeaders};

#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) name: String,
    subject: CertificateName,
    entries: Vec<Entry>,
    /// The last one, and who it is: a connection has one certificate, and its exchanges
    /// often come in a row.
    last: Option<(String, Rc<Identity>)>,
}

#[derive(Debug)]
struct Entry {
    subject: Option<String>,
    name: Option<String>,
    fingerprint: Option<String>,
    known_as: Option<String>,
    groups: Vec<String>,
}

impl Certificate {
    pub(crate) fn new(config: config::Certificate) -> Result<Self> {
        let entries = config.entries.into_iter().enumerate();
        let entry = |(number, entry)| {
            Entry::new(entry).map_err(|e| e.within(format_args!("entries[{number}]")))
        };
        Ok(Self {
            name: config.name,
            subject: config.subject,
            entries: entries.map(entry).collect::<Result<_>>()?,
            last: None,
        })
    }

    pub(crate) fn identify(&mut self, headers: &IdentityHeaders) -> Outcome {
        let Some(shown) = connection::client_certificate() else { return Outcome::Absent };
        if let Some((fingerprint, identity)) = &self.last
            && *fingerprint == shown.fingerprint
        {
            return Outcome::Known(Rc::clone(identity), Extras::default());
        }
        let entry = self.entries.iter().find(|entry| entry.matches(&shown));
        if entry.is_none() && !self.entries.is_empty() {
            return Outcome::Refused(Refusal::new("the certificate is not among the entries"));
        }
        let named = match self.subject {
            CertificateName::Subject => shown.subject.clone(),
            CertificateName::Name => shown.names.first().cloned().unwrap_or_default(),
            CertificateName::Fingerprint => shown.fingerprint.clone(),
        };
        let known_as = entry.and_then(|entry| entry.known_as.clone());
        let subject = known_as.unwrap_or(named);
        if subject.is_empty() {
            return Outcome::Refused(Refusal::new("the certificate has no such name"));
        }
        let identity = Rc::new(headers.complete(Identity {
            method: self.name.clone(),
            subject,
            groups: entry.map(|entry| entry.groups.clone()).unwrap_or_default(),
            ..Identity::default()
        }));
        self.last = Some((shown.fingerprint, Rc::clone(&identity)));
        Outcome::Known(identity, Extras::default())
    }
}

impl Entry {
    fn new(config: config::CertificateEntry) -> Result<Self> {
        let fingerprint = config.fingerprint.map(|text| fingerprint(&text)).transpose();
        let fingerprint = fingerprint.map_err(|e| e.within("fingerprint"))?;
        if config.subject.is_none() && config.name.is_none() && fingerprint.is_none() {
            return Err(Error::new(
                "it is for no certificate: give `subject`, `name` or `fingerprint`",
            ));
        }
        Ok(Self {
            subject: config.subject,
            name: config.name,
            fingerprint,
            known_as: config.known_as,
            groups: config.groups,
        })
    }

    fn matches(&self, shown: &Shown) -> bool {
        self.subject.as_ref().is_none_or(|subject| *subject == shown.subject)
            && self.name.as_ref().is_none_or(|name| shown.names.contains(name))
            && self.fingerprint.as_ref().is_none_or(|known| *known == shown.fingerprint)
    }
}

/// SHA-256 in lower-case hexadecimal, as the host tells it.
fn fingerprint(text: &str) -> Result<String> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let digits = digits.to_ascii_lowercase();
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Error::new("SHA-256 in hexadecimal has 64 digits"));
    }
    Ok(digits)
}
