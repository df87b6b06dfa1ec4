//! Finds which of some thousand short literals are in a text, in any case.
//!
//! Each literal is represented by a window of two to four of its octets, and each
//! position of a text is looked up in three small tables. That takes the same
//! time for every text, which an automaton does not: one with failure transitions
//! is several times slower on text that is nearly something, and a DFA of the
//! same literals takes megabytes in every instance.

/// The longest window.
const LONGEST: usize = 4;
/// The bits of a hash: 16 KiB for a table, in which some thousand windows are
/// rarely mistaken for one another.
const BITS: u32 = 17;

/// Windows by length less two, and the number of each.
#[derive(Default)]
pub(super) struct Windows {
    tables: [Table; LONGEST - 1],
}

/// Windows of one length.
#[derive(Default)]
struct Table {
    /// Which hashes there are.
    hashes: Vec<u64>,
    /// Window and number, in the order of windows.
    numbers: Vec<(u32, u32)>,
}

/// The octets of a literal that are looked for: the four that are least common.
pub(super) fn window(literal: &[u8]) -> Vec<u8> {
    let windows = literal.windows(LONGEST.min(literal.len()));
    let rarity = |window: &&[u8]| window.iter().map(|b| rarity(*b)).sum::<usize>();
    windows.max_by_key(rarity).unwrap_or(literal).to_ascii_lowercase()
}

/// How uncommon an octet is in texts.
fn rarity(octet: u8) -> usize {
    const LETTERS: &[u8] = b"etaoinsrhldcumfpgwybvkxjqz";
    let letter = LETTERS.iter().position(|l| *l == octet.to_ascii_lowercase());
    letter.unwrap_or(if octet == b' ' { 0 } else { LETTERS.len() })
}

impl Windows {
    /// Windows of two to four octets in lower case, with their numbers.
    pub(super) fn new<'a>(windows: impl Iterator<Item = (&'a [u8], u32)>) -> Self {
        let mut made = Self::default();
        for (window, number) in windows {
            let table = &mut made.tables[window.len() - 2];
            table.hashes.resize(1 << (BITS - 6), 0);
            let key = window.iter().fold(0, |key, b| key << 8 | u32::from(*b));
            let hash = hash(key);
            table.hashes[hash / 64] |= 1 << (hash % 64);
            table.numbers.push((key, number));
        }
        made.tables.iter_mut().for_each(|table| table.numbers.sort_unstable());
        made
    }

    /// Hands over the number of each window wherever it is.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(u32)) {
        let [two, three, four] = &self.tables;
        let mut last = 0_u32;
        for (at, octet) in text.iter().enumerate() {
            last = last << 8 | u32::from(octet.to_ascii_lowercase());
            if at >= 1 {
                two.look_up(last & 0xFFFF, &mut found);
            }
            if at >= 2 {
                three.look_up(last & 0xFF_FFFF, &mut found);
            }
            if at >= 3 {
                four.look_up(last, &mut found);
            }
        }
    }
}

impl Table {
    #[inline]
    fn look_up(&self, key: u32, found: &mut impl FnMut(u32)) {
        let hash = hash(key);
        let there = self.hashes.get(hash / 64).is_some_and(|word| word >> (hash % 64) & 1 == 1);
        if there && let Ok(at) = self.numbers.binary_search_by_key(&key, |(key, _)| *key) {
            found(self.numbers[at].1);
        }
    }
}

#[inline]
fn hash(key: u32) -> usize {
    (key.wrapping_mul(0x9E37_79B1) >> (32 - BITS)) as usize
}
