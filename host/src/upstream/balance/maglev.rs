//! `balance = "hash"`: the same endpoint for the same key, by weight, and few keys
//! that move when endpoints come or go (Maglev: Eisenbud et al., NSDI 2016,
//! section 3.4).

use super::draw::{mix, pick_by, scale};

/// Primes, those of the paper. The size must not follow the number of endpoints
/// closely, since every key moves when it changes: the small one leaves a hundred
/// slots to each of 655 endpoints, which bounds the unevenness to 1 %.
const SLOTS: u32 = 65_537;
const MANY_SLOTS: u32 = 655_373;
const SLOTS_PER_ENDPOINT: usize = 100;

/// Slots tried for a key before the usable endpoints are counted.
const TRIES: usize = 16;

/// The endpoint of each slot; empty if there are none.
#[derive(Debug)]
pub(super) struct Slots(Box<[u32]>);

impl Slots {
    /// `names` decide which slots an endpoint prefers; neither its index nor the
    /// order in the file does.
    pub(super) fn new(names: &[&str], weights: &[u32]) -> Self {
        let few = names.len() <= SLOTS as usize / SLOTS_PER_ENDPOINT;
        Self::with_size(names, weights, if few { SLOTS } else { MANY_SLOTS })
    }

    fn with_size(names: &[&str], weights: &[u32], size: u32) -> Self {
        let heaviest = weights.iter().copied().max().unwrap_or(1);
        let mut claims: Vec<Claim> = (0..)
            .zip(names)
            .zip(weights)
            .map(|((endpoint, name), weight)| Claim::new(endpoint, name, *weight, heaviest, size))
            .collect();
        if claims.is_empty() {
            return Self(Box::default());
        }
        claims.sort_by_key(|claim| names[claim.endpoint as usize]);
        let mut slots = vec![None; size as usize];
        let mut free = slots.len();
        while free > 0 {
            for claim in &mut claims {
                if free > 0 && claim.has_turn(heaviest) {
                    claim.take(&mut slots);
                    free -= 1;
                }
            }
        }
        Self(slots.into_iter().flatten().collect())
    }

    /// The endpoint of `key`, whose bits must be well mixed; if that is not
    /// usable, another one that is the same for the same usable endpoints.
    pub(super) fn pick(
        &self,
        key: u64,
        weights: &[u32],
        usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        // Not the slots that follow: neighbours are not independent of each other,
        // and the keys of one that fails would spread unevenly over the others.
        std::iter::successors(Some(key), |key| Some(again(*key)))
            .take(TRIES)
            .filter_map(|key| self.0.get(scale(key, self.0.len() as u64) as usize))
            .map(|endpoint| *endpoint as usize)
            .find(|endpoint| usable(*endpoint))
            .or_else(|| pick_by(weights, |total| scale(again(key), total), usable))
    }
}

/// Another key that follows from `key`.
fn again(key: u64) -> u64 {
    mix(key.wrapping_add(1))
}

/// One endpoint while slots are given out.
struct Claim {
    endpoint: u32,
    weight: u32,
    /// The weights of the rounds since its last turn.
    credit: u32,
    /// The slot that it wants next, and how far it is to the one after.
    slot: u32,
    skip: u32,
}

impl Claim {
    fn new(endpoint: u32, name: &str, weight: u32, heaviest: u32, size: u32) -> Self {
        let hash = super::hash_key(name.as_bytes());
        Self {
            endpoint,
            weight,
            // All have a turn in the first round, else the lightest might get none.
            credit: heaviest - weight,
            slot: scale(hash, size.into()) as u32,
            skip: 1 + scale(mix(hash), u64::from(size) - 1) as u32,
        }
    }

    /// The heaviest has a turn in every round, one of half its weight in every
    /// other.
    fn has_turn(&mut self, heaviest: u32) -> bool {
        self.credit += self.weight;
        let due = self.credit >= heaviest;
        if due {
            self.credit -= heaviest;
        }
        due
    }

    /// Takes the first slot that it wants and that is free; there must be one.
    /// Since the size is prime, it comes to want each slot.
    fn take(&mut self, slots: &mut [Option<u32>]) {
        let size = slots.len() as u64;
        loop {
            let wanted = self.slot;
            self.slot = ((u64::from(wanted) + u64::from(self.skip)) % size) as u32;
            let slot = &mut slots[wanted as usize];
            if slot.is_none() {
                *slot = Some(self.endpoint);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("http://10.0.0.{index}:80")).collect()
    }

    fn slots(names: &[String], weights: &[u32]) -> Slots {
        Slots::new(&names.iter().map(|name| &**name).collect::<Vec<_>>(), weights)
    }

    fn counts(slots: &Slots, endpoints: usize) -> Vec<usize> {
        let mut counts = vec![0; endpoints];
        for endpoint in &slots.0 {
            counts[*endpoint as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_sizes_are_prime() {
        for size in [SLOTS, MANY_SLOTS] {
            assert!((2..).take_while(|n| n * n <= size).all(|n| size % n != 0), "{size}");
        }
    }

    #[test]
    fn equal_endpoints_have_equal_parts() {
        for count in [1, 2, 3, 10, 100, 655] {
            let counts = counts(&slots(&names(count), &vec![1; count]), count);
            let least = counts.iter().min().expect("there are some");
            assert!(counts.iter().max().expect("there are some") - least <= 1, "{counts:?}");
        }
    }

    #[test]
    fn parts_follow_the_weights() {
        let weights = [1, 2, 3, 4, 90, 1_000];
        let counts = counts(&slots(&names(weights.len()), &weights), weights.len());
        for (weight, count) in weights.iter().zip(counts) {
            let due = f64::from(*weight) / 1_100.0 * f64::from(SLOTS);
            assert!(
                (count as f64 - due).abs() < weights.len() as f64,
                "weight {weight}: {count} of {due}"
            );
        }
    }

    #[test]
    fn the_lightest_has_a_slot() {
        let mut weights = vec![1_000; 300];
        weights.push(1);
        assert!(counts(&slots(&names(301), &weights), 301)[300] >= 1);
    }

    #[test]
    fn the_order_in_the_file_does_not_matter() {
        let mut names = names(20);
        let forward = slots(&names, &[1; 20]);
        names.reverse();
        let backward = slots(&names, &[1; 20]);
        assert!(forward.0.iter().zip(&backward.0).all(|(a, b)| a + b == 19));
    }

    /// The paper finds that few slots beyond those of the removed endpoint change.
    #[test]
    fn few_keys_move_when_an_endpoint_goes() {
        for count in [3, 10, 100] {
            let all = names(count);
            let full = slots(&all, &vec![1; count]);
            let mut rest = all.clone();
            rest.remove(count / 2);
            let fewer = slots(&rest, &vec![1; count - 1]);
            let moved = full
                .0
                .iter()
                .zip(&fewer.0)
                .filter(|(before, after)| all[**before as usize] != rest[**after as usize]);
            let moved = moved.count() as f64 / f64::from(SLOTS);
            let unavoidable = 1.0 / count as f64;
            assert!(moved < unavoidable + 0.03, "{count} endpoints: {moved} of the slots");
        }
    }
}
