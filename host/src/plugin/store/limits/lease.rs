//! What one proxy knows of a bucket that a fleet shares, so that most checks need no
//! round trip.
//!
//! The bucket itself is in Redis, and nothing is allowed that was not spent there. Two
//! things are remembered here, for each key of a limit:
//!
//! * **A refusal**, until a check of the same cost could be allowed. Debt only falls with
//!   time, at a known pace, so nobody is refused wrongly.
//! * **A lease**: a check that is allowed may take some more with it, which later checks
//!   spend here. It lasts [`LIFE`] at most; what is left of it then is lost.
//!
//! How much is leased follows the rate that this proxy sees: a lease that was spent within
//! half of its life is followed by one of twice the size and one more, a lease that ended
//! unspent by one of half of what was used. It is never more than
//!
//! > *B* = min(what the limit allows in a minute / 1,000, its burst / 4)
//!
//! so that a limit of less than a thousand in a minute, or with a burst below 4, leases
//! nothing and is exact. Where leases are used, a refusal lasts for the time that refills
//! one more lease, else a limit that is exhausted would be asked for every single unit; at
//! a quarter of the burst that is too short for the bucket to overflow meanwhile.
//!
//! **Error.** With *N* proxies the fleet allows, in any time *t*, at most what the
//! algorithm does and the *N* · *B* that were leased before it. It allows less by what
//! leases end with, which is at most *B* for each time that the traffic of a key at a proxy
//! ends or falls to a half. Over a minute, *N* · *B* is *N* ‰ of the limit: 1 % for ten
//! proxies. (`a_fleet_allows_what_one_proxy_would` holds it in virtual time.)

use super::meter::{Algorithm, Verdict};

/// How long what was leased may be spent, in nanoseconds.
const LIFE: u64 = 1_000_000_000;
/// Of what a limit allows in a minute, one lease takes so much at most.
const MINUTE_PART: u64 = 1_000;
/// Likewise of its burst.
const BURST_PART: u32 = 4;
const NANOS_PER_MS: u64 = 1_000_000;
const NANOS_PER_MINUTE: u64 = 60_000 * NANOS_PER_MS;

/// What a limit's numbers mean for leases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The largest lease.
    most: u32,
    /// Nanoseconds that refill one unit; 0 where a bucket is refilled in steps, which
    /// come when they come.
    unit: u64,
}

/// See above. Times are nanoseconds of the process's clock.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Leased and not spent.
    left: u32,
    /// What `left` was at first.
    granted: u32,
    began: u64,
    ends: u64,
    /// What the next one asks for.
    size: u32,
    /// A check of this cost, or a higher one, is refused until then.
    refused_cost: u32,
    refused_until: u64,
    /// What Redis said could still be spent at once.
    elsewhere: u32,
    /// When nothing is spent any more.
    full_at: u64,
    /// Whether a check is under way that will bring a lease.
    asking: bool,
}

/// What is to be done about a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is known here.
    Known(Verdict),
    /// Redis has to be asked, for this much beside the cost.
    Ask(Ask),
}

/// A question that was put to Redis, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// What is to be spent.
    pub(super) cost: u32,
    /// What is to be leased besides, if there is so much.
    pub(super) more: u32,
    /// Whether this is the one question of this proxy that may bring a lease.
    leads: bool,
    began: u64,
}

/// What Redis answered. Times are nanoseconds from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether the cost was, or could be, spent.
    pub(super) allowed: bool,
    /// What was leased.
    pub(super) leased: u32,
    /// What could still be spent at once.
    pub(super) remaining: u32,
    /// Until the same cost would be allowed.
    pub(super) retry_after: u64,
    /// Until nothing is spent any more.
    pub(super) reset_after: u64,
}

