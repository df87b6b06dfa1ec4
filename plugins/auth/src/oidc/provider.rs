//! The provider: what it says of itself (OpenID Connect Discovery), its keys, and
//! requests to it.

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::{Error, Result, http, log};
use serde_json::{Map, Value};

use crate::config::{self, ClientAuthentication};
use crate::jose::base64;
use crate::jose::json;
use crate::jose::key::KeySet;
use crate::jose::remote::{Gone, Remote, Source};
use crate::method::check_url;

/// The provider, as far as it is known.
#[derive(Debug)]
pub(super) struct Provider {
    issuer: String,
    pub(super) client_id: String,
    client_secret: Option<String>,
    authentication: ClientAuthentication,
    timeout: Duration,
    metadata: Remote<Metadata>,
    keys: Option<Remote<KeySet>>,
}

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    pub(super) end_session_endpoint: Option<String>,
    /// Whether it names itself in its answers (RFC 9207).
    pub(super) names_itself: bool,
}

/// Why a request to the provider came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It does not answer, or not sensibly.
    Gone,
    /// It refuses what was asked.
    Refused,
}

impl Provider {
    pub(super) fn new(config: &config::Oidc) -> Result<Self> {
        check_url(&config.issuer).map_err(|e| e.within("issuer"))?;
        if config.issuer.contains('?') {
            return Err(Error::new("issuer: it has no query"));
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(60))
            .contains(&config.timeout.as_std())
        {
            return Err(Error::new("timeout: 100ms to 1m"));
        }
        let base = config.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        Ok(Self {
            metadata: Remote::new(source(url, config.timeout.as_std()), Metadata::parse),
            keys: None,
            issuer: config.issuer.clone(),
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
            authentication: config.client_authentication,
            timeout: config.timeout.as_std(),
        })
    }

    /// What the provider says of itself.
    pub(super) fn metadata(&mut self, now: i64) -> Result<Rc<Metadata>, Gone> {
        let metadata = self.metadata.find(now, |_| true)?;
        // Discovery, section 4.3: another issuer's metadata would send codes there.
        if metadata.issuer != self.issuer {
            log::warn!("the provider calls itself {}, not {}", metadata.issuer, self.issuer);
            return Err(Gone);
        }
        let known = self.keys.as_ref().is_some_and(|keys| keys.url() == metadata.jwks_uri);
        if !known {
            let source = source(metadata.jwks_uri.clone(), self.timeout);
            self.keys = Some(Remote::new(source, KeySet::parse));
        }
        Ok(metadata)
    }

    /// The provider's keys, the one of this name among them if it has it.
    pub(super) fn keys(&mut self, id: Option<&str>, now: i64) -> Result<Rc<KeySet>, Gone> {
        self.metadata(now)?;
        let keys = self.keys.as_mut().ok_or(Gone)?;
        keys.find(now, |keys| keys.has(id))
    }

    pub(super) fn refresh(&mut self) {
        self.metadata.refresh();
        if let Some(keys) = &mut self.keys {
            keys.refresh();
        }
    }

    /// Asks the token endpoint (RFC 6749, sections 4.1.3 and 6).
    pub(super) fn tokens(
        &mut self,
        grant: &[(&str, &str)],
        now: i64,
    ) -> Result<Map<String, Value>, Failure> {
        let metadata = self.metadata(now).map_err(|Gone| Failure::Gone)?;
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(grant);
        let mut asked = http::Request::post(metadata.token_endpoint.as_str(), "");
        match (&self.client_secret, self.authentication) {
            (Some(secret), ClientAuthentication::Basic) => {
                // RFC 6749, section 2.3.1: both are form-encoded before.
                let part = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!("{}:{}", part(&self.client_id), part(secret));
                let value = format!("Basic {}", base64::encode_padded(pair));
                asked = asked.header("authorization", value);
            }
            (secret, _) => {
                body.append_pair("client_id", &self.client_id);
                if let Some(secret) = secret {
                    body.append_pair("client_secret", secret);
                }
            }
        }
        let asked = asked
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .timeout(self.timeout)
            .body(body.finish());
        self.json(asked)
    }

    /// Asks the userinfo endpoint (OpenID Connect Core, section 5.3).
    pub(super) fn userinfo(
        &mut self,
        token: &str,
        now: i64,
    ) -> Result<Map<String, Value>, Failure> {
        let metadata = self.metadata(now).map_err(|Gone| Failure::Gone)?;
        let url = metadata.userinfo_endpoint.as_deref().ok_or(Failure::Refused)?;
        let asked = http::Request::get(url)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/json")
            .timeout(self.timeout);
        self.json(asked)
    }

    fn json(&self, asked: http::Request) -> Result<Map<String, Value>, Failure> {
        let url = asked.url.clone();
        let answer = asked.send().map_err(|error| {
            log::warn!("{url}: {error}");
            Failure::Gone
        })?;
        match answer.status {
            200 => json::object(&answer.body).ok_or_else(|| {
                log::warn!("{url}: the answer is no JSON object");
                Failure::Gone
            }),
            400..=499 => {
                // `error` is one of a few words (RFC 6749, section 5.2), no secret.
                let body = json::object(&answer.body).unwrap_or_default();
                let error = body.get("error").and_then(Value::as_str).unwrap_or("no error");
                let end = error.floor_char_boundary(64);
                log::warn!("{url}: refused with {}, {:?}", answer.status, &error[..end]);
                Err(Failure::Refused)
            }
            status => {
                log::warn!("{url}: the answer was {status}");
                Err(Failure::Gone)
            }
        }
    }
}

impl Metadata {
    fn parse(text: &[u8]) -> Result<Self> {
        let all = json::object(text).ok_or_else(|| Error::new("this is no JSON object"))?;
        let optional = |name: &str| all.get(name).and_then(Value::as_str);
        let text = |name: &str| {
            let url = optional(name).ok_or_else(|| Error::new(format!("there is no `{name}`")))?;
            check_url(url).map_err(|e| e.within(name))?;
            Ok::<_, Error>(url.to_owned())
        };
        let names_itself = all.get("authorization_response_iss_parameter_supported");
        let url =
            |name: &str| optional(name).filter(|url| check_url(url).is_ok()).map(str::to_owned);
        Ok(Self {
            issuer: text("issuer")?,
            authorization_endpoint: text("authorization_endpoint")?,
            token_endpoint: text("token_endpoint")?,
            jwks_uri: text("jwks_uri")?,
            userinfo_endpoint: url("userinfo_endpoint"),
            end_session_endpoint: url("end_session_endpoint"),
            names_itself: names_itself == Some(&Value::Bool(true)),
        })
    }
}

fn source(url: String, timeout: Duration) -> Source {
    Source {
        url,
        refresh: Duration::from_secs(300),
        stale: Duration::from_secs(86_400),
        pause: Duration::from_secs(10),
        timeout,
    }
}
