use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::RateLimitQuota;
use crate::plugin::store::fleet::probe::Probe;
use crate::plugin::store::limits::Limits;
use crate::plugin::store::limits::meter::Meter;

const HOURLY: Algorithm = Algorithm::Gcra { rate: 5, period_ms: 3_600_000, burst: 5 };

fn shared(fleet: Arc<Fleet>, keys: u64, unavailable: Unavailable) -> Shared {
    let limits = Arc::new(Limits::new(Arc::default()));
    let quota = RateLimitQuota { keys, unavailable };
    Shared::new(fleet, "a", Arc::new(Service::new(limits, &quota)))
}

fn limit(shared: &Shared, algorithm: Algorithm) -> Arc<Limit> {
    shared.own.define("requests".to_owned(), algorithm).unwrap()
}

impl Shared {
    async fn check(&self, limit: &Limit, key: &[u8], cost: u32) -> Result<Verdict, LimitError> {
        match self.known(limit, key, cost)? {
            Check::Known(verdict) => Ok(verdict),
            Check::Ask(asking) => self.spend(limit, key, asking).await,
        }
    }
}

async fn allowed(shared: &Shared, limit: &Limit, key: &str) -> bool {
    shared.check(limit, key.as_bytes(), 1).await.unwrap().allowed
}

#[tokio::test]
async fn proxies_spend_from_one_bucket_and_each_key_has_its_own() {
    let Some(probe) = Probe::start(&[]) else { return };
    for algorithm in
        [HOURLY, Algorithm::TokenBucket { capacity: 5, refill: 5, period_ms: u32::MAX }]
    {
        let proxies = [(); 3].map(|()| shared(probe.fleet(), 10, Unavailable::Error));
        let limits = proxies.each_ref().map(|proxy| limit(proxy, algorithm));
        let mut spent = 0;
        for check in 0..30 {
            let proxy = check % 3;
            spent += u32::from(allowed(&proxies[proxy], &limits[proxy], "a").await);
        }
        assert_eq!(spent, 5, "{algorithm:?}");
        let looked = proxies[0].check(&limits[0], b"a", 0).await.unwrap();
        assert_eq!((looked.allowed, looked.remaining), (true, 0));
        let refused = proxies[1].check(&limits[1], b"a", 2).await.unwrap();
        assert!(!refused.allowed && refused.retry_after_ms > 0 && refused.reset_after_ms > 0);
        assert_eq!(proxies[2].check(&limits[2], b"b", 5).await.unwrap().remaining, 0);
        assert_eq!(proxies[2].check(&limits[2], b"c", 6).await, Err(LimitError::Illegal));
    }
}

#[tokio::test]
async fn a_refusal_is_remembered_and_forgotten() {
    let Some(probe) = Probe::start(&[]) else { return };
    let proxy = shared(probe.fleet(), 1, Unavailable::Error);
    let limit = limit(&proxy, HOURLY);
    assert!(proxy.check(&limit, b"a", 5).await.unwrap().allowed);
    assert!(!allowed(&proxy, &limit, "a").await);
    let commands = || proxy.fleet.counts().commands.load(std::sync::atomic::Ordering::Relaxed);
    let before = commands();
    for _ in 0..10 {
        assert!(!allowed(&proxy, &limit, "a").await);
    }
    assert_eq!(commands(), before);
    assert_eq!(proxy.check(&limit, b"b", 1).await, Err(LimitError::Quota));
    proxy.own.limits.sweep();
    assert_eq!(proxy.check(&limit, b"b", 1).await, Err(LimitError::Quota), "it is still known");
    proxy.own.limits.clock.advance(Duration::from_secs(4_000));
    proxy.own.limits.sweep();
    assert!(allowed(&proxy, &limit, "b").await, "its room was given back");
}

