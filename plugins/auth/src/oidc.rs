//! Login with an OpenID provider: the authorization code flow (OpenID Connect Core,
//! section 3.1) with PKCE (RFC 7636), by the advice of RFC 9700.
//!
//! The browser carries everything, sealed: a login under way in a cookie of its own,
//! which binds `state`, `nonce` and the code verifier to this browser, and the session
//! in another. In `kv` is only what has to be known once: which logins have come back,
//! which sessions have ended, and what a refresh came to.

mod callback;
mod flow;
mod logout;
mod provider;
mod ticket;
mod tokens;

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::exchange::annotate;
use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Reply, Request, Result, kv};

use self::provider::Provider;
use self::ticket::Ticket;
use crate::cache::Cache;
use crate::clock;
use crate::config::{self, Unavailable};
use crate::credential::Place;
use crate::identity::{Identity, IdentityHeaders, groups, lookup};
use crate::jose::algorithm::Algorithm;
use crate::jose::claims::Demands;
use crate::method::{Extras, Outcome};
use crate::session::cookie::Cookie;
use crate::session::seal::Sealer;

/// The method, ready to be used.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) name: String,
    provider: Provider,
    /// This site: `https://shop.example.com`.
    origin: String,
    redirect_uri: String,
    callback_path: String,
    logout_path: String,
    after_logout: String,
    provider_logout: bool,
    scope: String,
    parameters: Vec<(String, String)>,
    userinfo: bool,
    algorithms: Vec<Algorithm>,
    demands: Demands,
    subject: Vec<String>,
    groups: Vec<String>,
    keep_claims: Option<Vec<String>>,
    access_token_header: Option<String>,
    sealer: Sealer,
    session: Cookie,
    login: Cookie,
    /// Seconds.
    lifetime: i64,
    login_time: i64,
    unavailable: Unavailable,
    opened: Cache<Vec<u8>, Rc<Opened>>,
}

/// A session that was opened.
#[derive(Debug)]
struct Opened {
    ticket: Ticket,
    identity: Rc<Identity>,
}

impl Login {
    pub(crate) fn new(config: config::Oidc, remembered: usize) -> Result<Self> {
        let session = &config.session;
        let (origin, callback_path) =
            site(&config.redirect_uri, session.insecure).map_err(|e| e.within("redirect_uri"))?;
        if !config.logout_path.starts_with('/') || config.logout_path == callback_path {
            return Err(Error::new("logout_path: a path of its own, which begins with a slash"));
        }
        let is_path =
            config.after_logout.starts_with('/') && !config.after_logout.starts_with("//");
        if !is_path {
            crate::method::check_url(&config.after_logout).map_err(|e| e.within("after_logout"))?;
        }
        if let Some(name) = config.access_token_header.as_ref().filter(|name| !is_name(name)) {
            return Err(Error::new(format!("access_token_header: `{name}` is no field name")));
        }
        if !is_name(&session.cookie) {
            return Err(Error::new("session: cookie: this is no cookie's name"));
        }
        let algorithms = Algorithm::all(&config.algorithms).map_err(|e| e.within("algorithms"))?;
        if algorithms.is_empty() || algorithms.iter().any(|a| a.hash().is_some()) {
            return Err(Error::new("algorithms: some with public keys, such as `RS256`"));
        }
        let own = ["response_type", "client_id", "redirect_uri", "scope", "state", "nonce"];
        let others = ["code_challenge", "code_challenge_method", "response_mode", "request"];
        let mut names = config.parameters.keys();
        if let Some(name) = names.find(|n| own.iter().chain(&others).any(|own| own == n)) {
            return Err(Error::new(format!("parameters: `{name}` is the plugin's own")));
        }
        let mut scopes = config.scopes.clone();
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        let seconds = |key: &str, time: Duration, least: u64, most: u64| {
            if !(least..=most).contains(&time.as_secs()) {
                return Err(Error::new(format!("{key}: {least} to {most} seconds")));
            }
            Ok(i64::try_from(time.as_secs()).unwrap_or(0))
        };
        let path = |claim: &str| claim.split('.').map(str::to_owned).collect();
        Ok(Self {
            lifetime: seconds("session: lifetime", session.lifetime.as_std(), 60, 30 * 86_400)?,
            login_time: seconds("session: login", session.login.as_std(), 60, 3600)?,
            sealer: Sealer::new(&session.keys).map_err(|e| e.within("session: keys"))?,
            session: Cookie::new(&session.cookie, session.insecure),
            login: Cookie::new(&format!("{}-login", session.cookie), session.insecure),
            demands: Demands {
                issuers: vec![config.issuer.clone()],
                audiences: vec![config.client_id.clone()],
                leeway: seconds("leeway", config.leeway.as_std(), 0, 600)?,
                required: Vec::new(),
            },
            scope: scopes.join(" "),
            parameters: config.parameters.clone().into_iter().collect(),
            provider: Provider::new(&config)?,
            origin,
            callback_path,
            redirect_uri: config.redirect_uri,
            logout_path: config.logout_path,
            after_logout: config.after_logout,
            provider_logout: config.provider_logout,
            userinfo: config.userinfo,
            algorithms,
            subject: path(&config.subject_claim),
            groups: path(&config.groups_claim),
            keep_claims: config.keep_claims,
            access_token_header: config.access_token_header.map(|n| n.to_ascii_lowercase()),
            unavailable: config.unavailable,
            opened: Cache::new(remembered),
            name: config.name,
        })
    }

