//! Laws that every algorithm keeps, and what tells them apart. Seeds are fixed:
//! a test passes or fails, always.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::config::{Balance, Endpoint, HashKey, UpstreamProtocol};

fn endpoints(weights: &[u32]) -> Vec<Endpoint> {
    let endpoint = |(index, weight): (usize, &u32)| Endpoint {
        url: format!("http://10.0.0.{index}:80"),
        protocol: UpstreamProtocol::Http1,
        host: format!("10.0.0.{index}"),
        port: 80,
        weight: *weight,
    };
    weights.iter().enumerate().map(endpoint).collect()
}

fn balancer(kind: &Balance, weights: &[u32], seed: u64) -> Balancer {
    Balancer::new(Arc::new(Table::new(kind, &endpoints(weights))), seed)
}

fn kinds() -> [Balance; 5] {
    [
        Balance::RoundRobin,
        Balance::LeastRequest,
        Balance::Random,
        Balance::Hash(HashKey::ClientAddress),
        Balance::PeakEwma,
    ]
}

/// How often each endpoint is picked for exchanges that end at once.
fn shares(
    balancer: &Balancer,
    endpoints: usize,
    picks: u64,
    usable: impl Fn(usize) -> bool,
) -> Vec<u64> {
    let mut counts = vec![0; endpoints];
    for exchange in 0..picks {
        let picked = balancer
            .pick(Some(key_of(exchange)), |_| 0, |_| 0.0, &usable)
            .expect("some are usable");
        counts[picked] += 1;
    }
    counts
}

/// How far the counts are from the weights: Pearson's statistic, in standard
/// deviations above what it is on average when chance alone moves it.
fn misfit(counts: &[u64], weights: &[u32]) -> f64 {
    let picks: u64 = counts.iter().sum();
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let members = counts.iter().zip(weights).filter(|(_, weight)| **weight > 0);
    let freedom = members.clone().count() as f64 - 1.0;
    let statistic: f64 = members
        .map(|(count, weight)| {
            let due = picks as f64 * f64::from(*weight) / total as f64;
            (*count as f64 - due).powi(2) / due
        })
        .sum();
    (statistic - freedom) / (2.0 * freedom.max(1.0)).sqrt()
}

const WEIGHTS: [&[u32]; 5] = [&[1], &[1, 1], &[1, 2, 3], &[5, 1, 1, 90], &[7; 40]];

#[test]
fn every_endpoint_gets_its_share() {
    for kind in kinds() {
        for weights in WEIGHTS {
            let balancer = balancer(&kind, weights, 1);
            let counts = shares(&balancer, weights.len(), 100_000, |_| true);
            let misfit = misfit(&counts, weights);
            assert!(misfit < 4.0, "{kind:?} {weights:?}: {misfit} {counts:?}");
        }
    }
}

#[test]
fn the_share_of_an_unusable_endpoint_goes_to_the_others_by_weight() {
    for kind in kinds() {
        for weights in [&[1, 1, 1][..], &[1, 2, 3], &[4, 1, 1, 5], &[7; 40]] {
            let balancer = balancer(&kind, weights, 2);
            let counts = shares(&balancer, weights.len(), 100_000, |index| index != 1);
            let mut left = weights.to_vec();
            left[1] = 0;
            let misfit = misfit(&counts, &left);
            assert_eq!(counts[1], 0);
            assert!(misfit < 4.0, "{kind:?} {weights:?}: {misfit} {counts:?}");
        }
    }
}

proptest! {
    #[test]
    fn an_unusable_endpoint_is_never_picked_while_there_is_a_usable_one(
        kind in select(kinds().to_vec()),
        members in vec((1_u32..=1_000, any::<bool>(), 0_u32..100), 0..12),
        seed in any::<u64>(),
        keys in vec(proptest::option::of(any::<u64>()), 1..64),
    ) {
        let weights: Vec<u32> = members.iter().map(|(weight, ..)| *weight).collect();
        let balancer = balancer(&kind, &weights, seed);
        for key in keys {
            let picked = balancer.pick(key, |index| members[index].2, |_| 0.0, |index| members[index].1);
            match picked {
                Some(index) => prop_assert!(members[index].1),
                None => prop_assert!(members.iter().all(|(_, usable, _)| !usable)),
            }
        }
    }
}

#[test]
fn the_only_usable_endpoint_is_found_however_light_it_is() {
    for kind in kinds() {
        let mut weights = vec![1_000; 200];
        weights[100] = 1;
        let balancer = balancer(&kind, &weights, 3);
        for exchange in 0..1_000 {
            let picked =
                balancer.pick(Some(key_of(exchange)), |_| 9, |_| 0.0, |index| index == 100);
            assert_eq!(picked, Some(100), "{kind:?}");
        }
    }
}

fn key_of(number: u64) -> u64 {
    hash_key(&number.to_le_bytes())
}

/// Adds exchanges that never end and tells how far the most loaded endpoint is
/// above its due, in exchanges for each unit of weight.
fn excess(kind: &Balance, weights: &[u32], exchanges: u32) -> f64 {
    let balancer = balancer(kind, weights, 4);
    let in_flight: Vec<Cell<u32>> = weights.iter().map(|_| Cell::new(0)).collect();
    for _ in 0..exchanges {
        let picked = balancer
            .pick(None, |index| in_flight[index].get(), |_| 0.0, |_| true)
            .expect("all are usable");
        in_flight[picked].set(in_flight[picked].get() + 1);
    }
    let due = f64::from(exchanges) / f64::from(weights.iter().sum::<u32>());
    in_flight
        .iter()
        .zip(weights)
        .map(|(load, weight)| f64::from(load.get()) / f64::from(*weight) - due)
        .fold(f64::MIN, f64::max)
}

