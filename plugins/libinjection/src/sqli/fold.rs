//! Folds the tokens of an input into at most five that stand for all of it.
//!
//! A window of two, then of three tokens moves over the list. Where a rule
//! matches, tokens are dropped and the window goes back to the beginning;
//! otherwise it moves on. The order of the rules is part of the behaviour.

use super::token::{Kind, Token, VALUE_LIMIT};
use super::tokenizer::Tokenizer;
use super::words;

/// The longest fingerprint.
pub(super) const LIMIT: usize = 5;

/// Room for folded tokens. One more than the limit: the sixth can decide what the
/// fifth is.
pub(super) type Room<'a> = [Token<'a>; LIMIT + 1];

/// A room without tokens.
pub(super) const EMPTY: Room<'static> =
    [Token { kind: Kind::Unknown, value: &[], open: None, close: None }; LIMIT + 1];

/// Folds all tokens of `tokenizer` into `room`. At most [`LIMIT`] are left.
pub(super) fn fold<'a, 'r>(
    tokenizer: &mut Tokenizer<'a>,
    room: &'r mut Room<'a>,
) -> &'r [Token<'a>] {
    let Some(first) = first_of_interest(tokenizer) else {
        return &[];
    };
    room[0] = first;
    let mut folder = Folder { tokenizer, tokens: room, left: 0, end: 1, comment: None };
    folder.run();
    let Folder { tokens, mut end, comment, .. } = folder;
    if end < LIMIT
        && let Some(comment) = comment
    {
        tokens[end] = comment;
        end += 1;
    }
    let tokens = &mut tokens[..end.min(LIMIT)];
    // MySQL in PHP: a backquote that is never closed begins a comment.
    if let [_, _, .., last] = tokens
        && last.kind == Kind::Bareword
        && last.value.is_empty()
        && last.open == Some(b'`')
        && last.close.is_none()
    {
        last.kind = Kind::Comment;
    }
    tokens
}

/// The first token that says something: neither a comment nor what can stand
/// before any operand.
fn first_of_interest<'a>(tokenizer: &mut Tokenizer<'a>) -> Option<Token<'a>> {
    loop {
        let token = tokenizer.next()?;
        let skipped = matches!(token.kind, Kind::Comment | Kind::LeftParenthesis | Kind::SqlType)
            || token.is_unary_operator();
        if !skipped {
            return Some(token);
        }
    }
}

struct Folder<'a, 't, 'r> {
    tokenizer: &'t mut Tokenizer<'a>,
    /// Those up to `end` are in use.
    tokens: &'r mut Room<'a>,
    /// Where the window begins. What stands before it is done.
    left: usize,
    end: usize,
    /// The comment that the last token is.
    comment: Option<Token<'a>>,
}

/// What came of a window.
enum Outcome {
    /// A rule matched: look again.
    Folded,
    /// Nothing more to do with these tokens.
    Kept,
    /// The input is taken for an attack.
    Evil,
}

