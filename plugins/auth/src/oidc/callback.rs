//! The way back from the provider.

use std::collections::HashMap;
use std::time::Duration;

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::exchange::annotate;
use plugin_sdk::{Reply, Request, kv};

use super::provider::Failure;
use super::ticket::{Pending, Ticket};
use super::{Login, redirect, refuse};
use crate::clock;
use crate::jose::base64;
use crate::session::random;

impl Login {
    /// The browser comes back, with a code or an error.
    pub(super) fn callback(&mut self, request: &Request) -> Reply {
        let now = clock::now();
        let Some(answer) = parameters(request.query().unwrap_or_default()) else {
            return refuse(400, "the provider's answer says something twice", Vec::new());
        };
        let text = |name: &str| answer.get(name).map(String::as_str).unwrap_or_default();
        let state = text("state");
        let number = state.split('.').next().and_then(|number| number.parse::<u32>().ok());
        let Some(cookie) = number.map(|number| self.login.numbered(number)) else {
            return refuse(400, "the provider's answer has no state of ours", Vec::new());
        };
        let sealed = cookie.value(request);
        let pending = sealed.and_then(|sealed| Pending::open(&self.sealer, &sealed));
        let Some(pending) = pending.filter(|p| crypto::equal(&p.state, state)) else {
            // Another browser's login, or one whose cookie has gone.
            return refuse(400, "the login was not begun by this browser", Vec::new());
        };
        let cleared = || cookie.clear(request);
        if now >= pending.ends {
            return refuse(400, "the login took too long", cleared());
        }
        match self.use_up(state) {
            Ok(true) => {}
            Ok(false) => return refuse(400, "the login has come back before", cleared()),
            Err(_) => return refuse(503, "there is no room to note the login", cleared()),
        }
        let Ok(metadata) = self.provider.metadata(now) else {
            return refuse(503, "the provider does not answer", cleared());
        };
        // RFC 9207: an answer of another provider is none.
        let named = answer.get("iss");
        if named.is_some_and(|iss| *iss != self.demands.issuers[0])
            || named.is_none() && metadata.names_itself
        {
            return refuse(400, "the answer is of another provider", cleared());
        }
        if let Some(error) = answer.get("error") {
            // What the provider says comes by the browser: a bounded word of it.
            let word: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
            return refuse(403, &format!("the provider refuses: {word}"), cleared());
        }
        match self.finish(&pending, text("code"), now) {
            Ok(ticket) => self.enter(request, &ticket, &pending, cleared(), now),
            Err((status, reason)) => refuse(status, reason, cleared()),
        }
    }

    /// Notes that a login has come back. Whether it is the first time.
    fn use_up(&self, state: &str) -> Result<bool, kv::KvError> {
        let hash = base64::encode(crypto::digest(Hash::Sha256, state));
        let time = u64::try_from(self.login_time).unwrap_or(0) + 60;
        let key = format!("used/{hash}");
        let first = kv::compare_and_set(&key, None, "", Some(Duration::from_secs(time)))?;
        Ok(first.is_some())
    }

    /// A session for a code.
    fn finish(
        &mut self,
        pending: &Pending,
        code: &str,
        now: i64,
    ) -> Result<Ticket, (u16, &'static str)> {
        if code.is_empty() {
            return Err((400, "the provider's answer has no code"));
        }
        let redirect_uri = self.redirect_uri.clone();
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", pending.verifier.as_str()),
        ];
        let tokens = self.provider.tokens(&grant, now).map_err(|failure| match failure {
            Failure::Gone => (503, "the provider does not answer"),
            Failure::Refused => (403, "the provider refuses the code"),
        })?;
        let id = random::<16>().map_err(|_| (503, "there are no random numbers"))?;
        let ends = now + self.lifetime;
        self.ticket(&tokens, Some(&pending.nonce), None, (id, ends), now)
    }

    /// Gives the browser its session, and sends it back to where it wanted to go.
    fn enter(
        &self,
        request: &Request,
        ticket: &Ticket,
        pending: &Pending,
        mut cookies: Vec<String>,
        now: i64,
    ) -> Reply {
        let Some(set) = self.set_session(request, ticket, now) else {
            return refuse(500, "the session is too large for cookies", cookies);
        };
        cookies.extend(set);
        // Without room for annotations the answer is the same.
        let _ = annotate("method", &self.name);
        let _ = annotate("reason", "logged in");
        redirect(pending.return_to.clone(), cookies)
    }

    /// The lines of `Set-Cookie` for a session; none if it is too large.
    pub(super) fn set_session(
        &self,
        request: &Request,
        ticket: &Ticket,
        now: i64,
    ) -> Option<Vec<String>> {
        let fits = |ticket: &Ticket| {
            let sealed = ticket.seal(&self.sealer).ok()?;
            self.session.set(&sealed, ticket.ends - now)
        };
        // Without its ID token the provider may ask before it logs out; that is less
        // of a loss than the session.
        let set = fits(ticket).or_else(|| fits(&Ticket { id_token: None, ..ticket.clone() }))?;
        // Pieces of a longer session before this one.
        let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        let names: Vec<String> = set.iter().map(|line| name(line)).collect();
        let mut lines = self.session.clear(request);
        lines.retain(|line| !names.contains(&name(line)));
        lines.extend(set);
        Some(lines)
    }
}

/// The parameters of the provider's answer; none if one stands twice.
fn parameters(query: &str) -> Option<HashMap<String, String>> {
    let mut all = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if all.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    Some(all)
}