#[test]
fn two_choices_spread_load_far_better_than_one() {
    let weights = [1; 100];
    let one = excess(&Balance::Random, &weights, 100_000);
    let two = excess(&Balance::LeastRequest, &weights, 100_000);
    // In theory about sqrt(2 × 1000 × ln 100) = 96, and ln ln 100 + O(1).
    assert!(one > 50.0, "{one}");
    assert!(two < 4.0, "{two}");
}

#[test]
fn load_is_spread_by_weight() {
    let mut weights = vec![1; 100];
    weights.push(100);
    let excess = excess(&Balance::LeastRequest, &weights, 20_000);
    assert!(excess < 5.0, "{excess}");
}

#[test]
fn a_busy_endpoint_is_passed_over() {
    let balancer = balancer(&Balance::LeastRequest, &[1, 1], 5);
    let picks =
        (0..1_000).filter_map(|_| balancer.pick(None, |index| [9, 0][index], |_| 0.0, |_| true));
    // Only when eight draws for a second endpoint all give the first.
    assert!(picks.filter(|index| *index == 0).count() < 20);
}

#[test]
fn workers_do_not_choose_in_step() {
    for kind in [Balance::RoundRobin, Balance::Random, Balance::LeastRequest] {
        let table = Arc::new(Table::new(&kind, &endpoints(&[1; 16])));
        let mut first: Vec<_> = (0..64)
            .filter_map(|seed| {
                Balancer::new(table.clone(), seed).pick(None, |_| 0, |_| 0.0, |_| true)
            })
            .collect();
        first.sort_unstable();
        first.dedup();
        assert!(first.len() > 8, "{kind:?}: {first:?}");
    }
}

#[test]
fn a_key_goes_to_one_endpoint_in_every_worker() {
    let table = Arc::new(Table::new(&Balance::Hash(HashKey::Path), &endpoints(&[1, 2, 3, 4])));
    let workers = [1, 2].map(|seed| Balancer::new(table.clone(), seed));
    for number in 0..1_000 {
        let key = Some(key_of(number));
        let [a, b] = workers.each_ref().map(|worker| worker.pick(key, |_| 0, |_| 0.0, |_| true));
        assert_eq!(a, b);
        let [a, b] =
            workers.each_ref().map(|worker| worker.pick(key, |_| 0, |_| 0.0, |index| index > 1));
        assert_eq!(a, b);
    }
}

#[test]
fn only_the_keys_of_an_unusable_endpoint_move() {
    let balancer = balancer(&Balance::Hash(HashKey::Path), &[1; 10], 6);
    for number in 0..10_000 {
        let key = Some(key_of(number));
        let before = balancer.pick(key, |_| 0, |_| 0.0, |_| true);
        let after = balancer.pick(key, |_| 0, |_| 0.0, |index| index != 3);
        assert!(before == after || before == Some(3));
    }
}

#[test]
fn keys_stay_the_same_across_releases() {
    assert_eq!(hash_key(b""), 232_177_599_295_442_350);
    assert_eq!(hash_key(b"203.0.113.7"), 1_290_302_988_856_212_530);
}

#[test]
fn of_two_the_one_that_answers_sooner_is_picked() {
    // Of n endpoints the one that k are faster than is in 2 (n - 1 - k) of the n (n - 1)
    // ordered pairs together with a slower one.
    const LATENCIES: [f64; 5] = [1_000.0, 2_000.0, 3_000.0, 50_000.0, 900_000.0];
    let balancer = balancer(&Balance::PeakEwma, &[1; 5], 7);
    let mut counts = vec![0; 5];
    for _ in 0..100_000 {
        let picked = balancer.pick(None, |_| 0, |index| LATENCIES[index], |_| true);
        counts[picked.expect("all are usable")] += 1;
    }
    let misfit = misfit(&counts, &[4, 3, 2, 1, 0]);
    assert!(misfit < 4.0, "{misfit} {counts:?}");
    // Only when eight draws for a second endpoint all give the first.
    assert!(counts[4] < 10, "{counts:?}");
}

#[test]
fn what_is_in_flight_levels_out_at_the_reciprocal_of_the_latency() {
    const LATENCIES: [f64; 4] = [1_000.0, 2_000.0, 4_000.0, 8_000.0];
    let balancer = balancer(&Balance::PeakEwma, &[1; 4], 8);
    let in_flight: [Cell<u32>; 4] = Default::default();
    for _ in 0..15_000 {
        let load = |index: usize| in_flight[index].get();
        let picked = balancer.pick(None, load, |index| LATENCIES[index], |_| true);
        let picked = &in_flight[picked.expect("all are usable")];
        picked.set(picked.get() + 1);
    }
    let counts = in_flight.each_ref().map(Cell::get);
    for (count, due) in counts.iter().zip([8_000, 4_000, 2_000, 1_000_u32]) {
        assert!(count.abs_diff(due) < due / 10, "{counts:?}");
    }
}

#[test]
fn an_endpoint_that_has_never_answered_gets_one_exchange() {
    let balancer = balancer(&Balance::PeakEwma, &[1, 1], 9);
    let latency = |index: usize| [5_000.0, 0.0][index];
    let first = balancer.pick(None, |_| 0, latency, |_| true);
    assert_eq!(first, Some(1), "it costs nothing so far as anybody knows");
    let later = (0..1_000).filter_map(|_| balancer.pick(None, |i| [0, 1][i], latency, |_| true));
    // Only when eight draws for a second endpoint all give the first.
    assert!(later.filter(|index| *index == 1).count() < 20);
}
