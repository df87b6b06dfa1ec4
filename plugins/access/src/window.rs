//! Times of the week.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};
use plugin_sdk::{Error, Result};

use crate::config::{self, Day};

/// A time of the week, in a zone.
pub(crate) struct Window {
    /// By day, Monday first.
    days: [bool; 7],
    /// Minutes of the day.
    from: u16,
    to: u16,
    zone: TimeZone,
}

const DAY: u16 = 24 * 60;

impl Window {
    pub(crate) fn new(config: &config::Window) -> Result<Self> {
        let mut days = [config.days.is_empty(); 7];
        for day in &config.days {
            days[*day as usize] = true;
        }
        let from = minute(&config.from).filter(|from| *from < DAY);
        let to = minute(&config.to).filter(|to| *to > 0);
        let wrong = |text: &str| {
            Error::new(format!("`{}` is no time of the day such as `08:30`", text.escape_debug()))
        };
        Ok(Self {
            days,
            from: from.ok_or_else(|| wrong(&config.from).within("from"))?,
            to: to.ok_or_else(|| wrong(&config.to).within("to"))?,
            zone: zone(&config.zone).map_err(|e| e.within("zone"))?,
        })
    }

    /// Whether this second, counted from 1970, is within. What goes on after midnight
    /// belongs to the day on which it began.
    pub(crate) fn holds(&self, second: i64) -> bool {
        let Ok(timestamp) = Timestamp::from_second(second) else { return false };
        let local = self.zone.to_datetime(timestamp);
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let yesterday = (today + 6) % 7;
        if self.from < self.to {
            return self.days[today] && (self.from..self.to).contains(&minute);
        }
        (self.days[today] && minute >= self.from) || (self.days[yesterday] && minute < self.to)
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

fn zone(text: &str) -> Result<TimeZone> {
    if let Some(sign) = text.chars().next().filter(|c| ['+', '-'].contains(c)) {
        let minutes = minute(&text[1..]).map(i32::from).filter(|minutes| *minutes <= 18 * 60);
        let seconds = minutes.map(|minutes| if sign == '-' { -60 * minutes } else { 60 * minutes });
        let offset = seconds.and_then(|seconds| Offset::from_seconds(seconds).ok());
        return offset
            .map(TimeZone::fixed)
            .ok_or_else(|| Error::new(format!("`{text}` is no offset such as `+01:00`")));
    }
    if text == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(text).map_err(|_| {
        Error::new(format!(
            "`{}` is neither `UTC`, nor an offset such as `+01:00`, nor a zone of the IANA database \
             such as `Europe/Amsterdam`",
            text.escape_debug()
        ))
    })
}

/// Jiff counts from Monday, as [`Day`] does.
const _: () = assert!(Day::Mon as usize == 0 && Weekday::Monday as usize == 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str, zone: &str) -> Window {
        let config = config::Window {
            days: days.to_vec(),
            from: from.to_owned(),
            to: to.to_owned(),
            zone: zone.to_owned(),
        };
        Window::new(&config).unwrap_or_else(|e| panic!("{config:?}: {e}"))
    }

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a timestamp").as_second()
    }

    #[test]
    fn office_hours_are_those_of_the_zone() {
        let days = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri];
        let office = window(&days, "08:00", "18:00", "Europe/Amsterdam");
        // A Tuesday: an hour ahead of UTC in winter, two in summer.
        for (time, expected) in [
            ("2026-01-13T06:59:59Z", false),
            ("2026-01-13T07:00:00Z", true),
            ("2026-01-13T16:59:59Z", true),
            ("2026-01-13T17:00:00Z", false),
            ("2026-07-14T05:59:59Z", false),
            ("2026-07-14T06:00:00Z", true),
            ("2026-07-14T16:00:00Z", false),
            // A Saturday and a Sunday.
            ("2026-01-17T12:00:00Z", false),
            ("2026-01-18T12:00:00Z", false),
        ] {
            assert_eq!(office.holds(second(time)), expected, "{time}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = window(&[Day::Fri], "22:00", "06:00", "UTC");
        for (time, expected) in [
            ("2026-01-16T05:00:00Z", false),
            ("2026-01-16T21:59:59Z", false),
            ("2026-01-16T22:00:00Z", true),
            ("2026-01-17T05:59:59Z", true),
            ("2026-01-17T06:00:00Z", false),
            ("2026-01-17T22:00:00Z", false),
        ] {
            assert_eq!(night.holds(second(time)), expected, "{time}");
        }
        let sunday = window(&[Day::Sun], "23:00", "01:00", "UTC");
        assert!(sunday.holds(second("2026-01-19T00:59:00Z")), "the week goes around");
    }

    #[test]
    fn offsets_are_fixed() {
        let east = window(&[], "09:00", "10:00", "+05:45");
        assert!(east.holds(second("2026-07-01T03:15:00Z")));
        assert!(!east.holds(second("2026-07-01T04:15:00Z")));
        let west = window(&[], "00:00", "24:00", "-03:00");
        assert!(west.holds(second("2026-07-01T03:15:00Z")));
        let all_day = window(&[Day::Wed], "00:00", "24:00", "-03:00");
        assert!(all_day.holds(second("2026-07-02T02:59:00Z")), "still Wednesday there");
        assert!(!all_day.holds(second("2026-07-01T02:59:00Z")));
    }

    #[test]
    fn times_and_zones_that_are_none_are_refused() {
        for (from, to, zone) in [
            ("8:00", "18:00", "UTC"),
            ("24:00", "18:00", "UTC"),
            ("08:60", "18:00", "UTC"),
            ("08:00", "24:01", "UTC"),
            ("08:00", "00:00", "UTC"),
            ("08:00", "18:00", "Europe/Nowhere"),
            ("08:00", "18:00", "+25:00"),
            ("08:00", "18:00", "+é:00"),
            ("08:00", "18:00", ""),
        ] {
            let config = config::Window {
                days: Vec::new(),
                from: from.to_owned(),
                to: to.to_owned(),
                zone: zone.to_owned(),
            };
            assert!(Window::new(&config).is_err(), "{config:?}");
        }
    }
}
