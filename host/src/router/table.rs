//! Candidates by host and by how the path begins, found by hashing instead of
//! scanning.
//!
//! The work of one lookup is bounded by the configuration, never by the request:
//! only lengths that some configured host or prefix has are tried, however many
//! slashes or dots a client sends. The maps are only ever read with what clients
//! send, and their keys come from the configuration, so a fast hash without a
//! secret is safe here.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::config::HostPattern;

/// Indexes of routes, ascending.
type Candidates = SmallVec<[usize; 1]>;

/// What the table needs to know of a route.
pub(super) struct Pattern<'a> {
    pub(super) host: Option<&'a HostPattern>,
    pub(super) path: PathKey<'a>,
    /// Whether it may refuse a request whose host and path match so far.
    pub(super) conditional: bool,
}

/// What the table can tell about a path.
pub(super) enum PathKey<'a> {
    Any,
    /// It has this prefix, of whole segments.
    Prefix(&'a [u8]),
    /// It begins with this; the rest is for the route to say.
    Start(&'a [u8]),
}

/// All routes.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By the whole host.
    exact: FxHashMap<Box<[u8]>, Group>,
    /// By what follows the first label or labels.
    below: FxHashMap<Box<[u8]>, Group>,
    below_lengths: Lengths,
    any: Group,
}

impl Table {
    pub(super) fn new<'a>(patterns: impl Iterator<Item = Pattern<'a>>) -> Self {
        let mut table = Self::default();
        for (index, pattern) in patterns.enumerate() {
            let group = match pattern.host {
                Some(HostPattern::Exact(host)) => {
                    table.exact.entry(host.as_bytes().into()).or_default()
                }
                Some(HostPattern::Below(parent)) => {
                    table.below_lengths.insert(parent.len(), index);
                    table.below.entry(parent.as_bytes().into()).or_default()
                }
                None => &mut table.any,
            };
            group.insert(index, &pattern);
        }
        table.below_lengths.finish();
        let groups = table.exact.values_mut().chain(table.below.values_mut());
        groups.chain([&mut table.any]).for_each(Group::finish);
        table
    }

    /// The lowest index of a route whose host and path match and which `accepts`
    /// agrees to.
    pub(super) fn first(
        &self,
        host: &[u8],
        path: &[u8],
        accepts: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut best = usize::MAX;
        if let Some(group) = self.exact.get(host) {
            best = group.first(path, best, &accepts);
        }
        // At least one octet and a dot come before the parent.
        for length in self.below_lengths.up_to(host.len().saturating_sub(2)) {
            if length.lowest >= best {
                break;
            }
            let (front, parent) = host.split_at(host.len() - length.octets);
            if front.ends_with(b".")
                && let Some(group) = self.below.get(parent)
            {
                best = group.first(path, best, &accepts);
            }
        }
        best = self.any.first(path, best, &accepts);
        (best != usize::MAX).then_some(best)
    }
}

/// The routes of one host pattern.
#[derive(Debug, Default)]
struct Group {
    starts: Prefixes,
    prefixes: Prefixes,
    /// Those that take any path.
    anywhere: Candidates,
    /// Whether the last of `anywhere` takes every request.
    closed: bool,
}

impl Group {
    fn insert(&mut self, index: usize, pattern: &Pattern<'_>) {
        match pattern.path {
            PathKey::Start(start) => self.starts.insert(start, index),
            PathKey::Prefix(prefix) => self.prefixes.insert(prefix, index),
            PathKey::Any if self.closed => {}
            PathKey::Any => {
                self.anywhere.push(index);
                self.closed = !pattern.conditional;
            }
        }
    }

    fn finish(&mut self) {
        self.starts.lengths.finish();
        self.prefixes.lengths.finish();
    }

    /// The lowest index below `best` that matches, else `best`.
    fn first(&self, path: &[u8], best: usize, accepts: &impl Fn(usize) -> bool) -> usize {
        let best = self.starts.first(path, best, |_| true, accepts);
        let best = self.prefixes.first(path, best, |octets| ends_segment(path, octets), accepts);
        first_of(&self.anywhere, best, accepts)
    }
}

/// Routes by what the path begins with.
#[derive(Debug, Default)]
struct Prefixes {
    routes: FxHashMap<Box<[u8]>, Candidates>,
    lengths: Lengths,
}

impl Prefixes {
    fn insert(&mut self, prefix: &[u8], index: usize) {
        self.lengths.insert(prefix.len(), index);
        self.routes.entry(prefix.into()).or_default().push(index);
    }

    /// The lowest index below `best` of a route whose prefix is one of `path`, of
    /// `allowed` length, and which `accepts` agrees to; else `best`.
    fn first(
        &self,
        path: &[u8],
        mut best: usize,
        allowed: impl Fn(usize) -> bool,
        accepts: &impl Fn(usize) -> bool,
    ) -> usize {
        for length in self.lengths.up_to(path.len()) {
            if length.lowest >= best {
                break;
            }
            if allowed(length.octets)
                && let Some(candidates) = self.routes.get(&path[..length.octets])
            {
                best = first_of(candidates, best, accepts);
            }
        }
        best
    }
}

fn first_of(candidates: &[usize], best: usize, accepts: &impl Fn(usize) -> bool) -> usize {
    candidates
        .iter()
        .copied()
        .take_while(|index| *index < best)
        .find(|index| accepts(*index))
        .unwrap_or(best)
}

/// Whether the first `octets` of `path` may be a prefix of whole segments: it
/// ends where a segment does, or with the slash that begins the next one.
fn ends_segment(path: &[u8], octets: usize) -> bool {
    path.get(octets).is_none_or(|next| *next == b'/')
        || octets.checked_sub(1).is_some_and(|last| path[last] == b'/')
}

/// The distinct lengths of the keys of a map.
#[derive(Debug, Default)]
struct Lengths(Vec<Length>);

#[derive(Clone, Copy, Debug)]
struct Length {
    octets: usize,
    /// The lowest index of a route whose key has this length or less: what a
    /// search that goes from long to short can still find.
    lowest: usize,
}

impl Lengths {
    /// Indexes come in ascending order, so the first of a length is its lowest.
    fn insert(&mut self, octets: usize, index: usize) {
        if self.0.iter().all(|length| length.octets != octets) {
            self.0.push(Length { octets, lowest: index });
        }
    }

    fn finish(&mut self) {
        self.0.sort_unstable_by_key(|length| length.octets);
        let mut lowest = usize::MAX;
        for length in &mut self.0 {
            lowest = lowest.min(length.lowest);
            length.lowest = lowest;
        }
    }

    /// Those of at most `octets`, longest first.
    fn up_to(&self, octets: usize) -> impl Iterator<Item = Length> {
        let end = self.0.partition_point(|length| length.octets <= octets);
        self.0[..end].iter().rev().copied()
    }
}
