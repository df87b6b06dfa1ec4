//! Operators: what a value is held against.

use std::net::IpAddr;

use aho_corasick::AhoCorasick;

use crate::macros::Macro;
use crate::pattern::{Groups, Patterns, Search};
use crate::{Detectors, pcre};

/// An operator as a rule has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) negated: bool,
    pub(crate) argument: String,
    /// The text of the file that it names.
    pub(crate) file: Option<Vec<u8>>,
}

impl Spec {
    /// Parses `!@name argument`; without a name it is a regular expression.
    pub(crate) fn parse(text: &str) -> Self {
        let trimmed = text.trim_start();
        let (negated, rest) = match trimmed.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, trimmed),
        };
        let (name, argument) = match rest.strip_prefix('@') {
            Some(rest) => {
                let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (name, argument.trim_start())
            }
            None => ("rx", rest),
        };
        let file = None;
        Self { name: name.to_ascii_lowercase(), negated, argument: argument.to_owned(), file }
    }

    /// The file that the operator reads its argument from.
    pub(crate) fn wants_file(&self) -> Option<&str> {
        let from_file = ["pmf", "pmfromfile", "ipmatchf", "ipmatchfromfile"];
        from_file.contains(&&*self.name).then_some(self.argument.trim())
    }
}

/// An order of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
}

impl Order {
    pub(crate) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ge => left >= right,
            Self::Gt => left > right,
            Self::Le => left <= right,
            Self::Lt => left < right,
        }
    }
}

/// How a text is held against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    BeginsWith,
    Contains,
    ContainsWord,
    EndsWith,
    Equals,
    Within,
}

/// An operator, ready to run.
pub(crate) enum Operator {
    Always,
    Never,
    Regex { search: Box<dyn Search>, pattern: String },
    Phrases { automaton: AhoCorasick, phrases: Vec<Vec<u8>> },
    Text(Relation, Macro),
    Number(Order, Macro),
    Address(Vec<(IpAddr, u8)>),
    Octets(Box<[bool; 256]>),
    UrlEncoding,
    Utf8,
    Sql,
    Script,
}

/// What an operator found, for `capture`.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) groups: Groups,
    /// In place of the groups: a fingerprint.
    pub(crate) label: Option<Vec<u8>>,
}

impl Operator {
    pub(crate) fn compile(spec: &Spec, patterns: &dyn Patterns) -> Result<Self, String> {
        let argument = &spec.argument;
        let text = |relation| Ok(Self::Text(relation, Macro::parse(argument)?));
        let number = |order| Ok(Self::Number(order, Macro::parse(argument.trim())?));
        match &*spec.name {
            "rx" => {
                if argument.contains("%{") {
                    return Err("`@rx` with a variable in its pattern is not supported".to_owned());
                }
                let pattern = pcre::translate(argument)?;
                Ok(Self::Regex { search: patterns.compile(&pattern)?, pattern })
            }
            "pm" => phrases(pm(argument)?),
            "pmf" | "pmfromfile" => phrases(lines(spec)),
            "streq" => text(Relation::Equals),
            "contains" | "strmatch" => text(Relation::Contains),
            "containsword" => text(Relation::ContainsWord),
            "beginswith" => text(Relation::BeginsWith),
            "endswith" => text(Relation::EndsWith),
            "within" => text(Relation::Within),
            "eq" => number(Order::Eq),
            "ge" => number(Order::Ge),
            "gt" => number(Order::Gt),
            "le" => number(Order::Le),
            "lt" => number(Order::Lt),
            "ipmatch" => {
                let parts = argument.split(',').map(str::trim).filter(|p| !p.is_empty());
                Ok(Self::Address(parts.map(network).collect::<Result<_, _>>()?))
            }
            "ipmatchf" | "ipmatchfromfile" => {
                let lines = lines(spec);
                let parts = lines.iter().map(|line| network(&String::from_utf8_lossy(line)));
                Ok(Self::Address(parts.collect::<Result<_, _>>()?))
            }
            "validatebyterange" => octets(argument),
            "validateurlencoding" => Ok(Self::UrlEncoding),
            "validateutf8encoding" => Ok(Self::Utf8),
            "detectsqli" => Ok(Self::Sql),
            "detectxss" => Ok(Self::Script),
            "unconditionalmatch" => Ok(Self::Always),
            "nomatch" => Ok(Self::Never),
            "rxglobal" | "fuzzyhash" | "geolookup" | "gsblookup" | "inspectfile" | "rbl"
            | "rsub" | "validatedtd" | "validateschema" | "validatehash" | "verifycc"
            | "verifycpf" | "verifyssn" | "verifysvnr" => {
                Err(format!("the operator `@{}` is not supported", spec.name))
            }
            name => Err(format!("there is no operator `@{name}`")),
        }
    }

