//! SQL injection: an input is read as a piece of SQL in the contexts where it
//! may end up, folded to a few kinds of tokens, and compared with the patterns of
//! known injections.

mod fold;
mod hash;
#[cfg(test)]
mod tests;
mod token;
mod tokenizer;
mod words;

use std::fmt;

use memchr::{memchr, memmem};

pub(crate) use token::Kind;
use token::Token;
use tokenizer::{Dialect, Tokenizer};

/// The kinds of the tokens that an injection consists of: `s&1c` for
/// `' or 1=1--`, one letter or sign each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    symbols: [u8; fold::LIMIT],
    length: u8,
}

impl Fingerprint {
    /// The fingerprint as libinjection writes it: 1 to 5 ASCII characters.
    pub fn as_str(&self) -> &str {
        let symbols = self.symbols.get(..usize::from(self.length)).unwrap_or_default();
        str::from_utf8(symbols).unwrap_or_default()
    }

    fn of(tokens: &[Token<'_>]) -> Self {
        if is_evil(tokens) {
            return Self { symbols: [Kind::Evil as u8, 0, 0, 0, 0], length: 1 };
        }
        let mut symbols = [0; fold::LIMIT];
        let mut length = 0;
        for (symbol, token) in symbols.iter_mut().zip(tokens) {
            *symbol = token.kind as u8;
            length += 1;
        }
        Self { symbols, length }
    }

    /// Whether it is one of a known injection.
    fn is_known(&self) -> bool {
        words::is_known_fingerprint(self.symbols)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({:?})", self.as_str())
    }
}

/// Whether `input` is an SQL injection, as `libinjection_sqli` says, and by which
/// fingerprint.
///
/// The input is read as it is, and, where it has quotes, as if it stood within a
/// text in single or double quotes. The time is linear in its length.
///
/// ```
/// let attack = libinjection::sqli(b"1' OR '1'='1").unwrap();
/// assert_eq!(attack.as_str(), "s&sos");
/// assert_eq!(libinjection::sqli(b"rock 'n' roll"), None);
/// ```
pub fn sqli(input: &[u8]) -> Option<Fingerprint> {
    let has = |quote| memchr(quote, input).is_some();
    either_dialect(input, None)
        .or_else(|| if has(b'\'') { either_dialect(input, Some(b'\'')) } else { None })
        .or_else(|| if has(b'"') { read(input, Dialect::Mysql, Some(b'"')).0 } else { None })
}

/// The injection that an input is after `quote` in ANSI SQL or, where that matters,
/// in MySQL.
fn either_dialect(input: &[u8], quote: Option<u8>) -> Option<Fingerprint> {
    match read(input, Dialect::Ansi, quote) {
        (None, true) => read(input, Dialect::Mysql, quote).0,
        (injection, _) => injection,
    }
}

/// The injection that an input is after `quote` in a dialect, and whether the other
/// dialect reads it differently.
fn read(input: &[u8], dialect: Dialect, quote: Option<u8>) -> (Option<Fingerprint>, bool) {
    let mut tokenizer = Tokenizer::new(input, dialect, quote);
    let mut room = fold::EMPTY;
    let tokens = fold::fold(&mut tokenizer, &mut room);
    let reading = Reading { input, tokens, count: tokenizer.count() };
    (reading.injection(), tokenizer.dialects_differ())
}

/// Whether databases would read the tokens too differently to say what they are.
fn is_evil(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| token.kind == Kind::Evil)
}

/// An input as SQL reads it in one context.
struct Reading<'a> {
    input: &'a [u8],
    tokens: &'a [Token<'a>],
    /// How many tokens there were before they were folded.
    count: usize,
}

impl Reading<'_> {
    fn injection(&self) -> Option<Fingerprint> {
        let fingerprint = Fingerprint::of(self.tokens);
        (fingerprint.is_known() && self.is_no_accident()).then_some(fingerprint)
    }

    /// Whether tokens with a known pattern are an injection and not a text that
    /// happens to look like one.
    fn is_no_accident(&self) -> bool {
        if is_evil(self.tokens) {
            return true;
        }
        // SQL Server does not log statements that have this word.
        let ends_in_comment = matches!(self.tokens, [_, .., last] if last.kind == Kind::Comment);
        if ends_in_comment && memmem::find(self.input, b"sp_password").is_some() {
            return true;
        }
        match self.tokens {
            [first, second] => self.is_injection_of_two(first, second),
            [first, second, third] => self.is_injection_of_three(first, second, third),
            _ => true,
        }
    }

    fn is_injection_of_two(&self, first: &Token<'_>, second: &Token<'_>) -> bool {
        if second.kind == Kind::Union {
            // Something was folded: more than a number before the word "union".
            return self.count != 2;
        }
        if second.begins_with(b'#') {
            return false;
        }
        if second.kind == Kind::Comment {
            match first.kind {
                Kind::Bareword if !second.begins_with(b'/') => return false,
                Kind::Number => {
                    return second.begins_with(b'/')
                        || self.count > 2
                        || self.is_whole_number(first.value.len());
                }
                _ => {}
            }
        }
        // `1--` is an attack, `foo -- bar` is a text.
        !(second.begins_with(b'-') && second.value.len() > 2)
    }

    /// Whether what follows the first `length` bytes ends a number: some values
    /// in base64 begin with digits and end in `--`.
    fn is_whole_number(&self, length: usize) -> bool {
        match self.input.get(length..).unwrap_or_default() {
            [] | [0..=32 | 128.., ..] => true,
            rest => rest.starts_with(b"/*") || rest.starts_with(b"--"),
        }
    }

    fn is_injection_of_three(
        &self,
        first: &Token<'_>,
        second: &Token<'_>,
        third: &Token<'_>,
    ) -> bool {
        use Kind as K;
        match (first.kind, second.kind, third.kind) {
            // `foo' + 'bar`: what comes before and what comes after is quoted.
            (K::String, K::Operator | K::LogicOperator, K::String) => {
                first.open.is_none() && third.close.is_none() && first.close == third.open
            }
            // "sexy and 17" is a text, "sexy and 17<18" is an attack.
            (K::String, K::LogicOperator, K::Bareword)
            | (K::Bareword, K::LogicOperator, K::Number)
            | (K::Number, K::LogicOperator, K::Number | K::Variable | K::String) => self.count != 3,
            // MySQL writes files with `INTO OUTFILE` and `INTO DUMPFILE`.
            (_, K::Keyword, _) => {
                second.value.len() >= 5 && second.value[..4].eq_ignore_ascii_case(b"INTO")
            }
            _ => true,
        }
    }
}
