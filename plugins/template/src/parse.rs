//! From the operator's text to a template.

use std::fmt;

use plugin_sdk::field::is_name;

use crate::{Part, Template, Variable};

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// `${` without `}`.
    Unclosed,
    /// A `$` that begins nothing.
    LoneDollar,
    /// No variable and no group of this name.
    Unknown(String),
    /// `header:` or the like without a usable name.
    NoName(String),
    /// A group that the regular expression does not have.
    NoGroup(usize),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => f.write_str("`${` is not closed by `}`"),
            Self::LoneDollar => f.write_str("`$` begins no variable; write `$$` for a dollar sign"),
            Self::Unknown(name) => write!(
                f,
                "unknown variable `${{{name}}}`; there are {}, header:NAME, query:NAME and \
                 cookie:NAME",
                PLAIN.map(|(name, _)| name).join(", ")
            ),
            Self::NoName(name) => write!(f, "`${{{name}}}` needs a legal name after its colon"),
            Self::NoGroup(group) => {
                write!(f, "`${group}` refers to a group that the regular expression lacks")
            }
        }
    }
}

impl std::error::Error for ParseError {}

const PLAIN: [(&str, Variable); 9] = [
    ("client_address", Variable::ClientAddress),
    ("host", Variable::Host),
    ("method", Variable::Method),
    ("path", Variable::Path),
    ("query", Variable::Query),
    ("request_id", Variable::RequestId),
    ("route", Variable::Route),
    ("scheme", Variable::Scheme),
    ("target", Variable::Target),
];

impl Template {
    /// Parses a text that may refer to the request.
    ///
    /// # Errors
    /// An unknown variable or a `$` that is neither doubled nor begins one.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::with_captures(text, &[])
    }

    /// Parses a text that may also refer to groups of a regular expression, by
    /// number (`$1`, `${1}`) or by name (`${name}`). `groups` are their names,
    /// the whole match included.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and a group that does not exist.
    pub fn with_captures(text: &str, groups: &[Option<&str>]) -> Result<Self, ParseError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            let (variable, remaining) = match after.as_bytes().first() {
                Some(b'$') => {
                    literal.push('$');
                    rest = &after[1..];
                    continue;
                }
                Some(b'{') => {
                    let (name, remaining) =
                        after[1..].split_once('}').ok_or(ParseError::Unclosed)?;
                    (named(name, groups)?, remaining)
                }
                Some(b'0'..=b'9') => {
                    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                    let (number, remaining) = after.split_at(digits);
                    (numbered(number, groups)?, remaining)
                }
                _ => return Err(ParseError::LoneDollar),
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Variable(variable));
            rest = remaining;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }
}

fn named(name: &str, groups: &[Option<&str>]) -> Result<Variable, ParseError> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return numbered(name, groups);
    }
    // The groups first: whoever wrote the expression chose their names, and a
    // variable that comes later must not change what a configuration means.
    if let Some(group) = groups.iter().position(|g| *g == Some(name)) {
        return Ok(Variable::Capture(group));
    }
    if let Some((_, variable)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
        return Ok(variable.clone());
    }
    let Some((kind, argument)) = name.split_once(':') else {
        return Err(ParseError::Unknown(name.to_owned()));
    };
    let checked = |ok: bool| {
        ok.then(|| argument.to_owned()).ok_or_else(|| ParseError::NoName(name.to_owned()))
    };
    match kind {
        "header" => Ok(Variable::Header(checked(is_name(argument))?.to_ascii_lowercase())),
        "cookie" => Ok(Variable::Cookie(checked(is_name(argument))?)),
        "query" => Ok(Variable::Parameter(checked(!argument.is_empty())?)),
        _ => Err(ParseError::Unknown(name.to_owned())),
    }
}

fn numbered(number: &str, groups: &[Option<&str>]) -> Result<Variable, ParseError> {
    let group = number.parse::<usize>().map_err(|_| ParseError::Unknown(number.to_owned()))?;
    if group < groups.len() {
        Ok(Variable::Capture(group))
    } else {
        Err(ParseError::NoGroup(group))
    }
}
