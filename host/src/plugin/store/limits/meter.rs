//! How a limit counts: arithmetic without state.
//!
//! A bucket is one word, its *horizon*: the point of the limit's own time at which
//! nothing is spent any more. Spending moves it on, time catches up with it, and
//! what lies between is the debt. With the generic cell rate algorithm that time is
//! nanoseconds and the horizon the theoretical arrival time of ITU-T I.371; with a
//! token bucket it is the tokens that were added since the clock began, so that it
//! moves in steps.

/// How a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::plugin) enum Algorithm {
    /// `rate` in `period_ms`, evenly, with `burst` at once.
    Gcra {
        /// How many.
        rate: u32,
        /// In how many milliseconds.
        period_ms: u32,
        /// How many at once.
        burst: u32,
    },
    /// `capacity` tokens, to which `refill` are added at the end of each period.
    TokenBucket {
        /// At most so many.
        capacity: u32,
        /// So many more.
        refill: u32,
        /// Every so many milliseconds.
        period_ms: u32,
    },
}

/// An [`Algorithm`] in numbers that are ready to use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// By how much one unit of cost moves the horizon.
    unit: u64,
    /// The most that can be spent at once, in units of cost.
    most: u32,
    pace: Pace,
}

/// How the limit's time moves.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// With the clock.
    Even,
    /// By `refill` at the end of each `period` of nanoseconds.
    Steps { refill: u64, period: u64 },
}

/// What became of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Verdict {
    /// Whether the cost was, or could be, spent.
    pub(in crate::plugin) allowed: bool,
    /// What could still be spent at once.
    pub(in crate::plugin) remaining: u32,
    /// Milliseconds until the same cost would be allowed, rounded up.
    pub(in crate::plugin) retry_after_ms: u32,
    /// Milliseconds until nothing is spent any more, rounded up.
    pub(in crate::plugin) reset_after_ms: u32,
}

/// A debt that takes longer to pay is a mistake, and would not fit into the sums
/// below: more than a hundred years in nanoseconds.
const DEPTH_MAX: u64 = 1 << 62;
const NANOS_PER_MS: u64 = 1_000_000;

impl Meter {
    /// None if there is a 0 in it, or if a spent burst would take more than a hundred
    /// years to come back.
    pub(super) fn new(algorithm: &Algorithm) -> Option<Self> {
        let (most, meter) = match *algorithm {
            Algorithm::Gcra { rate, period_ms, burst } => {
                let period = u64::from(period_ms) * NANOS_PER_MS;
                // Rounded up, so that there is never more than the rate.
                let unit = period.checked_div(u64::from(rate))?;
                let unit = unit + u64::from(!period.is_multiple_of(u64::from(rate)));
                (burst, Self { unit, most: burst, pace: Pace::Even })
            }
            Algorithm::TokenBucket { capacity, refill, period_ms } => {
                let (refill, period) = (u64::from(refill), u64::from(period_ms) * NANOS_PER_MS);
                let refill = refill.min(u64::from(capacity));
                (capacity, Self { unit: 1, most: capacity, pace: Pace::Steps { refill, period } })
            }
        };
        let paced = match meter.pace {
            Pace::Even => true,
            Pace::Steps { refill, period } => refill > 0 && period > 0,
        };
        let depth = meter.unit.checked_mul(u64::from(most))?;
        (paced && (1..=DEPTH_MAX).contains(&depth)).then_some(meter)
    }

    /// The most that can be spent at once.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    /// The horizon of a bucket from which nothing was spent.
    pub(super) fn full(&self, now: u64) -> u64 {
        self.time(now)
    }

    /// Whether nothing is spent any more.
    pub(super) fn is_full(&self, horizon: u64, now: u64) -> bool {
        self.debt(horizon, now) == 0
    }

    /// The verdict on a cost of at most [`Self::most`], and the horizon after it if
    /// that has moved.
    pub(super) fn check(&self, horizon: u64, now: u64, cost: u32) -> (Verdict, Option<u64>) {
        let depth = self.unit * u64::from(self.most);
        let debt = self.debt(horizon, now);
        let wanted = self.unit * u64::from(cost);
        let allowed = debt + wanted <= depth;
        let after = if allowed { debt + wanted } else { debt };
        let verdict = Verdict {
            allowed,
            remaining: u32::try_from((depth - after.min(depth)) / self.unit).unwrap_or(u32::MAX),
            retry_after_ms: match allowed {
                true => 0,
                false => self.millis_until_paid(debt + wanted - depth, now),
            },
            reset_after_ms: self.millis_until_paid(after, now),
        };
        let moved = allowed && cost > 0;
        (verdict, moved.then(|| self.time(now).wrapping_add(after)))
    }

    /// The limit's time. Wraps around, which differences do not notice.
    fn time(&self, now: u64) -> u64 {
        match self.pace {
            Pace::Even => now,
            Pace::Steps { refill, period } => (now / period).wrapping_mul(refill),
        }
    }

    fn debt(&self, horizon: u64, now: u64) -> u64 {
        let ahead = horizon.wrapping_sub(self.time(now)).cast_signed();
        u64::try_from(ahead).unwrap_or(0)
    }

    fn millis_until_paid(&self, debt: u64, now: u64) -> u32 {
        let nanos = match self.pace {
            _ if debt == 0 => 0,
            Pace::Even => debt,
            Pace::Steps { refill, period } => {
                debt.div_ceil(refill).saturating_mul(period).saturating_sub(now % period)
            }
        };
        u32::try_from(nanos.div_ceil(NANOS_PER_MS)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
