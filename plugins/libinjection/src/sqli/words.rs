//! The words that mean something in some dialect of SQL, and the fingerprints
//! of injections.

use super::Kind;
use super::hash;
use crate::tables::{FINGERPRINTS, LONGEST_WORD, WORD_SLOTS, WORDS};

/// A word or phrase of the table: its upper-case spelling and its kind.
pub(super) fn find(word: &[u8]) -> Option<(&'static str, Kind)> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let mut slot = hash::slot(word, WORD_SLOTS.len());
    loop {
        // 0 marks a free slot, so this is also where a search fails.
        let index = usize::from(WORD_SLOTS[slot]).checked_sub(1)?;
        let entry = WORDS[index];
        if entry.0.as_bytes().eq_ignore_ascii_case(word) {
            return Some(entry);
        }
        slot = (slot + 1) % WORD_SLOTS.len();
    }
}

/// The kind of a word or phrase.
pub(super) fn kind(word: &[u8]) -> Option<Kind> {
    find(word).map(|(_, kind)| kind)
}

/// Whether a pattern, in upper case and filled up with zeros, is one of an
/// injection.
pub(super) fn is_known_pattern(pattern: &[u8; 5]) -> bool {
    FINGERPRINTS.binary_search(pattern).is_ok()
}
