//! Signed tokens.

use std::fs;
use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::{Error, Request, Result};
use serde_json::{Map, Value};

use super::{Extras, Outcome, Refusal, quoted};
use crate::cache::Cache;
use crate::clock;
use crate::config::{self, Unavailable};
use crate::credential::{self, Place};
use crate::identity::{Identity, IdentityHeaders, groups, lookup};
use crate::jose::Fault;
use crate::jose::algorithm::{Algorithm, Kind};
use crate::jose::claims::Demands;
use crate::jose::key::{Key, KeySet};
use crate::jose::remote::{Remote, Source};
use crate::jose::token::Token;

#[derive(Debug)]
pub(crate) struct Jwt {
    pub(crate) name: String,
    places: Vec<Place>,
    keys: Keys,
    unavailable: Unavailable,
    algorithms: Vec<Algorithm>,
    demands: Demands,
    kind: Option<String>,
    subject: Vec<String>,
    groups: Vec<String>,
    longest: usize,
    verified: Cache<Vec<u8>, Verified>,
    forward: bool,
}

#[derive(Debug)]
enum Keys {
    Fixed(Rc<KeySet>),
    Remote(Remote<KeySet>),
}

/// A token that was verified, and until when that holds.
#[derive(Clone, Debug)]
struct Verified {
    identity: Rc<Identity>,
    /// Seconds since 1970.
    until: i64,
    /// That of the keys.
    generation: Option<u64>,
}

impl Jwt {
    pub(crate) fn new(config: config::Jwt, remembered: usize) -> Result<Self> {
        let places = credential::places(config.header.clone(), None, config.cookie.clone())?;
        if places.is_empty() {
            return Err(Error::new(
                "say where the token is: `header = \"authorization\"`, or `cookie`",
            ));
        }
        let unavailable = config.jwks.as_ref().map(|jwks| jwks.unavailable).unwrap_or_default();
        let (keys, kinds) = keys(&config)?;
        let algorithms = algorithms(&config, &kinds).map_err(|e| e.within("algorithms"))?;
        let demands = demands(&config)?;
        let longest = usize::try_from(config.max_length).unwrap_or(usize::MAX);
        if longest > 65_536 {
            return Err(Error::new("max_length: 65536 is the most"));
        }
        let path = |claim: &str| claim.split('.').map(str::to_owned).collect();
        Ok(Self {
            places,
            keys,
            unavailable,
            algorithms,
            demands,
            kind: config.kind,
            subject: path(&config.subject_claim),
            groups: path(&config.groups_claim),
            longest,
            verified: Cache::new(remembered),
            forward: config.forward,
            name: config.name,
        })
    }

    pub(crate) fn identify(&mut self, request: &Request, headers: &IdentityHeaders) -> Outcome {
        let mut found = self.places.iter().filter_map(|place| place.find(request));
        let Some(token) = found.next().filter(|token| !token.is_empty()) else {
            return Outcome::Absent;
        };
        let now = clock::now();
        // The whole token is compared: what is remembered is exactly what was verified.
        if let Some(verified) = self.verified.find(token.as_ref()) {
            let current = self.keys.generation(now);
            if now < verified.until && current.is_some() && verified.generation == current {
                return Outcome::Known(verified.identity, Extras::default());
            }
            self.verified.remove(token.as_ref());
        }
        match self.verify(&token, now) {
            Ok((claims, until)) => {
                let Some(identity) = self.identity(claims) else {
                    return Outcome::Refused(Refusal::new(Fault::Required.as_str()));
                };
                let identity = Rc::new(headers.complete(identity));
                let generation = self.keys.generation(now);
                let verified = Verified { identity: Rc::clone(&identity), until, generation };
                self.verified.insert(token.into_owned(), verified);
                Outcome::Known(identity, Extras::default())
            }
            Err(Some(fault)) => Outcome::Refused(Refusal::new(fault.as_str())),
            Err(None) if self.unavailable == Unavailable::Anonymous => Outcome::Absent,
            Err(None) => Outcome::Unavailable("there are no keys to verify tokens with"),
        }
    }

