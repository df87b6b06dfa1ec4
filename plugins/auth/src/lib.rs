//! The bundled plugin `auth`. Its README has the keys.
//!
//! Each request passes four steps: the path is brought to the one form that rules
//! are about, the methods say who asks, the rules say whether that may pass, and the
//! endpoint is told. What clients say of themselves is removed in every case.

mod authorize;
mod cache;
mod clock;
mod config;
mod credential;
mod identity;
mod jose;
mod method;
mod oidc;
mod path;
mod session;

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::exchange::annotate;
use plugin_sdk::{Error, Flow, Plugin, Reply, Request, Result, Subscription};

use crate::authorize::{Decision, Rules};
use crate::config::Config;
use crate::credential::Place;
use crate::identity::{Identity, IdentityHeaders};
use crate::method::{Extras, Method, Outcome, Refusal};
use crate::path::Reading;

struct Auth {
    methods: Vec<Method>,
    rules: Rules,
    headers: IdentityHeaders,
    reading: Reading,
    hidden: Vec<Place>,
}

/// What the methods came to.
#[derive(Default)]
struct Found {
    identity: Option<Rc<Identity>>,
    extras: Extras,
    refused: Option<(usize, Refusal)>,
    unavailable: Option<&'static str>,
}

#[plugin_sdk::export]
impl Plugin for Auth {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let remembered = config.remember.unwrap_or(1024);
        if !(16..=65_536).contains(&remembered) {
            return Err(Error::new("remember: 16 to 65536"));
        }
        if config.rules.is_empty() {
            return Err(Error::new(
                "rules: there is none, so nothing would pass; `rules = [{}]` lets everybody pass that a method finds",
            ));
        }
        let reserved = config.methods.iter().flat_map(method::reserved);
        let headers = IdentityHeaders::new(&config.identity_headers, reserved)?;
        let mut methods = Vec::new();
        let remembered = usize::try_from(remembered).unwrap_or(usize::MAX);
        for (number, method) in config.methods.into_iter().enumerate() {
            let method = Method::new(method, remembered, &headers)
                .map_err(|e| e.within(format_args!("methods[{number}]")))?;
            if methods.iter().any(|known: &Method| known.name() == method.name()) {
                let name = method.name();
                return Err(Error::new(format!(
                    "methods[{number}]: another one is called `{name}`: give it a `name`"
                )));
            }
            methods.push(method);
        }
        let names: Vec<String> = methods.iter().map(|m| m.name().to_owned()).collect();
        let reading = Reading::new(&config.path);
        Ok(Self {
            rules: Rules::new(config.rules, reading, &names)?,
            hidden: methods.iter().flat_map(Method::hidden).collect(),
            methods,
            headers,
            reading,
        })
    }

    fn subscription(&self) -> Subscription {
        let subscription = self.headers.subscribe(Subscription::new());
        self.methods.iter().fold(subscription, |s, method| method.subscribe(s))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        self.headers.remove(request);
        let path = match self.reading.read(request.path()) {
            Ok(path) => path,
            Err(ambiguous) => return refuse_path(ambiguous),
        };
        let found = match self.identify(request) {
            Ok(found) => found,
            Err(reply) => return Ok(reply.into()),
        };
        let identity = found.identity.as_deref();
        match self.rules.decide(request, &path, identity) {
            Decision::Allow(rule) => {
                note_rule(rule)?;
                note(identity, found.refused.as_ref())?;
                self.pass(request, &found);
                Ok(Flow::Continue)
            }
            Decision::Forbid(rule, reason) => {
                note(identity, found.refused.as_ref())?;
                note_rule(rule)?;
                annotate("reason", reason)?;
                let reply = answer(403, "not allowed\n");
                let extras = found.extras.response.into_iter();
                Ok(extras.fold(reply, |reply, (name, value)| reply.header(name, value)).into())
            }
            Decision::Identify(rule) => {
                note_rule(rule)?;
                self.ask(request, found)
            }
        }
    }

    fn on_tick(&mut self) {
        self.methods.iter_mut().for_each(Method::refresh);
    }

    fn tick_interval(&self) -> Duration {
        let intervals = self.methods.iter().filter_map(Method::interval);
        // With nothing to refresh a call a day costs nothing.
        intervals.min().unwrap_or(Duration::from_secs(86_400))
    }
}

