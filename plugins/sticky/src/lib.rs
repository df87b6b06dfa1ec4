//! The bundled plugin `sticky`. Its README has the keys.
//!
//! It has two sides, which never meet in one instance: it picks the endpoint that the
//! cookie names, and on the route's way back it sets the cookie. What joins them is
//! the cookie.

mod config;
mod token;

use std::collections::HashMap;
use std::time::SystemTime;

use cookies::Cookie;
use plugin_sdk::{Endpoint, Error, Pick, Plugin, Response, Result, Subscription, exchange};
use rendezvous::Endpoints;

use crate::config::Config;
use crate::token::{Signer, Tag, Token};

struct Sticky {
    cookie: Cookie,
    signer: Signer,
    /// To pick: the endpoints by tag, and for clients whose endpoint is not there.
    by_tag: Vec<(Tag, u32)>,
    endpoints: Endpoints,
    /// To set the cookie: the tags of URLs that answered lately.
    tags: HashMap<String, Tag>,
}

/// Clusters with more endpoints have their tags computed again now and then.
const TAGS_MAX: usize = 1024;

#[plugin_sdk::export]
impl Plugin for Sticky {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.secret.len() < 32 {
            return Err(Error::new("a secret has 32 octets or more").within("secret"));
        }
        let cookie = Cookie::new("endpoint", &config.cookie);
        let cookie = cookie.map_err(|e| Error::from(e).within("cookie"))?;
        Ok(Self {
            signer: Signer::new(config.secret, cookie.name()),
            cookie,
            by_tag: Vec::new(),
            endpoints: Endpoints::default(),
            tags: HashMap::new(),
        })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().pick_header("cookie")
    }

    fn on_endpoints(&mut self, _cluster: &str, endpoints: &[Endpoint]) {
        let tagged = endpoints.iter().map(|e| (self.signer.tag(&e.url), e.id));
        self.by_tag = tagged.collect();
        self.endpoints = Endpoints::new("", endpoints);
    }

    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        let token = self.signer.read(self.cookie.find(pick.header("cookie")?)?)?;
        let named = self.by_tag.iter().find(|(tag, _)| *tag == token.endpoint);
        if let Some((_, id)) = named.filter(|(_, id)| pick.offers(*id)) {
            return Some(*id);
        }
        // Gone, or down: its clients spread over the others, each to one, the same on
        // every worker and proxy.
        self.endpoints.best(token.client, pick.loads().iter().map(|load| load.id))
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        // Of an endpoint that fails nobody becomes a client.
        if response.status() >= 500 {
            return Ok(());
        }
        let Some(url) = exchange::endpoint() else { return Ok(()) };
        let sent = exchange::request_header("cookie").unwrap_or_default();
        let known = self.cookie.find(&sent).and_then(|value| self.signer.read(value));
        let endpoint = self.tag(url);
        if known.is_some_and(|token| token.endpoint == endpoint && !self.is_old(token)) {
            return Ok(());
        }
        let client = match known {
            Some(token) => token.client,
            None => getrandom::u64().map_err(|e| Error::new(format!("no random number: {e}")))?,
        };
        let value = self.signer.write(Token { client, issued: now(), endpoint });
        response.add_header("set-cookie", self.cookie.field(&value, exchange::scheme));
        Ok(())
    }
}

impl Sticky {
    fn tag(&mut self, url: String) -> Tag {
        if let Some(tag) = self.tags.get(&url) {
            return *tag;
        }
        if self.tags.len() == TAGS_MAX {
            self.tags.clear();
        }
        let tag = self.signer.tag(&url);
        self.tags.insert(url, tag);
        tag
    }

    /// Whether half of the cookie's time is over.
    fn is_old(&self, token: Token) -> bool {
        let Some(age) = self.cookie.max_age() else { return false };
        u64::from(now().saturating_sub(token.issued)) > age.as_secs() / 2
    }
}

/// Seconds since 1970; enough until 2106.
fn now() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