    /// Whether the operator matches a text. `argument` is its expanded argument,
    /// if it has one.
    pub(crate) fn matches(
        &self,
        text: &[u8],
        argument: &[u8],
        detectors: &Detectors,
        found: Option<&mut Found>,
    ) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Regex { search, .. } => match found {
                Some(found) => search.find(text, &mut found.groups),
                None => search.is_match(text),
            },
            Self::Phrases { automaton, .. } => match found {
                Some(found) => {
                    found.groups.clear();
                    found.groups.extend(automaton.find(text).map(|m| Some(m.range())));
                    !found.groups.is_empty()
                }
                None => automaton.is_match(text),
            },
            Self::Text(relation, _) => {
                let holds = relation.holds(text, argument);
                if let Some(found) = found.filter(|_| holds) {
                    found.groups.clear();
                    found.groups.push(Some(0..text.len()));
                }
                holds
            }
            Self::Number(order, _) => order.holds(number(text), number(argument)),
            Self::Address(networks) => contains(networks, text),
            Self::Octets(allowed) => !text.iter().all(|b| allowed[usize::from(*b)]),
            Self::UrlEncoding => !is_url_encoded(text),
            Self::Utf8 => std::str::from_utf8(text).is_err(),
            Self::Sql => {
                let fingerprint = (detectors.sqli)(text);
                let detected = fingerprint.is_some();
                if let Some((found, fingerprint)) = found.zip(fingerprint) {
                    found.label = Some(fingerprint.into_bytes());
                }
                detected
            }
            Self::Script => {
                let detected = (detectors.xss)(text);
                if let Some(found) = found.filter(|_| detected) {
                    found.groups.clear();
                    found.groups.push(Some(0..text.len()));
                }
                detected
            }
        }
    }

    /// The argument, where it may have variables.
    pub(crate) fn argument(&self) -> Option<&Macro> {
        match self {
            Self::Text(_, argument) | Self::Number(_, argument) => Some(argument),
            _ => None,
        }
    }
}

impl Relation {
    fn holds(self, text: &[u8], argument: &[u8]) -> bool {
        let find = |needle: &[u8], inside: &[u8]| memchr::memmem::find(inside, needle);
        match self {
            Self::BeginsWith => text.starts_with(argument),
            Self::EndsWith => text.ends_with(argument),
            Self::Equals => text == argument,
            Self::Contains => find(argument, text).is_some(),
            Self::Within => find(text, argument).is_some(),
            Self::ContainsWord => {
                let word =
                    |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
                memchr::memmem::find_iter(text, argument).any(|at| {
                    let before = at.checked_sub(1).and_then(|i| text.get(i));
                    !word(before) && !word(text.get(at + argument.len()))
                })
            }
        }
    }
}

/// The number at a text's beginning, as C's `atoi` reads it; 0 if there is none.
pub(crate) fn number(text: &[u8]) -> i64 {
    let start = text.iter().position(|b| !crate::transform::is_space(*b)).unwrap_or(text.len());
    let (negative, digits) = match &text[start..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let digits = digits.iter().take_while(|b| b.is_ascii_digit());
    let value = digits.fold(0_i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    if negative { -value } else { value }
}

fn phrases(phrases: Vec<Vec<u8>>) -> Result<Operator, String> {
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(aho_corasick::AhoCorasickKind::ContiguousNFA))
        .build(&phrases)
        .map_err(|e| format!("the phrases cannot be compiled: {e}"))?;
    Ok(Operator::Phrases { automaton, phrases })
}

/// Phrases between blanks; `|41 42|` is octets in hexadecimal.
fn pm(argument: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut phrases = Vec::new();
    let mut phrase = Vec::new();
    let mut rest = argument.as_bytes();
    while let Some((&b, after)) = rest.split_first() {
        rest = after;
        if b == b'|' && after.contains(&b'|') {
            let close = after.iter().position(|b| *b == b'|').unwrap_or(0);
            let inner = String::from_utf8_lossy(&after[..close]).into_owned();
            let octet = |pair: &str| u8::from_str_radix(pair, 16);
            let octets = inner.split_whitespace().map(octet).collect::<Result<Vec<_>, _>>();
            phrase.extend(octets.map_err(|_| format!("`|{inner}|` is not hexadecimal"))?);
            rest = &after[close + 1..];
        } else if b.is_ascii_whitespace() {
            phrases.push(std::mem::take(&mut phrase));
        } else {
            phrase.push(b);
        }
    }
    phrases.push(phrase);
    phrases.retain(|p| !p.is_empty());
    if phrases.is_empty() { Err("`@pm` needs phrases".to_owned()) } else { Ok(phrases) }
}

/// The lines of the operator's file, without comments.
fn lines(spec: &Spec) -> Vec<Vec<u8>> {
    let file = spec.file.as_deref().unwrap_or_default();
    let lines = file.split(|b| *b == b'\n').map(|line| line.trim_ascii());
    lines.filter(|l| !l.is_empty() && !l.starts_with(b"#")).map(<[u8]>::to_vec).collect()
}

fn network(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("`{text}` is no address and no network");
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    if bits > most { Err(wrong()) } else { Ok((address, bits)) }
}

fn contains(networks: &[(IpAddr, u8)], text: &[u8]) -> bool {
    let address = std::str::from_utf8(text).ok().and_then(|t| t.trim().parse::<IpAddr>().ok());
    let Some(address) = address.map(|a| a.to_canonical()) else { return false };
    networks.iter().any(|(network, bits)| match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
            (u32::from(*network) ^ u32::from(address)) & mask == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
            (u128::from(*network) ^ u128::from(address)) & mask == 0
        }
        _ => false,
    })
}

fn octets(argument: &str) -> Result<Operator, String> {
    let mut allowed = [false; 256];
    for part in argument.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let wrong = || format!("`{part}` is no range of octets");
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let low: u8 = low.trim().parse().map_err(|_| wrong())?;
        let high: u8 = high.trim().parse().map_err(|_| wrong())?;
        if low > high {
            return Err(wrong());
        }
        allowed[usize::from(low)..=usize::from(high)].fill(true);
    }
    Ok(Operator::Octets(Box::new(allowed)))
}

/// Whether each `%` is followed by two hexadecimal digits.
fn is_url_encoded(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).all(|at| {
        let digits = text.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
