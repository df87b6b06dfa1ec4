//! Cuts an input into tokens of SQL, forgiving as an attacker needs it to be.

use memchr::{memchr, memmem};

use super::token::{Kind, Token, VALUE_LIMIT};
use super::words;

/// How comments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `--` begins a comment, `#` is an operator.
    Ansi,
    /// `--` begins a comment only before white space, `#` always does.
    Mysql,
}

/// The tokens of an input.
#[derive(Debug)]
pub(super) struct Tokenizer<'a> {
    input: &'a [u8],
    at: usize,
    dialect: Dialect,
    quote: Option<u8>,
    count: usize,
    dialects_differ: bool,
}

impl<'a> Tokenizer<'a> {
    /// Tokens of `input` as if `quote` stood before it.
    pub(super) fn new(input: &'a [u8], dialect: Dialect, quote: Option<u8>) -> Self {
        Self { input, at: 0, dialect, quote, count: 0, dialects_differ: false }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        if let Some(quote) = self.quote.take() {
            self.count += 1;
            let text = self.quoted(0, quote);
            return Some(Token { open: None, ..text });
        }
        while let Some(&byte) = self.input.get(self.at) {
            if let Some(token) = self.scan(byte) {
                self.count += 1;
                return Some(token);
            }
        }
        None
    }

    /// How many tokens there were so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether there was something that the dialects read differently.
    pub(super) fn dialects_differ(&self) -> bool {
        self.dialects_differ
    }

