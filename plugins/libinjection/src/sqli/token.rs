//! A token of SQL.

/// How much of a token is kept. A longer one is cut, and no longer compared
/// with a word.
pub(super) const VALUE_LIMIT: usize = 31;

/// What a token is. The value is its symbol in a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A word of the language without a kind of its own.
    Keyword = b'k',
    /// `UNION`, `EXCEPT`, `INTERSECT`
    Union = b'U',
    /// `GROUP BY`, `LIMIT`, `HAVING`
    Group = b'B',
    /// What begins a statement: `SELECT`, `INSERT`.
    Expression = b'E',
    /// `INT`, `CHARACTER VARYING`
    SqlType = b't',
    /// A function.
    Function = b'f',
    /// Any other word.
    Bareword = b'n',
    /// A number, or what stands for one: `\N`, `$1,000`.
    Number = b'1',
    /// `@name`, `CURRENT_USER`
    Variable = b'v',
    /// A text in quotes.
    String = b's',
    /// An operator.
    Operator = b'o',
    /// `AND`, `||`
    LogicOperator = b'&',
    /// A comment.
    Comment = b'c',
    /// `COLLATE`
    Collate = b'A',
    /// `(`
    LeftParenthesis = b'(',
    /// `)`
    RightParenthesis = b')',
    /// `{`
    LeftBrace = b'{',
    /// `}`
    RightBrace = b'}',
    /// `.`
    Dot = b'.',
    /// `,`
    Comma = b',',
    /// `:`
    Colon = b':',
    /// `;`
    Semicolon = b';',
    /// What begins a statement in Transact-SQL: `DECLARE`.
    Tsql = b'T',
    /// A character without meaning.
    Unknown = b'?',
    /// What databases read so differently that it is taken for an attack.
    Evil = b'X',
    /// `\`
    Backslash = b'\\',
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// Its text without quotes, at most [`VALUE_LIMIT`] bytes of it.
    pub(super) value: &'a [u8],
    /// The quote that opens it. Absent where it stands before the input.
    pub(super) open: Option<u8>,
    /// The quote that closes it. Absent where the input ends before.
    pub(super) close: Option<u8>,
}

impl<'a> Token<'a> {
    /// A token without quotes.
    pub(super) fn new(kind: Kind, text: &'a [u8]) -> Self {
        Self { kind, value: &text[..text.len().min(VALUE_LIMIT)], open: None, close: None }
    }

    /// Whether its text is `word`, in upper or lower case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.value.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether its first byte is `byte`.
    pub(super) fn begins_with(&self, byte: u8) -> bool {
        self.value.first() == Some(&byte)
    }

    /// Whether it is an operator that can stand before one operand.
    pub(super) fn is_unary_operator(&self) -> bool {
        self.kind == Kind::Operator
            && (matches!(self.value, b"+" | b"-" | b"!" | b"~" | b"!!") || self.is("NOT"))
    }

    /// Whether it is an operator of arithmetic.
    pub(super) fn is_arithmetic_operator(&self) -> bool {
        self.kind == Kind::Operator && matches!(self.value, b"*" | b"/" | b"-" | b"+" | b"%")
    }
}
