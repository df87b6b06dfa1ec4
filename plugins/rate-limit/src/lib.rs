//! The bundled plugin `rate-limit`. Its README has the keys.
//!
//! The host counts, for all workers and instances; what is here says what is
//! counted, and what follows. Each question to the host costs a call, so one limit
//! is one question; several are looked at before anything is spent.

mod client;
mod config;
mod key;
mod limit;
mod meter;
mod path;

use std::time::Duration;

use networks::Networks;
use plugin_sdk::{Error, Flow, Plugin, Reply, Request, Result, Subscription, exchange};

use crate::client::Client;
use crate::config::{Config, Overflow};
use crate::key::Found;
use crate::limit::{Limit, Said};

struct RateLimit {
    limits: Vec<Limit>,
    exempt: Networks,
    fields: bool,
    /// All limits' items of `RateLimit-Policy`.
    policy: String,
    refusal: config::Refusal,
    /// Of the request at hand, kept from one to the next for their memory: the keys,
    /// by limit; the limits that concern it; and what they said, by limit.
    keys: Vec<Vec<u8>>,
    concerned: Vec<usize>,
    answers: Vec<Option<Said>>,
}

/// More limits would make a request that is held against each cost too much.
const LIMITS_MAX: usize = 16;

#[plugin_sdk::export]
impl Plugin for RateLimit {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let dry_run = config.dry_run;
        let limits = config.limits.into_iter().enumerate().map(|(index, limit)| {
            let limit = Limit::new(config::Limit { dry_run: limit.dry_run || dry_run, ..limit });
            limit.map_err(|e| e.within(format_args!("limits[{index}]")))
        });
        let limits: Vec<Limit> = limits.collect::<Result<_>>()?;
        check(&limits, &config.refusal)?;
        let exempt = Networks::parse(config.exempt.iter().map(String::as_str));
        Ok(Self {
            exempt: exempt.map_err(|e| Error::from(e).within("exempt"))?,
            fields: config.fields,
            policy: policy(limits.iter().filter(|limit| !limit.dry_run)),
            refusal: config.refusal,
            keys: limits.iter().map(|_| Vec::new()).collect(),
            concerned: Vec::with_capacity(limits.len()),
            answers: vec![None; limits.len()],
            limits,
        })
    }

    fn subscription(&self) -> Subscription {
        let fields = self.limits.iter().flat_map(|limit| limit.key.fields());
        fields.fold(Subscription::new(), Subscription::request_header)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let client = Client::of(request);
        if !self.exempt.is_empty()
            && client.address().is_some_and(|address| self.exempt.contains(address))
        {
            return Ok(Flow::Continue);
        }
        if !self.find_keys(&client) {
            exchange::annotate("refused", "no key")?;
            return Ok(self.refuse(1));
        }
        self.ask()?;
        if self.is_out_of_the_ordinary() {
            self.note()?;
            if let Some(retry_after) = self.retry_after() {
                return Ok(self.refuse(retry_after));
            }
            let wait = self.wait(false);
            if wait > 0 {
                hold(Duration::from_millis(wait));
            }
        }
        if self.fields {
            let (policy, state) = self.describe();
            if !policy.is_empty() {
                request.response_headers().add("ratelimit-policy", policy);
                request.response_headers().add("ratelimit", state);
            }
        }
        Ok(Flow::Continue)
    }
}

impl RateLimit {
    /// Finds the limits that concern a request, and its keys; false if it lacks what
    /// it must have.
    fn find_keys(&mut self, client: &Client<'_>) -> bool {
        self.concerned.clear();
        self.answers.fill(None);
        for (index, (limit, key)) in self.limits.iter().zip(&mut self.keys).enumerate() {
            if !limit.concerns(client) {
                continue;
            }
            match limit.key.of(client, key) {
                Found::Key => self.concerned.push(index),
                Found::Skip => {}
                Found::Refuse if limit.dry_run => {}
                Found::Refuse => return false,
            }
        }
        true
    }

    /// Asks the limits. Nothing is spent of any while one of them has no room: a
    /// client must not pay for what it does not get. Between looking and spending
    /// another worker may be faster; what was spent by then stays spent.
    fn ask(&mut self) -> Result<()> {
        let Self { limits, keys, concerned, answers, .. } = self;
        let Some((&first, rest)) = concerned.split_first() else { return Ok(()) };
        let refuses = |limit: &Limit, said: &Said| !limit.dry_run && said.refused_for().is_some();
        let mut refused = false;
        for &index in rest {
            let said = limits[index].look(&keys[index])?;
            refused |= refuses(&limits[index], &said);
            answers[index] = Some(said);
        }
        if refused {
            answers[first] = Some(limits[first].look(&keys[first])?);
            return Ok(());
        }
        for &index in &*concerned {
            // A limit on trial that has no room has nothing that could be spent.
            if matches!(answers[index], Some(Said::No(..))) {
                continue;
            }
            let said = limits[index].spend(&keys[index])?;
            answers[index] = Some(said);
            if refuses(&limits[index], &said) {
                break;
            }
        }
        Ok(())
    }

    /// What the limits said, with which said it.
    fn said(&self) -> impl Iterator<Item = (&Limit, &Said)> {
        let answers = self.limits.iter().zip(&self.answers);
        answers.filter_map(|(limit, said)| Some((limit, said.as_ref()?)))
    }