    /// What begins with `byte`, at the place where the scan is.
    fn scan(&mut self, byte: u8) -> Option<Token<'a>> {
        let token = match byte {
            0..=b' ' | 0x7f | 0xa0 => {
                self.at += 1;
                return None;
            }
            b'0'..=b'9' | b'.' => return self.number(),
            b'\'' | b'"' => self.quoted(1, byte),
            b'`' => self.backquoted(),
            b'#' => self.hash(),
            b'$' => self.dollar(),
            b'-' => self.dash(),
            b'/' => self.slash(),
            b'@' => self.variable(),
            b'[' => self.bracketed(),
            b'\\' => self.backslash(),
            b'!' | b'&' | b'*' | b':' | b'<' | b'=' | b'>' | b'|' => self.operator(byte),
            b'%' | b'+' | b'^' | b'~' => self.take(Kind::Operator, 1),
            b'(' => self.take(Kind::LeftParenthesis, 1),
            b')' => self.take(Kind::RightParenthesis, 1),
            b',' => self.take(Kind::Comma, 1),
            b';' => self.take(Kind::Semicolon, 1),
            b'{' => self.take(Kind::LeftBrace, 1),
            b'}' => self.take(Kind::RightBrace, 1),
            b'?' | b']' => self.take(Kind::Unknown, 1),
            b'b' | b'B' => self.number_in_quotes(is_binary),
            b'x' | b'X' => self.number_in_quotes(is_hexadecimal),
            b'e' | b'E' => self.escape_string(),
            b'n' | b'N' => self.national_string(),
            b'q' | b'Q' => self.oracle_string(0),
            b'u' | b'U' => self.unicode_string(),
            _ => self.word(),
        };
        Some(token)
    }

    /// What follows the place by `distance`.
    fn peek(&self, distance: usize) -> Option<u8> {
        self.input.get(self.at + distance).copied()
    }

    /// What is left from `distance` bytes after the place on.
    fn rest(&self, distance: usize) -> &'a [u8] {
        self.input.get(self.at + distance..).unwrap_or_default()
    }

    /// A token of the next `length` bytes.
    fn take(&mut self, kind: Kind, length: usize) -> Token<'a> {
        let rest = self.rest(0);
        let text = &rest[..length.min(rest.len())];
        self.at += text.len();
        Token::new(kind, text)
    }

    /// A comment to the end of the line.
    fn line_comment(&mut self) -> Token<'a> {
        let rest = self.rest(0);
        let Some(length) = memchr(b'\n', rest) else {
            return self.take(Kind::Comment, rest.len());
        };
        let comment = self.take(Kind::Comment, length);
        self.at += 1;
        comment
    }

    fn hash(&mut self) -> Token<'a> {
        self.dialects_differ = true;
        match self.dialect {
            Dialect::Mysql => self.line_comment(),
            Dialect::Ansi => self.take(Kind::Operator, 1),
        }
    }

    fn dash(&mut self) -> Token<'a> {
        if self.peek(1) != Some(b'-') {
            return self.take(Kind::Operator, 1);
        }
        if self.peek(2).is_none_or(is_white) {
            return self.line_comment();
        }
        match self.dialect {
            Dialect::Ansi => {
                self.dialects_differ = true;
                self.line_comment()
            }
            Dialect::Mysql => self.take(Kind::Operator, 1),
        }
    }

    fn slash(&mut self) -> Token<'a> {
        if self.peek(1) != Some(b'*') {
            return self.take(Kind::Operator, 1);
        }
        let inside = self.rest(2);
        let end = memmem::find(inside, b"*/");
        // PostgreSQL nests comments, MySQL runs those that begin with `/*!`.
        let nests = end.is_some_and(|end| memmem::find(&inside[..=end], b"/*").is_some());
        let kind = if nests || inside.first() == Some(&b'!') { Kind::Evil } else { Kind::Comment };
        self.take(kind, 2 + end.map_or(inside.len(), |end| end + 2))
    }

    fn backslash(&mut self) -> Token<'a> {
        // MySQL: `\N` is NULL.
        if self.peek(1) == Some(b'N') {
            return self.take(Kind::Number, 2);
        }
        self.take(Kind::Backslash, 1)
    }

    /// An operator of one to three characters.
    fn operator(&mut self, byte: u8) -> Token<'a> {
        let rest = self.rest(0);
        let Some(pair) = rest.get(..2) else {
            return self.take(Kind::Operator, 1);
        };
        if rest.starts_with(b"<=>") {
            return self.take(Kind::Operator, 3);
        }
        match words::kind(pair) {
            Some(kind) => self.take(kind, 2),
            None if byte == b':' => self.take(Kind::Colon, 1),
            None => self.take(Kind::Operator, 1),
        }
    }

    /// A text that `quote` ends, after `prefix` bytes whose last one opens it.
    /// A quote is part of the text when it is doubled, or when an odd number of
    /// backslashes stands before it.
    fn quoted(&mut self, prefix: usize, quote: u8) -> Token<'a> {
        let text = self.rest(prefix);
        let mut from = 0;
        while let Some(end) = memchr(quote, text.get(from..).unwrap_or_default()) {
            let end = from + end;
            let backslashes = text[..end].iter().rev().take_while(|&&byte| byte == b'\\').count();
            if backslashes % 2 == 1 {
                from = end + 1;
            } else if text.get(end + 1) == Some(&quote) {
                from = end + 2;
            } else {
                return self.string(prefix, end, 1, quote);
            }
        }
        self.open_string(prefix, quote)
    }

    /// A closed string of `length` bytes between `prefix` and `suffix` bytes.
    fn string(&mut self, prefix: usize, length: usize, suffix: usize, quote: u8) -> Token<'a> {
        let text = &self.rest(prefix)[..length];
        self.at += prefix + length + suffix;
        Token { open: Some(quote), close: Some(quote), ..Token::new(Kind::String, text) }
    }

    /// A string after `prefix` bytes that the input ends.
    fn open_string(&mut self, prefix: usize, quote: u8) -> Token<'a> {
        let text = self.rest(prefix);
        self.at = self.input.len();
        Token { open: Some(quote), ..Token::new(Kind::String, text) }
    }

    /// `E'...'` of PostgreSQL, and `N'...'`.
    fn escape_string(&mut self) -> Token<'a> {
        if self.peek(1) == Some(b'\'') && self.peek(2).is_some() {
            return self.quoted(2, b'\'');
        }
        self.word()
    }

    /// `U&'...'`
    fn unicode_string(&mut self) -> Token<'a> {
        if !self.rest(1).starts_with(b"&'") {
            return self.word();
        }
        let string = self.quoted(3, b'\'');
        Token { open: Some(b'u'), close: string.close.and(Some(b'u')), ..string }
    }

    /// `N'...'`, or `NQ'[...]'` of Oracle.
    fn national_string(&mut self) -> Token<'a> {
        if self.peek(1) == Some(b'\'') && self.peek(2).is_some() {
            return self.escape_string();
        }
        self.oracle_string(1)
    }

    /// `Q'[...]'` of Oracle, after `prefix` bytes.
    fn oracle_string(&mut self, prefix: usize) -> Token<'a> {
        let &[b'q' | b'Q', b'\'', delimiter @ 33..=127, ..] = self.rest(prefix) else {
            return self.word();
        };
        let end = match delimiter {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            other => other,
        };
        let prefix = prefix + 3;
        match memmem::find(self.rest(prefix), &[end, b'\'']) {
            Some(length) => self.string(prefix, length, 2, b'q'),
            None => self.open_string(prefix, b'q'),
        }
    }

    /// `B'01'`, `X'1F'`
    fn number_in_quotes(&mut self, is_digit: fn(u8) -> bool) -> Token<'a> {
        if self.peek(1) == Some(b'\'') {
            let digits = count(self.rest(2), is_digit);
            if self.peek(2 + digits) == Some(b'\'') {
                return self.take(Kind::Number, digits + 3);
            }
        }
        self.word()
    }

    /// `[name]` of Transact-SQL.
    fn bracketed(&mut self) -> Token<'a> {
        let rest = self.rest(0);
        self.take(Kind::Bareword, memchr(b']', rest).map_or(rest.len(), |end| end + 1))
    }

    /// A name of MySQL: a function, or any name.
    fn backquoted(&mut self) -> Token<'a> {
        let name = self.quoted(1, b'`');
        let kind = match words::kind(name.value) {
            Some(Kind::Function) => Kind::Function,
            _ => Kind::Bareword,
        };
        Token { kind, ..name }
    }

    /// `@name`, `@@name`, `` @`name` ``
    fn variable(&mut self) -> Token<'a> {
        self.at += if self.peek(1) == Some(b'@') { 2 } else { 1 };
        match self.peek(0) {
            Some(b'`') => Token { kind: Kind::Variable, ..self.backquoted() },
            Some(quote @ (b'\'' | b'"')) => Token { kind: Kind::Variable, ..self.quoted(1, quote) },
            _ => {
                let length = count(self.rest(0), |byte| !ends_variable(byte));
                self.take(Kind::Variable, length)
            }
        }
    }

    /// A word: the longest one, or a known one before a `.` or a backquote.
    fn word(&mut self) -> Token<'a> {
        let rest = self.rest(0);
        // The end of a long word is looked for only when all of it is taken.
        // Otherwise `and.and.and.` would be looked through again for each word.
        let start = &rest[..rest.len().min(VALUE_LIMIT + 1)];
        let length = count(start, |byte| !ends_word(byte));
        let value = &start[..length.min(VALUE_LIMIT)];
        for (end, &byte) in value.iter().enumerate() {
            if matches!(byte, b'.' | b'`')
                && let Some(kind) = words::kind(&value[..end])
                && kind != Kind::Bareword
            {
                return self.take(kind, end);
            }
        }
        if length > VALUE_LIMIT {
            return self.take(Kind::Bareword, count(rest, |byte| !ends_word(byte)));
        }
        self.take(words::kind(value).unwrap_or(Kind::Bareword), length)
    }

    /// Money, a string of PostgreSQL between `$$` or `$tag$`, or a lone `$`.
    fn dollar(&mut self) -> Token<'a> {
        let rest = self.rest(1);
        if rest.is_empty() {
            return self.take(Kind::Bareword, 1);
        }
        let digits = count(rest, |byte| matches!(byte, 0 | b'0'..=b'9' | b'.' | b','));
        if digits == 1 && rest[0] == b'.' {
            return self.word();
        }
        if digits > 0 {
            return self.take(Kind::Number, 1 + digits);
        }
        let tag = count(rest, |byte| byte == 0 || byte.is_ascii_alphabetic());
        if rest.get(tag) != Some(&b'$') {
            return self.take(Kind::Bareword, 1);
        }
        let prefix = tag + 2;
        let end = memmem::find(self.rest(prefix), &self.rest(0)[..prefix]);
        match end {
            Some(length) => self.string(prefix, length, prefix, b'$'),
            None => self.open_string(prefix, b'$'),
        }
    }

    /// A number. `1e` without an exponent is nothing: MySQL skips it.
    fn number(&mut self) -> Option<Token<'a>> {
        let rest = self.rest(0);
        if rest[0] == b'0'
            && let Some(&base) = rest.get(1)
            && let Some(is_digit) = digits_of(base)
        {
            return Some(match count(&rest[2..], is_digit) {
                0 => self.take(Kind::Bareword, 2),
                digits => self.take(Kind::Number, 2 + digits),
            });
        }
        let mut length = decimals(rest);
        if rest.get(length) == Some(&b'.') {
            length += 1 + decimals(&rest[length + 1..]);
            if length == 1 {
                return Some(self.take(Kind::Dot, 1));
            }
        }
        let mut lacks_exponent = false;
        if matches!(rest.get(length), Some(b'e' | b'E')) {
            length += 1;
            if matches!(rest.get(length), Some(b'+' | b'-')) {
                length += 1;
            }
            let exponent = decimals(&rest[length..]);
            length += exponent;
            lacks_exponent = exponent == 0;
        }
        if has_suffix(&rest[length..]) {
            length += 1;
        }
        let number = self.take(Kind::Number, length);
        (!lacks_exponent).then_some(number)
    }
}

