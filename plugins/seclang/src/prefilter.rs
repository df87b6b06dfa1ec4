//! What surely does not match, found out for all patterns at once.
//!
//! From each pattern follows what a text must contain for it to match: one of a
//! few literals, an octet of each of some sets, a length. One pass over a text
//! finds the literals of all patterns, and which octets there are. The answer may
//! be "perhaps" where nothing matches, and never "no" where something does.

mod literals;
mod windows;

use std::collections::HashMap;

use crate::operator::{Operator, Relation};
use literals::Requirement;
use windows::Windows;

/// Which octets a text contains.
type Octets = [u64; 4];

/// The patterns of some rules.
#[derive(Default)]
pub(crate) struct Prefilter {
    windows: Windows,
    /// For each literal the patterns that want it.
    wanted: Vec<Vec<u32>>,
    /// Patterns that want no literal.
    always: Vec<u64>,
    /// Sets of octets, and the patterns that want one of each.
    sets: Vec<(Octets, Vec<u64>)>,
    /// Lengths, ascending, and the patterns that want at least so much.
    lengths: Vec<(usize, Vec<u64>)>,
}

/// Collects patterns.
#[derive(Default)]
pub(crate) struct Builder {
    requirements: Vec<Requirement>,
}

impl Builder {
    /// The number of an operator's pattern; none if nothing can be said of it.
    pub(crate) fn add(&mut self, operator: &Operator) -> Option<u32> {
        let requirement = match operator {
            Operator::Regex { pattern, .. } => literals::of_regex(pattern)?,
            Operator::Phrases { phrases, .. } => Requirement::any_of(phrases.iter()),
            Operator::Text(
                Relation::Contains
                | Relation::ContainsWord
                | Relation::EndsWith
                | Relation::BeginsWith
                | Relation::Equals,
                argument,
            ) => Requirement::any_of([argument.constant().filter(|c| !c.is_empty())?]),
            _ => return None,
        };
        if requirement.is_empty() {
            return None;
        }
        self.requirements.push(requirement);
        u32::try_from(self.requirements.len() - 1).ok()
    }

    pub(crate) fn build(self) -> Prefilter {
        let mut built = Prefilter::default();
        let words = self.requirements.len().div_ceil(64);
        built.always = vec![0; words];
        let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut texts = Vec::new();
        for (pattern, requirement) in (0_u32..).zip(self.requirements) {
            match requirement.literals {
                None => set(&mut built.always, pattern),
                Some(literals) => {
                    for literal in literals {
                        let number = *numbers.entry(literal).or_insert_with_key(|literal| {
                            texts.push(literal.clone());
                            built.wanted.push(Vec::new());
                            texts.len() - 1
                        });
                        built.wanted[number].push(pattern);
                    }
                }
            }
            for wanted in requirement.sets {
                set(of(&mut built.sets, wanted, words), pattern);
            }
            if requirement.length > 0 {
                set(of(&mut built.lengths, requirement.length, words), pattern);
            }
        }
        built.lengths.sort_by_key(|(length, _)| *length);
        let numbered = texts.iter().map(Vec::as_slice).zip(0_u32..);
        built.windows = Windows::new(numbered);
        built
    }
}

impl Prefilter {
    /// How many words a result has.
    pub(crate) fn words(&self) -> usize {
        self.always.len()
    }

    /// Appends a bit for each pattern: set if it may match.
    pub(crate) fn scan(&self, text: &[u8], out: &mut Vec<u64>) {
        let start = out.len();
        out.extend_from_slice(&self.always);
        let bits = &mut out[start..];
        self.windows.find(text, |number| {
            for pattern in &self.wanted[number as usize] {
                set(bits, *pattern);
            }
        });
        let without = |bits: &mut [u64], patterns: &[u64]| {
            bits.iter_mut().zip(patterns).for_each(|(bits, patterns)| *bits &= !patterns);
        };
        for (_, patterns) in self.lengths.iter().rev().take_while(|(l, _)| *l > text.len()) {
            without(bits, patterns);
        }
        let octets = octets(text);
        for (_, patterns) in self.sets.iter().filter(|(wanted, _)| !meet(wanted, &octets)) {
            without(bits, patterns);
        }
    }
}

/// The patterns that go with a key.
fn of<K: PartialEq>(list: &mut Vec<(K, Vec<u64>)>, key: K, words: usize) -> &mut [u64] {
    let at = list.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        list.push((key, vec![0; words]));
        list.len() - 1
    });
    &mut list[at].1
}

fn set(bits: &mut [u64], number: u32) {
    bits[number as usize / 64] |= 1 << (number % 64);
}

fn octets(text: &[u8]) -> Octets {
    let mut octets = [0; 4];
    for &b in text {
        octets[usize::from(b >> 6)] |= 1 << (b & 63);
    }
    octets
}

fn meet(left: &Octets, right: &Octets) -> bool {
    left.iter().zip(right).any(|(l, r)| l & r != 0)
}

#[cfg(test)]
mod tests;