    /// Answers the plugin's own paths, and finds whose session a request has.
    pub(crate) fn identify(&mut self, request: &Request, headers: &IdentityHeaders) -> Outcome {
        if request.path() == self.callback_path {
            return Outcome::Answer(self.callback(request));
        }
        if request.path() == self.logout_path {
            return Outcome::Answer(self.logout(request));
        }
        let Some(sealed) = self.session.value(request) else { return Outcome::Absent };
        let now = clock::now();
        let Some(opened) = self.open(&sealed, headers, now) else { return Outcome::Absent };
        if !opened.ticket.is_live(now) || self.has_ended(&opened.ticket) {
            self.opened.remove(&sealed);
            return Outcome::Absent;
        }
        if opened.ticket.wants_refresh(now) {
            return self.renew(request, &opened, headers, now);
        }
        Outcome::Known(Rc::clone(&opened.identity), Extras::default())
    }

    fn open(&mut self, sealed: &[u8], headers: &IdentityHeaders, now: i64) -> Option<Rc<Opened>> {
        if let Some(opened) = self.opened.find(sealed) {
            return Some(opened);
        }
        let ticket = Ticket::open(&self.sealer, sealed)?;
        if !ticket.is_live(now) {
            return None;
        }
        let opened = Rc::new(Opened { identity: self.identity(&ticket, headers)?, ticket });
        self.opened.insert(sealed.to_vec(), Rc::clone(&opened));
        Some(opened)
    }

    /// Whether somebody logged out of it, or the provider refused to go on with it.
    fn has_ended(&self, ticket: &Ticket) -> bool {
        kv::get(&format!("ended/{}", ticket.id)).is_some()
    }

    fn end(&self, ticket: &Ticket, now: i64) {
        let left = u64::try_from(ticket.ends.saturating_sub(now)).unwrap_or(0).max(1);
        let key = format!("ended/{}", ticket.id);
        if let Err(error) = kv::set_for(&key, "", Duration::from_secs(left)) {
            plugin_sdk::log::warn!("a session could not be ended before its time: {error}");
        }
    }

    fn identity(&self, ticket: &Ticket, headers: &IdentityHeaders) -> Option<Rc<Identity>> {
        let subject = lookup(&ticket.claims, &self.subject)?.as_str()?.to_owned();
        let mut identity = headers.complete(Identity {
            method: self.name.clone(),
            subject,
            groups: lookup(&ticket.claims, &self.groups).map(groups).unwrap_or_default(),
            claims: ticket.claims.clone(),
            ..Identity::default()
        });
        if let (Some(name), Some(token)) = (&self.access_token_header, &ticket.access_token) {
            let value = match name.as_str() {
                "authorization" => format!("Bearer {token}"),
                _ => token.clone(),
            };
            identity.fields.push((name.clone(), value.into_bytes()));
        }
        Some(Rc::new(identity))
    }

    pub(crate) fn hidden(&self) -> Vec<Place> {
        vec![Place::Cookie(self.session.name.clone()), Place::Cookie(self.login.name.clone())]
    }

    pub(crate) fn refresh(&mut self) {
        self.provider.refresh();
    }

    pub(crate) fn interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(30))
    }
}

/// Scheme, host and port of a URL, and its path.
fn site(url: &str, insecure: bool) -> Result<(String, String)> {
    crate::method::check_url(url)?;
    if !url.starts_with("https://") && !insecure {
        return Err(Error::new(
            "it begins with `https://`; for trying on one machine there is `session.insecure`",
        ));
    }
    let start = url.find("://").map_or(0, |at| at + 3);
    let slash = url[start..].find('/').map(|at| at + start);
    match slash.map(|at| url.split_at(at)) {
        Some((origin, path)) if path.len() > 1 && !path.contains(['?', '%', ';']) => {
            Ok((origin.to_owned(), path.to_owned()))
        }
        _ => Err(Error::new("it has a path of its own, such as `/oidc/callback`, and no query")),
    }
}

/// An answer that sends the browser on, and that nobody keeps.
fn redirect(location: String, cookies: Vec<String>) -> Reply {
    let reply = Reply::redirect(302, location).header("cache-control", "no-store");
    cookies.into_iter().fold(reply, |reply, cookie| reply.header("set-cookie", cookie))
}

/// An answer for somebody who cannot go on.
fn refuse(status: u16, reason: &str, cookies: Vec<String>) -> Reply {
    // Without room for annotations the answer is the same.
    let _ = annotate("reason", reason);
    let text = match status {
        503 => "the login service does not answer; try again later\n",
        _ => "this login could not be completed; start again from the page that you wanted\n",
    };
    let reply = crate::answer(status, text);
    cookies.into_iter().fold(reply, |reply, cookie| reply.header("set-cookie", cookie))
}
