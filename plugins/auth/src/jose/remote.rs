//! Documents by URL, such as key sets: kept in `kv` for all instances, refreshed by
//! time, and fetched for a request only where there is none that will do.

use std::rc::Rc;
use std::time::Duration;

use plugin_sdk::{Error, Result, http, kv, log};

use crate::clock;

/// Where a document is, and how often it may be asked for.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) url: String,
    /// After how long it is fetched again.
    pub(crate) refresh: Duration,
    /// How long it is used beyond that.
    pub(crate) stale: Duration,
    /// Between two requests, over all instances; doubled with each failure.
    pub(crate) pause: Duration,
    /// For one request.
    pub(crate) timeout: Duration,
}

/// A document of a provider.
#[derive(Debug)]
pub(crate) struct Remote<T> {
    source: Source,
    parse: fn(&[u8]) -> Result<T>,
    /// Seconds.
    refresh: i64,
    stale: i64,
    local: Option<Local<T>>,
    /// When `kv` was last looked at, and when the provider was last asked.
    looked: i64,
    asked: i64,
    /// Grows with every change of the document.
    generation: u64,
}

#[derive(Debug)]
struct Local<T> {
    document: Rc<T>,
    text: Vec<u8>,
    fetched: i64,
}

/// There is no document, and the provider does not give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl<T> Remote<T> {
    pub(crate) fn new(source: Source, parse: fn(&[u8]) -> Result<T>) -> Self {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self {
            refresh: seconds(source.refresh),
            stale: seconds(source.stale),
            source,
            parse,
            local: None,
            looked: i64::MIN,
            asked: i64::MIN,
            generation: 0,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.source.url
    }

    /// Says which document is current: what was verified by another, or by one that may
    /// not be used any more, is not.
    pub(crate) fn generation(&self, now: i64) -> Option<u64> {
        let usable = self.local.as_ref().is_some_and(|local| self.is_usable(local, now));
        usable.then_some(self.generation)
    }

    /// The document, one that will do if the provider has it.
    ///
    /// The provider is asked only where there is none, or none that will do, and with
    /// a pause between over all instances.
    ///
    /// # Errors
    /// There is none that may be used.
    pub(crate) fn find(&mut self, now: i64, will_do: impl Fn(&T) -> bool) -> Result<Rc<T>, Gone> {
        self.renew(now);
        if !self.has(now, &will_do) {
            self.look(now);
        }
        if !self.has(now, &will_do) && self.may_ask(now) {
            self.fetch(now);
        }
        let usable = self.local.as_ref().filter(|local| self.is_usable(local, now));
        usable.map(|local| Rc::clone(&local.document)).ok_or(Gone)
    }

    /// Takes over what another instance has fetched, once this is old.
    pub(crate) fn renew(&mut self, now: i64) {
        if self.local.as_ref().is_some_and(|local| now - local.fetched >= self.refresh) {
            self.look(now);
        }
    }

    /// Fetches what is due, by time.
    pub(crate) fn refresh(&mut self) {
        let now = clock::now();
        let due = |local: &Local<T>| now - local.fetched >= self.refresh;
        if self.local.as_ref().is_none_or(due) {
            self.look(now);
        }
        let due = |local: &Local<T>| now - local.fetched >= self.refresh;
        if self.local.as_ref().is_none_or(due) && self.may_ask(now) {
            self.fetch(now);
        }
    }

    /// How often [`refresh`](Self::refresh) wants to be called.
    pub(crate) fn interval(&self) -> Duration {
        (self.source.refresh / 10).clamp(Duration::from_secs(1), Duration::from_secs(30))
    }

    fn is_usable(&self, local: &Local<T>, now: i64) -> bool {
        now - local.fetched <= self.refresh.saturating_add(self.stale)
    }

    fn has(&self, now: i64, will_do: impl Fn(&T) -> bool) -> bool {
        let local = self.local.as_ref().filter(|local| self.is_usable(local, now));
        local.is_some_and(|local| will_do(&local.document))
    }

    fn key(&self, what: &str) -> String {
        format!("{what}/{}", self.source.url)
    }

    /// Takes over what another instance has fetched; once a second at most.
    fn look(&mut self, now: i64) {
        if self.looked == now {
            return;
        }
        self.looked = now;
        let Some(entry) = kv::get(&self.key("fetched")) else { return };
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
        let document = Rc::new((self.parse)(text)?);
        self.local = Some(Local { document, text: text.to_vec(), fetched });
        self.generation += 1;
        Ok(())
    }

    /// Whether it is this instance's turn to ask the provider.
    fn may_ask(&mut self, now: i64) -> bool {
        let key = self.key("asked");
        let turn = match kv::compare_and_set(&key, None, "asking", Some(self.source.pause)) {
            Ok(Some(_)) => true,
            // Whoever asks has not finished: without a document it is better to ask too
            // than to refuse. After a failure nobody does.
            Ok(None) => self.local.is_none() && kv::get(&key).is_some_and(|e| e.value == b"asking"),
            // No room in `kv`: the pause of this instance alone.
            Err(_) => {
                let pause = i64::try_from(self.source.pause.as_secs()).unwrap_or(i64::MAX);
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
                kv::delete(&self.key("failed"));
            }
            Err(error) => {
                let pause = self.back_off();
                log::warn!("{}: {error}; asking again in {} s", self.source.url, pause.as_secs());
            }
        }
    }

    fn ask(&mut self, now: i64) -> Result<()> {
        let answer = http::Request::get(self.source.url.as_str())
            .header("accept", "application/json, application/jwk-set+json")
            .timeout(self.source.timeout)
            .send()?;
        if answer.status != 200 {
            return Err(Error::new(format!("the answer was {}", answer.status)));
        }
        self.adopt(&answer.body, now)?;
        let mut entry = now.to_le_bytes().to_vec();
        entry.extend_from_slice(&answer.body);
        let kept = self.source.refresh + self.source.stale;
        if let Err(error) = kv::set_for(&self.key("fetched"), entry, kept) {
            log::warn!("{}: it is not kept: {error}", self.source.url);
        }
        Ok(())
    }

    /// Doubles the pause with every failure in a row.
    fn back_off(&self) -> Duration {
        let key = self.key("failed");
        let failures = kv::get(&key).and_then(|entry| entry.value.first().copied()).unwrap_or(0);
        let pause = self.source.pause.saturating_mul(1 << failures.min(12));
        let pause = pause.min(LONGEST_PAUSE.max(self.source.pause));
        let kept = LONGEST_PAUSE.max(self.source.pause) * 2;
        // Without room in `kv` the pause is that of `may_ask`.
        let _ = kv::set_for(&key, [failures.saturating_add(1)], kept);
        let _ = kv::set_for(&self.key("asked"), "failed", pause);
        pause
    }
}
