//! Waiting for a condition, with a deadline that only a failure ever reaches.

use std::future::Future;
use std::time::Duration;

/// How long anything that a test awaits may take. Generous, because a loaded
/// machine is not a failure; no test passes or fails by how long something took.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The future's output.
///
/// # Panics
/// If it is not there within [`PATIENCE`].
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing within {PATIENCE:?}"),
    }
}

/// Polls a condition until it holds; fails the test, naming the condition, when
/// it does not within [`PATIENCE`]. The condition may `.await`.
#[macro_export]
macro_rules! eventually {
    ($condition:expr) => {
        $crate::eventually!($condition, "{}", stringify!($condition))
    };
    ($condition:expr, $($message:tt)+) => {{
        let deadline = ::std::time::Instant::now() + $crate::PATIENCE;
        while !$condition {
            assert!(
                ::std::time::Instant::now() < deadline,
                "not within {:?}: {}",
                $crate::PATIENCE,
                format_args!($($message)+)
            );
            $crate::poll_again().await;
        }
    }};
}

/// The pause between two polls of a condition.
pub async fn poll_again() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
