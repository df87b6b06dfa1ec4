//! Rendezvous hashing (Thaler and Ravishankar, 1998) over the endpoints of a cluster.
//!
//! Each endpoint has a score for each key, and the highest wins. So an endpoint that
//! goes leaves its keys to the others and moves no other key; one that comes takes
//! its share of all. Scores depend on the endpoint's URL and on nothing that a
//! process, a machine or a release decides: every worker and every proxy agrees.

use std::hash::Hasher;

use plugin_sdk::Endpoint;
use siphasher::sip::SipHasher13;

/// The endpoints of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// By number, ascending.
    entries: Vec<Entry>,
    /// Whether one has another weight than the others: only then do weights change a
    /// score.
    is_weighted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u32,
    weight: u32,
    hash: u64,
}

/// How well an endpoint and a key go together: the highest wins.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Score(f64);

impl Endpoints {
    /// The endpoints as the host tells them. Another seed draws anew.
    pub fn new(seed: &str, endpoints: &[Endpoint]) -> Self {
        let entry = |endpoint: &Endpoint| Entry {
            id: endpoint.id,
            weight: endpoint.weight,
            hash: hash(seed, endpoint.url.as_bytes()),
        };
        let mut entries: Vec<Entry> = endpoints.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.id);
        let is_weighted = entries.windows(2).any(|pair| pair[0].weight != pair[1].weight);
        Self { entries, is_weighted }
    }

    /// The weight of an endpoint; 0 of one that there is not.
    pub fn weight(&self, id: u32) -> u32 {
        self.entry(id).map_or(0, |entry| entry.weight)
    }

    /// The score of an endpoint for a key; none of one that there is not.
    pub fn score(&self, id: u32, key: u64) -> Option<Score> {
        let entry = self.entry(id)?;
        // 53 bits are what a float holds; never 0, of which there is no logarithm.
        let uniform = ((mix(key ^ entry.hash) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        // Schindelhauer and Schomaker (2005): the share is that of the weight, and a
        // change of one weight moves keys from or to that endpoint alone.
        let score =
            if self.is_weighted { f64::from(entry.weight) / -uniform.ln() } else { uniform };
        Some(Score(score))
    }

    /// The endpoint for a key, of those offered.
    pub fn best(&self, key: u64, offered: impl IntoIterator<Item = u32>) -> Option<u32> {
        let scored = offered.into_iter().filter_map(|id| Some((self.score(id, key)?, id)));
        let best = scored.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map(|(_, id)| id)
    }

    fn entry(&self, id: u32) -> Option<&Entry> {
        // An endpoint's number is its place, as a rule.
        let entry = self.entries.get(id as usize).filter(|entry| entry.id == id);
        entry.or_else(|| {
            let found = self.entries.binary_search_by_key(&id, |entry| entry.id);
            found.ok().map(|at| &self.entries[at])
        })
    }
}

/// The key of some octets.
pub fn hash(seed: &str, octets: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(seed.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(octets);
    hasher.finish()
}

/// The finalizer of SplitMix64: each bit of the one changes half of the other's.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn endpoints(weights: &[u32]) -> Vec<Endpoint> {
        let endpoint = |(id, weight): (u32, &u32)| Endpoint {
            id,
            url: format!("http://10.0.0.{id}:3000"),
            weight: *weight,
        };
        (0..).zip(weights).map(endpoint).collect()
    }

    fn place(endpoints: &Endpoints, key: u64) -> u32 {
        let all = endpoints.entries.iter().map(|entry| entry.id);
        endpoints.best(key, all).expect("there are endpoints")
    }

    fn key(number: u64) -> u64 {
        hash("", &number.to_be_bytes())
    }

    #[test]
    fn keys_stay_where_they_are_in_every_process_and_release() {
        let all = Endpoints::new("", &endpoints(&[1; 5]));
        let places: Vec<u32> = (0..12).map(|n| place(&all, key(n))).collect();
        assert_eq!(places, PLACES);
        assert_eq!(Endpoints::default().best(1, [0, 1]), None);
    }

    #[test]
    fn each_endpoint_gets_its_share() {
        for weights in [vec![1; 4], vec![1, 2, 3, 4]] {
            let all = Endpoints::new("", &endpoints(&weights));
            let mut counts = vec![0_u32; weights.len()];
            (0..20_000).for_each(|n| counts[place(&all, key(n)) as usize] += 1);
            let total: u32 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                let expected = 20_000 * weight / total;
                assert!(count.abs_diff(expected) < expected / 10, "{counts:?} of {weights:?}");
            }
        }
    }

    #[test]
    fn the_order_of_endpoints_does_not_matter() {
        let list = endpoints(&[1, 2, 3, 1]);
        let mut turned = list.clone();
        turned.reverse();
        for (id, endpoint) in (0..).zip(&mut turned) {
            endpoint.id = id;
        }
        let url = |list: &[Endpoint], n| {
            let id = place(&Endpoints::new("", list), key(n));
            list[id as usize].url.clone()
        };
        assert!((0..200).all(|n| url(&list, n) == url(&turned, n)));
    }

    #[test]
    fn a_seed_draws_anew() {
        let list = endpoints(&[1; 5]);
        let (one, other) = (Endpoints::new("a", &list), Endpoints::new("b", &list));
        assert!((0..100).any(|n| place(&one, key(n)) != place(&other, key(n))));
    }

    proptest! {
        #[test]
        fn an_endpoint_that_goes_moves_its_own_keys_alone(
            weights in proptest::collection::vec(1u32..5, 2..12),
            gone in any::<prop::sample::Index>(),
            keys in proptest::collection::vec(any::<u64>(), 1..50),
        ) {
            let list = endpoints(&weights);
            let all = Endpoints::new("", &list);
            let gone = gone.index(list.len()) as u32;
            let without: Vec<Endpoint> = list.iter().filter(|e| e.id != gone).cloned().collect();
            let fewer = Endpoints::new("", &without);
            for key in keys {
                let (before, after) = (place(&all, key), place(&fewer, key));
                prop_assert!(before == gone || before == after);
                // Leaving one out and not having it are the same.
                let rest = without.iter().map(|endpoint| endpoint.id);
                prop_assert_eq!(all.best(key, rest), Some(after));
            }
        }

        #[test]
        fn a_heavier_endpoint_only_gains_keys(
            weights in proptest::collection::vec(1u32..5, 2..12),
            heavier in any::<prop::sample::Index>(),
            keys in proptest::collection::vec(any::<u64>(), 1..50),
        ) {
            let heavier = heavier.index(weights.len());
            let mut more = weights.clone();
            more[heavier] += 1;
            // All weights but one equal: scores then go by weights in one of the two
            // only, and must agree nevertheless.
            let (before, after) =
                (Endpoints::new("", &endpoints(&weights)), Endpoints::new("", &endpoints(&more)));
            for key in keys {
                let (was, is) = (place(&before, key), place(&after, key));
                prop_assert!(was == is || is as usize == heavier);
            }
        }
    }

    const PLACES: [u32; 12] = [1, 3, 0, 1, 4, 4, 1, 2, 4, 2, 1, 1];
}
