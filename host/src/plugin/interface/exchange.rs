//! `exchange`: what a plugin did not subscribe to, and values across its hooks.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::bindings::wasmgate::plugin::exchange::{Host, ValueError, Visibility};
use super::bindings::wasmgate::plugin::types::{self, Field};
use crate::exchange::{Value, joined, version_text};
use crate::plugin::instance::HostState;

/// Bounds on what one plugin may keep in one exchange.
const VALUES_MAX: usize = 64;
const VALUES_BYTES_MAX: usize = 64 * 1024;

impl types::Host for HostState {}

impl Host for HostState {
    fn request_id(&mut self) -> String {
        self.text(|exchange| String::from_utf8_lossy(exchange.request_id.as_bytes()).into_owned())
    }

    fn method(&mut self) -> String {
        self.text(|exchange| exchange.method.as_str().to_owned())
    }

    fn scheme(&mut self) -> String {
        self.text(|exchange| exchange.scheme.as_str().to_owned())
    }

    fn authority(&mut self) -> String {
        self.text(|exchange| String::from_utf8_lossy(exchange.authority.as_bytes()).into_owned())
    }

    fn target(&mut self) -> String {
        self.text(|exchange| exchange.target.as_str().to_owned())
    }

    fn raw_target(&mut self) -> String {
        self.text(|exchange| exchange.raw_target.as_str().to_owned())
    }

    fn http_version(&mut self) -> String {
        self.text(|exchange| version_text(exchange.version).to_owned())
    }

    fn route(&mut self) -> String {
        self.text(|exchange| exchange.route.to_string())
    }

    fn cluster(&mut self) -> Option<String> {
        self.exchange.as_ref()?.cluster.as_deref().map(str::to_owned)
    }

    fn endpoint(&mut self) -> Option<String> {
        self.exchange.as_ref()?.endpoint.as_deref().map(str::to_owned)
    }

    fn request_header(&mut self, name: String) -> Option<Vec<u8>> {
        let exchange = self.exchange.as_ref()?;
        if name.eq_ignore_ascii_case("host") {
            return Some(exchange.authority.as_bytes().to_vec());
        }
        joined(&exchange.headers, &header_name(&name)?)
    }

    fn request_header_lines(&mut self, name: String) -> Vec<Vec<u8>> {
        let Some(exchange) = self.exchange.as_ref() else { return Vec::new() };
        if name.eq_ignore_ascii_case("host") {
            return vec![exchange.authority.as_bytes().to_vec()];
        }
        lines(&exchange.headers, &name)
    }

    fn request_headers(&mut self) -> Vec<Field> {
        let Some(exchange) = self.exchange.as_ref() else { return Vec::new() };
        let host = Field { name: "host".to_owned(), value: exchange.authority.as_bytes().to_vec() };
        std::iter::once(host).chain(fields(&exchange.headers)).collect()
    }

    fn status(&mut self) -> Option<u16> {
        Some(self.exchange.as_ref()?.response.as_ref()?.status.as_u16())
    }

    fn response_header(&mut self, name: String) -> Option<Vec<u8>> {
        let response = self.exchange.as_ref()?.response.as_ref()?;
        joined(&response.headers, &header_name(&name)?)
    }

    fn response_header_lines(&mut self, name: String) -> Vec<Vec<u8>> {
        let response = self.exchange.as_ref().and_then(|exchange| exchange.response.as_ref());
        response.map(|response| lines(&response.headers, &name)).unwrap_or_default()
    }

    fn response_headers(&mut self) -> Vec<Field> {
        let response = self.exchange.as_ref().and_then(|exchange| exchange.response.as_ref());
        response.map(|response| fields(&response.headers).collect()).unwrap_or_default()
    }

    fn value(&mut self, name: String) -> Option<Vec<u8>> {
        let values = &self.exchange.as_ref()?.notes.values;
        let own = |value: &&Value| Arc::ptr_eq(&value.plugin, &self.name) && value.name == name;
        values.iter().find(own).map(|value| value.value.clone())
    }

    fn value_of(&mut self, plugin: String, name: String) -> Option<Vec<u8>> {
        let values = &self.exchange.as_ref()?.notes.values;
        let readable = |value: &&Value| {
            (value.visible || Arc::ptr_eq(&value.plugin, &self.name))
                && *value.plugin == *plugin
                && value.name == name
        };
        values.iter().find(readable).map(|value| value.value.clone())
    }

    fn set_value(
        &mut self,
        name: String,
        value: Vec<u8>,
        visible: Visibility,
    ) -> Result<(), ValueError> {
        let exchange = self.exchange.as_mut().ok_or(ValueError::NoExchange)?;
        let values = &mut exchange.notes.values;
        let others =
            values.iter().filter(|kept| Arc::ptr_eq(&kept.plugin, &self.name) && kept.name != name);
        let (count, bytes) = others.fold((0, 0), |(count, bytes), kept| {
            (count + 1, bytes + kept.name.len() + kept.value.len())
        });
        if count >= VALUES_MAX || bytes + name.len() + value.len() > VALUES_BYTES_MAX {
            return Err(ValueError::Quota);
        }
        values.retain(|kept| !Arc::ptr_eq(&kept.plugin, &self.name) || kept.name != name);
        values.push(Value {
            plugin: Arc::clone(&self.name),
            name,
            value,
            visible: matches!(visible, Visibility::Later),
        });
        Ok(())
    }
}

/// A name that no field can have is a field that is not there.
fn header_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    let Some(name) = header_name(name) else { return Vec::new() };
    headers.get_all(name).iter().map(|line| line.as_bytes().to_vec()).collect()
}

pub(super) fn fields(headers: &HeaderMap) -> impl Iterator<Item = Field> + '_ {
    headers.iter().map(|(name, value)| Field {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    })
}
