//! The texts of one transaction: stored once, transformed once, searched once.

use crate::prefilter::Prefilter;
use crate::transform::Transform;

/// A stored text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextId(u32);

impl TextId {
    /// The empty text, and what stands for "no key".
    pub(crate) const EMPTY: Self = Self(0);
}

/// All texts of a transaction.
pub(crate) struct Texts {
    octets: Vec<u8>,
    texts: Vec<Text>,
    derived: Vec<Derived>,
    /// What prefilters said, one after the other.
    bits: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Text {
    start: u32,
    end: u32,
    /// Transformations that change nothing, by their numbers.
    unchanged: u64,
    /// The first of its derived texts, plus 1.
    derived: u32,
    /// Where its bits are, by domain, plus 1.
    scanned: [u32; 2],
}

struct Derived {
    transform: Transform,
    text: TextId,
    next: u32,
}

impl Texts {
    pub(crate) fn new() -> Self {
        let mut texts = Self {
            octets: Vec::with_capacity(4096),
            texts: Vec::with_capacity(128),
            derived: Vec::new(),
            bits: Vec::new(),
        };
        texts.add(b"");
        texts
    }

    pub(crate) fn add(&mut self, octets: &[u8]) -> TextId {
        if octets.is_empty() && !self.texts.is_empty() {
            return TextId::EMPTY;
        }
        let start = self.octets.len();
        self.octets.extend_from_slice(octets);
        self.stored(start)
    }

    fn stored(&mut self, start: usize) -> TextId {
        // Texts of more than 4 GiB cannot come about: bodies are limited, and so
        // is what is made of them.
        let (start, end) = (start as u32, self.octets.len() as u32);
        self.texts.push(Text { start, end, unchanged: 0, derived: 0, scanned: [0; 2] });
        TextId(self.texts.len() as u32 - 1)
    }

    pub(crate) fn get(&self, id: TextId) -> &[u8] {
        let text = &self.texts[id.0 as usize];
        &self.octets[text.start as usize..text.end as usize]
    }

    /// The transformed text.
    pub(crate) fn transformed(&mut self, id: TextId, transform: Transform) -> TextId {
        let text = &self.texts[id.0 as usize];
        if text.unchanged >> (transform as u8) & 1 == 1 {
            return id;
        }
        let mut at = text.derived;
        while at != 0 {
            let derived = &self.derived[at as usize - 1];
            if derived.transform == transform {
                return derived.text;
            }
            at = derived.next;
        }
        let text = match transform.apply(self.get(id)) {
            Some(octets) => self.add(&octets),
            None => {
                self.texts[id.0 as usize].unchanged |= 1 << (transform as u8);
                return id;
            }
        };
        let next = self.texts[id.0 as usize].derived;
        self.derived.push(Derived { transform, text, next });
        self.texts[id.0 as usize].derived = self.derived.len() as u32;
        text
    }

    /// What a prefilter says of the text. `domain` numbers the prefilters.
    pub(crate) fn scanned(&mut self, id: TextId, prefilter: &Prefilter, domain: usize) -> &[u64] {
        let known = self.texts[id.0 as usize].scanned[domain];
        let start = if known != 0 {
            known as usize - 1
        } else {
            let text = self.texts[id.0 as usize];
            let start = self.bits.len();
            prefilter.scan(&self.octets[text.start as usize..text.end as usize], &mut self.bits);
            self.texts[id.0 as usize].scanned[domain] = start as u32 + 1;
            start
        };
        &self.bits[start..start + prefilter.words()]
    }

    /// Whether a pattern may match the text, which has been scanned.
    pub(crate) fn may_match(&self, id: TextId, domain: usize, pattern: u32) -> bool {
        let start = self.texts[id.0 as usize].scanned[domain];
        debug_assert!(start != 0, "only what was scanned is asked for");
        let word = (start as usize).wrapping_sub(1) + pattern as usize / 64;
        self.bits.get(word).is_none_or(|word| word >> (pattern % 64) & 1 == 1)
    }
}
