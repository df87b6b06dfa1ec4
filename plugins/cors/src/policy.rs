//! The fields of answers, made once.

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, HeaderEdits, Reply, Result};

use crate::config::{Config, EndpointHeaders};
use crate::origin::Origins;

pub(crate) const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";
const EXPOSE_HEADERS: &str = "access-control-expose-headers";
const ALLOW_METHODS: &str = "access-control-allow-methods";
const ALLOW_HEADERS: &str = "access-control-allow-headers";
const ALLOW_PRIVATE_NETWORK: &str = "access-control-allow-private-network";
const MAX_AGE: &str = "access-control-max-age";

/// What the answer to a preflight depends on.
const PREFLIGHT_VARY: &str =
    "origin, access-control-request-method, access-control-request-headers";

/// The policy, as it is sent.
pub(crate) struct Policy {
    pub(crate) origins: Origins,
    credentials: bool,
    exposed: Option<String>,
    /// `access-control-allow-methods` and so on, in order.
    preflight: Vec<(&'static str, String)>,
    private_network: bool,
    replaces: bool,
}

impl Policy {
    /// Checks the configuration.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let origins = Origins::parse(&config.origins).map_err(|e| e.within("origins"))?;
        if config.credentials && origins == Origins::Any {
            return Err(Error::new(
                "`*` and `credentials` exclude each other: every site could act as the visitor; \
                 list the origins",
            )
            .within("origins"));
        }
        let list = |key, names: &[String], lower| {
            list(names, lower, config.credentials).map_err(|e: Error| e.within(key))
        };
        let methods = list("methods", &config.methods, false)?;
        let headers = list("request_headers", &config.request_headers, true)?;
        let exposed = list("exposed_headers", &config.exposed_headers, true)?;
        let mut preflight = Vec::new();
        preflight.extend(methods.map(|methods| (ALLOW_METHODS, methods)));
        preflight.extend(headers.map(|headers| (ALLOW_HEADERS, headers)));
        if let Some(time) = config.max_age {
            if !time.is_whole_seconds() {
                return Err(
                    Error::new(format!("{time} is no whole number of seconds")).within("max_age")
                );
            }
            preflight.push((MAX_AGE, time.as_secs().to_string()));
        }
        Ok(Self {
            origins,
            credentials: config.credentials,
            exposed,
            preflight,
            private_network: config.private_network,
            replaces: config.endpoint_headers == EndpointHeaders::Replace,
        })
    }

    /// Whether the response is another one for another origin.
    pub(crate) fn varies(&self) -> bool {
        self.origins != Origins::Any
    }

    /// What `access-control-allow-origin` says to an origin that is allowed.
    fn allowed(&self, origin: Vec<u8>) -> Vec<u8> {
        if self.varies() { origin } else { b"*".into() }
    }

    /// The fields of a response that this origin may read.
    pub(crate) fn allow(&self, origin: Vec<u8>, response: &mut HeaderEdits) {
        response.set(ALLOW_ORIGIN, self.allowed(origin));
        if self.credentials {
            response.set(ALLOW_CREDENTIALS, "true");
        } else {
            // Left standing, the endpoint's would hold for our origin.
            response.remove(ALLOW_CREDENTIALS);
        }
        match &self.exposed {
            Some(names) => response.set(EXPOSE_HEADERS, names.as_str()),
            None => response.remove(EXPOSE_HEADERS),
        }
        if self.varies() {
            response.add("vary", "origin");
        }
    }

    /// The fields of a response that no other origin may read, as far as we say.
    pub(crate) fn allow_nobody(&self, response: &mut HeaderEdits) {
        if self.replaces {
            // The others mean nothing without this one.
            response.remove(ALLOW_ORIGIN);
        }
        response.add("vary", "origin");
    }

    /// The fields of an endpoint's answer to a preflight that was let on.
    pub(crate) fn allow_preflight(
        &self,
        origin: Vec<u8>,
        private: bool,
        response: &mut HeaderEdits,
    ) {
        response.set(ALLOW_ORIGIN, self.allowed(origin));
        for name in [ALLOW_METHODS, ALLOW_HEADERS, MAX_AGE, ALLOW_PRIVATE_NETWORK] {
            response.remove(name);
        }
        if self.credentials {
            response.set(ALLOW_CREDENTIALS, "true");
        } else {
            response.remove(ALLOW_CREDENTIALS);
        }
        for (name, value) in &self.preflight {
            response.set(*name, value.as_str());
        }
        if private && self.private_network {
            response.set(ALLOW_PRIVATE_NETWORK, "true");
        }
        response.add("vary", PREFLIGHT_VARY);
    }

    /// The answer to a preflight.
    pub(crate) fn preflight(&self, origin: Vec<u8>, private: bool) -> Reply {
        let mut reply = Reply::new(204)
            .header(ALLOW_ORIGIN, self.allowed(origin))
            .header("vary", PREFLIGHT_VARY);
        if self.credentials {
            reply = reply.header(ALLOW_CREDENTIALS, "true");
        }
        for (name, value) in &self.preflight {
            reply = reply.header(*name, value.as_str());
        }
        if private && self.private_network {
            reply = reply.header(ALLOW_PRIVATE_NETWORK, "true");
        }
        reply
    }

    /// The answer to another origin.
    pub(crate) fn refusal(&self, preflight: bool) -> Reply {
        let vary = if preflight { PREFLIGHT_VARY } else { "origin" };
        Reply::new(403).header("vary", vary).text("this origin is not allowed\n")
    }
}

/// The names as one value; none if there are none.
fn list(names: &[String], lower: bool, credentials: bool) -> Result<Option<String>> {
    let mut all: Vec<String> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let error = |text: String| Err(Error::new(text).within(format!("[{index}]")));
        if !is_name(name) {
            return error(format!("`{name}` is no name"));
        }
        if name == "*" && credentials {
            return error(
                "with `credentials`, browsers take `*` for a name like any other; list the names"
                    .to_owned(),
            );
        }
        let name = if lower { name.to_ascii_lowercase() } else { name.clone() };
        if !lower && name != "*" && name.bytes().any(|b| b.is_ascii_lowercase()) {
            return error(format!(
                "`{name}` is not in upper case; methods are compared by their case"
            ));
        }
        if all.contains(&name) {
            return error(format!("`{name}` is there already"));
        }
        all.push(name);
    }
    let star = all.iter().any(|name| name == "*");
    if star && all.iter().any(|name| name != "*" && (name != "authorization" || !lower)) {
        return Err(Error::new("`*` means all of them; leave the other names out"));
    }
    Ok((!all.is_empty()).then(|| all.join(", ")))
}
