//! The meter against plain models, and against the law of every limit.

use proptest::prelude::*;

use super::*;

/// A bucket as one would write it down: how much is left, and when it grows.
struct Model {
    algorithm: Algorithm,
    /// In nanoseconds: when an ideal sender would send next.
    arrival: u128,
    tokens: u64,
    period: u128,
}

impl Model {
    fn new(algorithm: Algorithm) -> Self {
        let tokens = match algorithm {
            Algorithm::TokenBucket { capacity, .. } => capacity.into(),
            Algorithm::Gcra { .. } => 0,
        };
        Self { algorithm, arrival: 0, tokens, period: 0 }
    }

    /// Whether the cost is allowed, and what remains.
    fn check(&mut self, now: u64, cost: u32) -> (bool, u32) {
        let now = u128::from(now);
        match self.algorithm {
            Algorithm::Gcra { rate, period_ms, burst } => {
                let interval = (u128::from(period_ms) * 1_000_000).div_ceil(rate.into());
                let arrival = self.arrival.max(now);
                let next = arrival + interval * u128::from(cost);
                let allowed = next - now <= interval * u128::from(burst);
                self.arrival = if allowed { next } else { arrival };
                let left = interval * u128::from(burst) - (self.arrival - now);
                (allowed, u32::try_from(left / interval).unwrap())
            }
            Algorithm::TokenBucket { capacity, refill, period_ms } => {
                let period = now / (u128::from(period_ms) * 1_000_000);
                for _ in self.period..period {
                    self.tokens = (self.tokens + u64::from(refill)).min(capacity.into());
                    if self.tokens == u64::from(capacity) {
                        break;
                    }
                }
                self.period = period;
                let allowed = u64::from(cost) <= self.tokens;
                self.tokens -= if allowed { cost.into() } else { 0 };
                (allowed, u32::try_from(self.tokens).unwrap())
            }
        }
    }
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    let number = || prop_oneof![1..20u32, 1..100_000u32];
    prop_oneof![
        (number(), number(), number()).prop_map(|(rate, period_ms, burst)| Algorithm::Gcra {
            rate,
            period_ms,
            burst
        }),
        (number(), number(), number()).prop_map(|(capacity, refill, period_ms)| {
            Algorithm::TokenBucket { capacity, refill, period_ms }
        }),
    ]
}

/// Waits before each check, of every size in relation to a period, and costs.
fn checks() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let wait = prop_oneof![
        Just(0),
        0..2_000u64,
        0..50_000_000u64,
        0..5_000_000_000u64,
        0..200_000_000_000u64
    ];
    proptest::collection::vec((wait, 0..30u32), 1..80)
}

