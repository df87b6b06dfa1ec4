//! Regular expressions.
//!
//! A set is searched twice over, in two ways. All patterns at once, by one automaton
//! whose states are made when they are first needed: a search costs about as much as
//! one for a single pattern, as long as few states are needed. Patterns with gaps
//! (`a.{0,40}b`) need ever new ones on varied input; making them costs more than
//! searching for each pattern alone, which is the other way. The automaton notices
//! when it makes states for little input, and gives up; that is cheap.

use std::fmt;
use std::time::{Duration, Instant};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet, meta};

use super::{TooLong, named};

/// Patterns of one set.
pub(super) const PATTERNS_MAX: usize = 10_000;
/// Memory of one compiled pattern, and of all in a set.
const PATTERN_BYTES_MAX: usize = 8 << 20;
const SET_BYTES_MAX: usize = 128 << 20;
/// States that one thread keeps of one set.
const STATES_BYTES: usize = 2 << 20;
/// The automaton gives up when it has thrown its states away so often, and the last
/// time found less input than this for each.
const CLEARED_MIN: usize = 3;
const INPUT_FOR_STATE_MIN: usize = 10;

/// What searching for the patterns one by one may take.
const EACH_TIME_MAX: Duration = Duration::from_millis(20);

/// How patterns are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Letters match in either case.
    pub ignore_case: bool,
    /// `.` matches a line feed too.
    pub dot_all: bool,
    /// `^` and `$` match at lines.
    pub multi_line: bool,
    /// Unicode classes and cases.
    pub unicode: bool,
}

/// Compiled regular expressions.
pub struct RegexSet {
    together: Option<Together>,
    alone: Vec<meta::Regex>,
}

/// The automaton of all patterns, and what threads need to search with it.
struct Together {
    automaton: DFA,
    scratch: Pool<Scratch, Box<dyn Fn() -> Scratch + Send + Sync>>,
}

struct Scratch {
    cache: Cache,
    found: PatternSet,
}

/// So many states for so little input that the other way is the faster one, or
/// input that the automaton cannot read (`\b` of Unicode before other letters).
struct GaveUp;

impl RegexSet {
    pub(super) fn new(patterns: &[String], options: Options) -> Result<Self, String> {
        let syntax = syntax::Config::new()
            .case_insensitive(options.ignore_case)
            .dot_matches_new_line(options.dot_all)
            .multi_line(options.multi_line)
            .unicode(options.unicode)
            .utf8(false);
        let config = meta::Config::new()
            .utf8_empty(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(PATTERN_BYTES_MAX));
        let mut builder = meta::Regex::builder();
        builder.syntax(syntax).configure(config);
        let mut alone = Vec::with_capacity(patterns.len());
        let mut bytes = 0;
        for (place, pattern) in patterns.iter().enumerate() {
            let name = || named("pattern", place, pattern);
            let regex = builder.build(pattern);
            let regex = regex.map_err(|error| format!("{}: {}", name(), reason(&error)))?;
            bytes += regex.memory_usage();
            if bytes > SET_BYTES_MAX {
                return Err(format!(
                    "the set needs more than {} MiB with {}: make two of it",
                    SET_BYTES_MAX >> 20,
                    name()
                ));
            }
            alone.push(regex);
        }
        Ok(Self { together: Together::new(patterns, syntax), alone })
    }

    pub(super) fn is_match(&self, subject: &[u8]) -> Result<bool, TooLong> {
        let together = self.together.as_ref().map_or(Err(GaveUp), |all| all.is_match(subject));
        together.or_else(|GaveUp| match self.each(subject).next() {
            Some(found) => found.map(|_| true),
            None => Ok(false),
        })
    }

    pub(super) fn matches(&self, subject: &[u8]) -> Result<Vec<u32>, TooLong> {
        let together = self.together.as_ref().map_or(Err(GaveUp), |all| all.matches(subject));
        together.or_else(|GaveUp| self.each(subject).collect())
    }

    /// The patterns that match, each searched for alone. Not to be interrupted, so
    /// it looks at the clock.
    fn each(&self, subject: &[u8]) -> impl Iterator<Item = Result<u32, TooLong>> {
        let began = Instant::now();
        (0..).zip(&self.alone).filter_map(move |(place, one)| {
            if began.elapsed() > EACH_TIME_MAX {
                return Some(Err(TooLong));
            }
            one.is_match(subject).then_some(Ok(place))
        })
    }
}

impl fmt::Debug for RegexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegexSet").field("patterns", &self.alone.len()).finish_non_exhaustive()
    }
}

impl Together {
    /// None if there is no such automaton: too large, or nothing to find.
    fn new(patterns: &[String], syntax: syntax::Config) -> Option<Self> {
        if patterns.is_empty() {
            return None;
        }
        let config = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(SET_BYTES_MAX));
        let nfa = thompson::Compiler::new().syntax(syntax).configure(config).build_many(patterns);
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .unicode_word_boundary(true)
            .cache_capacity(STATES_BYTES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(CLEARED_MIN))
            .minimum_bytes_per_state(Some(INPUT_FOR_STATE_MIN));
        let automaton = DFA::builder().configure(config).build_from_nfa(nfa.ok()?).ok()?;
        let new = {
            let (automaton, patterns) = (automaton.clone(), patterns.len());
            move || Scratch { cache: automaton.create_cache(), found: PatternSet::new(patterns) }
        };
        Some(Self { automaton, scratch: Pool::new(Box::new(new)) })
    }

    fn is_match(&self, subject: &[u8]) -> Result<bool, GaveUp> {
        let mut scratch = self.scratch.get();
        let input = Input::new(subject).earliest(true);
        let found = self.automaton.try_search_fwd(&mut scratch.cache, &input);
        found.map(|found| found.is_some()).map_err(|_| GaveUp)
    }

    fn matches(&self, subject: &[u8]) -> Result<Vec<u32>, GaveUp> {
        let mut scratch = self.scratch.get();
        let Scratch { cache, found } = &mut *scratch;
        found.clear();
        let searched =
            self.automaton.try_which_overlapping_matches(cache, &Input::new(subject), found);
        searched.map_err(|_| GaveUp)?;
        Ok(found.iter().map(|pattern| pattern.as_u32()).collect())
    }
}

/// In a sentence: the parser's own words come with a drawing.
fn reason(error: &meta::BuildError) -> String {
    if let Some(limit) = error.size_limit() {
        return format!("it compiles to more than {} MiB", limit >> 20);
    }
    let text = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
