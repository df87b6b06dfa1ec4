//! Durations and sizes as text, with their unit, both ways.

use std::time::Duration;

use super::scalar::Invalid;

/// A year: far beyond any sensible time-out, and safe to add to a point in time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const DURATIONS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

const SIZES: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Reads `50ms`, `10s`, `2m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, Invalid> {
    let invalid = |why: &str| {
        Invalid::new(format!("`{}` is not a duration: {why}", text.escape_debug()))
            .help("write a whole number and one of the units ms, s, m or h, such as \"1500ms\"")
    };
    let milliseconds = with_unit(text, &DURATIONS).map_err(|why| invalid(&why))?;
    let duration = Duration::from_millis(milliseconds);
    if duration > LONGEST {
        return Err(invalid("it is longer than a year"));
    }
    Ok(duration)
}

/// Reads `512B`, `64KiB`, `1MiB`, `2GiB`, `1TiB`, and a plain `0`.
pub(super) fn size(text: &str) -> Result<u64, Invalid> {
    if text == "0" {
        return Ok(0);
    }
    with_unit(text, &SIZES).map_err(|why| {
        Invalid::new(format!("`{}` is not a size: {why}", text.escape_debug())).help(
            "write a whole number and one of the units B, KiB, MiB, GiB or TiB, such as \"64KiB\"",
        )
    })
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err("it does not begin with a number".to_owned());
    }
    if unit.is_empty() {
        return Err("it has no unit".to_owned());
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{}` is not a unit here", unit.escape_debug()));
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor))
        .ok_or_else(|| "it is too large".to_owned())
}

/// Writes a duration in the largest unit that keeps it whole.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    show(milliseconds, &DURATIONS)
}

/// Writes a size in the largest unit that keeps it whole.
pub(super) fn show_size(bytes: u64) -> String {
    if bytes == 0 {
        return "0B".to_owned();
    }
    show(bytes, &SIZES)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let (unit, factor) =
        units.iter().rev().find(|(_, factor)| number.is_multiple_of(*factor)).unwrap_or(&units[0]);
    format!("{}{unit}", number / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_carry_a_unit() {
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for (text, why) in [
            ("10", "no unit"),
            ("", "number"),
            ("s", "number"),
            ("-1s", "number"),
            ("1.5s", "not a unit"),
            ("1 s", "not a unit"),
            ("1day", "not a unit"),
            ("99999999999999999999s", "too large"),
            ("18446744073709551615h", "too large"),
            ("9000h", "longer than a year"),
        ] {
            let error = duration(text).expect_err(text);
            assert!(error.message.contains(why), "{text}: {}", error.message);
        }
    }

    #[test]
    fn sizes_carry_a_binary_unit() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        for (text, why) in [
            ("64", "no unit"),
            ("64KB", "not a unit"),
            ("64k", "not a unit"),
            ("KiB", "number"),
            ("99999999999TiB", "too large"),
        ] {
            let error = size(text).expect_err(text);
            assert!(error.message.contains(why), "{text}: {}", error.message);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in any::<u64>(), seconds in 0u64..31_536_000) {
            prop_assert_eq!(size(&show_size(bytes)), Ok(bytes));
            let time = Duration::from_secs(seconds);
            prop_assert_eq!(duration(&show_duration(time)), Ok(time));
        }
    }
}