impl Folder<'_, '_, '_> {
    fn run(&mut self) {
        let mut more = true;
        loop {
            self.fold_five();
            if !more || self.left >= LIMIT {
                return;
            }
            more = self.fill(2);
            if self.end - self.left < 2 {
                self.left = self.end;
                continue;
            }
            match self.fold_pair() {
                Outcome::Folded => continue,
                Outcome::Kept => {}
                Outcome::Evil => {
                    self.tokens[0].kind = Kind::Evil;
                    self.end = 1;
                    return;
                }
            }
            more = more && self.fill(3);
            if self.end - self.left < 3 {
                self.left = self.end;
                continue;
            }
            if self.fold_triple() {
                continue;
            }
            self.left += 1;
        }
    }

    /// Reads until the window has `wanted` tokens or the list is full. Whether
    /// there may be more.
    fn fill(&mut self, wanted: usize) -> bool {
        while self.end <= LIMIT && self.end - self.left < wanted {
            let Some(token) = self.tokenizer.next() else {
                return false;
            };
            if token.kind == Kind::Comment {
                self.comment = Some(token);
            } else {
                self.comment = None;
                self.tokens[self.end] = token;
                self.end += 1;
            }
        }
        true
    }

    /// Expressions in parentheses that fill the list.
    fn fold_five(&mut self) {
        use Kind::{Bareword, Comma, LeftParenthesis, Number, Operator, RightParenthesis};
        if self.end < LIMIT {
            return;
        }
        let [a, b, c, d, e, last] = *self.tokens;
        let is_foldable = matches!(
            [a.kind, b.kind, c.kind, d.kind, e.kind],
            [Number, Operator | Comma, LeftParenthesis, Number, RightParenthesis]
                | [Bareword, Operator, LeftParenthesis, Bareword | Number, RightParenthesis]
                | [Number, RightParenthesis, Comma, LeftParenthesis, Number]
                | [Bareword, RightParenthesis, Operator, LeftParenthesis, Bareword]
        );
        if !is_foldable {
            return;
        }
        self.left = 0;
        if self.end > LIMIT {
            self.tokens[1] = last;
            self.end = 2;
        } else {
            self.end = 1;
        }
    }

    /// Drops the last `count` tokens of the list and begins again.
    fn drop_last(&mut self, count: usize) {
        self.end = self.end.saturating_sub(count);
        self.left = 0;
    }

    /// Drops the second token of a window of two. What stands before the window
    /// may fit the first one now.
    fn drop_second_and_step_back(&mut self) {
        self.end -= 1;
        self.left = self.left.saturating_sub(1);
    }

    /// The rules for the first two tokens of the window.
    fn fold_pair(&mut self) -> Outcome {
        use Kind as K;
        let (a, b) = (self.tokens[self.left], self.tokens[self.left + 1]);
        match (a.kind, b.kind) {
            (K::String, K::String) | (K::Semicolon, K::Semicolon) => self.end -= 1,
            (K::Operator | K::LogicOperator, kind)
                if kind == K::SqlType || b.is_unary_operator() =>
            {
                self.drop_last(1);
            }
            (K::LeftParenthesis, _) if b.is_unary_operator() => self.drop_second_and_step_back(),
            _ => {
                let Some((phrase, kind)) = phrase_of(&a, &b) else {
                    return self.fold_unlike_pair(&a, &b);
                };
                self.tokens[self.left] = Token { kind, value: phrase.as_bytes(), ..a };
                self.drop_second_and_step_back();
            }
        }
        Outcome::Folded
    }

    /// Those rules that come after the merging of words.
    fn fold_unlike_pair(&mut self, a: &Token<'_>, b: &Token<'_>) -> Outcome {
        use Kind as K;
        let (first, second) = (self.left, self.left + 1);
        match (a.kind, b.kind) {
            // `IF` begins a statement in Transact-SQL; elsewhere it is a function.
            (K::Semicolon, K::Function) if begins_with_if(b.value) => {
                self.tokens[second].kind = K::Tsql;
            }
            (K::Bareword | K::Variable, K::LeftParenthesis) if names_function(a) => {
                self.tokens[first].kind = K::Function;
            }
            (K::Keyword, _) if a.is("IN") || a.is("NOT IN") => {
                let has_list = b.kind == K::LeftParenthesis;
                self.tokens[first].kind = if has_list { K::Operator } else { K::Bareword };
            }
            (K::Operator, _) if a.is("LIKE") || a.is("NOT LIKE") => {
                if b.kind == K::LeftParenthesis {
                    self.tokens[first].kind = K::Function;
                }
                return Outcome::Kept;
            }
            (K::SqlType, K::SqlType | K::LeftParenthesis | K::Function)
            | (K::SqlType, K::Number | K::Bareword | K::String | K::Variable) => {
                self.tokens[first] = self.tokens[second];
                self.drop_last(1);
            }
            (K::Collate, K::Bareword) => {
                // There are too many collations to list. All have a `_`.
                if b.value.iter().take_while(|&&byte| byte != 0).any(|&byte| byte == b'_') {
                    self.tokens[second].kind = K::SqlType;
                    self.left = 0;
                }
                return Outcome::Kept;
            }
            // Transact-SQL reads `\%1` as `0 % 1`, and `\1` as `1`.
            (K::Backslash, _) => {
                if b.is_arithmetic_operator() {
                    self.tokens[first].kind = K::Number;
                    self.left = 0;
                } else {
                    self.tokens[first] = self.tokens[second];
                    self.drop_last(1);
                }
            }
            (K::LeftParenthesis, K::LeftParenthesis)
            | (K::RightParenthesis, K::RightParenthesis) => self.drop_last(1),
            // MySQL: ``{``.``.id}`` is a name.
            (K::LeftBrace, K::Bareword) if b.value.is_empty() => return Outcome::Evil,
            // ODBC and MySQL: `{name expression}` is the expression.
            (K::LeftBrace, K::Bareword) => self.drop_last(2),
            (_, K::RightBrace) => self.drop_last(1),
            _ => return Outcome::Kept,
        }
        Outcome::Folded
    }

    /// The rules for the first three tokens of the window. Whether one matched.
    fn fold_triple(&mut self) -> bool {
        use Kind as K;
        let [a, b, c] = [0, 1, 2].map(|index| self.tokens[self.left + index]);
        match (a.kind, b.kind, c.kind) {
            (K::Number, K::Operator, K::Number) => self.drop_last(2),
            (K::Operator, kind, K::Operator) if kind != K::LeftParenthesis => self.drop_last(2),
            (K::LogicOperator, _, K::LogicOperator) => self.drop_last(2),
            (K::Variable, K::Operator, K::Variable | K::Number | K::Bareword)
            | (K::Bareword | K::Number, K::Operator, K::Number | K::Bareword) => {
                self.drop_last(2);
            }
            (kind, K::Operator, K::SqlType) if is_operand(kind) && b.value == b"::" => {
                self.drop_last(2);
            }
            (first, K::Comma, third) if is_operand(first) && is_operand(third) => {
                self.drop_last(2);
            }
            (K::Expression | K::Group | K::Comma, _, K::LeftParenthesis)
                if b.is_unary_operator() =>
            {
                self.drop_second();
            }
            (K::Keyword | K::Expression | K::Group, _, kind)
                if (is_operand(kind) || kind == K::Function) && b.is_unary_operator() =>
            {
                self.drop_second();
            }
            // `1,-1` is `1,1`, which is `1`: back to before the comma.
            (K::Comma, _, kind) if is_operand(kind) && b.is_unary_operator() => {
                self.tokens[self.left + 1] = c;
                self.drop_last(3);
            }
            (K::Comma, _, K::Function) if b.is_unary_operator() => self.drop_second(),
            (K::Bareword, K::Dot, K::Bareword) => self.drop_last(2),
            (K::Expression, K::Dot, K::Bareword) => self.drop_second(),
            (K::Function, K::LeftParenthesis, kind) => {
                // `USER()` is a function, `USER(1)` is not.
                if kind != K::RightParenthesis && a.is("USER") {
                    self.tokens[self.left].kind = K::Bareword;
                }
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Drops the second token of a window of three.
    fn drop_second(&mut self) {
        self.tokens[self.left + 1] = self.tokens[self.left + 2];
        self.drop_last(1);
    }
}

/// The phrase that two words make, if it is a known one, and its kind.
fn phrase_of(a: &Token<'_>, b: &Token<'_>) -> Option<(&'static str, Kind)> {
    if !is_word(a.kind) || !(is_word(b.kind) || b.kind == Kind::LogicOperator) {
        return None;
    }
    let (middle, length) = (a.value.len(), a.value.len() + 1 + b.value.len());
    if length > VALUE_LIMIT {
        return None;
    }
    let mut phrase = [b' '; VALUE_LIMIT];
    phrase[..middle].copy_from_slice(a.value);
    phrase[middle + 1..length].copy_from_slice(b.value);
    words::find(&phrase[..length])
}

/// What can be part of a phrase.
fn is_word(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Keyword
            | Kind::Bareword
            | Kind::Operator
            | Kind::Union
            | Kind::Function
            | Kind::Expression
            | Kind::Tsql
            | Kind::SqlType
    )
}

fn is_operand(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Bareword | Kind::String | Kind::Variable)
}

fn begins_with_if(value: &[u8]) -> bool {
    value.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"IF"))
}

/// Whether a name is a function where a parenthesis follows.
fn names_function(name: &Token<'_>) -> bool {
    const FUNCTIONS: [&str; 11] = [
        "USER_ID",
        "USER_NAME",
        "DATABASE",
        "PASSWORD",
        "USER",
        "CURRENT_USER",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
    ];
    FUNCTIONS.iter().any(|function| name.is(function))
}
