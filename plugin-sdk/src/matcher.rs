//! Sets of patterns that the host compiles once and searches natively, over what it
//! holds already: nothing is copied into the plugin. Grant: `matcher`.
//!
//! ```
//! use plugin_sdk::matcher::{RegexOptions, Set, Subject};
//! use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result};
//!
//! struct Guard {
//!     agents: Set,
//!     agent: Subject,
//! }
//!
//! #[plugin_sdk::export]
//! impl Plugin for Guard {
//!     type Config = NoConfig;
//!
//!     fn new(_: NoConfig) -> Result<Self> {
//!         let options = RegexOptions { ignore_case: true, ..RegexOptions::default() };
//!         Ok(Self {
//!             agents: Set::regex(["sqlmap", r"nikto/\d"], options)?,
//!             agent: Subject::RequestHeader("user-agent".to_owned()),
//!         })
//!     }
//!
//!     fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
//!         if self.agents.is_match(&self.agent) {
//!             return Ok(Reply::new(403).into());
//!         }
//!         Ok(Flow::Continue)
//!     }
//! }
//! ```

use crate::{Error, Result, host};

pub use crate::bindings::imports::wasmgate::plugin::matcher::{RegexOptions, Subject};

/// A compiled set. Its members are numbered by their places in the list.
///
/// Make sets in [`Plugin::new`](crate::Plugin::new), the same ones every time: they
/// are compiled when the plugin is loaded, and found by every instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set(u32);

impl Set {
    /// Regular expressions, in the syntax of the crate `regex`.
    ///
    /// # Errors
    /// A pattern is wrong, or the set is too large; the text says which and how.
    pub fn regex(
        patterns: impl IntoIterator<Item = impl Into<String>>,
        options: RegexOptions,
    ) -> Result<Self> {
        let patterns: Vec<String> = patterns.into_iter().map(Into::into).collect();
        made(host::matcher::regex_set(&patterns, options))
    }

    /// Octets, somewhere in the subject. `ignore_case` is about the letters of ASCII.
    ///
    /// # Errors
    /// A literal is empty, or the set is too large.
    pub fn literals(
        literals: impl IntoIterator<Item = impl Into<Vec<u8>>>,
        ignore_case: bool,
    ) -> Result<Self> {
        let literals: Vec<Vec<u8>> = literals.into_iter().map(Into::into).collect();
        made(host::matcher::literal_set(&literals, ignore_case))
    }

    /// Networks such as `10.0.0.0/8`, and single addresses; they match a subject that
    /// is an address as text.
    ///
    /// # Errors
    /// A member is neither.
    pub fn networks(networks: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let networks: Vec<String> = networks.into_iter().map(Into::into).collect();
        made(host::matcher::cidr_set(&networks))
    }

    /// Whether any member matches.
    pub fn is_match(self, subject: &Subject) -> bool {
        host::matcher::is_match(self.0, subject)
    }

    /// The members that match, ascending.
    pub fn matches(self, subject: &Subject) -> Vec<u32> {
        host::matcher::matches(self.0, subject)
    }
}

/// The members that match, for several sets and subjects in one call; up to 256.
pub fn matches_all(tests: impl IntoIterator<Item = (Set, Subject)>) -> Vec<Vec<u32>> {
    let tests: Vec<(u32, Subject)> =
        tests.into_iter().map(|(Set(number), subject)| (number, subject)).collect();
    host::matcher::matches_all(&tests)
}

impl Default for RegexOptions {
    /// Case and line feeds count, and Unicode is off: patterns are about octets.
    fn default() -> Self {
        Self { ignore_case: false, dot_all: false, multi_line: false, unicode: false }
    }
}

fn made(set: Result<u32, String>) -> Result<Set> {
    set.map(Set).map_err(Error::new)
}
