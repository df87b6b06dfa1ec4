//! `balance = "round-robin"`: in turn, by weight, without bursts (nginx's smooth
//! weighted round-robin).
//!
//! That algorithm costs time in proportion to the endpoints, and repeats itself
//! after as many turns as the sum of the weights. So one round is computed ahead
//! and shared, and a turn is one step in it. The turns of an endpoint that is not
//! usable are dealt among the others by the algorithm itself: handing them to the
//! next in the round would always favour the same neighbour.

use std::cell::Cell;

use super::draw::{Generator, sum};

/// Longest round that is computed ahead, in turns, and most work spent on it, in
/// turns × endpoints: 256 KiB and some milliseconds. Only hundreds of endpoints
/// with large, coprime weights need more, and take every turn by the algorithm.
const LONGEST_ROUND: u64 = 1 << 16;
const MOST_WORK: u64 = 1 << 22;

/// One round; empty = too long to compute ahead.
#[derive(Debug)]
pub(super) struct Order(Box<[u32]>);

impl Order {
    pub(super) fn new(weights: &[u32]) -> Self {
        let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
        let weights: Vec<u32> = weights.iter().map(|weight| weight / divisor).collect();
        let turns = sum(&weights);
        if turns > LONGEST_ROUND || turns * weights.len() as u64 > MOST_WORK {
            return Self(Box::default());
        }
        let credits: Vec<Cell<i64>> = weights.iter().map(|_| Cell::new(0)).collect();
        let turn = |_| deal(&credits, &weights, |_| true).map(|index| index as u32);
        Self((0..turns).filter_map(turn).collect())
    }
}

/// Where one worker is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: Cell<usize>,
    credits: Box<[Cell<i64>]>,
}

impl Turns {
    /// Begins anywhere in the round: workers that all began at its start would
    /// send the first exchanges after a reload to one endpoint.
    pub(super) fn new(order: &Order, weights: &[u32], random: &Generator) -> Self {
        let next = random.below(order.0.len() as u64) as usize;
        Self { next: Cell::new(next), credits: weights.iter().map(|_| Cell::new(0)).collect() }
    }

    pub(super) fn pick(
        &self,
        order: &Order,
        weights: &[u32],
        usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let turn = self.next.get();
        if let Some(&index) = order.0.get(turn) {
            let after = turn + 1;
            self.next.set(if after == order.0.len() { 0 } else { after });
            if usable(index as usize) {
                return Some(index as usize);
            }
        }
        deal(&self.credits, weights, usable)
    }
}

/// Each usable endpoint earns its weight, the richest has the turn and pays what
/// all have earned.
fn deal(credits: &[Cell<i64>], weights: &[u32], usable: impl Fn(usize) -> bool) -> Option<usize> {
    let mut earned = 0;
    let mut richest: Option<(usize, i64)> = None;
    for (index, (credit, weight)) in credits.iter().zip(weights).enumerate() {
        if !usable(index) {
            continue;
        }
        let weight = i64::from(*weight);
        earned += weight;
        credit.set(credit.get() + weight);
        if richest.is_none_or(|(_, most)| credit.get() > most) {
            richest = Some((index, credit.get()));
        }
    }
    let (index, credit) = richest?;
    credits[index].set(credit - earned);
    Some(index)
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_round() {
        assert_eq!(&*Order::new(&[5, 1, 1]).0, [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(&*Order::new(&[300, 100]).0, [0, 0, 1, 0]);
        assert_eq!(&*Order::new(&[7, 7, 7]).0, [0, 1, 2]);
        assert!(Order::new(&[]).0.is_empty());
    }

    #[test]
    fn a_round_too_long_is_dealt_turn_by_turn() {
        let weights = [40_000, 30_001];
        let order = Order::new(&weights);
        assert!(order.0.is_empty());
        let turns = Turns::new(&order, &weights, &Generator::new(1));
        let mut counts = vec![0; weights.len()];
        for _ in 0..sum(&weights) {
            counts[turns.pick(&order, &weights, |_| true).expect("all are usable")] += 1;
        }
        assert_eq!(counts, weights);
    }
}
