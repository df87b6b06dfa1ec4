//! From the provider's tokens to a session, and from an expired session to a new one.

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::{Request, kv};
use serde_json::{Map, Value};

use super::provider::Failure;
use super::ticket::Ticket;
use super::{Login, Opened};
use crate::config::Unavailable;
use crate::identity::IdentityHeaders;
use crate::jose::Fault;
use crate::jose::base64;
use crate::jose::token::Token;
use crate::method::{Extras, Outcome};

/// Longer ID tokens do not go into cookies.
const LONGEST: usize = 16 * 1024;
/// How long the result of a refresh is there for requests with the old cookie.
const HANDED_ON: Duration = Duration::from_secs(60);
/// Between two refreshes of one session.
const PAUSE: Duration = Duration::from_secs(15);
/// Claims that are about the token, and not about somebody.
const OF_THE_TOKEN: [&str; 6] = ["nonce", "at_hash", "c_hash", "s_hash", "azp", "sid"];

impl Login {
    /// A session of what the token endpoint answered. `before`: the session that it
    /// continues. `session`: its name and its end.
    pub(super) fn ticket(
        &mut self,
        tokens: &Map<String, Value>,
        nonce: Option<&str>,
        before: Option<&Ticket>,
        session: (String, i64),
        now: i64,
    ) -> Result<Ticket, (u16, &'static str)> {
        let text = |name: &str| tokens.get(name).and_then(Value::as_str).map(str::to_owned);
        let id_token = text("id_token");
        let mut claims = match (&id_token, before) {
            (Some(token), _) => self.claims(token, nonce, now).map_err(|fault| match fault {
                None => (503, "the provider does not give its keys"),
                Some(fault) => (403, fault.as_str()),
            })?,
            // A refresh may answer without one (OpenID Connect Core, section 12.2).
            (None, Some(before)) => before.claims.clone(),
            (None, None) => return Err((403, "the provider gives no ID token")),
        };
        if before.is_some_and(|before| before.claims.get("sub") != claims.get("sub")) {
            return Err((403, "the provider answers for somebody else"));
        }
        let access_token = text("access_token");
        if let Some(token) = access_token.as_deref().filter(|_| self.userinfo) {
            self.add_userinfo(&mut claims, token, now)?;
        }
        if let Some(keep) = &self.keep_claims {
            let always = ["iss", "sub", "aud", "exp"].map(str::to_owned);
            let firsts = [&self.subject[..1], &self.groups[..1]].concat();
            let dotted = [self.subject.join("."), self.groups.join(".")];
            let kept: Vec<&String> =
                keep.iter().chain(&always).chain(&firsts).chain(&dotted).collect();
            claims.retain(|name, _| kept.contains(&name));
        }
        let lasts = tokens.get("expires_in").and_then(Value::as_i64).filter(|lasts| *lasts > 0);
        let refresh_token =
            text("refresh_token").or_else(|| before.and_then(|b| b.refresh_token.clone()));
        let id_token = id_token.or_else(|| before.and_then(|b| b.id_token.clone()));
        Ok(Ticket {
            id: session.0,
            ends: session.1,
            claims,
            access_token: access_token.filter(|_| self.access_token_header.is_some()),
            expires: lasts.map(|lasts| now.saturating_add(lasts)),
            refresh_token,
            id_token: id_token.filter(|_| self.provider_logout),
        })
    }

    /// The claims of an ID token (OpenID Connect Core, section 3.1.3.7). No fault:
    /// there are no keys.
    fn claims(
        &mut self,
        token: &str,
        nonce: Option<&str>,
        now: i64,
    ) -> Result<Map<String, Value>, Option<Fault>> {
        let token = Token::parse(token, &self.algorithms, LONGEST).map_err(Some)?;
        let keys = self.provider.keys(token.key.as_deref(), now).map_err(|_| None)?;
        let mut claims = token.verify(&keys).map_err(Some)?;
        self.demands.check(&claims, now).map_err(Some)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("sub").is_none_or(str::is_empty) {
            return Err(Some(Fault::Required));
        }
        // With several audiences the token says for which of them it was made.
        let several = claims.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
        let party = text("azp");
        if party.is_some_and(|party| party != self.provider.client_id) || several && party.is_none()
        {
            return Err(Some(Fault::Audience));
        }
        if let Some(nonce) = nonce
            && !text("nonce").is_some_and(|sent| crypto::equal(sent, nonce))
        {
            return Err(Some(Fault::Nonce));
        }
        claims.retain(|name, _| !OF_THE_TOKEN.contains(&name.as_str()));
        Ok(claims)
    }

