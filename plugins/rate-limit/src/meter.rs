//! The numbers of a limit, and what a look at it means.

use std::time::Duration;

use plugin_sdk::rate_limit::{self, RateLimitError, Verdict};
use plugin_sdk::{Error, Result};

use crate::config::{self, Algorithm};

/// A limit's numbers. Time is in nanoseconds unless it is said otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    algorithm: Algorithm,
    rate: u32,
    period: u64,
    burst: u32,
    /// What may be spent beyond the burst by requests that are held: the host counts
    /// them like all others, and so nobody overtakes whoever waits.
    queue: u32,
    /// What a request spends.
    cost: u32,
}

const NANOS_PER_MILLI: u64 = 1_000_000;

/// In milliseconds. A hook may always wait for a second; whoever waited longer might
/// fail instead of being served.
const LONGEST_DELAY: u64 = 900;

impl Meter {
    pub(crate) fn new(limit: &config::Limit) -> Result<Self> {
        let error = |key: &str, text: String| Err(Error::new(text).within(key));
        let burst = limit.burst.unwrap_or(limit.rate);
        for (key, number) in [("rate", limit.rate), ("burst", burst), ("cost", limit.cost)] {
            if number == 0 {
                return error(key, "0 is not at least 1".to_owned());
            }
        }
        if limit.cost > burst {
            return error("cost", format!("{} is more than the burst of {burst}", limit.cost));
        }
        let period = limit.period.as_millis();
        if period == 0 || u32::try_from(period).is_err() {
            return error("period", format!("`{}` is not from 1ms to 49d", limit.period));
        }
        let period = period * NANOS_PER_MILLI;
        let mut meter = Self {
            algorithm: limit.algorithm,
            rate: limit.rate,
            period,
            burst,
            queue: 0,
            cost: limit.cost,
        };
        if let Some(delay) = limit.delay {
            if limit.algorithm != Algorithm::Gcra {
                return error("delay", "only with `algorithm = \"gcra\"`".to_owned());
            }
            if delay.as_millis() > LONGEST_DELAY {
                return error("delay", format!("`{delay}` is more than {LONGEST_DELAY}ms"));
            }
            let queue = delay.as_millis() * NANOS_PER_MILLI / meter.unit();
            let queue = u32::try_from(queue).unwrap_or(u32::MAX).min(u32::MAX - burst);
            if queue < limit.cost {
                let needed = (meter.unit() * u64::from(limit.cost)).div_ceil(NANOS_PER_MILLI);
                return error(
                    "delay",
                    format!("no request can wait `{delay}`: the limit allows one in {needed}ms"),
                );
            }
            meter.queue = queue;
        }
        Ok(meter)
    }

    /// The limit in the host.
    pub(crate) fn define(&self, name: &str) -> Result<rate_limit::Limit> {
        let period = Duration::from_nanos(self.period);
        let most = self.burst + self.queue;
        let defined = match self.algorithm {
            Algorithm::Gcra => rate_limit::Limit::gcra(name, self.rate, period, most),
            Algorithm::TokenBucket => {
                rate_limit::Limit::token_bucket(name, most, self.rate, period)
            }
        };
        defined.map_err(|error| match error {
            RateLimitError::Quota => Error::new("a plugin has at most 1000 limits"),
            RateLimitError::Illegal | RateLimitError::Unknown | RateLimitError::Unavailable => {
                Error::new("a burst that takes more than a hundred years to come back")
                    .within("burst")
            }
        })
    }

    /// The time of one unit of cost; of GCRA alone.
    fn unit(&self) -> u64 {
        self.period.div_ceil(self.rate.into())
    }

    /// What a request spends.
    pub(crate) fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether the request would be allowed, by a look at the limit.
    pub(crate) fn admits(&self, seen: &Verdict) -> bool {
        seen.remaining >= self.cost
    }

    /// Milliseconds until the request would be allowed, by a look at the limit.
    pub(crate) fn retry_after(&self, seen: &Verdict) -> u64 {
        let reset = u64::from(seen.reset_after_ms);
        let missing = u64::from(self.cost.saturating_sub(seen.remaining));
        let most = u64::from(self.burst + self.queue);
        match self.algorithm {
            Algorithm::Gcra => {
                // The debt has to fall to what leaves room for the cost.
                let room = (most - u64::from(self.cost)) * self.unit();
                reset.saturating_sub(room / NANOS_PER_MILLI)
            }
            Algorithm::TokenBucket => {
                let refill = u64::from(self.rate).min(most);
                let spent = most - u64::from(seen.remaining);
                let periods = spent.div_ceil(refill) - missing.div_ceil(refill);
                reset.saturating_sub(periods * self.period / NANOS_PER_MILLI)
            }
        }
    }

    /// Milliseconds for which a request has to wait that was allowed.
    pub(crate) fn wait(&self, allowed: &Verdict) -> u64 {
        if self.queue == 0 {
            return 0;
        }
        let at_once = u64::from(self.burst) * self.unit() / NANOS_PER_MILLI;
        u64::from(allowed.reset_after_ms).saturating_sub(at_once)
    }

    /// The item of `RateLimit-Policy`: as much as can be spent at once, and the
    /// seconds in which all of it comes back. A window of less than a second is left
    /// out, since the field has whole seconds alone.
    pub(crate) fn policy(&self, name: &str) -> String {
        let Self { burst, .. } = *self;
        let window = match self.algorithm {
            Algorithm::Gcra => u128::from(burst) * u128::from(self.unit()),
            Algorithm::TokenBucket => {
                u128::from(burst.div_ceil(self.rate)) * u128::from(self.period)
            }
        };
        let seconds = window.div_ceil(1_000_000_000);
        if window < 1_000_000_000 {
            format!("\"{name}\";q={burst}")
        } else {
            format!("\"{name}\";q={burst};w={seconds}")
        }
    }

    /// Adds the item of `RateLimit`: what remains, and for how many milliseconds.
    pub(crate) fn describe(&self, name: &str, remaining: u32, millis: u64, field: &mut String) {
        if !field.is_empty() {
            field.push_str(", ");
        }
        field.push('"');
        field.push_str(name);
        field.push_str("\";r=");
        push_number(remaining.saturating_sub(self.queue).into(), field);
        field.push_str(";t=");
        push_number(millis.div_ceil(1000), field);
    }
}

/// What `write!` does, without its machinery: this is on every response.
fn push_number(mut number: u64, text: &mut String) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    // Digits are ASCII.
    text.push_str(std::str::from_utf8(&digits[start..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_usual() {
        for number in [0, 7, 10, 99, 100, 1_000_000, u64::MAX] {
            let mut text = String::new();
            push_number(number, &mut text);
            assert_eq!(text, number.to_string());
        }
    }
}