proptest! {
    #[test]
    fn it_counts_as_the_model_does(algorithm in algorithm(), checks in checks(), start: u32) {
        let meter = Meter::new(&algorithm).unwrap();
        let mut model = Model::new(algorithm);
        let mut now = u64::from(start);
        let mut horizon = meter.full(now);
        for (wait, cost) in checks {
            now += wait;
            let cost = cost.min(meter.most());
            let (verdict, moved) = meter.check(horizon, now, cost);
            horizon = moved.unwrap_or(horizon);
            prop_assert_eq!((verdict.allowed, verdict.remaining), model.check(now, cost));
        }
    }

    /// In every window, from any check to any later one.
    #[test]
    fn there_is_never_more_than_the_burst_and_the_rate(
        algorithm in algorithm(),
        checks in checks(),
        start: u32,
    ) {
        let meter = Meter::new(&algorithm).unwrap();
        let mut now = u64::from(start);
        let mut horizon = meter.full(now);
        let mut spent: Vec<(u64, u64)> = Vec::new();
        for (wait, cost) in checks {
            now += wait;
            let cost = cost.min(meter.most());
            let (verdict, moved) = meter.check(horizon, now, cost);
            horizon = moved.unwrap_or(horizon);
            if verdict.allowed {
                spent.push((now, cost.into()));
            }
        }
        for from in 0..spent.len() {
            let mut sum = 0;
            for (at, cost) in &spent[from..] {
                sum += u128::from(*cost);
                let (began, ended) = (u128::from(spent[from].0), u128::from(*at));
                let most = match algorithm {
                    Algorithm::Gcra { rate, period_ms, burst } => {
                        let period = u128::from(period_ms) * 1_000_000;
                        u128::from(burst) + (ended - began) * u128::from(rate) / period
                    }
                    Algorithm::TokenBucket { capacity, refill, period_ms } => {
                        let period = u128::from(period_ms) * 1_000_000;
                        let refills = ended / period - began / period;
                        u128::from(capacity) + refills * u128::from(refill)
                    }
                };
                prop_assert!(sum <= most, "{sum} of {most} from {began} to {ended}");
            }
        }
    }

    /// What was refused is allowed when the verdict says, and not a millisecond
    /// earlier; and likewise nothing is spent any more.
    #[test]
    fn waits_are_exact(algorithm in algorithm(), checks in checks(), start: u32) {
        let meter = Meter::new(&algorithm).unwrap();
        let mut now = u64::from(start);
        let mut horizon = meter.full(now);
        for (wait, cost) in checks {
            now += wait;
            let cost = cost.min(meter.most());
            let (verdict, moved) = meter.check(horizon, now, cost);
            horizon = moved.unwrap_or(horizon);
            let later = |ms: u32| now + u64::from(ms) * NANOS_PER_MS;
            let is_bounded = verdict.reset_after_ms < u32::MAX;
            prop_assert_eq!(verdict.allowed, verdict.retry_after_ms == 0);
            prop_assert!(meter.check(horizon, later(verdict.retry_after_ms), cost).0.allowed
                || verdict.allowed);
            if verdict.retry_after_ms > 1 {
                let early = later(verdict.retry_after_ms - 1);
                prop_assert!(!meter.check(horizon, early, cost).0.allowed);
            }
            if is_bounded {
                prop_assert!(meter.is_full(horizon, later(verdict.reset_after_ms)));
            }
            if is_bounded && verdict.reset_after_ms > 1 {
                let early = later(verdict.reset_after_ms - 1);
                prop_assert!(!meter.is_full(horizon, early));
            }
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let gcra = |rate, period_ms, burst| Meter::new(&Algorithm::Gcra { rate, period_ms, burst });
    let bucket = |capacity, refill, period_ms| {
        Meter::new(&Algorithm::TokenBucket { capacity, refill, period_ms })
    };
    for meter in [gcra(0, 1, 1), gcra(1, 0, 1), gcra(1, 1, 0)] {
        assert!(meter.is_none());
    }
    for meter in [bucket(0, 1, 1), bucket(1, 0, 1), bucket(1, 1, 0)] {
        assert!(meter.is_none());
    }
    assert!(gcra(1, u32::MAX, u32::MAX).is_none(), "it would take longer than anybody waits");
}

#[test]
fn the_largest_numbers_count_too() {
    for algorithm in [
        Algorithm::Gcra { rate: u32::MAX, period_ms: 1, burst: u32::MAX },
        Algorithm::TokenBucket { capacity: u32::MAX, refill: u32::MAX, period_ms: 1 },
        Algorithm::TokenBucket { capacity: u32::MAX, refill: 1, period_ms: u32::MAX },
    ] {
        let meter = Meter::new(&algorithm).unwrap();
        // A hundred years after the start.
        let now = 100 * 365 * 24 * 3600 * 1_000_000_000;
        let (verdict, moved) = meter.check(meter.full(now), now, u32::MAX);
        assert!(verdict.allowed && verdict.remaining == 0, "{algorithm:?}");
        assert!(!meter.check(moved.unwrap(), now, 1).0.allowed, "{algorithm:?}");
    }
}
