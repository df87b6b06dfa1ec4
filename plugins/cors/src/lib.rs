//! The bundled plugin `cors`. Its README has the keys.
//!
//! Everything is decided in `on_request`: what the response gets depends on the
//! request's origin only, and a second call for each exchange would double what the
//! plugin costs.

mod config;
mod origin;
mod policy;

use plugin_sdk::{Flow, Plugin, Request, Result, Subscription, exchange};

use crate::config::{Config, Disallowed, Preflight};
use crate::policy::Policy;

const REQUEST_METHOD: &str = "access-control-request-method";
const REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";

struct Cors {
    policy: Policy,
    answers_preflights: bool,
    refuses: bool,
}

#[plugin_sdk::export]
impl Plugin for Cors {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            policy: Policy::new(&config)?,
            answers_preflights: config.preflight == Preflight::Answer,
            refuses: config.disallowed == Disallowed::Refuse,
        })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header("origin").request_header(REQUEST_METHOD)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let Some(origin) = request.header("origin").map(<[u8]>::to_vec) else {
            self.without_origin(request);
            return Ok(Flow::Continue);
        };
        let allowed = self.policy.origins.allow(&origin);
        // Only a preflight has both (Fetch, "CORS-preflight request").
        if request.header(REQUEST_METHOD).is_some() && request.method() == "OPTIONS" {
            return self.preflight(request, origin, allowed);
        }
        if allowed {
            self.policy.allow(origin, request.response_headers());
            return Ok(Flow::Continue);
        }
        if self.refuses && !is_own(request, &origin) {
            exchange::annotate("cors", "refused")?;
            return Ok(self.policy.refusal(false).into());
        }
        self.policy.allow_nobody(request.response_headers());
        Ok(Flow::Continue)
    }
}

impl Cors {
    /// No script of another origin asks; but a cache may keep the response and give it
    /// to one.
    fn without_origin(&self, request: &mut Request) {
        if self.policy.varies() {
            self.policy.allow_nobody(request.response_headers());
        } else {
            self.policy.allow(Vec::new(), request.response_headers());
        }
    }

    fn preflight(&self, request: &mut Request, origin: Vec<u8>, allowed: bool) -> Result<Flow> {
        if !allowed && (self.answers_preflights || self.refuses) {
            exchange::annotate("cors", "refused preflight")?;
            return Ok(self.policy.refusal(true).into());
        }
        if !allowed {
            self.policy.allow_nobody(request.response_headers());
            return Ok(Flow::Continue);
        }
        let private = request.header(REQUEST_PRIVATE_NETWORK) == Some(b"true");
        if self.answers_preflights {
            exchange::annotate("cors", "preflight")?;
            return Ok(self.policy.preflight(origin, private).into());
        }
        self.policy.allow_preflight(origin, private, request.response_headers());
        Ok(Flow::Continue)
    }
}

/// Whether it is the origin of the site that is asked: browsers send `origin` with their
/// own forms and scripts, too, if the method is not GET or HEAD.
fn is_own(request: &Request, origin: &[u8]) -> bool {
    let origin = origin.strip_prefix(request.scheme().as_bytes());
    let host = origin.and_then(|rest| rest.strip_prefix(b"://"));
    let authority = request.authority();
    let port = if request.scheme() == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(port).unwrap_or(authority);
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes()))
}

#[cfg(test)]
mod tests;
