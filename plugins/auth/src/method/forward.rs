//! Another service decides, as with nginx's `auth_request` and Traefik's
//! `ForwardAuth`.

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Reply, Request, Result, http};

use super::{Extras, Outcome, Refusal};
use crate::cache::Cache;
use crate::clock;
use crate::config::{self, Unavailable};
use crate::identity::{Identity, IdentityHeaders};

#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) name: String,
    url: String,
    sent: Vec<String>,
    told: Vec<String>,
    to_client: Vec<String>,
    subject: Option<String>,
    groups: Option<String>,
    timeout: Duration,
    /// Seconds.
    cache: i64,
    unavailable: Unavailable,
    known: Cache<[u8; 32], (Rc<Identity>, i64)>,
}

/// Fields of a refusal that the client gets. The others are the service's affair.
const REFUSAL: [&str; 6] =
    ["www-authenticate", "location", "set-cookie", "content-type", "cache-control", "retry-after"];

impl Forward {
    pub(crate) fn new(config: config::Forward, remembered: usize) -> Result<Self> {
        check_url(&config.url).map_err(|e| e.within("url"))?;
        let names = |key: &str, names: Vec<String>| {
            let names: Vec<String> = names.iter().map(|n| n.to_ascii_lowercase()).collect();
            match names.iter().find(|name| !is_name(name)) {
                Some(name) => Err(Error::new(format!("{key}: `{name}` is no field name"))),
                None => Ok(names),
            }
        };
        let name = |key: &str, name: Option<String>| {
            let mut all = names(key, name.into_iter().collect())?;
            Ok::<_, Error>(all.pop())
        };
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&config.timeout.as_std())
        {
            return Err(Error::new("timeout: 10ms to 1m"));
        }
        if config.cache.as_std() > Duration::from_secs(300) {
            return Err(Error::new("cache: 5m is the most"));
        }
        Ok(Self {
            name: config.name,
            url: config.url,
            sent: names("request_headers", config.request_headers)?,
            told: names("response_headers", config.response_headers)?,
            to_client: names("client_headers", config.client_headers)?,
            subject: name("subject_header", config.subject_header)?,
            groups: name("groups_header", config.groups_header)?,
            timeout: config.timeout.as_std(),
            cache: i64::try_from(config.cache.as_std().as_secs()).unwrap_or(0),
            unavailable: config.unavailable,
            known: Cache::new(remembered),
        })
    }

    pub(crate) fn identify(&mut self, request: &Request, headers: &IdentityHeaders) -> Outcome {
        let asked = self.question(request);
        let now = clock::now();
        let key = (self.cache > 0).then(|| fingerprint(&asked));
        if let Some((identity, until)) = key.and_then(|key| self.known.find(&key))
            && now < until
        {
            return Outcome::Known(identity, Extras::default());
        }
        let answer = match asked.send() {
            Ok(answer) => answer,
            Err(error) => return self.failed(&error.to_string()),
        };
        match answer.status {
            200..=299 => self.passed(&answer, key, now, headers),
            401 | 403 | 300..=399 => Outcome::Refused(Refusal {
                reason: "the service refuses",
                answer: Some(refusal(answer)),
            }),
            status => self.failed(&format!("the answer was {status}")),
        }
    }

    /// The request to the service: what both of the proxies above tell it.
    fn question(&self, request: &Request) -> http::Request {
        let proto = request.scheme();
        let host = request.authority();
        let target = request.target();
        let mut asked = http::Request::get(self.url.as_str())
            .header("x-forwarded-method", request.method())
            .header("x-forwarded-proto", proto)
            .header("x-forwarded-host", host)
            .header("x-forwarded-uri", target)
            .header("x-original-method", request.method())
            .header("x-original-url", format!("{proto}://{host}{target}"))
            .timeout(self.timeout);
        if let Some(address) = request.client_address() {
            asked = asked.header("x-forwarded-for", address);
        }
        for name in &self.sent {
            if let Some(value) = request.header(name) {
                asked = asked.header(name.as_str(), value);
            }
        }
        asked
    }

    fn passed(
        &mut self,
        answer: &http::Response,
        key: Option<[u8; 32]>,
        now: i64,
        headers: &IdentityHeaders,
    ) -> Outcome {
        let text = |name: &Option<String>| {
            let value = name.as_ref().and_then(|name| answer.header(name))?;
            Some(String::from_utf8_lossy(value).into_owned()).filter(|text| !text.is_empty())
        };
        let subject = text(&self.subject);
        if self.subject.is_some() && subject.is_none() {
            return self.failed("the answer has no subject");
        }
        let groups = text(&self.groups).unwrap_or_default();
        let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
        let mut identity = headers.complete(Identity {
            method: self.name.clone(),
            subject: subject.unwrap_or_default(),
            groups: groups.map(str::to_owned).collect(),
            ..Identity::default()
        });
        let lines = |names: &[String]| {
            let lines = answer.headers.iter().filter(|(name, _)| names.contains(name));
            lines.cloned().collect::<Vec<_>>()
        };
        for (name, value) in lines(&self.told) {
            match identity.fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend([b", ".as_slice(), value.as_slice()].concat()),
                None => identity.fields.push((name, value)),
            }
        }
        let identity = Rc::new(identity);
        if let Some(key) = key {
            self.known.insert(key, (Rc::clone(&identity), now + self.cache));
        }
        Outcome::Known(identity, Extras { response: lines(&self.to_client) })
    }

    fn failed(&self, why: &str) -> Outcome {
        plugin_sdk::log::warn!("{}: {why}", self.url);
        match self.unavailable {
            Unavailable::Refuse => Outcome::Unavailable("the service does not answer"),
            Unavailable::Anonymous => Outcome::Absent,
        }
    }

    pub(crate) fn fields(&self) -> Vec<&str> {
        self.sent.iter().map(String::as_str).collect()
    }
}

/// What the client gets of a refusal.
fn refusal(answer: http::Response) -> Reply {
    let mut reply = Reply::new(answer.status);
    for (name, value) in answer.headers {
        if REFUSAL.contains(&name.as_str()) {
            reply = reply.header(name, value);
        }
    }
    reply.body(answer.body)
}

/// Everything that the service is told: equal for equal questions only.
fn fingerprint(asked: &http::Request) -> [u8; 32] {
    let mut all = Vec::new();
    for (name, value) in &asked.headers {
        all.extend_from_slice(&(name.len() as u64).to_le_bytes());
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(&(value.len() as u64).to_le_bytes());
        all.extend_from_slice(value);
    }
    crypto::digest(Hash::Sha256, all).try_into().unwrap_or_default()
}

/// Whether this can be asked. The host checks the grant when it is.
pub(crate) fn check_url(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}#@".contains(&b))
    });
    if is_url {
        return Ok(());
    }
    Err(Error::new(format!("`{url}` is no URL such as `https://auth.example.com/check`")))
}
