//! The words that mean something in some dialect of SQL, and the fingerprints
//! of injections.

use super::Kind;
use super::hash;
use crate::tables::{
    BUCKETS, CODES, LONGEST_WORD, NO_CODE, SYMBOL_CODES, TAILS, WORD_SLOTS, WORDS,
};

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

/// Whether symbols, filled up with zeros, are the fingerprint of an injection.
/// Upper and lower case are the same.
pub(super) fn is_known_fingerprint(symbols: [u8; 5]) -> bool {
    let codes = symbols.map(|symbol| SYMBOL_CODES[usize::from(symbol)]);
    if codes.contains(&NO_CODE) {
        return false;
    }
    let [first, second, tail @ ..] = codes;
    let bucket = usize::from(first) * CODES + usize::from(second);
    let bucket = usize::from(BUCKETS[bucket])..usize::from(BUCKETS[bucket + 1]);
    let tail = tail.iter().fold(0, |number, &code| number << 5 | u16::from(code));
    TAILS[bucket].binary_search(&tail).is_ok()
}
