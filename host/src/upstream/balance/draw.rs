//! Random numbers, and drawing endpoints by weight with them: `balance = "random"`.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea and Flood 2014): one addition and two multiplications
/// for a number, 64 bits of state, and any seed will do.
#[derive(Debug)]
pub(super) struct Generator(Cell<u64>);

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(super) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        mix(state)
    }

    /// A number less than `bound`, or 0.
    pub(super) fn below(&self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }
}

/// The finalizer of SplitMix64: each bit of the result depends on each of `x`.
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Maps all of `u64` evenly to the numbers less than `bound`, without division.
pub(super) fn scale(x: u64, bound: u64) -> u64 {
    ((u128::from(x) * u128::from(bound)) >> 64) as u64
}

/// Draws an endpoint by weight in constant time (the alias method, as in Vose
/// 1991): every endpoint has one column of equal height, and what it is too light
/// to fill belongs to one that is too heavy for its own.
#[derive(Debug)]
pub(super) struct Weighted {
    columns: Box<[Column]>,
    /// Of a column; the sum of the weights.
    height: u64,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// How much of the height is the endpoint's own.
    own: u64,
    /// Whose the rest is.
    alias: usize,
}

/// Draws before the usable endpoints are looked for one by one: as long as half
/// of the weight is usable, fewer than 1 in 200 exchanges come to that.
const DRAWS: usize = 8;

impl Weighted {
    /// In integers: an endpoint fills `weight × n` of a column, and all columns
    /// have the height of the weights' sum, so nothing is lost to rounding.
    pub(super) fn new(weights: &[u32]) -> Self {
        let height = sum(weights);
        let mut fill: Vec<u64> =
            weights.iter().map(|weight| u64::from(*weight) * weights.len() as u64).collect();
        let mut columns: Vec<Column> =
            (0..weights.len()).map(|alias| Column { own: height, alias }).collect();
        let (mut light, mut heavy): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|index| fill[*index] < height);
        while let (Some(&giver), Some(taker)) = (heavy.last(), light.pop()) {
            columns[taker] = Column { own: fill[taker], alias: giver };
            fill[giver] -= height - fill[taker];
            if fill[giver] < height {
                heavy.pop();
                light.push(giver);
            }
        }
        Self { columns: columns.into(), height }
    }

    /// Whatever is drawn, usable or not; none if there are no endpoints.
    pub(super) fn draw(&self, random: &Generator) -> Option<usize> {
        let bits = random.next();
        let index = ((bits >> 32) * self.columns.len() as u64) >> 32;
        let column = self.columns.get(index as usize)?;
        let within = scale(bits << 32, self.height);
        Some(if within < column.own { index as usize } else { column.alias })
    }

    /// A usable endpoint, by weight among the usable ones.
    pub(super) fn pick(
        &self,
        weights: &[u32],
        random: &Generator,
        usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        for _ in 0..DRAWS {
            let drawn = self.draw(random)?;
            if usable(drawn) {
                return Some(drawn);
            }
        }
        pick_by(weights, |total| random.below(total), usable)
    }
}

/// The usable endpoint in whose part of the usable weight the `point` lies that
/// is asked for once that weight is known.
pub(super) fn pick_by(
    weights: &[u32],
    point: impl FnOnce(u64) -> u64,
    usable: impl Fn(usize) -> bool,
) -> Option<usize> {
    let candidates = || weights.iter().enumerate().filter(|(index, _)| usable(*index));
    let total = candidates().map(|(_, weight)| u64::from(*weight)).sum();
    let mut left = point(total);
    candidates()
        .find(|(_, weight)| match left.checked_sub(u64::from(**weight)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
        .map(|(index, _)| index)
}

pub(super) fn sum(weights: &[u32]) -> u64 {
    weights.iter().map(|weight| u64::from(*weight)).sum()
}