    /// Whether any limit did not say yes, or would have the request held.
    fn is_out_of_the_ordinary(&self) -> bool {
        self.said().any(|(limit, said)| match said {
            Said::Yes(verdict) => limit.meter.wait(verdict) > 0,
            Said::No(..) | Said::Full(_) => true,
        })
    }

    /// Milliseconds until all limits have room, if one of them has none.
    fn retry_after(&self) -> Option<u64> {
        let enforced = self.said().filter(|(limit, _)| !limit.dry_run);
        enforced.filter_map(|(_, said)| said.refused_for()).max()
    }

    /// Milliseconds for which the request is to be held; or would be, by limits on
    /// trial.
    fn wait(&self, dry_run: bool) -> u64 {
        let waits = self.said().filter(|(limit, _)| limit.dry_run == dry_run);
        let waits = waits.map(|(limit, said)| match said {
            Said::Yes(verdict) => limit.meter.wait(verdict),
            Said::No(..) | Said::Full(_) => 0,
        });
        waits.max().unwrap_or(0)
    }

    /// Tells the operator what is not as usual.
    fn note(&self) -> Result<()> {
        for (dry_run, refused, delayed) in
            [(false, "refused", "delayed_ms"), (true, "would_refuse", "would_delay_ms")]
        {
            let no = self
                .said()
                .filter(|(limit, said)| limit.dry_run == dry_run && said.refused_for().is_some());
            let names: Vec<&str> = no.map(|(limit, _)| limit.name.as_str()).collect();
            if !names.is_empty() {
                exchange::annotate(refused, &names.join(","))?;
                continue;
            }
            let wait = self.wait(dry_run);
            if wait > 0 {
                exchange::annotate(delayed, &wait.to_string())?;
            }
        }
        Ok(())
    }

    /// `RateLimit-Policy` and `RateLimit` of the limits that concern a request.
    fn describe(&self) -> (String, String) {
        let mut state = String::with_capacity(64 * self.limits.len());
        let mut all = true;
        for (limit, said) in self.limits.iter().zip(&self.answers) {
            match said {
                _ if limit.dry_run => {}
                Some(Said::Yes(verdict)) => {
                    let reset = u64::from(verdict.reset_after_ms);
                    limit.meter.describe(&limit.name, verdict.remaining, reset, &mut state);
                }
                // The draft wants this to be what `Retry-After` says.
                Some(Said::No(verdict, retry_after)) => {
                    limit.meter.describe(&limit.name, verdict.remaining, *retry_after, &mut state);
                }
                Some(Said::Full(_)) | None => all = false,
            }
        }
        if all {
            return (self.policy.clone(), state);
        }
        let shown =
            self.said().filter(|(limit, said)| !limit.dry_run && !matches!(said, Said::Full(_)));
        (policy(shown.map(|(limit, _)| limit)), state)
    }

    fn refuse(&self, retry_after: u64) -> Flow {
        let config::Refusal { status, body, content_type } = &self.refusal;
        let mut reply = Reply::new(*status)
            .header("retry-after", retry_after.div_ceil(1000).max(1).to_string())
            .header("content-type", content_type.as_str())
            .body(body.as_str());
        if self.fields {
            let (policy, state) = self.describe();
            if !policy.is_empty() {
                reply = reply.header("ratelimit-policy", policy).header("ratelimit", state);
            }
        }
        reply.into()
    }
}

impl Said {
    /// Milliseconds for which there is no room, if there is none.
    fn refused_for(&self) -> Option<u64> {
        match self {
            Self::Yes(_) | Self::Full(Overflow::Allow) => None,
            Self::No(_, retry_after) => Some(*retry_after),
            Self::Full(Overflow::Refuse) => Some(1_000),
        }
    }
}

fn check(limits: &[Limit], refusal: &config::Refusal) -> Result<()> {
    if limits.len() > LIMITS_MAX {
        return Err(Error::new(format!("more than {LIMITS_MAX} limits")).within("limits"));
    }
    for (index, limit) in limits.iter().enumerate() {
        if limits[..index].iter().any(|other| other.name == limit.name) {
            let text = format!("another limit is called `{}` too", limit.name);
            return Err(Error::new(text).within("name").within(format_args!("limits[{index}]")));
        }
    }
    if !(400..=599).contains(&refusal.status) {
        let text = format!("{} is not from 400 to 599", refusal.status);
        return Err(Error::new(text).within("refusal.status"));
    }
    if !plugin_sdk::field::is_value(refusal.content_type.as_bytes()) {
        return Err(Error::new("no value of a field").within("refusal.content_type"));
    }
    Ok(())
}

/// The field `RateLimit-Policy` of these limits.
fn policy<'a>(limits: impl IntoIterator<Item = &'a Limit>) -> String {
    let items = limits.into_iter().map(|limit| limit.policy.as_str());
    items.collect::<Vec<_>>().join(", ")
}

/// Holds the exchange; its worker goes on with others.
#[cfg(target_family = "wasm")]
fn hold(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(not(target_family = "wasm"))]
fn hold(time: Duration) {
    plugin_sdk::testing::clock::advance(time);
}

#[cfg(test)]
mod tests;
