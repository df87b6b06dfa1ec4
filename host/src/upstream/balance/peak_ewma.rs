//! `balance = "peak-ewma"`: of two random endpoints the one that is likely to
//! answer sooner, as Finagle has it: its average latency times the exchanges that
//! it would then have in flight.
//!
//! Drawn by weight, for the reason that `least_request` gives.

use super::draw::{Generator, Weighted};
use super::least_request;

/// What an endpoint costs that has exchanges in flight and has never answered: more
/// than any that has. One exchange finds out how it is; a burst does not.
const UNPROVEN: f64 = (u64::MAX >> 16) as f64;

pub(super) fn pick(
    weighted: &Weighted,
    weights: &[u32],
    random: &Generator,
    in_flight: impl Fn(usize) -> u32,
    latency: impl Fn(usize) -> f64,
    usable: impl Fn(usize) -> bool,
) -> Option<usize> {
    let (first, second) = least_request::draw_two(weighted, weights, random, usable)?;
    let Some(second) = second else { return Some(first) };
    let cost =
        |index: usize| expected(latency(index), in_flight(index)) / f64::from(weights[index]);
    Some(if cost(first) <= cost(second) { first } else { second })
}

/// The time that one more exchange is likely to take. Nothing known and nothing in
/// flight is nothing: whoever is new is asked.
fn expected(latency: f64, in_flight: u32) -> f64 {
    if latency == 0.0 && in_flight != 0 {
        return UNPROVEN + f64::from(in_flight);
    }
    latency * (f64::from(in_flight) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_time_times_what_is_in_flight_with_this_one() {
        assert_eq!(expected(2_000.0, 0), 2_000.0);
        assert_eq!(expected(2_000.0, 4), 10_000.0);
        assert_eq!(expected(0.0, 0), 0.0, "one that is new is asked");
        assert!(expected(0.0, 1) > expected(60_000_000.0, 1_000), "but not twice");
        assert!(expected(0.0, 2) > expected(0.0, 1));
    }
}
