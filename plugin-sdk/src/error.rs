//! The error that a hook may end with.

use std::fmt;

/// Why a plugin could not be made, or could not decide.
///
/// Any standard error turns into it with `?`; the whole chain of causes is kept
/// as text, because text is what crosses to the host. From [`Plugin::new`] it is
/// shown to the operator and the plugin is not loaded. From a hook it goes to
/// the log, and what happens to the exchange is what the operator chose with
/// `on_failure`. The client never sees it.
///
/// ```
/// fn port(text: &str) -> plugin_sdk::Result<u16> {
///     let port: u16 = text.parse()?;
///     if port == 0 {
///         return Err(plugin_sdk::Error::new("port 0 is not a port"));
///     }
///     Ok(port)
/// }
/// assert_eq!(port("0").unwrap_err().to_string(), "port 0 is not a port");
/// assert_eq!(port("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
///
/// [`Plugin::new`]: crate::Plugin::new
pub struct Error(String);

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same error with what was being done put before it.
    ///
    /// ```
    /// let error = plugin_sdk::Error::new("no such rule").within("rules[2]");
    /// assert_eq!(error.to_string(), "rules[2]: no such rule");
    /// ```
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

// `Error` itself is no `std::error::Error`: this conversion could then not exist.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self(text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bad port")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn every_cause_is_kept() {
        let cause = "x".parse::<u16>().expect_err("not a number");
        assert_eq!(
            Error::from(Outer(cause)).to_string(),
            "bad port: invalid digit found in string"
        );
    }
}
