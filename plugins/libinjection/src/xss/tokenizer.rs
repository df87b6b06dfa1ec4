//! Cuts an input into tokens of HTML, as forgiving as old browsers are. The
//! states are those of the HTML standard, section 13.2.5, as far as it matters.

use memchr::{memchr, memmem};

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<!DOCTYPE`
    Doctype,
    /// The name of a tag.
    TagName(&'a [u8]),
    /// The name of an attribute.
    AttributeName(&'a [u8]),
    /// The value of an attribute, without quotes.
    AttributeValue(&'a [u8]),
    /// What stands in a comment.
    Comment(&'a [u8]),
    /// Text, or the end of a tag.
    Other,
}

/// What the next byte is part of.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Text.
    Data,
    TagOpen,
    EndTagOpen,
    TagName,
    TagNameClose,
    /// White space in a tag.
    BeforeAttributeName,
    AttributeName,
    AfterAttributeName,
    BeforeAttributeValue,
    /// A value that this byte ends. The quote that opens it is next, except at
    /// the beginning of the input.
    QuotedValue(u8),
    UnquotedValue,
    AfterQuotedValue,
    SelfClosingStartTag,
    MarkupDeclaration,
    Comment,
    CdataSection,
    /// A comment that `>` ends.
    BogusComment,
    /// A comment that `%>` ends, of old browsers.
    PercentComment,
    End,
}

/// What a state leads to.
enum Step<'a> {
    Emit(Token<'a>, State),
    Go(State),
    Stop,
}

use Step::{Emit, Go, Stop};

/// The tokens of an input.
#[derive(Debug)]
pub(super) struct Tokenizer<'a> {
    input: &'a [u8],
    at: usize,
    state: State,
    /// Whether the tag is an end tag. It stays so until a `>` of a tag, over all
    /// that comes between.
    is_end_tag: bool,
}

impl<'a> Tokenizer<'a> {
    /// Tokens of `input`, which begins in `state`.
    pub(super) fn new(input: &'a [u8], state: State) -> Self {
        Self { input, at: 0, state, is_end_tag: false }
    }

    fn step(&mut self) -> Step<'a> {
        match self.state {
            State::Data => self.data(),
            State::TagOpen => self.tag_open(),
            State::EndTagOpen => self.end_tag_open(),
            State::TagName => self.tag_name(),
            State::TagNameClose => self.tag_name_close(),
            State::BeforeAttributeName => self.before_attribute_name(),
            State::AttributeName => self.attribute_name(),
            State::AfterAttributeName => self.after_attribute_name(),
            State::BeforeAttributeValue => self.before_attribute_value(),
            State::QuotedValue(quote) => self.quoted_value(quote),
            State::UnquotedValue => self.unquoted_value(),
            State::AfterQuotedValue => self.after_quoted_value(),
            State::SelfClosingStartTag => self.self_closing_start_tag(),
            State::MarkupDeclaration => self.markup_declaration(),
            State::Comment => self.comment(),
            State::CdataSection => self.until(b"]]>", |_| Token::Other),
            State::BogusComment => self.until(b">", Token::Comment),
            State::PercentComment => self.until(b"%>", Token::Comment),
            State::End => Stop,
        }
    }

    /// What follows the place by `distance`.
    fn rest(&self, distance: usize) -> &'a [u8] {
        self.input.get(self.at + distance..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// Goes over a byte.
    fn skip(&mut self, state: State) -> Step<'a> {
        self.at += 1;
        Go(state)
    }

    /// Goes over the byte that ends a tag.
    fn close(&mut self) -> Step<'a> {
        self.at += 1;
        Emit(Token::Other, State::Data)
    }

    /// The next byte that is not white space. 0xFF ends the input: it is the
    /// number by which the C library marks the end.
    fn skip_white(&mut self) -> Option<u8> {
        let rest = self.rest(0);
        let length = rest.iter().position(|&byte| !is_white(byte))?;
        self.at += length;
        rest.get(length).copied().filter(|&byte| byte != 0xff)
    }

    /// A token up to `end` and the text after that, or up to the end of input.
    fn until(&mut self, end: &[u8], token: fn(&'a [u8]) -> Token<'a>) -> Step<'a> {
        let rest = self.rest(0);
        match memmem::find(rest, end) {
            Some(length) => {
                self.at += length + end.len();
                Emit(token(&rest[..length]), State::Data)
            }
            None => Emit(token(rest), State::End),
        }
    }

    fn data(&mut self) -> Step<'a> {
        let rest = self.rest(0);
        match memchr(b'<', rest) {
            Some(0) => self.skip(State::TagOpen),
            Some(length) => {
                self.at += length + 1;
                Emit(Token::Other, State::TagOpen)
            }
            None => Stop,
        }
    }

    fn tag_open(&mut self) -> Step<'a> {
        match self.peek() {
            Some(b'!') => self.skip(State::MarkupDeclaration),
            Some(b'/') => {
                self.is_end_tag = true;
                self.skip(State::EndTagOpen)
            }
            Some(b'?') => self.skip(State::BogusComment),
            Some(b'%') => self.skip(State::PercentComment),
            // Internet Explorer ignored NUL.
            Some(0 | b'a'..=b'z' | b'A'..=b'Z') => Go(State::TagName),
            Some(_) => Emit(Token::Other, State::Data),
            None => Stop,
        }
    }

    fn end_tag_open(&mut self) -> Step<'a> {
        match self.peek() {
            Some(b'>') => Go(State::Data),
            Some(b'a'..=b'z' | b'A'..=b'Z') => Go(State::TagName),
            Some(_) => {
                self.is_end_tag = false;
                Go(State::BogusComment)
            }
            None => Stop,
        }
    }

    fn tag_name(&mut self) -> Step<'a> {
        let rest = self.rest(0);
        let ends = |byte| byte == b'/' || byte == b'>' || (byte != 0 && is_white(byte));
        let Some(length) = rest.iter().position(|&byte| ends(byte)) else {
            return Emit(Token::TagName(rest), State::End);
        };
        let name = Token::TagName(&rest[..length]);
        self.at += length;
        match rest[length] {
            b'>' if self.is_end_tag => {
                self.is_end_tag = false;
                self.close()
            }
            b'>' => Emit(name, State::TagNameClose),
            end => {
                self.at += 1;
                let slash = end == b'/';
                let next =
                    if slash { State::SelfClosingStartTag } else { State::BeforeAttributeName };
                Emit(name, next)
            }
        }
    }

    fn tag_name_close(&mut self) -> Step<'a> {
        self.is_end_tag = false;
        self.close()
    }

    fn before_attribute_name(&mut self) -> Step<'a> {
        match self.skip_white() {
            Some(b'/') => self.skip(State::SelfClosingStartTag),
            Some(b'>') => self.close(),
            Some(_) => Go(State::AttributeName),
            None => Stop,
        }
    }

    fn attribute_name(&mut self) -> Step<'a> {
        let rest = self.rest(0);
        // The first byte is part of the name, whatever it is.
        let ends = |byte| matches!(byte, b'/' | b'=' | b'>') || is_white(byte);
        let Some(length) = rest.iter().skip(1).position(|&byte| ends(byte)) else {
            return Emit(Token::AttributeName(rest), State::End);
        };
        let length = length + 1;
        self.at += length;
        let next = match rest[length] {
            b'>' => State::TagNameClose,
            b'/' => State::SelfClosingStartTag,
            b'=' => State::BeforeAttributeValue,
            _ => State::AfterAttributeName,
        };
        if rest[length] != b'>' {
            self.at += 1;
        }
        Emit(Token::AttributeName(&rest[..length]), next)
    }

    fn after_attribute_name(&mut self) -> Step<'a> {
        match self.skip_white() {
            Some(b'/') => self.skip(State::SelfClosingStartTag),
            Some(b'=') => self.skip(State::BeforeAttributeValue),
            Some(b'>') => Go(State::TagNameClose),
            Some(_) => Go(State::AttributeName),
            None => Stop,
        }
    }

    fn before_attribute_value(&mut self) -> Step<'a> {
        match self.skip_white() {
            Some(quote @ (b'"' | b'\'' | b'`')) => Go(State::QuotedValue(quote)),
            Some(_) => Go(State::UnquotedValue),
            None => Stop,
        }
    }

    fn quoted_value(&mut self, quote: u8) -> Step<'a> {
        let rest = self.rest(usize::from(self.at > 0));
        match memchr(quote, rest) {
            Some(length) => {
                self.at = self.input.len() - rest.len() + length + 1;
                Emit(Token::AttributeValue(&rest[..length]), State::AfterQuotedValue)
            }
            None => Emit(Token::AttributeValue(rest), State::End),
        }
    }

    fn unquoted_value(&mut self) -> Step<'a> {
        let rest = self.rest(0);
        let Some(length) = rest.iter().position(|&byte| byte == b'>' || is_white(byte)) else {
            return Emit(Token::AttributeValue(rest), State::End);
        };
        let value = Token::AttributeValue(&rest[..length]);
        self.at += length;
        if rest[length] == b'>' {
            return Emit(value, State::TagNameClose);
        }
        self.at += 1;
        Emit(value, State::BeforeAttributeName)
    }

    fn after_quoted_value(&mut self) -> Step<'a> {
        match self.peek() {
            Some(b'/') => self.skip(State::SelfClosingStartTag),
            Some(b'>') => self.close(),
            Some(_) => Go(State::BeforeAttributeName),
            None => Stop,
        }
    }

    fn self_closing_start_tag(&mut self) -> Step<'a> {
        match self.peek() {
            Some(b'>') => self.close(),
            Some(_) => Go(State::BeforeAttributeName),
            None => Stop,
        }
    }

    fn markup_declaration(&mut self) -> Step<'a> {
        let rest = self.rest(0);
        if rest.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"DOCTYPE")) {
            return Emit(Token::Doctype, State::End);
        }
        if rest.starts_with(b"[CDATA[") {
            self.at += 7;
            return Go(State::CdataSection);
        }
        if rest.starts_with(b"--") {
            self.at += 2;
            return Go(State::Comment);
        }
        Go(State::BogusComment)
    }

    /// A comment that `-->` or `-!>` ends, with NUL after the first `-` or not.
    fn comment(&mut self) -> Step<'a> {
        let rest = self.rest(0);
        let mut from = 0;
        while let Some(length) = memchr(b'-', &rest[from..]) {
            let length = from + length;
            let after = &rest[length + 1..];
            let nuls = after.iter().take_while(|&&byte| byte == 0).count();
            if let [b'-' | b'!', b'>', ..] = after[nuls..] {
                self.at += length + 1 + nuls + 2;
                return Emit(Token::Comment(&rest[..length]), State::Data);
            }
            from = length + 1;
        }
        Emit(Token::Comment(rest), State::End)
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            match self.step() {
                Emit(token, state) => {
                    self.state = state;
                    return Some(token);
                }
                Go(state) => self.state = state,
                Stop => return None,
            }
        }
    }
}

/// White space of HTML, and what old browsers took for it.
fn is_white(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | b' ')
}
