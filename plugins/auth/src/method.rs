//! The ways in which clients say who they are.

mod api_key;
mod basic;
mod certificate;
mod forward;
mod jwt;

#[cfg(test)]
pub(crate) use basic::hashed;
pub(crate) use forward::check_url;

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::{Error, Reply, Request, Result, Subscription};

use crate::config;
use crate::credential::Place;
use crate::identity::{Identity, IdentityHeaders};
use crate::oidc::Login;

/// What a method says of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The request has no credential of this kind.
    Absent,
    /// It is somebody, and what else is to be done.
    Known(Rc<Identity>, Extras),
    /// The credential is not good.
    Refused(Refusal),
    /// The one who has to be asked does not answer.
    Unavailable(&'static str),
    /// The request is for the plugin itself, or the client is sent elsewhere.
    Answer(Reply),
}

/// What a method wants changed besides the identity's own fields.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// Added to the response to the client.
    pub(crate) response: Vec<(String, Vec<u8>)>,
}

/// Why a credential is not good.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    /// What the client is answered where an identity is needed, instead of the usual.
    pub(crate) answer: Option<Reply>,
}

impl Refusal {
    pub(crate) fn new(reason: &'static str) -> Self {
        Self { reason, answer: None }
    }
}

/// A method, ready to be used.
#[derive(Debug)]
pub(crate) enum Method {
    Basic(basic::Basic),
    ApiKey(api_key::ApiKey),
    Jwt(Box<jwt::Jwt>),
    Forward(Box<forward::Forward>),
    Certificate(certificate::Certificate),
    Oidc(Box<Login>),
}

impl Method {
    /// `remembered`: how many credentials may be remembered.
    pub(crate) fn new(
        config: config::Method,
        remembered: usize,
        headers: &IdentityHeaders,
    ) -> Result<Self> {
        let within = |kind: &'static str| move |e: Error| e.within(kind);
        Ok(match config {
            config::Method::Basic(c) => {
                Self::Basic(basic::Basic::new(c, remembered).map_err(within("basic"))?)
            }
            config::Method::ApiKey(c) => {
                Self::ApiKey(api_key::ApiKey::new(c, headers).map_err(within("api_key"))?)
            }
            config::Method::Jwt(c) => {
                Self::Jwt(Box::new(jwt::Jwt::new(*c, remembered).map_err(within("jwt"))?))
            }
            config::Method::Forward(c) => Self::Forward(Box::new(
                forward::Forward::new(*c, remembered).map_err(within("forward"))?,
            )),
            config::Method::Certificate(c) => {
                Self::Certificate(certificate::Certificate::new(c).map_err(within("certificate"))?)
            }
            config::Method::Oidc(c) => {
                Self::Oidc(Box::new(Login::new(*c, remembered).map_err(within("oidc"))?))
            }
        })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Basic(m) => &m.name,
            Self::ApiKey(m) => &m.name,
            Self::Jwt(m) => &m.name,
            Self::Forward(m) => &m.name,
            Self::Certificate(m) => &m.name,
            Self::Oidc(m) => &m.name,
        }
    }

    /// Who asks, by this method.
    pub(crate) fn identify(&mut self, request: &Request, headers: &IdentityHeaders) -> Outcome {
        match self {
            Self::Basic(m) => m.identify(request, headers),
            Self::ApiKey(m) => m.identify(request),
            Self::Jwt(m) => m.identify(request, headers),
            Self::Forward(m) => m.identify(request, headers),
            Self::Certificate(m) => m.identify(headers),
            Self::Oidc(m) => m.identify(request, headers),
        }
    }

    /// How a client is told that it could say who it is (RFC 9110, section 11.6.1).
    pub(crate) fn challenge(&self, refused: Option<&'static str>) -> Option<String> {
        match self {
            Self::Basic(m) => Some(m.challenge()),
            Self::ApiKey(m) => m.challenge(),
            Self::Jwt(m) => m.challenge(refused),
            Self::Forward(_) | Self::Certificate(_) | Self::Oidc(_) => None,
        }
    }

    /// What is answered instead of a challenge: the way to a login.
    pub(crate) fn login(&mut self, request: &Request) -> Option<Outcome> {
        match self {
            Self::Oidc(m) => m.begin(request),
            _ => None,
        }
    }

    /// The credentials that the endpoint must not see.
    pub(crate) fn hidden(&self) -> Vec<Place> {
        match self {
            Self::Basic(m) => m.hidden(),
            Self::ApiKey(m) => m.hidden(),
            Self::Jwt(m) => m.hidden(),
            Self::Oidc(m) => m.hidden(),
            Self::Forward(_) | Self::Certificate(_) => Vec::new(),
        }
    }

    pub(crate) fn subscribe(&self, subscription: Subscription) -> Subscription {
        let fields: Vec<&str> = match self {
            Self::Basic(_) => vec!["authorization"],
            Self::ApiKey(m) => m.fields(),
            Self::Jwt(m) => m.fields(),
            Self::Forward(m) => m.fields(),
            Self::Certificate(_) => Vec::new(),
            Self::Oidc(_) => vec!["cookie"],
        };
        fields.into_iter().fold(subscription, Subscription::request_header)
    }

    /// Does by time what requests shall not wait for.
    pub(crate) fn refresh(&mut self) {
        match self {
            Self::Jwt(m) => m.refresh(),
            Self::Oidc(m) => m.refresh(),
            _ => {}
        }
    }

    /// How often [`refresh`](Self::refresh) wants to be called; none: never.
    pub(crate) fn interval(&self) -> Option<Duration> {
        match self {
            Self::Jwt(m) => m.interval(),
            Self::Oidc(m) => m.interval(),
            _ => None,
        }
    }
}

/// The names of fields that configurations of methods let an answer or a session set
/// for the endpoint: clients must not send them.
pub(crate) fn reserved(config: &config::Method) -> Vec<String> {
    match config {
        config::Method::Forward(forward) => forward.response_headers.clone(),
        config::Method::Oidc(oidc) => oidc.access_token_header.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Text as a quoted string (RFC 9110, section 5.6.4).
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(if c.is_control() { ' ' } else { c });
    }
    quoted.push('"');
    quoted
}
