//! `body`: what there is to know of the exchange's bodies, and how much of them
//! the plugin wants to see.

use std::sync::Arc;

use http::HeaderMap;

use super::bindings::wasmgate::plugin::body::{BodyError, Host};
use super::bindings::wasmgate::plugin::types::{BodyMode, Field};
use super::exchange::fields;
use crate::exchange::{Message, Mode, Selected};
use crate::plugin::instance::HostState;
use crate::plugin::limits::Hook;

impl Host for HostState {
    fn request_has_body(&mut self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.bodies.of_request)
    }

    fn select_request(&mut self, mode: BodyMode) -> Result<(), BodyError> {
        self.select(Message::Request, mode)
    }

    fn select_response(&mut self, mode: BodyMode) -> Result<(), BodyError> {
        self.select(Message::Response, mode)
    }

    fn request_trailers(&mut self) -> Vec<Field> {
        let exchange = self.exchange.as_ref();
        list(exchange.and_then(|exchange| exchange.bodies.request_trailers.as_deref()))
    }

    fn response_trailers(&mut self) -> Vec<Field> {
        let exchange = self.exchange.as_ref();
        list(exchange.and_then(|exchange| exchange.bodies.response_trailers.as_deref()))
    }
}

impl HostState {
    fn select(&mut self, of: Message, mode: BodyMode) -> Result<(), BodyError> {
        let exchange = self.exchange.as_mut().ok_or(BodyError::NoExchange)?;
        let (exported, in_time) = match of {
            Message::Request => (self.exports.request_body, self.hook == Hook::Request),
            Message::Response => {
                let in_time = matches!(self.hook, Hook::Request | Hook::Response);
                (self.exports.response_body, in_time)
            }
        };
        if exported.is_none() {
            return Err(BodyError::NoHook);
        }
        if !in_time {
            return Err(BodyError::TooLate);
        }
        let selected = &mut exchange.bodies.selected;
        selected.retain(|one| one.of != of || !Arc::ptr_eq(&one.plugin, &self.name));
        let plugin = Arc::clone(&self.name);
        selected.push(Selected { plugin, of, mode: mode.into() });
        Ok(())
    }
}

impl From<BodyMode> for Mode {
    fn from(mode: BodyMode) -> Self {
        match mode {
            BodyMode::None => Self::None,
            BodyMode::First(octets) => Self::First(octets),
            BodyMode::Whole(octets) => Self::Whole(octets),
            BodyMode::Chunks(octets) => Self::Chunks(octets),
            BodyMode::Watch => Self::Watch,
        }
    }
}

fn list(trailers: Option<&HeaderMap>) -> Vec<Field> {
    trailers.map(|trailers| fields(trailers).collect()).unwrap_or_default()
}
