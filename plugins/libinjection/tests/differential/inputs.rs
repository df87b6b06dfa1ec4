//! Makes inputs: known attacks and harmless texts, one input for each fingerprint,
//! mixtures of pieces of SQL and HTML, changed attacks, and long inputs.
//!
//! Not made by `proptest`, whose inputs for a seed change with its version: the
//! recorded answers belong to these very inputs.

use super::corpus::{ATTACKS, HARMLESS};

/// Inputs of one kind.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) inputs: Vec<Vec<u8>>,
}

/// All inputs with a recorded answer.
pub(crate) fn all() -> Vec<Section> {
    let mut sections = vec![
        Section { name: "corpus", inputs: corpus() },
        Section { name: "fingerprint", inputs: one_for_each_fingerprint() },
        Section { name: "long", inputs: long() },
    ];
    sections.extend(generated(0));
    sections
}

/// Inputs by chance, others for each seed.
pub(crate) fn generated(seed: u64) -> Vec<Section> {
    type Make = fn(&mut Chance) -> Vec<u8>;
    let kinds: [(&str, usize, Make); 4] = [
        ("sql", 50_000, |chance| mixture(chance, SQL)),
        ("html", 30_000, |chance| mixture(chance, HTML)),
        ("changed", 20_000, changed),
        ("bytes", 10_000, bytes),
    ];
    kinds
        .into_iter()
        .zip(1..)
        .map(|((name, count, make), stream)| {
            let mut chance = Chance(seed << 8 | stream);
            Section { name, inputs: (0..count).map(|_| make(&mut chance)).collect() }
        })
        .collect()
}

