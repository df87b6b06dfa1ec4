//! `balance = "least-request"`: the less loaded of two random endpoints
//! (Mitzenmacher 2001, "The power of two choices").
//!
//! Both are drawn by weight. Drawn evenly, one endpoint of weight 100 among a
//! hundred of weight 1 would be in one pair of fifty, and could not get the half
//! of the exchanges that is its due however idle it is. Drawn by weight, the part
//! that an endpoint can get always reaches from less than its due to more.

use super::draw::{Generator, Weighted};

/// Draws for a second endpoint that is another one. Where they do not suffice the
/// first outweighs the rest by far, and is the right one nearly always.
const DRAWS: usize = 8;

pub(super) fn pick(
    weighted: &Weighted,
    weights: &[u32],
    random: &Generator,
    in_flight: impl Fn(usize) -> u32,
    usable: impl Fn(usize) -> bool,
) -> Option<usize> {
    let (first, second) = draw_two(weighted, weights, random, usable)?;
    let Some(second) = second else { return Some(first) };
    let (first_load, second_load) = (in_flight(first), in_flight(second));
    // Without load there is nothing to compare, and the draw by weight stands;
    // else an idle cluster would never use its lighter endpoints.
    if first_load == 0 && second_load == 0 {
        return Some(first);
    }
    // (in flight + this one) / weight, multiplied out.
    let cost = |load: u32, other: usize| (u64::from(load) + 1) * u64::from(weights[other]);
    Some(if cost(first_load, second) <= cost(second_load, first) { first } else { second })
}

/// A usable endpoint, and another one if it is found.
pub(super) fn draw_two(
    weighted: &Weighted,
    weights: &[u32],
    random: &Generator,
    usable: impl Fn(usize) -> bool,
) -> Option<(usize, Option<usize>)> {
    let first = weighted.pick(weights, random, &usable)?;
    let second = (0..DRAWS)
        .filter_map(|_| weighted.draw(random))
        .find(|drawn| *drawn != first && usable(*drawn));
    Some((first, second))
}
