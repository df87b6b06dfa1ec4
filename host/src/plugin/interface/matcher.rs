//! `matcher`: sets of patterns over what the host holds.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::{HeaderMap, HeaderName};

use super::bindings::wasmgate::plugin::matcher::{Host, RegexOptions, Subject};
use crate::exchange::{Exchange, joined};
use crate::plugin::instance::HostState;
use crate::plugin::pattern_set::{Definition, Options, PatternSet, TooLong};

/// A search is not interrupted; this much takes a few milliseconds.
const OCTETS_MAX: usize = 1 << 20;
/// Tests in one call, likewise.
const TESTS_MAX: usize = 256;

impl Host for HostState {
    fn regex_set(
        &mut self,
        patterns: Vec<String>,
        options: RegexOptions,
    ) -> wasmtime::Result<Result<u32, String>> {
        let RegexOptions { ignore_case, dot_all, multi_line, unicode } = options;
        let options = Options { ignore_case, dot_all, multi_line, unicode };
        Ok(self.sets.ask(Definition::Regex(patterns, options)))
    }

    fn literal_set(
        &mut self,
        literals: Vec<Vec<u8>>,
        ignore_case: bool,
    ) -> wasmtime::Result<Result<u32, String>> {
        Ok(self.sets.ask(Definition::Literal(literals, ignore_case)))
    }

    fn cidr_set(&mut self, networks: Vec<String>) -> wasmtime::Result<Result<u32, String>> {
        Ok(self.sets.ask(Definition::Network(networks)))
    }

    fn is_match(&mut self, set: u32, subject: Subject) -> wasmtime::Result<bool> {
        self.search(set, &subject, PatternSet::is_match)
    }

    fn matches(&mut self, set: u32, subject: Subject) -> wasmtime::Result<Vec<u32>> {
        self.search(set, &subject, PatternSet::matches)
    }

    fn matches_all(&mut self, tests: Vec<(u32, Subject)>) -> wasmtime::Result<Vec<Vec<u32>>> {
        wasmtime::ensure!(
            tests.len() <= TESTS_MAX,
            "{} tests at once are too many: {TESTS_MAX} is the most",
            tests.len()
        );
        tests.iter().map(|(set, subject)| self.search(*set, subject, PatternSet::matches)).collect()
    }
}

impl HostState {
    /// Nothing matches a subject that is not there.
    fn search<T: Default>(
        &self,
        set: u32,
        subject: &Subject,
        search: impl FnOnce(&PatternSet, &[u8]) -> Result<T, TooLong>,
    ) -> wasmtime::Result<T> {
        let Some(set) = self.sets.get(set) else {
            wasmtime::bail!("this instance has no set {set}: it was not asked for");
        };
        let text = match subject {
            Subject::Octets(octets) => Some(Cow::Borrowed(&**octets)),
            Subject::Body => self.shown.as_deref().map(Cow::Borrowed),
            subject => text(subject, self.exchange.as_deref()),
        };
        let Some(text) = text else { return Ok(T::default()) };
        wasmtime::ensure!(
            text.len() <= OCTETS_MAX,
            "{} octets at once are too many to be matched: {OCTETS_MAX} is the most",
            text.len()
        );
        Ok(search(set, &text)?)
    }
}

/// Borrowed wherever there is one piece of it.
fn text<'a>(subject: &'a Subject, exchange: Option<&'a Exchange>) -> Option<Cow<'a, [u8]>> {
    let exchange = exchange?;
    match subject {
        Subject::Path => Some(Cow::Borrowed(exchange.target.path().as_bytes())),
        Subject::Query => {
            Some(Cow::Borrowed(exchange.target.query().unwrap_or_default().as_bytes()))
        }
        Subject::RequestHeader(name) if name.eq_ignore_ascii_case("host") => {
            Some(Cow::Borrowed(exchange.authority.as_bytes()))
        }
        Subject::RequestHeader(name) => field(&exchange.headers, name),
        Subject::ResponseHeader(name) => field(&exchange.response.as_ref()?.headers, name),
        Subject::ClientAddress => {
            let mut address = String::with_capacity(40);
            // Writing to a String cannot fail.
            let _ = write!(address, "{}", exchange.client.ip().to_canonical());
            Some(Cow::Owned(address.into_bytes()))
        }
        // Not of the exchange.
        Subject::Body | Subject::Octets(_) => None,
    }
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    if lines.next().is_none() {
        return Some(Cow::Borrowed(first.as_bytes()));
    }
    joined(headers, &name.parse::<HeaderName>().ok()?).map(Cow::Owned)
}
