//! Literal octets.

use aho_corasick::{AhoCorasick, MatchKind};

use super::{TooLong, named};

/// Places at which members are found, each counted for itself: with members that
/// begin or end alike there may be very many. It takes a few milliseconds.
const PLACES_MAX: usize = 1_000_000;
/// So many are noted before those that are there twice are thrown away.
const NOTED_MAX: usize = 10_000;

/// Compiled literals.
#[derive(Debug)]
pub struct LiteralSet {
    automaton: AhoCorasick,
    literals: usize,
}

impl LiteralSet {
    pub(super) fn new(literals: &[Vec<u8>], ignore_case: bool) -> Result<Self, String> {
        if let Some(place) = literals.iter().position(Vec::is_empty) {
            return Err(format!(
                "{}: it is empty, and would match everywhere",
                named("literal", place, "")
            ));
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(ignore_case)
            .build(literals)
            .map_err(|error| format!("the literals cannot be compiled: {error}"))?;
        Ok(Self { automaton, literals: literals.len() })
    }

    pub(super) fn is_match(&self, subject: &[u8]) -> bool {
        self.automaton.is_match(subject)
    }

    pub(super) fn matches(&self, subject: &[u8]) -> Result<Vec<u32>, TooLong> {
        let mut found = Vec::new();
        for (count, place) in (1..).zip(self.automaton.find_overlapping_iter(subject)) {
            found.push(place.pattern().as_u32());
            if count % NOTED_MAX == 0 {
                tidy(&mut found);
                if found.len() == self.literals {
                    break;
                }
                if count >= PLACES_MAX {
                    return Err(TooLong);
                }
            }
        }
        tidy(&mut found);
        Ok(found)
    }
}

fn tidy(found: &mut Vec<u32>) {
    found.sort_unstable();
    found.dedup();
}