/// What looks like a payload in YAML: the values, as they are and decoded, and the
/// parts of query strings.
pub(crate) fn values_of(texts: &[String]) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for line in texts.iter().flat_map(|text| text.lines()) {
        let value = line.split_once(": ").map_or(line, |(_, value)| value);
        let value = value.trim().trim_matches(['"', '\'']);
        for part in value.split(['?', '&', '=']).chain([value]) {
            values.push(part.as_bytes().to_vec());
            values.push(decoded(part));
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::new();
    while let Some(&byte) = bytes.next() {
        let digits = bytes.as_slice().get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                bytes.nth(1);
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    decoded
}

fn corpus() -> Vec<Vec<u8>> {
    ATTACKS.iter().chain(HARMLESS).map(|input| input.to_vec()).collect()
}

/// For each fingerprint tokens of its kinds. No fingerprint has other ones.
fn one_for_each_fingerprint() -> Vec<Vec<u8>> {
    let token = |symbol| match symbol {
        '1' => "1",
        'A' => "collate",
        'B' => "group by",
        'C' => "--",
        'E' => "select",
        'F' => "sleep",
        'K' => "from",
        'N' => "x",
        'O' => "=",
        'S' => "'s'",
        'T' => "declare",
        'U' => "union",
        'V' => "@v",
        'X' => "/*!*/",
        '&' => "and",
        '(' => "(",
        ')' => ")",
        ',' => ",",
        ':' => ":",
        ';' => ";",
        _ => "",
    };
    include_str!("../../data/fingerprints.txt")
        .lines()
        .map(|line| line.chars().map(token).collect::<Vec<_>>().join(" ").into_bytes())
        .collect()
}

/// What would take long if the time were not linear.
fn long() -> Vec<Vec<u8>> {
    const REPEATED: &[&str] = &[
        "'",
        "\\'",
        "\"",
        "`",
        "\\",
        "''\\",
        "$a$",
        "$a",
        "$",
        "$$",
        "/*",
        "*/",
        "/*!",
        "--",
        "-",
        "#",
        "#\n",
        "(",
        ")",
        "{",
        "[",
        "@",
        "@@",
        ";",
        ",",
        "1,",
        "-1",
        "a.",
        "select.",
        "and.",
        "div.",
        "like`",
        "and ",
        "x",
        "0x",
        "1e",
        "q'(",
        "u&'",
        "n'",
        "<",
        "<a ",
        "</",
        "</>",
        "<!--",
        "<!-",
        "-\0",
        "<%",
        "%",
        "<![CDATA[",
        "]",
        "<a/",
        "/",
        "=",
        "a=",
        "a='",
        "onx ",
        "<a on=",
        "&#",
        "&#0",
        "<a href='&#0",
        "\0",
        " ",
        "\u{a0}",
        "sp_passwor",
        "<a href=' ",
    ];
    const LENGTH: usize = 32 * 1024;
    let mut inputs = Vec::new();
    for piece in REPEATED {
        for before in ["", "1 ", "'", "<a href='"] {
            let repeated = piece.repeat(LENGTH / piece.len());
            inputs.push(format!("{before}{repeated}").into_bytes());
        }
    }
    inputs
}

const SQL: &[&str] = &[
    "'",
    "'",
    "\"",
    "`",
    "''",
    "\"\"",
    "--",
    "-- ",
    "#",
    "/*",
    "*/",
    "/*!",
    "/**/",
    " ",
    "\t",
    "\n",
    "\0",
    "(",
    ")",
    "((",
    "))",
    ",",
    ";",
    ";;",
    "{",
    "}",
    "[",
    "]",
    ".",
    "..",
    ":",
    "::",
    "@",
    "@@",
    "@`",
    "$",
    "$$",
    "$a$",
    "$.",
    "$1,0",
    "\\",
    "\\N",
    "\\'",
    "\\\\",
    "0x",
    "0x1f",
    "0b1",
    "0b",
    "1",
    "1",
    "1.",
    ".1",
    "1e",
    "1e5",
    "1.5e-3",
    "1d",
    "1fu",
    "<",
    ">",
    "=",
    "=",
    "<=>",
    "!=",
    "<=",
    "||",
    "&&",
    "|",
    "&",
    "!",
    "~",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "?",
    "a",
    "b",
    "q",
    "n",
    "foo",
    "a.b",
    "q'(",
    "nq'[",
    "x'1f'",
    "b'01'",
    "n'",
    "u&'",
    "e'",
    "users",
    "1=1",
    "' or 1=1",
    "\" or 1=1",
    "sp_password",
    "user(",
    "select.1",
    "select`a`",
    "if",
    "into outfile",
    "in",
    "not",
    "like",
    "collate",
    "latin1_bin",
    "\u{7f}",
    "\u{2019}",
    "`0`",
    "0x b",
    "union select",
    "union all",
    "load_file(",
    "or",
    "and",
    "int",
    "varchar",
    "{``",
];

const HTML: &[&str] = &[
    "<",
    "<",
    ">",
    "</",
    "/>",
    "=",
    "=",
    "\"",
    "'",
    "`",
    " ",
    " ",
    "\n",
    "\0",
    "\u{b}",
    "!",
    "<!",
    "<!--",
    "-->",
    "--!>",
    "-",
    "-\0->",
    "<?",
    "<%",
    "%>",
    "%",
    "<![CDATA[",
    "]]>",
    "]",
    "<!doctype",
    "script",
    "svg",
    "xsl",
    "style",
    "iframe",
    "a",
    "b",
    "img",
    "ima\0ge",
    "on",
    "onclick",
    "onerror",
    "onload",
    "onfoo",
    "onend",
    "on\0end",
    "href",
    "src",
    "xlink:href",
    "xmlns",
    "action",
    "attributename",
    "javascript:",
    "data:",
    "java\nscript:",
    "&#106;",
    "&#x6a",
    "&#x6A;",
    "&#",
    "&#x",
    "&",
    "&#9999999;",
    "&#324;",
    "vbscript",
    "view-source:",
    "\u{a0}",
    "\u{ff}",
    "/",
    "[if",
    "xml",
    "import",
    "entity",
    "x",
    "1",
    "&#0;",
    "&#10;",
    "values",
    "to",
    "by",
    "filter",
    "Folder",
    "base",
    "meta",
    "LINK",
    "jav",
    "ascript",
];

/// Up to twenty pieces, words of SQL among them.
fn mixture(chance: &mut Chance, pieces: &[&str]) -> Vec<u8> {
    let words = include_str!("../../data/words.tsv");
    let most = chance.of(&[3, 6, 10, 20]);
    let mut input = Vec::new();
    for _ in 0..=chance.below(most) {
        if chance.below(4) == 0 {
            let from = chance.below(words.len());
            let word = words[from..].lines().nth(1).and_then(|line| line.split('\t').next());
            let word = word.unwrap_or_default();
            let upper = chance.below(2) == 0;
            let word = if upper { word.to_owned() } else { word.to_ascii_lowercase() };
            input.extend_from_slice(word.as_bytes());
        } else if chance.below(40) == 0 {
            let times = chance.of(&[1, 1, 2, 33]);
            input.extend(std::iter::repeat_n(chance.byte(), times));
        } else {
            // As Latin-1: single bytes above 0x7f are of interest.
            let piece = chance.of(pieces);
            input.extend(piece.chars().map(|character| character as u32 as u8));
        }
        if chance.below(3) == 0 {
            input.push(b' ');
        }
    }
    input
}

/// A text of the corpus with some changes.
fn changed(chance: &mut Chance) -> Vec<u8> {
    let corpora = chance.of(&[ATTACKS, ATTACKS, HARMLESS]);
    let mut input = chance.of(corpora).to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(input.len() + 1);
        match chance.below(4) {
            0 => {
                let pieces = chance.of(&[SQL, HTML]);
                let piece = chance.of(pieces).bytes();
                input.splice(at..at, piece);
            }
            1 => {
                let end = input.len().min(at + 1 + chance.below(3));
                input.drain(at..end);
            }
            2 => {
                let end = input.len().min(at + 1);
                input.splice(at..end, [chance.byte()]);
            }
            _ => {
                let other = chance.of(ATTACKS);
                input.truncate(at);
                input.extend_from_slice(&other[chance.below(other.len())..]);
            }
        }
    }
    input
}

/// Any bytes, most of them those that mean something.
fn bytes(chance: &mut Chance) -> Vec<u8> {
    const SIGNS: &[u8] = b"'\"`\\-#/*!()<>=&;,.@$%10aeoxnqu \0\xa0\xff";
    let length = chance.below(12);
    let mut byte = || if chance.below(8) == 0 { chance.byte() } else { chance.of(SIGNS) };
    (0..length).map(|_| byte()).collect()
}

/// `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