    /// The claims of a token, and until when they hold. No fault: there are no keys.
    fn verify(
        &mut self,
        token: &[u8],
        now: i64,
    ) -> Result<(Map<String, Value>, i64), Option<Fault>> {
        if token.len() > self.longest {
            return Err(Some(Fault::TooLong));
        }
        let text = std::str::from_utf8(token).map_err(|_| Some(Fault::Malformed))?;
        let token = Token::parse(text, &self.algorithms, self.longest).map_err(Some)?;
        if let Some(kind) = &self.kind {
            // A media type whose `application/` may be left out (RFC 7515, section 4.1.9).
            let sent = token.kind.as_deref().unwrap_or_default();
            let sent = sent.strip_prefix("application/").unwrap_or(sent);
            if !sent.eq_ignore_ascii_case(kind.strip_prefix("application/").unwrap_or(kind)) {
                return Err(Some(Fault::Kind));
            }
        }
        let keys = self.keys.find(token.key.as_deref(), now).ok_or(None)?;
        let claims = token.verify(&keys).map_err(Some)?;
        let until = self.demands.check(&claims, now).map_err(Some)?;
        Ok((claims, until))
    }

    fn identity(&self, claims: Map<String, Value>) -> Option<Identity> {
        let subject = lookup(&claims, &self.subject)?.as_str()?.to_owned();
        Some(Identity {
            method: self.name.clone(),
            subject,
            groups: lookup(&claims, &self.groups).map(groups).unwrap_or_default(),
            claims,
            ..Identity::default()
        })
    }

    /// RFC 6750, section 3.
    pub(crate) fn challenge(&self, refused: Option<&'static str>) -> Option<String> {
        let bearer = |place: &Place| matches!(place, Place::Header(_, Some(_)));
        self.places.iter().any(bearer).then(|| match refused {
            Some(reason) => {
                format!("Bearer error=\"invalid_token\", error_description={}", quoted(reason))
            }
            None => "Bearer".to_owned(),
        })
    }

    pub(crate) fn fields(&self) -> Vec<&str> {
        self.places.iter().filter_map(Place::field).collect()
    }

    pub(crate) fn hidden(&self) -> Vec<Place> {
        if self.forward { Vec::new() } else { self.places.clone() }
    }

    pub(crate) fn refresh(&mut self) {
        if let Keys::Remote(remote) = &mut self.keys {
            remote.refresh();
        }
    }

    pub(crate) fn interval(&self) -> Option<Duration> {
        match &self.keys {
            Keys::Remote(remote) => Some(remote.interval()),
            Keys::Fixed(_) => None,
        }
    }
}

impl Keys {
    fn find(&mut self, id: Option<&str>, now: i64) -> Option<Rc<KeySet>> {
        match self {
            Self::Fixed(keys) => Some(Rc::clone(keys)),
            Self::Remote(remote) => remote.find(now, |keys| keys.has(id)).ok(),
        }
    }

    /// None: there are no keys that may be used.
    fn generation(&mut self, now: i64) -> Option<u64> {
        match self {
            Self::Fixed(_) => Some(0),
            Self::Remote(remote) => {
                remote.renew(now);
                remote.generation(now)
            }
        }
    }
}

