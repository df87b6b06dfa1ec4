//! `matcher` in a native test: the same patterns, searched one by one.

use std::cell::RefCell;
use std::net::IpAddr;

use super::CURRENT;
use crate::matcher::{RegexOptions, Subject};
use crate::testing::exchange::joined;

enum Set {
    Regex(Vec<regex::bytes::Regex>),
    Literal(Vec<Vec<u8>>, bool),
    Network(Vec<(IpAddr, u32)>),
}

thread_local! {
    static SETS: RefCell<Vec<Set>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn regex_set(patterns: &[String], options: RegexOptions) -> Result<u32, String> {
    let compile = |(place, pattern): (usize, &String)| {
        regex::bytes::RegexBuilder::new(pattern)
            .case_insensitive(options.ignore_case)
            .dot_matches_new_line(options.dot_all)
            .multi_line(options.multi_line)
            .unicode(options.unicode)
            .build()
            .map_err(|error| format!("pattern {place}, `{pattern}`: {error}"))
    };
    let compiled = patterns.iter().enumerate().map(compile);
    compiled.collect::<Result<_, _>>().map(|patterns| add(Set::Regex(patterns)))
}

pub(crate) fn literal_set(literals: &[Vec<u8>], ignore_case: bool) -> Result<u32, String> {
    match literals.iter().position(Vec::is_empty) {
        Some(place) => Err(format!("literal {place} is empty")),
        None => Ok(add(Set::Literal(literals.to_vec(), ignore_case))),
    }
}

pub(crate) fn cidr_set(networks: &[String]) -> Result<u32, String> {
    let parse = |(place, text): (usize, &String)| {
        network(text).ok_or_else(|| format!("network {place}, `{text}`: no network"))
    };
    let parsed = networks.iter().enumerate().map(parse);
    parsed.collect::<Result<_, _>>().map(|networks| add(Set::Network(networks)))
}

pub(crate) fn is_match(set: u32, subject: &Subject) -> bool {
    !matches(set, subject).is_empty()
}

pub(crate) fn matches(set: u32, subject: &Subject) -> Vec<u32> {
    let Some(text) = text(subject) else { return Vec::new() };
    SETS.with_borrow(|sets| {
        sets.get(set as usize).map(|set| set.matches(&text)).unwrap_or_default()
    })
}

pub(crate) fn matches_all(tests: &[(u32, Subject)]) -> Vec<Vec<u32>> {
    tests.iter().map(|(set, subject)| matches(*set, subject)).collect()
}

fn add(set: Set) -> u32 {
    SETS.with_borrow_mut(|sets| {
        sets.push(set);
        sets.len() as u32 - 1
    })
}

impl Set {
    fn matches(&self, subject: &[u8]) -> Vec<u32> {
        match self {
            Self::Regex(all) => places(all, |one| one.is_match(subject)),
            Self::Literal(all, ignore_case) => {
                places(all, |one| contains(subject, one, *ignore_case))
            }
            Self::Network(all) => {
                let text = std::str::from_utf8(subject).unwrap_or_default();
                let address = text.trim_ascii().parse::<IpAddr>().ok().map(|a| a.to_canonical());
                places(all, |network| address.is_some_and(|address| lies_in(address, *network)))
            }
        }
    }
}

fn places<T>(all: &[T], fits: impl Fn(&T) -> bool) -> Vec<u32> {
    (0..).zip(all).filter(|(_, one)| fits(one)).map(|(place, _)| place).collect()
}

fn contains(subject: &[u8], literal: &[u8], ignore_case: bool) -> bool {
    subject.windows(literal.len()).any(|window| match ignore_case {
        true => window.eq_ignore_ascii_case(literal),
        false => window == literal,
    })
}

fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.unwrap_or(most);
    (length <= most).then_some((address, length))
}

fn lies_in(address: IpAddr, (network, length): (IpAddr, u32)) -> bool {
    let bits = |address| match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 4),
        IpAddr::V6(v6) => (u128::from(v6), 6),
    };
    let ((one, family), (other, other_family)) = (bits(address), bits(network));
    family == other_family && (one ^ other).checked_shr(128 - length).unwrap_or(0) == 0
}

/// What a subject is in the current exchange.
fn text(subject: &Subject) -> Option<Vec<u8>> {
    if let Subject::Octets(octets) = subject {
        return Some(octets.clone());
    }
    CURRENT.with(|c| {
        let current = c.borrow();
        let exchange = &current.as_ref()?.exchange;
        let (path, query) = exchange.target.split_once('?').unwrap_or((&exchange.target, ""));
        match subject {
            Subject::Path => Some(path.into()),
            Subject::Query => Some(query.into()),
            Subject::RequestHeader(name) if name.eq_ignore_ascii_case("host") => {
                Some(exchange.authority.clone().into())
            }
            Subject::RequestHeader(name) => joined(&exchange.request, name),
            Subject::ResponseHeader(name) => joined(exchange.response_headers(), name),
            Subject::ClientAddress => exchange.connection.client_address.clone().map(Into::into),
            Subject::Body => exchange.shown.clone(),
            Subject::Octets(octets) => Some(octets.clone()),
        }
    })
}