/// How many bytes of the beginning are `wanted`.
fn count(text: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|&byte| !wanted(byte)).unwrap_or(text.len())
}

fn decimals(text: &[u8]) -> usize {
    count(text, |byte| byte.is_ascii_digit())
}

/// The digits of `0x` and `0b`.
fn digits_of(base: u8) -> Option<fn(u8) -> bool> {
    match base {
        b'x' | b'X' => Some(is_hexadecimal),
        b'b' | b'B' => Some(is_binary),
        _ => None,
    }
}

/// Whether an Oracle suffix for a float or a double is next. `1fUNION` is read
/// as `1f UNION`, `1FROM` as `1 FROM`.
fn has_suffix(text: &[u8]) -> bool {
    matches!(text, [b'd' | b'D' | b'f' | b'F', next @ ..]
        if next.first().is_none_or(|&byte| is_white(byte) || matches!(byte, b';' | b'u' | b'U')))
}

// NUL counts as a digit and as white space: the C library looks bytes up in
// strings that end with one.

fn is_binary(byte: u8) -> bool {
    matches!(byte, 0 | b'0' | b'1')
}

fn is_hexadecimal(byte: u8) -> bool {
    byte == 0 || byte.is_ascii_hexdigit()
}

fn is_white(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | b' ' | 0xa0)
}

const ENDS_WORD: u8 = 1;
const ENDS_VARIABLE: u8 = 2;

/// What each byte ends.
static ENDS: [u8; 256] = {
    let mut ends = [0; 256];
    let both = b"\0 <>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"";
    let mut index = 0;
    while index < both.len() {
        ends[both[index] as usize] = ENDS_WORD | ENDS_VARIABLE;
        index += 1;
    }
    ends[b'`' as usize] = ENDS_VARIABLE;
    ends[b'[' as usize] = ENDS_WORD;
    ends[b']' as usize] = ENDS_WORD;
    ends[b'{' as usize] = ENDS_WORD;
    ends[b'}' as usize] = ENDS_WORD;
    ends[0xa0] = ENDS_WORD;
    ends
};

fn ends_word(byte: u8) -> bool {
    ENDS[usize::from(byte)] & ENDS_WORD != 0
}

fn ends_variable(byte: u8) -> bool {
    ENDS[usize::from(byte)] & ENDS_VARIABLE != 0
}