    fn add_userinfo(
        &mut self,
        claims: &mut Map<String, Value>,
        token: &str,
        now: i64,
    ) -> Result<(), (u16, &'static str)> {
        let more = self.provider.userinfo(token, now).map_err(|failure| match failure {
            Failure::Gone => (503, "the provider does not answer"),
            Failure::Refused => (403, "the provider does not tell who it is"),
        })?;
        // OpenID Connect Core, section 5.3.2: it could be about somebody else.
        if more.get("sub") != claims.get("sub") {
            return Err((403, "the provider answers for somebody else"));
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// Asks the provider again for a session whose tokens have expired.
    pub(super) fn renew(
        &mut self,
        request: &Request,
        opened: &Rc<Opened>,
        headers: &IdentityHeaders,
        now: i64,
    ) -> Outcome {
        let ticket = &opened.ticket;
        let token = ticket.refresh_token.clone().unwrap_or_default();
        let hash = base64::encode(crypto::digest(Hash::Sha256, &token));
        let handed_on = format!("refreshed/{hash}");
        if let Some(new) = kv::get(&handed_on)
            && let Some(ticket) = Ticket::open(&self.sealer, &new.value)
        {
            return self.go_on(request, &ticket, headers, now);
        }
        // A refresh token may be good for one use: one request asks, and until it has
        // an answer the others go on with what they have.
        let lock = format!("refreshing/{hash}");
        if matches!(kv::compare_and_set(&lock, None, "asking", Some(PAUSE)), Ok(None)) {
            return match kv::get(&lock) {
                Some(entry) if entry.value == b"failed" => {
                    self.without_provider("the provider does not answer")
                }
                _ => Outcome::Known(Rc::clone(&opened.identity), Extras::default()),
            };
        }
        let grant = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let session = (ticket.id.clone(), ticket.ends);
        let renewed = match self.provider.tokens(&grant, now) {
            Ok(tokens) => self.ticket(&tokens, None, Some(ticket), session, now),
            Err(Failure::Gone) => Err((503, "the provider does not answer")),
            Err(Failure::Refused) => Err((403, "the provider ends the session")),
        };
        match renewed {
            Ok(renewed) => {
                if let Ok(sealed) = renewed.seal(&self.sealer) {
                    // Without room in `kv` the others log in again.
                    let _ = kv::set_for(&handed_on, sealed, HANDED_ON);
                }
                self.go_on(request, &renewed, headers, now)
            }
            Err((503, why)) => {
                // Without room in `kv` the next request asks.
                let _ = kv::set_for(&lock, "failed", PAUSE);
                self.without_provider(why)
            }
            Err(_) => {
                self.end(ticket, now);
                Outcome::Absent
            }
        }
    }

    fn without_provider(&self, why: &'static str) -> Outcome {
        match self.unavailable {
            Unavailable::Refuse => Outcome::Unavailable(why),
            Unavailable::Anonymous => Outcome::Absent,
        }
    }

    fn go_on(
        &mut self,
        request: &Request,
        ticket: &Ticket,
        headers: &IdentityHeaders,
        now: i64,
    ) -> Outcome {
        let Some(identity) = self.identity(ticket, headers) else { return Outcome::Absent };
        let lines = self.set_session(request, ticket, now).unwrap_or_default();
        let set = |line: String| ("set-cookie".to_owned(), line.into_bytes());
        Outcome::Known(identity, Extras { response: lines.into_iter().map(set).collect() })
    }
}
