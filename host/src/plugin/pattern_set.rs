//! Sets of patterns: compiled when a plugin is loaded, once for all instances of it
//! and for all plugins that ask for the same.
//!
//! A plugin asks in `configure`, and every instance has to ask for the same: the
//! trial instance compiles ([`Sets::Compile`]), all later ones find what it compiled
//! ([`Sets::Compiled`]). So nothing is ever compiled on a worker. What is compiled
//! belongs to the plugins that use it, and goes with the last of them.

mod literal;
mod network;
mod regex;

use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use literal::LiteralSet;
pub use network::NetworkSet;
pub use regex::{Options, RegexSet};

/// Members of one set.
const MEMBERS_MAX: usize = 100_000;
/// Octets of all members of one set.
const OCTETS_MAX: usize = 1 << 20;
/// Sets of one plugin.
const SETS_MAX: usize = 256;

/// What a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// `regex-set`
    Regex(Vec<String>, Options),
    /// `literal-set`, and whether the case of ASCII letters is ignored.
    Literal(Vec<Vec<u8>>, bool),
    /// `cidr-set`
    Network(Vec<String>),
}

/// A compiled set. Its members are numbered by their places in the definition.
#[derive(Debug)]
pub struct PatternSet {
    definition: Definition,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    Regex(Box<RegexSet>),
    Literal(LiteralSet),
    Network(NetworkSet),
}

impl PatternSet {
    /// The error names the member that is wrong, and says how.
    fn compile(definition: Definition) -> Result<Self, String> {
        definition.check_size()?;
        let matcher = match &definition {
            Definition::Regex(patterns, options) => {
                RegexSet::new(patterns, *options).map(|set| Matcher::Regex(Box::new(set)))
            }
            Definition::Literal(literals, ignore_case) => {
                LiteralSet::new(literals, *ignore_case).map(Matcher::Literal)
            }
            Definition::Network(networks) => NetworkSet::new(networks).map(Matcher::Network),
        };
        Ok(Self { matcher: matcher?, definition })
    }

    /// Whether any member matches.
    pub fn is_match(&self, subject: &[u8]) -> Result<bool, TooLong> {
        match &self.matcher {
            Matcher::Regex(set) => set.is_match(subject),
            Matcher::Literal(set) => Ok(set.is_match(subject)),
            Matcher::Network(set) => Ok(set.is_match(subject)),
        }
    }

    /// The members that match, ascending.
    pub fn matches(&self, subject: &[u8]) -> Result<Vec<u32>, TooLong> {
        match &self.matcher {
            Matcher::Regex(set) => set.matches(subject),
            Matcher::Literal(set) => set.matches(subject),
            Matcher::Network(set) => Ok(set.matches(subject)),
        }
    }
}

/// A search that would keep the worker from its other exchanges for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a set of patterns took too long to be searched for: use fewer, or plainer ones")]
pub struct TooLong;

impl Definition {
    fn check_size(&self) -> Result<(), String> {
        let (members, octets) = match self {
            Self::Regex(texts, _) | Self::Network(texts) => {
                (texts.len(), texts.iter().map(String::len).sum::<usize>())
            }
            Self::Literal(literals, _) => (literals.len(), literals.iter().map(Vec::len).sum()),
        };
        let most = if matches!(self, Self::Regex(..)) { regex::PATTERNS_MAX } else { MEMBERS_MAX };
        if members > most {
            return Err(format!("a set of {members} members: {most} is the most"));
        }
        if octets > OCTETS_MAX {
            return Err(format!("a set of {octets} octets: {OCTETS_MAX} is the most"));
        }
        Ok(())
    }
}

/// Where an instance gets the sets that it asks for.
#[derive(Clone, Debug)]
pub enum Sets {
    /// The trial instance: from the library.
    Compile(Arc<Library>),
    /// Later ones: from what the trial instance asked for.
    Compiled(Arc<[Arc<PatternSet>]>),
}

/// The sets that an instance has asked for; a set's number is its place.
#[derive(Debug)]
pub struct AskedSets {
    sets: Sets,
    asked: Vec<Arc<PatternSet>>,
}

impl AskedSets {
    /// None so far.
    pub fn new(sets: Sets) -> Self {
        Self { sets, asked: Vec::new() }
    }

    /// The number of a set for this instance; the same for the same set.
    pub fn ask(&mut self, definition: Definition) -> Result<u32, String> {
        let known = |set: &Arc<PatternSet>| set.definition == definition;
        if let Some(number) = self.asked.iter().position(known) {
            return Ok(number as u32);
        }
        if self.asked.len() == SETS_MAX {
            return Err(format!("more than {SETS_MAX} sets"));
        }
        let set = match &self.sets {
            Sets::Compile(library) => library.find_or_compile(definition)?,
            Sets::Compiled(sets) => {
                let found = sets.iter().find(|set| known(set)).cloned();
                found.ok_or("sets are compiled when the plugin is loaded: every instance has to ask for the same, in `configure`")?
            }
        };
        self.asked.push(set);
        Ok(self.asked.len() as u32 - 1)
    }

    /// The set of that number.
    pub fn get(&self, number: u32) -> Option<&Arc<PatternSet>> {
        self.asked.get(number as usize)
    }

    /// Everything that was asked for, to be kept with the plugin.
    pub fn compiled(&self) -> Arc<[Arc<PatternSet>]> {
        self.asked.as_slice().into()
    }
}

/// What is compiled in this process. Locked when a plugin is loaded, and then only.
#[derive(Debug, Default)]
pub struct Library(Mutex<Vec<Weak<PatternSet>>>);

impl Library {
    fn find_or_compile(&self, definition: Definition) -> Result<Arc<PatternSet>, String> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.retain(|set| set.strong_count() > 0);
        let mut known = sets.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find(|set| set.definition == definition) {
            return Ok(known);
        }
        let set = Arc::new(PatternSet::compile(definition)?);
        sets.push(Arc::downgrade(&set));
        Ok(set)
    }
}

/// A member for an error's text: its place, and its beginning.
fn named(kind: &str, place: usize, text: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("{kind} {place}, `{shown}{more}`")
}

#[cfg(test)]
mod tests;
