//! What a text must contain for a regular expression to match it.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind};

use super::Octets;
use super::windows::window;

/// More literals than this say too little for what they cost.
const MOST_LITERALS: usize = 1500;
/// More than this are not multiplied out.
const MOST_EXACT: usize = 128;
/// What follows from a pattern.
#[derive(Default)]
pub(super) struct Requirement {
    /// One of these is there, in any case; in lower case here.
    pub(super) literals: Option<Vec<Vec<u8>>>,
    /// An octet of each of these sets is there.
    pub(super) sets: Vec<Octets>,
    /// The text is at least so long.
    pub(super) length: usize,
}

impl Requirement {
    pub(super) fn any_of<T: AsRef<[u8]>>(literals: impl IntoIterator<Item = T>) -> Self {
        let literals: Vec<_> =
            literals.into_iter().map(|l| l.as_ref().to_ascii_lowercase()).collect();
        if literals.iter().all(|literal| literal.len() >= 2) {
            return Self { literals: Some(prune(&literals)), ..Self::default() };
        }
        // Of single octets the set says the same.
        let first = literals.iter().filter_map(|literal| literal.first());
        let set = octet_set(first.flat_map(|b| [*b, b.to_ascii_uppercase()]));
        Self { sets: vec![set], ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.literals.is_none() && self.sets.is_empty() && self.length == 0
    }
}

/// What a translated pattern requires; none if it cannot be parsed.
pub(super) fn of_regex(pattern: &str) -> Option<Requirement> {
    let hir = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .multi_line(true)
        .build()
        .parse(pattern)
        .ok()?;
    let shape = shape(&hir);
    let literals = shape.required().filter(|l| !l.is_empty() && least(l) >= 2);
    // Literals say it all; sets are for what has none.
    let mut sets = if literals.is_some() { Vec::new() } else { sets(&hir) };
    sets.sort_by_key(|set| set.iter().map(|w| w.count_ones()).sum::<u32>());
    sets.truncate(2);
    let length = hir.properties().minimum_len().unwrap_or(0);
    Some(Requirement { literals: literals.as_ref().map(prune), sets, length })
}

type Texts = BTreeSet<Vec<u8>>;

/// What an expression matches, in lower case.
struct Shape {
    /// It matches these and nothing else.
    exact: Option<Texts>,
    /// Whatever it matches contains one of these.
    inner: Option<Texts>,
}

impl Shape {
    fn exactly(text: &[u8]) -> Self {
        Self { exact: Some(Texts::from([text.to_ascii_lowercase()])), inner: None }
    }

    fn unknown() -> Self {
        Self { exact: None, inner: None }
    }

    /// One of these is in whatever matches.
    fn required(self) -> Option<Texts> {
        better(self.exact.filter(|texts| least(texts) > 0), self.inner)
    }
}

fn least(texts: &Texts) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or(0)
}

/// The one that says more: its shortest literal is longer, or there are fewer.
fn better(left: Option<Texts>, right: Option<Texts>) -> Option<Texts> {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (left, right) => return left.or(right),
    };
    let worth = |texts: &Texts| (least(texts).min(4), usize::MAX - texts.len());
    Some(if worth(&right) > worth(&left) { right } else { left })
}

fn shape(hir: &Hir) -> Shape {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Shape::exactly(b""),
        HirKind::Literal(literal) => Shape::exactly(&literal.0),
        HirKind::Class(class) => {
            let octets = class_octets(class);
            let exact = octets.filter(|octets| octets.len() <= 8);
            Shape { exact: exact.map(|o| o.into_iter().map(|b| vec![b]).collect()), inner: None }
        }
        HirKind::Capture(capture) => shape(&capture.sub),
        HirKind::Repetition(repetition) => {
            let sub = shape(&repetition.sub);
            match (repetition.min, repetition.max) {
                (0, Some(1)) => Shape {
                    exact: sub.exact.map(|mut texts| {
                        texts.insert(Vec::new());
                        texts
                    }),
                    inner: None,
                },
                (0, _) => Shape::unknown(),
                (1, Some(1)) => sub,
                _ => Shape { exact: None, inner: sub.required() },
            }
        }
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => alternation(parts),
    }
}

