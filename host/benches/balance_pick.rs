//! Choosing an endpoint, by algorithm and by the number of endpoints.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use wasmgate::config::{Balance, Endpoint, HashKey, UpstreamProtocol};
use wasmgate::upstream::balance::{Balancer, Table, hash_key};

/// Of weights 1, 2 and 3.
fn endpoints(count: u32) -> Vec<Endpoint> {
    let endpoint = |number| Endpoint {
        url: format!("http://10.0.0.{number}:80"),
        protocol: UpstreamProtocol::Http1,
        host: format!("10.0.0.{number}"),
        port: 80,
        weight: number % 3 + 1,
    };
    (0..count).map(endpoint).collect()
}

fn balance_pick(criterion: &mut Criterion) {
    let kinds = [
        ("round-robin", Balance::RoundRobin),
        ("least-request", Balance::LeastRequest),
        ("random", Balance::Random),
        ("hash", Balance::Hash(HashKey::ClientAddress)),
        ("peak-ewma", Balance::PeakEwma),
    ];
    for (name, kind) in kinds {
        for count in [3, 100] {
            let table = Arc::new(Table::new(&kind, &endpoints(count)));
            let balancer = Balancer::new(table, 1);
            let in_flight: Vec<u32> = (0..count).map(|number| number % 5).collect();
            let mut key = 0;
            let mut pick = |down: usize| {
                key += 1;
                let key = Some(hash_key(&u64::to_le_bytes(key)));
                let latency = |index| 1_000.0 * (index as f64 + 1.0);
                black_box(&balancer).pick(
                    key,
                    |index| in_flight[index],
                    latency,
                    |index| index != down,
                )
            };
            assert_ne!(pick(0), Some(0));
            criterion.bench_function(&format!("{name}, {count} endpoints"), |bencher| {
                bencher.iter(|| pick(usize::MAX));
            });
            criterion.bench_function(&format!("{name}, {count} endpoints, one down"), |bencher| {
                bencher.iter(|| pick(0));
            });
        }
    }
}

criterion_group!(benches, balance_pick);
criterion_main!(benches);
