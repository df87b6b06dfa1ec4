//! The host's functions as a native test sees them. Names and signatures are
//! those of the generated imports.

pub(crate) mod counter;
pub(crate) mod crypto;
pub(crate) mod http;
pub(crate) mod kv;
pub(crate) mod matcher;
pub(crate) mod metrics;
pub(crate) mod rate_limit;
pub(crate) mod secrets;

use std::cell::RefCell;

use super::Exchange;

pub(super) struct Current {
    pub(super) exchange: Exchange,
    plugin: String,
}

thread_local! {
    pub(super) static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Runs a hook with this exchange as the current one.
pub(super) fn during<T>(exchange: &mut Exchange, plugin: &str, hook: impl FnOnce() -> T) -> T {
    let current = Current { exchange: exchange.clone(), plugin: plugin.to_owned() };
    CURRENT.with(|c| *c.borrow_mut() = Some(current));
    let result = hook();
    if let Some(current) = CURRENT.with(|c| c.borrow_mut().take()) {
        *exchange = current.exchange;
    }
    result
}

/// Outside a hook there is nothing to read.
fn pull<T: Default>(read: impl FnOnce(&mut Exchange) -> T) -> T {
    CURRENT.with(|c| {
        c.borrow_mut().as_mut().map_or_else(T::default, |current| {
            current.exchange.pulls += 1;
            read(&mut current.exchange)
        })
    })
}

pub(crate) mod exchange {
    use super::super::exchange::{Value, joined, lines};
    use super::{CURRENT, pull};
    use crate::bindings::imports::wasmgate::plugin::exchange::{ValueError, Visibility};
    use crate::exchange::Visible;
    use crate::field::Field;

    const VALUES: usize = 64;
    const VALUE_BYTES: usize = 64 * 1024;

    pub(crate) fn request_id() -> String {
        pull(|e| e.request_id.clone())
    }
    pub(crate) fn method() -> String {
        pull(|e| e.method.clone())
    }
    pub(crate) fn scheme() -> String {
        pull(|e| e.scheme.clone())
    }
    pub(crate) fn authority() -> String {
        pull(|e| e.authority.clone())
    }
    pub(crate) fn target() -> String {
        pull(|e| e.target.clone())
    }
    pub(crate) fn raw_target() -> String {
        pull(|e| e.raw_target.clone())
    }
    pub(crate) fn http_version() -> String {
        pull(|e| e.http_version.clone())
    }
    pub(crate) fn route() -> String {
        pull(|e| e.route.clone())
    }
    pub(crate) fn cluster() -> Option<String> {
        pull(|e| e.cluster.clone())
    }
    pub(crate) fn endpoint() -> Option<String> {
        pull(|e| e.endpoint.clone())
    }
    pub(crate) fn request_header(name: &str) -> Option<Vec<u8>> {
        pull(|e| joined(&e.request, name))
    }
    pub(crate) fn request_header_lines(name: &str) -> Vec<Vec<u8>> {
        pull(|e| lines(&e.request, name).map(<[u8]>::to_vec).collect())
    }
    pub(crate) fn request_headers() -> Vec<Field> {
        pull(|e| all(&e.request))
    }
    pub(crate) fn status() -> Option<u16> {
        pull(|e| e.status())
    }
    pub(crate) fn response_header(name: &str) -> Option<Vec<u8>> {
        pull(|e| joined(e.response_headers(), name))
    }
    pub(crate) fn response_header_lines(name: &str) -> Vec<Vec<u8>> {
        pull(|e| lines(e.response_headers(), name).map(<[u8]>::to_vec).collect())
    }
    pub(crate) fn response_headers() -> Vec<Field> {
        pull(|e| all(e.response_headers()))
    }

    pub(super) fn all(lines: &[(String, Vec<u8>)]) -> Vec<Field> {
        let field =
            |(name, value): &(String, Vec<u8>)| Field { name: name.clone(), value: value.clone() };
        lines.iter().map(field).collect()
    }

    pub(crate) fn value(name: &str) -> Option<Vec<u8>> {
        CURRENT.with(|c| {
            let current = c.borrow();
            let current = current.as_ref()?;
            let value = current.exchange.value(&current.plugin, name)?;
            Some(value.to_vec())
        })
    }

    pub(crate) fn value_of(plugin: &str, name: &str) -> Option<Vec<u8>> {
        pull(|e| {
            let mut values = e.values.iter();
            let readable =
                |v: &&Value| v.plugin == plugin && v.name == name && v.visible == Visible::Later;
            values.find(readable).map(|v| v.value.clone())
        })
    }

    pub(crate) fn set_value(
        name: &str,
        value: &[u8],
        visible: Visibility,
    ) -> Result<(), ValueError> {
        CURRENT.with(|c| {
            let mut current = c.borrow_mut();
            let current = current.as_mut().ok_or(ValueError::NoExchange)?;
            let plugin = current.plugin.clone();
            let values = &mut current.exchange.values;
            let is_same = |v: &Value| v.plugin == plugin && v.name == name;
            let others = values.iter().filter(|v| v.plugin == plugin && v.name != name);
            let (count, bytes) = others.fold((1, name.len() + value.len()), |(n, b), v| {
                (n + 1, b + v.name.len() + v.value.len())
            });
            if count > VALUES || bytes > VALUE_BYTES {
                return Err(ValueError::Quota);
            }
            values.retain(|v| !is_same(v));
            values.push(Value {
                plugin,
                name: name.to_owned(),
                value: value.to_vec(),
                visible: match visible {
                    Visibility::Own => Visible::Own,
                    Visibility::Later => Visible::Later,
                },
            });
            Ok(())
        })
    }
}

pub(crate) mod body {
    use super::super::exchange::Phase;
    use super::{CURRENT, exchange, pull};
    use crate::bindings::imports::wasmgate::plugin::body::BodyError;
    use crate::bindings::imports::wasmgate::plugin::types::BodyMode;
    use crate::field::Field;

    pub(crate) fn request_has_body() -> bool {
        pull(|e| e.has_body)
    }

    pub(crate) fn select_request(mode: BodyMode) -> Result<(), BodyError> {
        CURRENT.with(|c| {
            let mut current = c.borrow_mut();
            let exchange = &mut current.as_mut().ok_or(BodyError::NoExchange)?.exchange;
            if exchange.phase != Phase::Request {
                return Err(BodyError::TooLate);
            }
            exchange.request_mode = Some(mode);
            Ok(())
        })
    }

    pub(crate) fn select_response(mode: BodyMode) -> Result<(), BodyError> {
        CURRENT.with(|c| {
            let mut current = c.borrow_mut();
            let exchange = &mut current.as_mut().ok_or(BodyError::NoExchange)?.exchange;
            if !matches!(exchange.phase, Phase::Request | Phase::Response) {
                return Err(BodyError::TooLate);
            }
            exchange.response_mode = Some(mode);
            Ok(())
        })
    }

    pub(crate) fn request_trailers() -> Vec<Field> {
        pull(|e| match e.phase == Phase::RequestBody && e.trailers_known {
            true => exchange::all(&e.request_trailers),
            false => Vec::new(),
        })
    }

    pub(crate) fn response_trailers() -> Vec<Field> {
        pull(|e| match e.phase == Phase::ResponseBody && e.trailers_known {
            true => exchange::all(&e.response_trailers),
            false => Vec::new(),
        })
    }
}

pub(crate) mod connection {
    use super::pull;
    use crate::connection::Certificate;

    pub(crate) fn client_address() -> Option<String> {
        pull(|e| e.connection.client_address.clone())
    }
    pub(crate) fn client_port() -> Option<u16> {
        pull(|e| e.connection.client_port)
    }
    pub(crate) fn listener() -> Option<String> {
        pull(|e| e.connection.listener.clone())
    }
    pub(crate) fn tls_version() -> Option<String> {
        pull(|e| e.connection.tls_version.clone())
    }
    pub(crate) fn server_name() -> Option<String> {
        pull(|e| e.connection.server_name.clone())
    }
    pub(crate) fn application_protocol() -> Option<String> {
        pull(|e| e.connection.application_protocol.clone())
    }
    pub(crate) fn client_certificate() -> Option<Certificate> {
        pull(|e| e.connection.certificate.clone())
    }
    pub(crate) fn ja4() -> Option<String> {
        pull(|e| e.connection.ja4.clone())
    }
}

pub(crate) mod annotate {
    use super::CURRENT;
    use crate::bindings::imports::wasmgate::plugin::annotate::AnnotateError;

    const ENTRIES: usize = 32;
    const BYTES: usize = 8 * 1024;

    pub(crate) fn annotate(key: &str, value: &str) -> Result<(), AnnotateError> {
        CURRENT.with(|c| {
            let mut current = c.borrow_mut();
            let current = current.as_mut().ok_or(AnnotateError::NoExchange)?;
            let notes = &mut current.exchange.annotations;
            let others = notes.iter().filter(|(k, _)| k != key);
            let (count, bytes) = others.fold((1, key.len() + value.len()), |(n, b), (k, v)| {
                (n + 1, b + k.len() + v.len())
            });
            if count > ENTRIES || bytes > BYTES {
                return Err(AnnotateError::Quota);
            }
            match notes.iter_mut().find(|(k, _)| k == key) {
                Some((_, old)) => value.clone_into(old),
                None => notes.push((key.to_owned(), value.to_owned())),
            }
            Ok(())
        })
    }
}

pub(crate) mod log {
    use super::CURRENT;
    use crate::log::Level;

    pub(crate) fn enabled(_: Level) -> bool {
        true
    }

    pub(crate) fn log(level: Level, message: &str) {
        CURRENT.with(|c| {
            if let Some(current) = c.borrow_mut().as_mut() {
                current.exchange.log.push((level, message.to_owned()));
            }
        });
    }
}
