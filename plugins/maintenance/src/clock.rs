//! The time of day.

/// Seconds since 1970.
#[cfg(not(test))]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
thread_local! {
    static NOW: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(crate) fn now() -> i64 {
    NOW.get()
}

/// What the clock of this test's thread says from now on.
#[cfg(test)]
pub(crate) fn set(now: i64) {
    NOW.set(now);
}
