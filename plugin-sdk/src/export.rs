//! What `#[export]` forwards to: one instance of the plugin, and the step from
//! the contract's records to the types of this crate and back.
//!
//! The testing harness calls the same functions, so that a native test runs all
//! of a component but its ABI.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::asked::Asked;
use crate::bindings::imports::wasmgate::plugin::types::{BodyMode, BodyPart};
use crate::bindings::{
    balance, complete, lifecycle, request, request_body, response, response_body,
};
use crate::{Flow, Outcome, Pick, Plugin, Request, RequestBody, Response, ResponseBody};

/// The place of a component's one plugin; empty until `configure`.
#[doc(hidden)]
pub struct Slot<P>(RefCell<Option<Instance<P>>>);

struct Instance<P> {
    plugin: P,
    request_headers: Rc<[String]>,
    response_headers: Rc<[String]>,
    pick_headers: Rc<[String]>,
}

const NOT_CONFIGURED: &str = "a hook was called before `configure` succeeded";

impl<P: Plugin> Slot<P> {
    #[expect(clippy::new_without_default, reason = "const, for a static")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    pub fn configure(&self, config: &str) -> Result<lifecycle::Subscription, String> {
        let config = parse::<P::Config>(config)?;
        let plugin = P::new(config).map_err(crate::Error::into_text)?;
        let wanted = plugin.subscription();
        *self.0.borrow_mut() = Some(Instance {
            plugin,
            request_headers: wanted.request.as_slice().into(),
            response_headers: wanted.response.as_slice().into(),
            pick_headers: wanted.pick.into(),
        });
        Ok(lifecycle::Subscription {
            request_headers: wanted.request,
            response_headers: wanted.response,
        })
    }

    pub fn on_request(&self, asked: Option<Vec<u8>>) -> request::Decision {
        let mut slot = self.0.borrow_mut();
        let Some(instance) = slot.as_mut() else {
            return request::Decision::Fail(NOT_CONFIGURED.to_owned());
        };
        let mut request = Request::new(Rc::clone(&instance.request_headers), Asked::new(asked));
        match instance.plugin.on_request(&mut request) {
            Ok(Flow::Continue) => request.into_decision(),
            Ok(Flow::Respond(reply)) => request::Decision::Respond(reply.into_wire()),
            Err(error) => request::Decision::Fail(error.into_text()),
        }
    }

    pub fn on_response(&self, status: u16, asked: Option<Vec<u8>>) -> response::Decision {
        let mut slot = self.0.borrow_mut();
        let Some(instance) = slot.as_mut() else {
            return response::Decision::Fail(NOT_CONFIGURED.to_owned());
        };
        let names = Rc::clone(&instance.response_headers);
        let mut response = Response::new(status, names, Asked::new(asked));
        match instance.plugin.on_response(&mut response) {
            Ok(()) => response.into_decision(),
            Err(error) => response::Decision::Fail(error.into_text()),
        }
    }

    pub fn request_body_mode(&self) -> BodyMode {
        let slot = self.0.borrow();
        slot.as_ref().map_or(BodyMode::None, |i| i.plugin.request_body().into_wire())
    }

    pub fn on_request_body(&self, octets: Vec<u8>, part: BodyPart) -> request_body::Decision {
        let mut slot = self.0.borrow_mut();
        let Some(instance) = slot.as_mut() else {
            return request_body::Decision::Fail(NOT_CONFIGURED.to_owned());
        };
        let mut body = RequestBody::of_request(octets, part);
        let flow = instance.plugin.on_request_body(&mut body);
        body.into_decision(flow)
    }

    pub fn response_body_mode(&self) -> BodyMode {
        let slot = self.0.borrow();
        slot.as_ref().map_or(BodyMode::None, |i| i.plugin.response_body().into_wire())
    }

    pub fn on_response_body(&self, octets: Vec<u8>, part: BodyPart) -> response_body::Decision {
        let mut slot = self.0.borrow_mut();
        let Some(instance) = slot.as_mut() else {
            return response_body::Decision::Fail(NOT_CONFIGURED.to_owned());
        };
        let mut body = ResponseBody::of_response(octets, part);
        let flow = instance.plugin.on_response_body(&mut body);
        body.into_decision(flow)
    }

    pub fn on_complete(&self, outcome: complete::Outcome) {
        if let Some(instance) = self.0.borrow_mut().as_mut() {
            instance.plugin.on_complete(&Outcome {
                status: (outcome.status != 0).then_some(outcome.status),
                bytes_in: outcome.bytes_in,
                bytes_out: outcome.bytes_out,
                duration: Duration::from_micros(outcome.duration_us),
                upstream: outcome.upstream_us.map(Duration::from_micros),
                error: outcome.error,
            });
        }
    }

    pub fn asked(&self) -> Vec<String> {
        self.0.borrow().as_ref().map(|instance| instance.pick_headers.to_vec()).unwrap_or_default()
    }

    pub fn on_endpoints(&self, cluster: &str, endpoints: &[balance::Endpoint]) {
        if let Some(instance) = self.0.borrow_mut().as_mut() {
            instance.plugin.on_endpoints(cluster, endpoints);
        }
    }

    pub fn on_pick(
        &self,
        asked: Option<Vec<u8>>,
        key: Option<u64>,
        loads: Vec<balance::Load>,
    ) -> Option<u32> {
        let mut slot = self.0.borrow_mut();
        let instance = slot.as_mut()?;
        let pick = Pick::new(Rc::clone(&instance.pick_headers), Asked::new(asked), key, loads);
        instance.plugin.on_pick(&pick)
    }

    pub fn on_attempt(&self, attempt: &balance::Attempt) {
        if let Some(instance) = self.0.borrow_mut().as_mut() {
            instance.plugin.on_attempt(attempt);
        }
    }

    /// Milliseconds; what is too long to be told is too long to be served.
    pub fn tick_interval(&self) -> u32 {
        let interval = self.0.borrow().as_ref().map(|instance| instance.plugin.tick_interval());
        u32::try_from(interval.unwrap_or_default().as_millis()).unwrap_or(u32::MAX)
    }

    pub fn on_tick(&self) {
        if let Some(instance) = self.0.borrow_mut().as_mut() {
            instance.plugin.on_tick();
        }
    }

    /// The plugin itself, for the testing harness.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn with<T>(&self, read: impl FnOnce(&P) -> T) -> Option<T> {
        self.0.borrow().as_ref().map(|i| read(&i.plugin))
    }
}

/// Reads the configuration; the error names the key and not the place in a JSON
/// text that the operator, who wrote TOML, never saw.
fn parse<C: serde::de::DeserializeOwned>(config: &str) -> Result<C, String> {
    let json = &mut serde_json::Deserializer::from_str(config);
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let place = format!(" at line {} column {}", inner.line(), inner.column());
        let text = inner.to_string();
        let text = text.strip_suffix(&place).unwrap_or(&text);
        if path == "." { text.to_owned() } else { format!("{path}: {text}") }
    })
}
