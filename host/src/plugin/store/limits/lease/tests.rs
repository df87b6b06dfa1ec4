use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::meter::Meter;
use super::*;

const MS: u64 = NANOS_PER_MS;
const SECOND: u64 = 1_000 * MS;
const MINUTE: u64 = 60 * SECOND;

/// The bucket in Redis, as its scripts keep it. (`scripts_count_as_meters_do` in
/// `shared/tests.rs` holds the scripts to the same meter.)
struct Bucket {
    meter: Meter,
    horizon: u64,
}

impl Bucket {
    fn new(algorithm: &Algorithm) -> Self {
        let meter = Meter::new(algorithm).unwrap();
        Self { meter, horizon: meter.full(0) }
    }

    fn ask(&mut self, ask: Ask, now: u64) -> Answer {
        let (mut verdict, moved) = self.meter.check(self.horizon, now, ask.cost);
        let mut leased = 0;
        if let Some(moved) = moved {
            leased = ask.more.min(verdict.remaining);
            let (after, further) = self.meter.check(moved, now, leased);
            self.horizon = further.unwrap_or(moved);
            verdict = after;
        }
        Answer {
            allowed: verdict.allowed,
            leased,
            remaining: verdict.remaining,
            retry_after: u64::from(verdict.retry_after_ms) * MS,
            reset_after: u64::from(verdict.reset_after_ms) * MS,
        }
    }
}

/// Proxies that share a bucket, each with checks under way.
struct Fleet {
    terms: Terms,
    bucket: Bucket,
    leases: Vec<Lease>,
    /// Answers on their way: when each arrives, to whom.
    answers: VecDeque<(u64, usize, Ask, Answer)>,
    trip: u64,
    asked: u64,
    checked: u64,
    /// When each unit was allowed.
    allowed: Vec<u64>,
}

impl Fleet {
    fn new(algorithm: &Algorithm, proxies: usize, trip: u64) -> Self {
        Self {
            terms: Terms::new(algorithm),
            bucket: Bucket::new(algorithm),
            leases: (0..proxies).map(|_| Lease::default()).collect(),
            answers: VecDeque::new(),
            trip,
            asked: 0,
            checked: 0,
            allowed: Vec::new(),
        }
    }

    fn arrive(&mut self, now: u64) {
        while self.answers.front().is_some_and(|(at, ..)| *at <= now) {
            let (at, proxy, ask, answer) = self.answers.pop_front().unwrap();
            let verdict = self.leases[proxy].settle(self.terms, ask, answer, at);
            self.leases[proxy].end(ask);
            self.note(verdict, at);
        }
    }

    fn check(&mut self, proxy: usize, now: u64) {
        self.arrive(now);
        self.checked += 1;
        match self.leases[proxy].check(self.terms, now, 1) {
            Step::Known(verdict) => self.note(verdict, now),
            Step::Ask(ask) => {
                self.asked += 1;
                let answer = self.bucket.ask(ask, now + self.trip / 2);
                self.answers.push_back((now + self.trip, proxy, ask, answer));
            }
        }
    }

    fn note(&mut self, verdict: Verdict, at: u64) {
        if verdict.allowed {
            self.allowed.push(at);
        }
    }

    /// Checks at random for so long, `rates[i]` a second at the proxy `i`.
    fn load(&mut self, rates: &[u64], from: u64, to: u64, random: &mut Random) {
        let mut next: Vec<u64> = rates.iter().map(|rate| from + random.gap(*rate)).collect();
        while let Some((proxy, at)) = earliest(&next).filter(|(_, at)| *at < to) {
            self.check(proxy, at);
            next[proxy] = at + random.gap(rates[proxy]);
        }
        self.arrive(to + self.trip);
    }

    fn allowed_within(&self, from: u64, to: u64) -> u64 {
        self.allowed.iter().filter(|at| (from..to).contains(*at)).count() as u64
    }
}

fn earliest(next: &[u64]) -> Option<(usize, u64)> {
    next.iter().copied().enumerate().min_by_key(|(_, at)| *at)
}

/// xorshift64: the same numbers in every run of a case.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Between two arrivals of a Poisson process.
    fn gap(&mut self, rate: u64) -> u64 {
        let seconds = -(1.0 - self.next()).ln() / rate as f64;
        1 + (seconds * SECOND as f64) as u64
    }
}