/// The keys, and of which kinds they may be; none: of any but secrets.
fn keys(config: &config::Jwt) -> Result<(Keys, Vec<Kind>)> {
    if let Some(jwks) = &config.jwks {
        let is_fixed =
            config.jwks_file.is_none() && config.public_keys.is_empty() && config.secret.is_none();
        if !is_fixed {
            return Err(Error::new(
                "jwks: keys come from one place, so neither `jwks_file` nor `public_keys` nor `secret` goes with it",
            ));
        }
        check(jwks).map_err(|e| e.within("jwks"))?;
        return Ok((Keys::Remote(Remote::new(source(jwks), KeySet::parse)), Vec::new()));
    }
    let mut keys = KeySet::default();
    if let Some(path) = &config.jwks_file {
        let within = |e: Error| e.within(format_args!("jwks_file: `{path}`"));
        let text = fs::read(path).map_err(|e| {
            within(Error::from(e)).within("grant its directory in `capabilities.files`")
        })?;
        keys.append(KeySet::parse(&text).map_err(within)?);
    }
    for (id, pem) in &config.public_keys {
        let key = Key::pem(id, pem);
        keys.push(key.map_err(|e| e.within(format_args!("public_keys.{id}")))?);
    }
    if let Some(secret) = &config.secret {
        keys.push(Key::secret(secret.clone().into_bytes()));
    }
    let kinds: Vec<Kind> = keys.kinds().collect();
    if kinds.is_empty() {
        return Err(Error::new(
            "there is no key: give `jwks`, `jwks_file`, `public_keys` or `secret`",
        ));
    }
    Ok((Keys::Fixed(Rc::new(keys)), kinds))
}

fn source(jwks: &config::Jwks) -> Source {
    Source {
        url: jwks.url.clone(),
        refresh: jwks.refresh.as_std(),
        stale: jwks.stale.as_std(),
        pause: jwks.pause.as_std(),
        timeout: jwks.timeout.as_std(),
    }
}

fn check(jwks: &config::Jwks) -> Result<()> {
    let seconds = |name: &str, time: Duration, least: u64, most: u64| {
        let within = (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&time);
        let text = format!("{name}: {least} to {most} seconds");
        if within { Ok(()) } else { Err(Error::new(text)) }
    };
    super::forward::check_url(&jwks.url).map_err(|e| e.within("url"))?;
    seconds("refresh", jwks.refresh.as_std(), 10, 86_400)?;
    seconds("stale", jwks.stale.as_std(), 0, 7 * 86_400)?;
    seconds("pause", jwks.pause.as_std(), 1, 3600)?;
    if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&jwks.timeout.as_std()) {
        return Err(Error::new("timeout: 100ms to 1m"));
    }
    Ok(())
}

fn algorithms(config: &config::Jwt, kinds: &[Kind]) -> Result<Vec<Algorithm>> {
    let has = |kind| kinds.is_empty() && kind != Kind::Secret || kinds.contains(&kind);
    let chosen = if config.algorithms.is_empty() {
        let usual = ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"].map(str::to_owned);
        let usual = Algorithm::all(&usual)?;
        usual.into_iter().filter(|algorithm| has(algorithm.kind())).collect()
    } else {
        Algorithm::all(&config.algorithms)?
    };
    for algorithm in &chosen {
        if !has(algorithm.kind()) {
            return Err(Error::new(format!("no key is for {algorithm:?}")));
        }
        let length = config.secret.as_ref().map_or(usize::MAX, String::len);
        if algorithm.kind() == Kind::Secret && length < algorithm.secret_length() {
            return Err(Error::new(format!(
                "{algorithm:?} takes a `secret` of {} octets or more",
                algorithm.secret_length()
            )));
        }
    }
    Ok(chosen)
}

fn demands(config: &config::Jwt) -> Result<Demands> {
    let any = |name: &str, values: &[String]| match values {
        [] => Err(Error::new(format!("{name}: name one, or write `[\"*\"]` for any"))),
        [one] if one == "*" => Ok(Vec::new()),
        _ => Ok(values.to_vec()),
    };
    if config.leeway.as_std() > Duration::from_secs(600) {
        return Err(Error::new("leeway: 10m is the most"));
    }
    let required = config.required.iter();
    Ok(Demands {
        issuers: any("issuer", &config.issuer)?,
        audiences: any("audience", &config.audience)?,
        leeway: i64::try_from(config.leeway.as_std().as_secs()).unwrap_or(0),
        required: required
            .map(|(name, value)| (name.split('.').map(str::to_owned).collect(), value.clone()))
            .collect(),
    })
}
