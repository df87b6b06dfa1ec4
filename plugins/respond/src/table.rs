//! All entries, found by host and path in constant time.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use plugin_sdk::{Error, Result};

use crate::answer::Answer;
use crate::place::Place;
use crate::redirect::Redirect;

/// Entries by host and path. The time of a search does not depend on their number; that
/// of prefixes depends on how many segments the longest of them has.
pub(crate) struct Table {
    entries: HashTable<Entry>,
    /// Keyed: clients choose what is hashed.
    hasher: RandomState,
    hosts: Vec<Box<str>>,
    /// The most slashes that a prefix has; none: there are no prefixes.
    deepest: Option<usize>,
}

struct Entry {
    /// 0: every host; else its place in `hosts`, from 1.
    host: u32,
    is_prefix: bool,
    path: Box<str>,
    action: Action,
}

/// What an entry does.
pub(crate) enum Action {
    Answer(Box<Answer>),
    Redirect(Redirect),
}

/// What was found: the action, and what follows its prefix.
pub(crate) struct Found<'t, 'p> {
    pub(crate) action: &'t Action,
    pub(crate) rest: &'p str,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            entries: HashTable::new(),
            hasher: RandomState::new(),
            hosts: Vec::new(),
            deepest: None,
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// There is one of the same place.
    pub(crate) fn add(&mut self, place: Place, action: Action) -> Result<()> {
        let host = place.host.map_or(0, |host| self.number(host));
        if self.entry(host, place.is_prefix, &place.path).is_some() {
            return Err(Error::new("there is an entry of this path already").within("from"));
        }
        if place.is_prefix {
            let slashes = place.path.bytes().filter(|b| *b == b'/').count();
            self.deepest = self.deepest.max(Some(slashes));
        }
        let hash = hash(&self.hasher, host, place.is_prefix, &place.path);
        let entry = Entry { host, is_prefix: place.is_prefix, path: place.path.into(), action };
        let hasher = &self.hasher;
        self.entries.insert_unique(hash, entry, |e| hash_of(hasher, e));
        Ok(())
    }

    /// Whether the host of a request makes a difference.
    pub(crate) fn knows_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry for a request: the exact path before prefixes, a longer prefix before a
    /// shorter one, and for each of them the host's own before that of every host.
    pub(crate) fn find<'p>(&self, host: &str, path: &'p str) -> Option<Found<'_, 'p>> {
        let host = self.host(host);
        let either = |is_prefix, path: &str| {
            let own = (host != 0).then(|| self.entry(host, is_prefix, path)).flatten();
            own.or_else(|| self.entry(0, is_prefix, path))
        };
        if let Some(entry) = either(false, path) {
            return Some(Found { action: &entry.action, rest: "" });
        }
        // From the longest part of the path that can be a prefix to the shortest.
        let mut slashes = path.match_indices('/').map(|(at, _)| at);
        let mut end = slashes.nth(self.deepest?).unwrap_or(path.len());
        loop {
            let (prefix, rest) = path.split_at(end);
            if let Some(entry) = either(true, prefix) {
                return Some(Found { action: &entry.action, rest });
            }
            end = prefix.rfind('/')?;
        }
    }

    /// A redirect that leads to itself, by its path; browsers would follow it for ever.
    pub(crate) fn circle(&self) -> Option<&str> {
        let leads_back = |entry: &&Entry| {
            let Action::Redirect(redirect) = &entry.action else { return false };
            let host = entry.host.checked_sub(1).map_or("", |at| &*self.hosts[at as usize]);
            let rest = if entry.is_prefix { "/x" } else { "" };
            let Some(path) = redirect.path(rest) else { return false };
            self.find(host, &path).is_some_and(|found| std::ptr::eq(found.action, &entry.action))
        };
        self.entries.iter().find(leads_back).map(|entry| &*entry.path)
    }

    fn entry(&self, host: u32, is_prefix: bool, path: &str) -> Option<&Entry> {
        let hash = hash(&self.hasher, host, is_prefix, path);
        self.entries.find(hash, |e| e.host == host && e.is_prefix == is_prefix && *e.path == *path)
    }

    /// The number of a host; there are few, in order.
    fn host(&self, host: &str) -> u32 {
        let at = self.hosts.iter().position(|known| known.eq_ignore_ascii_case(host));
        at.map_or(0, |at| at as u32 + 1)
    }

    fn number(&mut self, host: String) -> u32 {
        match self.host(&host) {
            0 => {
                self.hosts.push(host.into());
                self.hosts.len() as u32
            }
            number => number,
        }
    }
}

fn hash(hasher: &RandomState, host: u32, is_prefix: bool, path: &str) -> u64 {
    hasher.hash_one((host, is_prefix, path))
}

fn hash_of(hasher: &RandomState, entry: &Entry) -> u64 {
    hash(hasher, entry.host, entry.is_prefix, &entry.path)
}