fn gcra(rate: u32, period_ms: u32, burst: u32) -> Algorithm {
    Algorithm::Gcra { rate, period_ms, burst }
}

fn bucket(capacity: u32, refill: u32, period_ms: u32) -> Algorithm {
    Algorithm::TokenBucket { capacity, refill, period_ms }
}

/// Any algorithm that allows at least a thousand in a minute, with a burst of at least a
/// tenth of a second: below that, what is lost is lost to the distance between arrivals.
fn large() -> impl Strategy<Value = Algorithm> {
    let even = (20_u32..2_000, 1_u32..20)
        .prop_map(|(rate, part)| gcra(rate, 1_000, (rate * part / 10).max(8)));
    let steps = (20_u32..2_000).prop_map(|refill| bucket(refill, refill, 1_000));
    prop_oneof![even, steps]
}

fn per_second(algorithm: &Algorithm) -> u64 {
    match *algorithm {
        Algorithm::Gcra { rate, .. } => rate.into(),
        Algorithm::TokenBucket { refill, .. } => refill.into(),
    }
}

fn burst(algorithm: &Algorithm) -> u64 {
    match *algorithm {
        Algorithm::Gcra { burst, .. } => burst.into(),
        Algorithm::TokenBucket { capacity, .. } => capacity.into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Under more load than the limit, from proxies that see different shares of it, a
    /// minute brings what the limit allows in a minute, within 1 %.
    #[test]
    fn a_fleet_allows_what_one_proxy_would(
        algorithm in large(),
        shares in prop::collection::vec(1_u64..5, 1..8),
        over in 15_u64..60,
        trip in 100_000_u64..5_000_000,
        seed in 1_u64..u64::MAX,
    ) {
        let rate = per_second(&algorithm);
        let all: u64 = shares.iter().sum();
        let rates: Vec<u64> =
            shares.iter().map(|share| (rate * over * share / all / 10).max(1)).collect();
        let mut fleet = Fleet::new(&algorithm, rates.len(), trip);
        let end = MINUTE + 5 * SECOND;
        fleet.load(&rates, 0, end, &mut Random(seed));
        // Its beginning, with the burst, is another matter.
        let from = 5 * SECOND;
        let got = fleet.allowed_within(from, from + MINUTE);
        let due = rate * 60;
        // A unit at either edge of the minute is nobody's error.
        prop_assert!(got.abs_diff(due) <= due / 100 + 2, "{got} of {due}, {rates:?}");
    }

    /// Whatever the load does, no window has more than the algorithm allows in it and what
    /// was leased before.
    #[test]
    fn no_window_has_more_than_the_bound(
        algorithm in large(),
        phases in prop::collection::vec((0_u64..40, 50_u64..1_500), 2..12),
        proxies in 1_usize..6,
        window in 10_u64..3_000,
        seed in 1_u64..u64::MAX,
    ) {
        let mut fleet = Fleet::new(&algorithm, proxies, MS);
        let rate = per_second(&algorithm);
        let (mut random, mut now) = (Random(seed), 0);
        for (load, millis) in phases {
            let rates: Vec<u64> =
                (0..proxies).map(|proxy| 1 + rate * load * (proxy as u64 % 3) / 20).collect();
            let end = now + millis * MS;
            fleet.load(&rates, now, end, &mut random);
            now = end;
        }
        let window = window * MS;
        let refills = match algorithm {
            Algorithm::Gcra { .. } => (rate * window).div_ceil(SECOND),
            Algorithm::TokenBucket { .. } => rate * (window / SECOND + 1),
        };
        let leased = proxies as u64 * u64::from(fleet.terms.most);
        // What is asked for is allowed when the answer comes: a trip later.
        let most = burst(&algorithm) + refills + leased + (rate * fleet.trip).div_ceil(SECOND) + 1;
        let mut first = 0;
        for (last, at) in fleet.allowed.iter().enumerate() {
            while fleet.allowed[first] + window < *at {
                first += 1;
            }
            prop_assert!((last - first) as u64 <= most, "{} of {most}", last - first);
        }
    }
}

#[test]
fn a_small_limit_is_exact() {
    for algorithm in [gcra(5, 60_000, 5), bucket(5, 5, 60_000), gcra(900, 60_000, 900)] {
        let mut fleet = Fleet::new(&algorithm, 4, MS);
        assert_eq!(fleet.terms.most, 0);
        let burst = burst(&algorithm);
        for check in 0..burst * 3 {
            let proxy = check as usize % 4;
            fleet.check(proxy, check * 10_000);
        }
        fleet.arrive(MINUTE);
        assert_eq!(fleet.allowed.len() as u64, burst, "{algorithm:?}");
    }
}

#[test]
fn most_checks_need_no_round_trip() {
    // Below the limit, at it and far beyond it.
    for load in [300, 1_000, 5_000] {
        let mut fleet = Fleet::new(&gcra(1_000, 1_000, 1_000), 3, MS);
        fleet.load(&[load / 3; 3], 0, 20 * SECOND, &mut Random(7));
        assert!(fleet.asked * 10 < fleet.checked, "{} of {}", fleet.asked, fleet.checked);
    }
    let mut fleet = Fleet::new(&gcra(5, 60_000, 5), 3, MS);
    fleet.load(&[100; 3], 0, 60 * SECOND, &mut Random(7));
    assert!(fleet.asked * 100 < fleet.checked, "refusals are remembered: {}", fleet.asked);
}

fn answer(allowed: bool, leased: u32, retry_after: u64) -> Answer {
    Answer { allowed, leased, remaining: 0, retry_after, reset_after: 5 * SECOND }
}

fn asked(step: Step) -> Ask {
    match step {
        Step::Ask(ask) => ask,
        Step::Known(verdict) => panic!("it was known: {verdict:?}"),
    }
}

#[test]
fn a_refusal_holds_for_its_cost_and_its_time() {
    let terms = Terms::new(&gcra(5, 60_000, 5));
    let mut lease = Lease::default();
    let ask = asked(lease.check(terms, SECOND, 3));
    let verdict = lease.settle(terms, ask, answer(false, 0, 2 * SECOND), SECOND);
    lease.end(ask);
    assert_eq!((verdict.allowed, verdict.retry_after_ms), (false, 2_000));
    for cost in [3, 5] {
        let step = lease.check(terms, 2 * SECOND, cost);
        assert!(matches!(step, Step::Known(Verdict { allowed: false, retry_after_ms: 1_000, .. })));
    }
    asked(lease.check(terms, 2 * SECOND, 2));
    asked(lease.check(terms, 2 * SECOND, 0));
    asked(lease.check(terms, 3 * SECOND, 3));
}

#[test]
fn what_is_leased_is_spent_here_and_ends() {
    let terms = Terms::new(&gcra(1_000, 1_000, 1_000));
    let mut lease = Lease::default();
    let mut now = 10 * SECOND;
    let mut sizes = Vec::new();
    for _ in 0..8 {
        let ask = asked(lease.check(terms, now, 1));
        sizes.push(ask.more);
        assert!(lease.settle(terms, ask, answer(true, ask.more, 0), now).allowed);
        lease.end(ask);
        for _ in 0..ask.more {
            assert!(matches!(lease.check(terms, now, 1), Step::Known(_)));
        }
        now += 100 * MS;
    }
    assert_eq!(sizes, [0, 1, 3, 7, 15, 31, 60, 60], "it grows with the rate, to a bound");

    let ask = asked(lease.check(terms, now, 1));
    lease.settle(terms, ask, answer(true, ask.more, 0), now);
    lease.end(ask);
    for _ in 0..20 {
        lease.check(terms, now, 1);
    }
    let ask = asked(lease.check(terms, now + LIFE, 1));
    assert_eq!(ask.more, 10, "what was left has ended, and half of what was used is enough");
    lease.end(ask);
    assert_eq!(asked(lease.check(terms, now + 10 * LIFE, 1)).more, 0);
}

#[test]
fn one_question_at_a_time_brings_a_lease() {
    let terms = Terms::new(&gcra(1_000, 1_000, 1_000));
    let mut lease = Lease { size: 10, began: SECOND, ..Lease::default() };
    let first = asked(lease.check(terms, SECOND, 1));
    let second = asked(lease.check(terms, SECOND, 1));
    assert_eq!((first.more, second.more), (21, 0));
    // The second is answered first, and takes the lead from nobody.
    lease.settle(terms, second, answer(true, 0, 0), SECOND);
    lease.end(second);
    assert_eq!(asked(lease.check(terms, SECOND, 1)).more, 0);
    lease.end(first);
    assert!(asked(lease.check(terms, SECOND, 1)).more > 0, "it was never answered");
}
