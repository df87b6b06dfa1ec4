//! The end of a session, here and at the provider (OpenID Connect RP-Initiated
//! Logout).

use plugin_sdk::exchange::annotate;
use plugin_sdk::{Reply, Request};

use super::ticket::Ticket;
use super::{Login, redirect};
use crate::clock;

impl Login {
    pub(super) fn logout(&mut self, request: &Request) -> Reply {
        // Another site's page logs nobody out.
        if request.header("sec-fetch-site") == Some(b"cross-site") {
            return crate::answer(403, "another site asks for this logout\n");
        }
        let now = clock::now();
        let sealed = self.session.value(request);
        let ticket = sealed.as_ref().and_then(|sealed| Ticket::open(&self.sealer, sealed));
        let ticket = ticket.filter(|ticket| ticket.is_live(now));
        if let (Some(ticket), Some(sealed)) = (&ticket, &sealed) {
            self.end(ticket, now);
            self.opened.remove(sealed);
        }
        let mut cookies = self.session.clear(request);
        let logins = self.login.numbers(request);
        cookies.extend(logins.iter().map(|name| self.login.removal(name)));
        // Without room for annotations the answer is the same.
        let _ = annotate("method", &self.name);
        let _ = annotate("reason", "logged out");
        let location = ticket.and_then(|ticket| self.at_the_provider(&ticket, now));
        redirect(location.unwrap_or_else(|| self.after_logout.clone()), cookies)
    }

    /// Where the provider ends its session, if it offers that and answers.
    fn at_the_provider(&mut self, ticket: &Ticket, now: i64) -> Option<String> {
        if !self.provider_logout {
            return None;
        }
        let metadata = self.provider.metadata(now).ok()?;
        let endpoint = metadata.end_session_endpoint.as_ref()?;
        let after = match self.after_logout.starts_with('/') {
            true => format!("{}{}", self.origin, self.after_logout),
            false => self.after_logout.clone(),
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", &self.provider.client_id);
        query.append_pair("post_logout_redirect_uri", &after);
        if let Some(token) = &ticket.id_token {
            query.append_pair("id_token_hint", token);
        }
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Some(format!("{endpoint}{joint}{}", query.finish()))
    }
}
