//! Durations and sizes as the operator writes them: whole numbers with a unit, as in
//! the proxy's own configuration.
//!
//! Both are types for a field of a `Config`: they are read by serde from a string, and
//! schemars describes them. A mistake is an error that says what to write.
//!
//! ```
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Config {
//!     timeout: units::Duration,
//!     limit: units::Size,
//! }
//!
//! let config = r#"{ "timeout": "1500ms", "limit": "64KiB" }"#;
//! let config: Config = serde_json::from_str(config).unwrap();
//! assert_eq!(config.timeout.as_millis(), 1500);
//! assert_eq!(config.limit.octets(), 65_536);
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// Long enough for every field that HTTP knows, and safe to add to a point in time.
const LONGEST: time::Duration = time::Duration::from_secs(10 * 365 * 24 * 60 * 60);

const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZES: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// A length of time in whole milliseconds, at most ten years: `500ms`, `10s`, `2m`,
/// `1h`, `30d`; a zero needs a unit too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(time::Duration);

/// A number of octets: `512B`, `64KiB`, `1MiB`, `2GiB`, `1TiB`, and a plain `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// Why a text is no duration or no size, and what would be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(String);

impl Duration {
    /// So many seconds; for defaults.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// So many milliseconds; for defaults.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(time::Duration::from_millis(milliseconds))
    }

    /// The standard library's type.
    pub const fn as_std(self) -> time::Duration {
        self.0
    }

    /// Whole seconds; what is left over is dropped.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// Milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0.as_secs() * 1_000 + self.0.subsec_millis() as u64
    }

    /// Whether it is a whole number of seconds, as header fields need it.
    pub const fn is_whole_seconds(self) -> bool {
        self.0.subsec_nanos() == 0
    }
}

impl Size {
    /// So many octets; for defaults.
    pub const fn from_octets(octets: u64) -> Self {
        Self(octets)
    }

    /// The number of octets.
    pub const fn octets(self) -> u64 {
        self.0
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| {
            Invalid(format!(
                "`{}` is not a duration: {why}; write a whole number and one of the units ms, s, \
                 m, h or d, such as \"1500ms\"",
                text.escape_debug()
            ))
        };
        let milliseconds = with_unit(text, &DURATIONS).map_err(|why| invalid(&why))?;
        let duration = time::Duration::from_millis(milliseconds);
        if duration > LONGEST {
            return Err(invalid("it is longer than ten years"));
        }
        Ok(Self(duration))
    }
}

impl FromStr for Size {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "0" {
            return Ok(Self(0));
        }
        with_unit(text, &SIZES).map(Self).map_err(|why| {
            Invalid(format!(
                "`{}` is not a size: {why}; write a whole number and one of the units B, KiB, \
                 MiB, GiB or TiB, such as \"64KiB\"",
                text.escape_debug()
            ))
        })
    }
}

/// In the largest unit that keeps it whole; reads back as the same.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_millis() {
            0 => f.write_str("0s"),
            milliseconds => show(milliseconds, &DURATIONS, f),
        }
    }
}

/// In the largest unit that keeps it whole; reads back as the same.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0B"),
            octets => show(octets, &SIZES, f),
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text("a duration such as \"10s\"", Self::from_str))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text("a size such as \"64KiB\"", Self::from_str))
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(0|[0-9]+(B|KiB|MiB|GiB|TiB))$" })
    }
}

/// Reads a string; whatever else stands there is told what was expected.
struct Text<T>(&'static str, fn(&str) -> Result<T, Invalid>);

impl<T> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
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
    let number = number.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(*factor))
        .ok_or_else(|| "it is too large".to_owned())
}

fn show(number: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let largest = units.iter().rev().find(|(_, factor)| number.is_multiple_of(*factor));
    let (unit, factor) = largest.unwrap_or(&units[0]);
    write!(f, "{}{unit}", number / factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duration(text: &str) -> Result<u64, String> {
        text.parse::<Duration>().map(Duration::as_millis).map_err(|e| e.to_string())
    }

    fn size(text: &str) -> Result<u64, String> {
        text.parse::<Size>().map(Size::octets).map_err(|e| e.to_string())
    }

    #[test]
    fn durations_carry_a_unit() {
        for (text, milliseconds) in
            [("50ms", 50), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(milliseconds));
        }
        assert_eq!(duration("365d"), Ok(365 * 86_400_000));
        for (text, why) in [
            ("10", "no unit"),
            ("", "number"),
            ("s", "number"),
            ("-1s", "number"),
            ("+1s", "number"),
            ("1.5s", "not a unit"),
            ("1 s", "not a unit"),
            ("1day", "not a unit"),
            ("99999999999999999999s", "too large"),
            ("18446744073709551615h", "too large"),
            ("3651d", "longer than ten years"),
        ] {
            let error = duration(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_carry_a_binary_unit() {
        for (text, octets) in [("0", 0), ("512B", 512), ("64KiB", 65_536), ("1GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(octets));
        }
        for (text, why) in [
            ("64", "no unit"),
            ("64KB", "not a unit"),
            ("64k", "not a unit"),
            ("KiB", "number"),
            ("99999999999TiB", "too large"),
        ] {
            let error = size(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_string_is_told_what_was_expected() {
        let error = serde_json::from_str::<Duration>("10").expect_err("a number is no duration");
        assert!(error.to_string().contains("expected a duration such as \"10s\""), "{error}");
        let error = serde_json::from_str::<Size>("true").expect_err("a boolean is no size");
        assert!(error.to_string().contains("expected a size such as \"64KiB\""), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(octets in any::<u64>(), millis in 0u64..315_360_000_000) {
            prop_assert_eq!(size(&Size::from_octets(octets).to_string()), Ok(octets));
            prop_assert_eq!(duration(&Duration::from_millis(millis).to_string()), Ok(millis));
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _ = (duration(&text), size(&text));
        }
    }
}
