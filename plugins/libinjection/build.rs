//! Makes the tables of `data` into Rust: a hash table of words, the fingerprints
//! by their beginning, and the names of events.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[path = "src/sqli/hash.rs"]
mod hash;

/// A power of two, at least twice the number of words: a search that fails
/// ends after one or two slots.
const SLOTS: usize = 2048;

fn main() {
    let mut out = String::new();
    words(&read("words.tsv"), &mut out);
    fingerprints(&read("fingerprints.txt"), &mut out);
    events(&read("events.txt"), &mut out);
    let directory = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&directory).join("tables.rs"), out).expect("OUT_DIR can be written");
}

fn read(name: &str) -> String {
    let path = Path::new("data").join(name);
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path).expect("the tables are beside this file")
}

/// `WORDS`, and `WORD_SLOTS`: for a hash, one more than the index in `WORDS`,
/// or 0 in a free slot.
fn words(text: &str, out: &mut String) {
    let mut slots = [0_u16; SLOTS];
    let mut entries = String::new();
    let mut count = 0;
    let mut longest = 0;
    for line in text.lines() {
        let (word, symbol) = line.split_once('\t').expect("a word, a tab, a kind");
        let symbol = symbol.chars().next().expect("a kind is one character");
        let mut slot = hash::slot(word.as_bytes(), SLOTS);
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        count += 1;
        longest = longest.max(word.len());
        slots[slot] = count;
        let kind = kind(symbol).expect("a kind that words can have");
        writeln!(entries, "    ({word:?}, Kind::{kind}),").expect("a String takes all");
    }
    assert!(usize::from(count) * 2 <= SLOTS, "the table of words is too full");
    write!(
        out,
        "pub(crate) const LONGEST_WORD: usize = {longest};\n\
         pub(crate) static WORDS: [(&str, Kind); {count}] = [\n{entries}];\n\
         pub(crate) static WORD_SLOTS: [u16; {SLOTS}] = {slots:?};\n"
    )
    .expect("a String takes all");
}

fn kind(symbol: char) -> Option<&'static str> {
    let name = match symbol {
        'k' => "Keyword",
        'U' => "Union",
        'B' => "Group",
        'E' => "Expression",
        't' => "SqlType",
        'f' => "Function",
        'n' => "Bareword",
        '1' => "Number",
        'v' => "Variable",
        'o' => "Operator",
        '&' => "LogicOperator",
        'A' => "Collate",
        'T' => "Tsql",
        _ => return None,
    };
    Some(name)
}

/// The fingerprints, each as up to five codes of symbols. `SYMBOL_CODES` has the
/// code of each byte: 0 for none, `NO_CODE` for one of no fingerprint. The last
/// three codes are a number of `TAILS`; the first two say by `BUCKETS` where those
/// that belong to them begin and end.
fn fingerprints(text: &str, out: &mut String) {
    const NO_CODE: u8 = 0xff;
    let mut alphabet: Vec<u8> = text.bytes().filter(|&byte| byte != b'\n').collect();
    alphabet.sort_unstable();
    alphabet.dedup();
    let codes = alphabet.len() + 1;
    assert!(codes <= 32, "a code has five bits");
    let mut symbol_codes = [NO_CODE; 256];
    symbol_codes[0] = 0;
    for (symbol, code) in alphabet.into_iter().zip(1..) {
        symbol_codes[usize::from(symbol)] = code;
        symbol_codes[usize::from(symbol.to_ascii_lowercase())] = code;
    }
    let mut buckets = vec![Vec::new(); codes * codes];
    for line in text.lines() {
        let mut fingerprint = [0; 5];
        for (code, symbol) in fingerprint.iter_mut().zip(line.bytes()) {
            *code = usize::from(symbol_codes[usize::from(symbol)]);
        }
        let [first, second, third, fourth, fifth] = fingerprint;
        buckets[first * codes + second].push(third << 10 | fourth << 5 | fifth);
    }
    let mut starts = vec![0];
    let mut tails = Vec::new();
    for mut bucket in buckets {
        bucket.sort_unstable();
        tails.append(&mut bucket);
        starts.push(tails.len());
    }
    write!(
        out,
        "pub(crate) const NO_CODE: u8 = {NO_CODE};\n\
         pub(crate) const CODES: usize = {codes};\n\
         pub(crate) static SYMBOL_CODES: [u8; 256] = {symbol_codes:?};\n\
         pub(crate) static BUCKETS: [u16; {}] = {starts:?};\n\
         pub(crate) static TAILS: [u16; {}] = {tails:?};\n",
        starts.len(),
        tails.len(),
    )
    .expect("a String takes all");
}

/// `EVENTS` in order. A name that begins with another one is left out: where it
/// would match, the shorter one does. So of all names only the last one that is
/// not greater than a text can be its beginning.
fn events(text: &str, out: &mut String) {
    let mut names: Vec<&str> = text.lines().collect();
    names.sort_unstable();
    let mut kept: Vec<&str> = Vec::new();
    for name in names {
        if !kept.last().is_some_and(|last| name.starts_with(last)) {
            kept.push(name);
        }
    }
    let count = kept.len();
    writeln!(out, "pub(crate) static EVENTS: [&str; {count}] = {kept:?};")
        .expect("a String takes all");
}
