//! Which endpoint of a cluster takes an exchange.
//!
//! Owns the algorithms, one file each. What makes an endpoint usable (health,
//! breakers, what was tried before) is the caller's affair.

mod draw;
// How long endpoints take.
pub mod latency;
mod least_request;
mod maglev;
mod peak_ewma;
// A choice that is made elsewhere.
pub mod picker;
mod round_robin;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::config;
use draw::{Generator, Weighted};
use maglev::Slots;
use round_robin::{Order, Turns};

/// What the workers share of a cluster's balancing: computed once, never written.
#[derive(Debug)]
pub struct Table {
    weights: Box<[u32]>,
    algorithm: Algorithm,
}

#[derive(Debug)]
enum Algorithm {
    RoundRobin(Order),
    LeastRequest(Weighted),
    Random(Weighted),
    Hash(Slots),
    PeakEwma(Weighted),
}

impl Table {
    /// Prepares the choice among `endpoints`, which are known by their index.
    pub fn new(kind: &config::Balance, endpoints: &[config::Endpoint]) -> Self {
        let weights: Box<[u32]> = endpoints.iter().map(|endpoint| endpoint.weight.max(1)).collect();
        let algorithm = match kind {
            config::Balance::RoundRobin => Algorithm::RoundRobin(Order::new(&weights)),
            // Where a plugin does not choose, this does.
            config::Balance::LeastRequest | config::Balance::Plugin { .. } => {
                Algorithm::LeastRequest(Weighted::new(&weights))
            }
            config::Balance::PeakEwma => Algorithm::PeakEwma(Weighted::new(&weights)),
            config::Balance::Random => Algorithm::Random(Weighted::new(&weights)),
            config::Balance::Hash(_) => {
                let names: Vec<&str> = endpoints.iter().map(|endpoint| &*endpoint.url).collect();
                Algorithm::Hash(Slots::new(&names, &weights))
            }
        };
        Self { weights, algorithm }
    }
}

/// One worker's choice of endpoints.
#[derive(Debug)]
pub struct Balancer {
    table: Arc<Table>,
    random: Generator,
    turns: Turns,
}

impl Balancer {
    /// A balancer of its own for each worker; different seeds keep workers from
    /// choosing in step.
    pub fn new(table: Arc<Table>, seed: u64) -> Self {
        let random = Generator::new(seed);
        let turns = match &table.algorithm {
            Algorithm::RoundRobin(order) => Turns::new(order, &table.weights, &random),
            Algorithm::LeastRequest(_)
            | Algorithm::Random(_)
            | Algorithm::Hash(_)
            | Algorithm::PeakEwma(_) => Turns::default(),
        };
        Self { table, random, turns }
    }

    /// The index of an endpoint that is `usable`; none only if none is.
    ///
    /// `key` is the [`hash_key`] of what [`config::Balance::Hash`] names; an
    /// exchange that lacks it goes to a random endpoint. `in_flight` is how many
    /// exchanges this worker has with an endpoint, `latency` the average time that it
    /// takes to answer (0 = not known), which only [`config::Balance::PeakEwma`] asks.
    pub fn pick(
        &self,
        key: Option<u64>,
        in_flight: impl Fn(usize) -> u32,
        latency: impl Fn(usize) -> f64,
        usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let weights = &*self.table.weights;
        match &self.table.algorithm {
            Algorithm::RoundRobin(order) => self.turns.pick(order, weights, usable),
            Algorithm::LeastRequest(weighted) => {
                least_request::pick(weighted, weights, &self.random, in_flight, usable)
            }
            Algorithm::Random(weighted) => weighted.pick(weights, &self.random, usable),
            Algorithm::Hash(slots) => {
                let key = key.unwrap_or_else(|| self.random.next());
                slots.pick(key, weights, usable)
            }
            Algorithm::PeakEwma(weighted) => {
                peak_ewma::pick(weighted, weights, &self.random, in_flight, latency, usable)
            }
        }
    }
}

/// The key of an exchange for [`config::Balance::Hash`] and balancing plugins.
///
/// The same octets have the same key in every worker, process and release, so
/// that a restart or a second proxy sends them to the same endpoint.
pub fn hash_key(octets: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(octets)
}
