//! Keys by URL: kept in `kv` for all instances, refreshed by time, and fetched for a
//! request only where there is no key for it.

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::{Error, Result, http, kv, log};

use super::key::KeySet;
use crate::clock;
use crate::config::Jwks;

/// The key set of a provider.
#[derive(Debug)]
pub(crate) struct Remote {
    config: Jwks,
    /// Seconds.
    refresh: i64,
    stale: i64,
    local: Option<Local>,
    /// When `kv` was last looked at, and when the provider was last asked.
    looked: i64,
    asked: i64,
    /// Grows with every change of the keys.
    generation: u64,
}

#[derive(Debug)]
struct Local {
    keys: Rc<KeySet>,
    text: Vec<u8>,
    fetched: i64,
}

/// There are no keys, and the provider does not give any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl Remote {
    pub(crate) fn new(config: Jwks) -> Self {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self {
            refresh: seconds(config.refresh.0),
            stale: seconds(config.stale.0),
            config,
            local: None,
            looked: i64::MIN,
            asked: i64::MIN,
            generation: 0,
        }
    }

    /// Says which keys are current; what was verified by others is not any more.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The keys, among them the one of this name if the provider has it.
    ///
    /// The provider is asked only where there are no keys, or none of that name, and
    /// with a pause between over all instances.
    ///
    /// # Errors
    /// There are none that may be used.
    pub(crate) fn keys(&mut self, id: Option<&str>, now: i64) -> Result<Rc<KeySet>, Gone> {
        self.renew(now);
        if !self.has(id, now) {
            self.look(now);
        }
        if !self.has(id, now) && self.may_ask(now) {
            self.fetch(now);
        }
        let usable = self.local.as_ref().filter(|local| self.is_usable(local, now));
        usable.map(|local| Rc::clone(&local.keys)).ok_or(Gone)
    }

    /// Takes over keys that another instance has fetched, once these are old.
    pub(crate) fn renew(&mut self, now: i64) {
        if self.local.as_ref().is_some_and(|local| now - local.fetched >= self.refresh) {
            self.look(now);
        }
    }

    /// Fetches what is due, by time.
    pub(crate) fn refresh(&mut self) {
        let now = clock::now();
        let due = |local: &Local| now - local.fetched >= self.refresh;
        if self.local.as_ref().is_none_or(due) {
            self.look(now);
        }
        let due = |local: &Local| now - local.fetched >= self.refresh;
        if self.local.as_ref().is_none_or(due) && self.may_ask(now) {
            self.fetch(now);
        }
    }

    /// How often [`refresh`](Self::refresh) wants to be called.
    pub(crate) fn interval(&self) -> Duration {
        (self.config.refresh.0 / 10).clamp(Duration::from_secs(1), Duration::from_secs(30))
    }

    fn is_usable(&self, local: &Local, now: i64) -> bool {
        now - local.fetched <= self.refresh.saturating_add(self.stale)
    }

    fn has(&self, id: Option<&str>, now: i64) -> bool {
        self.local.as_ref().is_some_and(|local| self.is_usable(local, now) && local.keys.has(id))
    }

    fn key(&self, what: &str) -> String {
        format!("{what}/{}", self.config.url)
    }

    /// Takes over what another instance has fetched; once a second at most.
    fn look(&mut self, now: i64) {
        if self.looked == now {
            return;
        }
        self.looked = now;
        let Some(entry) = kv::get(&self.key("jwks")) else { return };
        let Some((date, text)) = entry.value.split_first_chunk::<8>() else { return };
        let fetched = i64::from_le_bytes(*date);
        if self.local.as_ref().is_none_or(|local| local.fetched < fetched) {
            // It was parsed before it was written.
            let _ = self.adopt(text, fetched);
        }
    }

    fn adopt(&mut self, text: &[u8], fetched: i64) -> Result<()> {
        if let Some(local) = self.local.as_mut().filter(|local| local.text == text) {
            local.fetched = fetched;
            return Ok(());
        }
        let keys = Rc::new(KeySet::parse(text)?);
        self.local = Some(Local { keys, text: text.to_vec(), fetched });
        self.generation += 1;
        Ok(())
    }

    /// Whether it is this instance's turn to ask the provider.
    fn may_ask(&mut self, now: i64) -> bool {
        let key = self.key("jwks-asked");
        let turn = match kv::compare_and_set(&key, None, "asking", Some(self.config.pause.0)) {
            Ok(Some(_)) => true,
            // Whoever asks has not finished: without any keys it is better to ask too
            // than to refuse. After a failure nobody does.
            Ok(None) => self.local.is_none() && kv::get(&key).is_some_and(|e| e.value == b"asking"),
            // No room in `kv`: the pause of this instance alone.
            Err(_) => {
                let pause = i64::try_from(self.config.pause.0.as_secs()).unwrap_or(i64::MAX);
                now.saturating_sub(self.asked) >= pause
            }
        };
        if turn {
            self.asked = now;
        }
        turn
    }

    fn fetch(&mut self, now: i64) {
        match self.ask(now) {
            Ok(()) => {
                kv::delete(&self.key("jwks-failed"));
            }
            Err(error) => {
                let pause = self.back_off();
                log::warn!("{}: {error}; asking again in {} s", self.config.url, pause.as_secs());
            }
        }
    }

    fn ask(&mut self, now: i64) -> Result<()> {
        let answer = http::Request::get(self.config.url.as_str())
            .header("accept", "application/jwk-set+json, application/json")
            .timeout(self.config.timeout.0)
            .send()?;
        if answer.status != 200 {
            return Err(Error::new(format!("the answer was {}", answer.status)));
        }
        self.adopt(&answer.body, now)?;
        let mut entry = now.to_le_bytes().to_vec();
        entry.extend_from_slice(&answer.body);
        let kept = self.config.refresh.0 + self.config.stale.0;
        if let Err(error) = kv::set_for(&self.key("jwks"), entry, kept) {
            log::warn!("{}: the keys are not kept: {error}", self.config.url);
        }
        Ok(())
    }

    /// Doubles the pause with every failure in a row.
    fn back_off(&self) -> Duration {
        let key = self.key("jwks-failed");
        let failures = kv::get(&key).and_then(|entry| entry.value.first().copied()).unwrap_or(0);
        let pause = self.config.pause.0.saturating_mul(1 << failures.min(12));
        let pause = pause.min(LONGEST_PAUSE.max(self.config.pause.0));
        let kept = LONGEST_PAUSE.max(self.config.pause.0) * 2;
        // Without room in `kv` the pause is that of `may_ask`.
        let _ = kv::set_for(&key, [failures.saturating_add(1)], kept);
        let _ = kv::set_for(&self.key("jwks-asked"), "failed", pause);
        pause
    }
}
