//! The time of day.

/// Seconds since 1970. In tests the fakes' clock moves it.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Before 1970 nothing is valid yet.
    let seconds = since.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    seconds.saturating_add(moved())
}

#[cfg(not(test))]
fn moved() -> i64 {
    0
}

#[cfg(test)]
thread_local! {
    static MOVED: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn moved() -> i64 {
    MOVED.get()
}

/// Lets time pass for this thread, in `kv` as well.
#[cfg(test)]
pub(crate) fn advance(seconds: u32) {
    MOVED.set(MOVED.get() + i64::from(seconds));
    plugin_sdk::testing::clock::advance(std::time::Duration::from_secs(seconds.into()));
}