#[tokio::test]
async fn without_redis_a_check_is_answered_as_configured() {
    let Some(probe) = Probe::start(&[]) else { return };
    let redis = probe.redis();
    drop(probe);
    let fleet = Arc::new(Fleet::join(&redis).unwrap());
    let proxy = |unavailable| shared(Arc::clone(&fleet), 10, unavailable);

    let local = proxy(Unavailable::Local);
    let requests = limit(&local, HOURLY);
    for left in (0..5).rev() {
        let verdict = local.check(&requests, b"a", 1).await.unwrap();
        assert_eq!((verdict.allowed, verdict.remaining), (true, left));
    }
    assert!(!allowed(&local, &requests, "a").await, "by its own count");

    let open = proxy(Unavailable::Open);
    let requests = limit(&open, HOURLY);
    for _ in 0..10 {
        assert!(allowed(&open, &requests, "a").await);
    }
    let closed = proxy(Unavailable::Closed);
    let verdict = closed.check(&limit(&closed, HOURLY), b"a", 1).await.unwrap();
    assert_eq!((verdict.allowed, verdict.retry_after_ms), (false, CLOSED_RETRY_MS));
    let error = proxy(Unavailable::Error);
    let verdict = error.check(&limit(&error, HOURLY), b"a", 1).await;
    assert_eq!(verdict, Err(LimitError::Unavailable));
}

/// The scripts with a clock that the test sets: the arguments after theirs.
fn with_clock(algorithm: &Algorithm) -> (Script, usize) {
    let (text, arguments) = match algorithm {
        Algorithm::Gcra { .. } => (include_str!("../gcra.lua"), 4),
        Algorithm::TokenBucket { .. } => (include_str!("../token_bucket.lua"), 5),
    };
    let clock = format!("{{ ARGV[{}], ARGV[{}] }}", arguments + 1, arguments + 2);
    let changed = text.replace("redis.call('TIME')", &clock);
    assert_ne!(changed, text);
    (Script::new(&changed), arguments)
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    let (rate, period, burst) = (1_u32..5_000, 1_u32..100_000, 1_u32..10_000);
    prop_oneof![
        // Units of whole microseconds, where both count alike to the last digit.
        (1_u32..5_000, 1_u32..1_000, 1_u32..10_000).prop_map(|(rate, unit, burst)| {
            Algorithm::Gcra { rate, period_ms: rate * unit, burst }
        }),
        (burst, rate, period).prop_map(|(capacity, refill, period_ms)| Algorithm::TokenBucket {
            capacity,
            refill,
            period_ms
        }),
    ]
}

/// What a test asks: milliseconds later, the cost and the lease in thousandths of what
/// there is at most.
fn checks() -> impl Strategy<Value = Vec<(u64, u32, u32)>> {
    prop::collection::vec((0_u64..3_000, 0_u32..1_200, 0_u32..400), 1..40)
}

#[test]
fn scripts_count_as_meters_do() {
    let Some(probe) = Probe::start(&[]) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fleet = probe.fleet();
    let key = std::sync::atomic::AtomicU64::new(0);
    proptest!(ProptestConfig::with_cases(64), |(algorithm in algorithm(), checks in checks())| {
        let (meter, limit) = (Meter::new(&algorithm).unwrap(), SharedLimit::new("x", &algorithm));
        let (script, arguments) = with_clock(&algorithm);
        let key = key.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        // After 2024, and on a boundary of no period.
        let mut now: u64 = 1_767_225_600_123;
        let mut horizon = meter.full(now * 1_000_000);
        for (later, cost, more) in checks {
            now += later;
            let part = |part: u32| (u64::from(meter.most()) * u64::from(part) / 1_000) as u32;
            let (cost, more) = (part(cost).min(meter.most()), part(more));
            let nanos = now * 1_000_000;
            let (mut verdict, moved) = meter.check(horizon, nanos, cost);
            let mut leased = 0;
            if let Some(moved) = moved {
                leased = more.min(verdict.remaining);
                let (after, further) = meter.check(moved, nanos, leased);
                (verdict, horizon) = (after, further.unwrap_or(moved));
            }

            let mut texts = limit.numbers.clone();
            texts.extend([cost, more].map(|number| number.to_string()));
            assert_eq!(texts.len(), arguments);
            texts.extend([(now / 1_000).to_string(), (now % 1_000 * 1_000).to_string()]);
            let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            let answer = runtime.block_on(fleet.run(&script, &[key.as_bytes()], &texts)).unwrap();
            let (allowed, got, remaining, retry, reset): (u8, u32, u32, u64, u64) = answer;
            prop_assert_eq!((allowed == 1, got, remaining), (verdict.allowed, leased, verdict.remaining));
            for (micros, millis) in [(retry, verdict.retry_after_ms), (reset, verdict.reset_after_ms)] {
                prop_assert!(micros.div_ceil(1_000).abs_diff(millis.into()) <= 1, "{micros} µs, {millis} ms");
            }
        }
    });
}
