//! Points in time as RFC 3339 writes them, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The end of the year 9999; RFC 3339 has no later one.
const LAST_SECOND: u64 = 253_402_300_799;

/// Writes points in time, and remembers the last second: those that follow in it
/// cost no calendar.
#[derive(Debug)]
pub struct Clock {
    second: u64,
    /// All but the milliseconds.
    text: [u8; 20],
}

impl Clock {
    /// Appends `2026-02-03T04:05:06.789Z`.
    pub fn write(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs().min(LAST_SECOND);
        if second != self.second {
            *self = Self { second, text: text(second) };
        }
        out.extend_from_slice(&self.text);
        let mut end = *b"...Z";
        digits(&mut end[..3], since.subsec_millis().into());
        out.extend_from_slice(&end);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self { second: 0, text: text(0) }
    }
}

fn text(second: u64) -> [u8; 20] {
    let (year, month, day) = date(second / SECONDS_PER_DAY);
    let mut text = *b"YYYY-MM-DDThh:mm:ss.";
    digits(&mut text[..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], second / 3_600 % 24);
    digits(&mut text[14..16], second / 60 % 60);
    digits(&mut text[17..19], second % 60);
    text
}

/// Fills `out` with the last digits of `number`.
fn digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day since 1970 in the Gregorian calendar.
///
/// Years begin in March here, which puts the leap day at the end, and are counted
/// in eras of 400, which all have the same number of days.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days_since_1970 + DAYS_FROM_MARCH_OF_YEAR_0;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let leap_days = day / 1_460 - day / 36_524 + day / 146_096;
    let year = (day - leap_days) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Month lengths from March on repeat every five months, of 153 days.
    let month_from_march = (5 * day + 2) / 153;
    let day = day - (153 * month_from_march + 2) / 5 + 1;
    let (month, next_year) =
        if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    (era * 400 + year + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(clock: &mut Clock, since: Duration) -> String {
        let mut out = Vec::new();
        clock.write(&mut out, UNIX_EPOCH + since);
        String::from_utf8(out).expect("it is ASCII")
    }

    #[test]
    fn points_in_time_are_written_in_utc() {
        let mut clock = Clock::default();
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (951_868_800_010, "2000-03-01T00:00:00.010Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(written(&mut clock, Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn before_1970_is_1970() {
        let mut out = Vec::new();
        Clock::default().write(&mut out, UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(out, b"1970-01-01T00:00:00.000Z");
    }

    /// Counts the days one by one, by the rules that everybody knows.
    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..LAST_SECOND / SECONDS_PER_DAY {
            assert_eq!(date(days), (year, month, day));
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 if is_leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == last => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}
