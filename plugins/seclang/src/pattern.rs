//! Regular expressions behind a trait, so that whoever runs the engine may bring
//! a search of its own.

use std::cell::OnceCell;
use std::ops::Range;

use crate::pcre;

/// Where the groups of a match are, the whole match first.
pub type Groups = Vec<Option<Range<usize>>>;

/// One regular expression, ready to search.
pub trait Search {
    /// Whether it matches anywhere.
    fn is_match(&self, text: &[u8]) -> bool;

    /// Whether it matches, and where its first ten groups do.
    fn find(&self, text: &[u8], groups: &mut Groups) -> bool;
}

/// Makes regular expressions of patterns.
pub trait Patterns {
    /// A pattern in the syntax of the crate `regex`, for octets: no Unicode, `.`
    /// matches newlines and `^` and `$` match at lines.
    ///
    /// # Errors
    /// Why it cannot be compiled.
    fn compile(&self, pattern: &str) -> Result<Box<dyn Search>, String>;
}

/// The crate `regex`, compiled when a pattern is first searched for.
///
/// The prefilter keeps most patterns from ever being searched for: an instance
/// that never saw an attack has compiled few of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lazy;

impl Patterns for Lazy {
    fn compile(&self, pattern: &str) -> Result<Box<dyn Search>, String> {
        Ok(Box::new(LazyRegex { pattern: pattern.to_owned(), compiled: OnceCell::new() }))
    }
}

struct LazyRegex {
    pattern: String,
    /// None if it is too large, which is found out here: it then matches, because
    /// what cannot be searched for must not pass as clean.
    compiled: OnceCell<Option<regex::bytes::Regex>>,
}

impl LazyRegex {
    fn regex(&self) -> Option<&regex::bytes::Regex> {
        self.compiled.get_or_init(|| build(&self.pattern, false).ok()).as_ref()
    }
}

impl Search for LazyRegex {
    fn is_match(&self, text: &[u8]) -> bool {
        self.regex().is_none_or(|regex| regex.is_match(text))
    }

    fn find(&self, text: &[u8], groups: &mut Groups) -> bool {
        groups.clear();
        let Some(regex) = self.regex() else { return true };
        if regex.captures_len() == 1 {
            groups.extend(regex.find(text).map(|m| Some(m.range())));
            return !groups.is_empty();
        }
        let Some(captures) = regex.captures(text) else { return false };
        groups.extend(captures.iter().take(10).map(|group| group.map(|m| m.range())));
        true
    }
}

/// Compiles a translated pattern.
fn build(pattern: &str, ignore_case: bool) -> Result<regex::bytes::Regex, String> {
    regex::bytes::RegexBuilder::new(pattern)
        .unicode(false)
        .dot_matches_new_line(true)
        .multi_line(true)
        .case_insensitive(ignore_case)
        .size_limit(32 << 20)
        .dfa_size_limit(2 << 20)
        .build()
        .map_err(|e| e.to_string())
}

/// Compiles a pattern of PCRE at once: for selectors and tags.
pub(crate) fn regex(pattern: &str, ignore_case: bool) -> Result<regex::bytes::Regex, String> {
    build(&pcre::translate(pattern)?, ignore_case)
}
