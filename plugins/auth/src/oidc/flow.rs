//! The way to the provider.

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::{Reply, Request, Result};

use super::provider::Metadata;
use super::ticket::Pending;
use super::{Login, redirect};
use crate::clock;
use crate::config::Unavailable;
use crate::jose::base64;
use crate::method::Outcome;
use crate::session::random;

/// A longer target is not come back to.
const LONGEST_RETURN: usize = 2048;
/// So many logins may be under way in one browser before it is tidied.
const LOGINS: usize = 5;

impl Login {
    /// Sends a browser that wants a page to the provider. None for whatever else asks:
    /// it could not follow.
    pub(crate) fn begin(&mut self, request: &Request) -> Option<Outcome> {
        if !is_navigation(request) {
            return None;
        }
        let Ok(metadata) = self.provider.metadata(clock::now()) else {
            return match self.unavailable {
                Unavailable::Refuse => Some(Outcome::Unavailable("the provider does not answer")),
                Unavailable::Anonymous => None,
            };
        };
        Some(match self.send(request, &metadata) {
            Ok(reply) => Outcome::Answer(reply),
            Err(_) => Outcome::Unavailable("the login could not be sealed"),
        })
    }

    fn send(&self, request: &Request, metadata: &Metadata) -> Result<Reply> {
        let mut number = [0; 4];
        getrandom::fill(&mut number)?;
        let number = u32::from_le_bytes(number);
        let pending = Pending {
            state: format!("{number}.{}", random::<32>()?),
            nonce: random::<32>()?,
            verifier: random::<32>()?,
            return_to: return_to(request),
            ends: clock::now() + self.login_time,
        };
        let challenge = base64::encode(crypto::digest(Hash::Sha256, &pending.verifier));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.provider.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scope)
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(&self.parameters);
        let endpoint = &metadata.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let location = format!("{endpoint}{joint}{}", query.finish());
        let sealed = pending.seal(&self.sealer)?;
        let mut cookies = Vec::new();
        let under_way = self.login.numbers(request);
        if under_way.len() >= LOGINS {
            cookies.extend(under_way.iter().map(|name| self.login.removal(name)));
        }
        // One cookie: the return path is bounded.
        cookies
            .extend(self.login.numbered(number).set(&sealed, self.login_time).unwrap_or_default());
        Ok(redirect(location, cookies))
    }
}

/// Whether a browser wants a page. Scripts and pictures cannot follow to a login page,
/// and what they ask for is not where to return to.
fn is_navigation(request: &Request) -> bool {
    if request.method() != "GET" {
        return false;
    }
    match request.header("sec-fetch-mode") {
        Some(mode) => mode == b"navigate",
        None => {
            let accepts = request.header_str("accept").unwrap_or_default();
            accepts.contains("text/html") && request.header("x-requested-with").is_none()
        }
    }
}

/// Path and query to come back to. It is only ever a path of this site: two slashes,
/// or a slash and a backslash, would begin another host.
fn return_to(request: &Request) -> String {
    let target = request.target();
    let is_own = target.starts_with('/')
        && !target[1..].starts_with(['/', '\\'])
        && target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && target.len() <= LONGEST_RETURN;
    if is_own { target.to_owned() } else { "/".to_owned() }
}
