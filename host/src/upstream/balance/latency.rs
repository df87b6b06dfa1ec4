//! How long an endpoint takes to answer: a moving average that is sensitive to
//! peaks (Finagle's "peak EWMA").
//!
//! A longer time than the average replaces it at once, a shorter one pulls it down
//! by how long ago the last was seen. So an endpoint that begins to stall is passed
//! over after its first slow answer, and has to be fast for some seconds before it
//! is believed again. Between answers the average falls towards nothing, so that an
//! endpoint that nobody dares to ask is asked again some time.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time in which what was seen once falls to a third (1/e).
const DECAY: Duration = Duration::from_secs(10);

/// One endpoint's average on one worker. Costs nothing until something is observed.
#[derive(Debug, Default)]
pub struct Latency {
    /// In microseconds, as of `seen`; 0 = nothing was observed yet.
    average: Cell<f64>,
    seen: Cell<Option<Instant>>,
}

impl Latency {
    /// The head of a response was there after `time`.
    pub fn observe(&self, time: Duration, now: Instant) {
        // Half a microsecond is still an answer, and 0 means that there was none.
        let time = (time.as_secs_f64() * 1e6).max(1.0);
        let weight = self.weight(now);
        let before = self.average.get();
        let average = before * weight + time * (1.0 - weight);
        self.average.set(if time > before { time } else { average });
        self.seen.set(Some(now));
    }

    /// The average in microseconds; 0 if nothing was observed yet.
    pub fn at(&self, now: Instant) -> f64 {
        self.average.get() * self.weight(now)
    }

    /// How much of what was seen last still counts.
    fn weight(&self, now: Instant) -> f64 {
        let Some(seen) = self.seen.get() else { return 0.0 };
        (-now.saturating_duration_since(seen).as_secs_f64() / DECAY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_is_known_before_the_first_answer() {
        assert_eq!(Latency::default().at(Instant::now()), 0.0);
    }

    #[test]
    fn a_peak_counts_at_once() {
        let (latency, now) = (Latency::default(), Instant::now());
        latency.observe(MS, now);
        latency.observe(MS * 500, now);
        assert_eq!(latency.at(now), 500_000.0);
    }

    #[test]
    fn what_is_faster_counts_by_the_time_that_has_passed() {
        let (latency, now) = (Latency::default(), Instant::now());
        latency.observe(MS * 100, now);
        latency.observe(MS, now);
        assert_eq!(latency.at(now), 100_000.0, "two answers at one moment: the slower one");
        let later = now + DECAY;
        latency.observe(MS, later);
        let third = (-1.0_f64).exp();
        let due = 100_000.0 * third + 1_000.0 * (1.0 - third);
        assert!((latency.at(later) - due).abs() < 1.0, "{} {due}", latency.at(later));
    }

    #[test]
    fn an_average_that_nobody_renews_falls() {
        let (latency, now) = (Latency::default(), Instant::now());
        latency.observe(MS * 800, now);
        let after = |seconds| latency.at(now + Duration::from_secs(seconds));
        assert!(after(1) > after(5) && after(5) > after(60));
        assert!(after(120) < 10.0, "{}", after(120));
    }

    proptest! {
        #[test]
        fn an_average_lies_between_nothing_and_the_slowest_answer(
            answers in proptest::collection::vec((1_u64..10_000_000, 0_u64..20_000), 1..40),
        ) {
            let (latency, mut now) = (Latency::default(), Instant::now());
            let slowest = answers.iter().map(|(time, _)| *time).max().unwrap_or_default();
            for (time, gap) in answers {
                now += Duration::from_millis(gap);
                latency.observe(Duration::from_micros(time), now);
                // A moment ago it was at least what it is after the next answer decays it.
                prop_assert!(latency.at(now) > 0.0);
                prop_assert!(latency.at(now) <= slowest as f64 + 1e-6);
            }
        }
    }
}