impl Auth {
    /// Asks the methods, in order. An answer is one of a method's own paths.
    fn identify(&mut self, request: &Request) -> Result<Found, Reply> {
        let mut found = Found::default();
        for (number, method) in self.methods.iter_mut().enumerate() {
            match method.identify(request, &self.headers) {
                Outcome::Absent => {}
                Outcome::Known(identity, extras) => {
                    found.identity = Some(identity);
                    found.extras = extras;
                    // What other methods made of their credentials does not matter.
                    found.refused = None;
                    found.unavailable = None;
                    break;
                }
                Outcome::Refused(refusal) => {
                    found.refused.get_or_insert((number, refusal));
                }
                Outcome::Unavailable(why) => {
                    found.unavailable.get_or_insert(why);
                }
                Outcome::Answer(reply) => return Err(reply),
            }
        }
        Ok(found)
    }

    /// Tells the endpoint who asks.
    fn pass(&self, request: &mut Request, found: &Found) {
        credential::remove(&self.hidden, request);
        if let Some(identity) = &found.identity {
            for (name, value) in &identity.fields {
                request.set_header(name.as_str(), value.as_slice());
            }
        }
        for (name, value) in &found.extras.response {
            request.response_headers().add(name.as_str(), value.as_slice());
        }
    }

    /// Tells a client that it has to say who it is.
    fn ask(&mut self, request: &Request, found: Found) -> Result<Flow> {
        if let Some(why) = found.unavailable {
            annotate("reason", why)?;
            return Ok(answer(503, "try again later\n").header("retry-after", "5").into());
        }
        let reason = found.refused.as_ref().map(|(_, refusal)| refusal.reason);
        annotate("reason", reason.unwrap_or("nobody"))?;
        if let Some(reply) = found.refused.and_then(|(_, refusal)| refusal.answer) {
            return Ok(reply.into());
        }
        for method in &mut self.methods {
            match method.login(request) {
                Some(Outcome::Answer(reply)) => return Ok(reply.into()),
                Some(Outcome::Unavailable(why)) => {
                    annotate("reason", why)?;
                    let reply = answer(503, "try again later\n");
                    return Ok(reply.header("retry-after", "5").into());
                }
                _ => {}
            }
        }
        let challenges = self.methods.iter().filter_map(|method| method.challenge(reason));
        let reply = answer(401, "authentication is needed\n");
        let reply = challenges.fold(reply, |reply, c| reply.header("www-authenticate", c));
        Ok(reply.into())
    }
}

/// The rule that decided, for the access log. Each annotation is a call to the host.
fn note_rule(rule: &str) -> Result<()> {
    if rule.is_empty() { Ok(()) } else { annotate("rule", rule) }
}

/// Who it is, for the access log.
fn note(identity: Option<&Identity>, refused: Option<&(usize, Refusal)>) -> Result<()> {
    match (identity, refused) {
        (Some(identity), _) => {
            annotate("method", &identity.method)?;
            // A token may have a subject of kilobytes.
            let end = identity.subject.floor_char_boundary(256);
            annotate("subject", &identity.subject[..end])
        }
        (None, Some((_, refusal))) => annotate("reason", refusal.reason),
        (None, None) => Ok(()),
    }
}

fn refuse_path(ambiguous: path::Ambiguous) -> Result<Flow> {
    annotate("reason", &format!("the path has {}", ambiguous.0))?;
    Ok(answer(400, "this path can be read in two ways\n").into())
}

/// An answer of the plugin's own, which nobody keeps.
fn answer(status: u16, text: &str) -> Reply {
    Reply::new(status).header("cache-control", "no-store").text(text)
}

#[cfg(test)]
mod tests;