impl Terms {
    /// Of a legal algorithm.
    pub(super) fn new(algorithm: &Algorithm) -> Self {
        let (rate, period_ms, burst, is_even) = match *algorithm {
            Algorithm::Gcra { rate, period_ms, burst } => (rate, period_ms, burst, true),
            Algorithm::TokenBucket { capacity, refill, period_ms } => {
                (refill, period_ms, capacity, false)
            }
        };
        let period = (u64::from(period_ms) * NANOS_PER_MS).max(1);
        let minute = u128::from(rate) * u128::from(NANOS_PER_MINUTE) / u128::from(period);
        let most = u32::try_from(minute / u128::from(MINUTE_PART)).unwrap_or(u32::MAX);
        let unit = if is_even { period / u64::from(rate.max(1)) } else { 0 };
        Self { most: most.min(burst / BURST_PART), unit }
    }
}

impl Lease {
    /// What to do about a check. Whoever is told to ask tells the answer to
    /// [`Self::settle`], if there is one, and in any case calls [`Self::end`].
    pub(super) fn check(&mut self, terms: Terms, now: u64, cost: u32) -> Step {
        if self.left > 0 && now >= self.ends {
            self.size = (self.granted - self.left) / 2;
            self.left = 0;
        }
        // A cost of 0 only looks, and is to see what there is.
        if cost > 0 && self.left >= cost {
            self.left -= cost;
            return Step::Known(self.allowed(now));
        }
        if cost > 0 && cost >= self.refused_cost && now < self.refused_until {
            return Step::Known(self.refused(now));
        }
        let leads = cost > 0 && !self.asking && terms.most > 0;
        let mut ask = Ask { cost, more: 0, leads, began: now };
        if leads {
            self.asking = true;
            let since = now - self.began.min(now);
            self.size = match since {
                _ if since < LIFE / 2 => self.size.saturating_mul(2).saturating_add(1),
                _ if since > 2 * LIFE => 0,
                _ => self.size,
            };
            self.size = self.size.min(terms.most);
            self.began = now;
            ask.more = self.size.saturating_sub(self.left);
        }
        Step::Ask(ask)
    }

    /// Redis has answered.
    pub(super) fn settle(&mut self, terms: Terms, ask: Ask, answer: Answer, now: u64) -> Verdict {
        self.elsewhere = answer.remaining;
        self.full_at = now.saturating_add(answer.reset_after);
        if !answer.allowed {
            let more = u64::from(self.size).saturating_mul(terms.unit);
            let retry_after = answer.retry_after.saturating_add(more);
            self.refused_cost = ask.cost;
            self.refused_until = now.saturating_add(retry_after);
            return self.refused(now);
        }
        if answer.leased > 0 {
            self.left += answer.leased;
            self.granted = self.left;
            // From when it was asked: Redis has granted it later than that.
            self.ends = ask.began + LIFE;
        }
        self.allowed(now)
    }

    /// The question is settled, has no answer, or nobody waits for it any more.
    pub(super) fn end(&mut self, ask: Ask) {
        if ask.leads {
            self.asking = false;
        }
    }

    /// Whether all that is known here has had its time.
    pub(super) fn is_over(&self, now: u64) -> bool {
        !self.asking && now >= self.ends.max(self.refused_until).max(self.full_at)
    }

    fn allowed(&self, now: u64) -> Verdict {
        Verdict {
            allowed: true,
            remaining: self.left.saturating_add(self.elsewhere),
            retry_after_ms: 0,
            reset_after_ms: millis(self.full_at.saturating_sub(now)),
        }
    }

    fn refused(&self, now: u64) -> Verdict {
        Verdict {
            allowed: false,
            remaining: self.left.saturating_add(self.elsewhere),
            retry_after_ms: millis(self.refused_until.saturating_sub(now)),
            reset_after_ms: millis(self.full_at.saturating_sub(now)),
        }
    }
}

/// Rounded up, so that nobody comes too early.
fn millis(nanos: u64) -> u32 {
    u32::try_from(nanos.div_ceil(NANOS_PER_MS)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
