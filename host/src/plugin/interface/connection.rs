//! `connection`: facts about the client's connection.

use super::bindings::wasmgate::plugin::connection::{Certificate, Host};
use crate::exchange::Tls;
use crate::plugin::instance::HostState;

impl Host for HostState {
    fn client_address(&mut self) -> Option<String> {
        Some(self.exchange.as_ref()?.client.ip().to_string())
    }

    fn client_port(&mut self) -> Option<u16> {
        let exchange = self.exchange.as_ref()?;
        let known = !exchange.forwarded || exchange.client.port() != 0;
        known.then(|| exchange.client.port())
    }

    fn listener(&mut self) -> Option<String> {
        Some(self.exchange.as_ref()?.connection.listener.to_string())
    }

    fn tls_version(&mut self) -> Option<String> {
        Some(self.tls()?.version.to_owned())
    }

    fn server_name(&mut self) -> Option<String> {
        self.tls()?.server_name.as_deref().map(str::to_owned)
    }

    fn application_protocol(&mut self) -> Option<String> {
        self.tls()?.protocol.map(str::to_owned)
    }

    fn client_certificate(&mut self) -> Option<Certificate> {
        let certificate = self.tls()?.certificate.as_deref()?;
        let facts = certificate.facts();
        Some(Certificate {
            subject: facts.subject.clone(),
            names: facts.names.clone(),
            fingerprint: facts.fingerprint.clone(),
            der: certificate.der().to_vec(),
        })
    }

    fn ja4(&mut self) -> Option<String> {
        Some(self.tls()?.hello.as_deref()?.ja4().to_owned())
    }
}

impl HostState {
    fn tls(&self) -> Option<&Tls> {
        self.exchange.as_ref()?.connection.tls.as_ref()
    }
}