fn concat(parts: &[Hir]) -> Shape {
    let mut all_exact = true;
    let mut current = Texts::from([Vec::new()]);
    let mut best = None;
    let mut flush = |current: &mut Texts, next: Texts| {
        let texts = std::mem::replace(current, next);
        best = better(best.take(), Some(texts).filter(|t| least(t) > 0));
    };
    for part in parts {
        let part = shape(part);
        match part.exact {
            Some(texts) if texts.len() * current.len() <= MOST_EXACT => {
                let join = |a: &Vec<u8>| {
                    let a = a.clone();
                    texts.iter().map(move |b| [&a[..], &b[..]].concat())
                };
                current = current.iter().flat_map(join).collect();
            }
            Some(texts) => {
                all_exact = false;
                flush(&mut current, texts);
            }
            None => {
                all_exact = false;
                flush(&mut current, Texts::from([Vec::new()]));
                if let Some(inner) = part.inner {
                    flush(&mut current, inner);
                    flush(&mut current, Texts::from([Vec::new()]));
                }
            }
        }
    }
    if all_exact {
        return Shape { exact: Some(current), inner: None };
    }
    flush(&mut current, Texts::new());
    Shape { exact: None, inner: best }
}

fn alternation(parts: &[Hir]) -> Shape {
    let shapes: Vec<_> = parts.iter().map(shape).collect();
    let count: usize = shapes.iter().filter_map(|s| s.exact.as_ref()).map(Texts::len).sum();
    if count <= MOST_EXACT && shapes.iter().all(|s| s.exact.is_some()) {
        return Shape {
            exact: Some(shapes.into_iter().filter_map(|s| s.exact).flatten().collect()),
            inner: None,
        };
    }
    let inner: Option<Vec<Texts>> = shapes.into_iter().map(Shape::required).collect();
    let inner = inner.map(|sets| sets.into_iter().flatten().collect::<Texts>());
    Shape { exact: None, inner: inner.filter(|texts| texts.len() <= MOST_LITERALS) }
}

/// The octets of a class in lower case.
fn class_octets(class: &Class) -> Option<BTreeSet<u8>> {
    let Class::Bytes(class) = class else { return None };
    let all = class.iter().flat_map(|range| range.start()..=range.end());
    Some(all.map(|b| b.to_ascii_lowercase()).collect())
}

/// Sets of octets of which a match has one each.
fn sets(hir: &Hir) -> Vec<Octets> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => literal.0.iter().map(|b| octet_set([*b])).collect(),
        HirKind::Class(Class::Bytes(class)) => {
            vec![octet_set(class.iter().flat_map(|range| range.start()..=range.end()))]
        }
        HirKind::Class(Class::Unicode(_)) => Vec::new(),
        HirKind::Capture(capture) => sets(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => sets(&repetition.sub),
        HirKind::Repetition(_) => Vec::new(),
        HirKind::Concat(parts) => parts.iter().flat_map(sets).collect(),
        HirKind::Alternation(parts) => {
            // One set of each branch, the smallest: their union is required.
            let smallest = |part: &Hir| {
                sets(part).into_iter().min_by_key(|s| s.iter().map(|w| w.count_ones()).sum::<u32>())
            };
            let each: Option<Vec<Octets>> = parts.iter().map(smallest).collect();
            let join = |a: Octets, b: Octets| std::array::from_fn(|i| a[i] | b[i]);
            each.and_then(|sets| sets.into_iter().reduce(join)).into_iter().collect()
        }
    }
}

fn octet_set(octets: impl IntoIterator<Item = u8>) -> Octets {
    let mut set = [0; 4];
    for b in octets {
        set[usize::from(b >> 6)] |= 1 << (b & 63);
    }
    set
}

/// The windows of literals, without those that contain another one.
fn prune<'a>(literals: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<Vec<u8>> {
    let mut literals: Vec<_> = literals.into_iter().map(|l| window(l)).collect();
    literals.sort_by_key(Vec::len);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for literal in literals {
        if !kept.iter().any(|k| memchr::memmem::find(&literal, k).is_some()) {
            kept.push(literal);
        }
    }
    kept
}
