//! SecLang, the rule language of ModSecurity, as a library.
//!
//! [`Rules`] are parsed from files, an [`Engine`] is compiled of them once, and
//! a [`Transaction`] takes one request and its response through the five phases.
//! Semantics are those of ModSecurity 3, except where the differences are listed
//! in the crate's README.
//!
//! ```
//! use seclang::{Detectors, Engine, Lazy, Memory, Rules, Transaction};
//!
//! let files = Memory::default().with(
//!     "main.conf",
//!     r#"SecRuleEngine On
//!        SecRule ARGS "@contains <script" "id:1,phase:1,deny,msg:'script'""#,
//! );
//! let rules = Rules::load(&files, "main.conf")?;
//! let engine = Engine::compile(&rules, Detectors::none(), &Lazy)?;
//!
//! let mut transaction = Transaction::new(&engine, "1");
//! transaction.request_line("GET", b"/?q=%3Cscript", "HTTP/1.1");
//! let interruption = transaction.request_headers().unwrap();
//! assert_eq!(interruption.status, 403);
//! # Ok::<(), seclang::LoadError>(())
//! ```
//!
//! What a rule file says and this crate does not know is an error when it is
//! loaded, with file and line.

mod action;
mod body;
mod engine;
mod error;
mod macros;
mod operator;
mod parser;
mod pattern;
mod pcre;
mod prefilter;
mod rules;
mod source;
mod texts;
mod transaction;
mod transform;
mod variable;

pub use action::{Mode, Processor, Severity};
pub use engine::Engine;
pub use error::{LoadError, Place};
pub use pattern::{Groups, Lazy, Patterns, Search};
pub use rules::{Excess, Rules, Settings};
pub use source::{Directory, Loader, Memory};
pub use transaction::{Disposition, Interruption, Match, Transaction};
pub use transform::Transform;
pub use variable::Variable;

/// What `@detectSQLi` and `@detectXSS` ask.
#[derive(Clone, Copy, Debug)]
pub struct Detectors {
    /// The fingerprint of an SQL injection, if the text is one.
    pub sqli: fn(&[u8]) -> Option<String>,
    /// Whether the text is a script injection.
    pub xss: fn(&[u8]) -> bool,
}

impl Detectors {
    /// Those of the crate `libinjection`.
    pub fn libinjection() -> Self {
        Self {
            sqli: |text| libinjection::sqli(text).map(|found| found.as_str().to_owned()),
            xss: libinjection::xss,
        }
    }

    /// Detectors that never detect anything.
    pub fn none() -> Self {
        Self { sqli: |_| None, xss: |_| false }
    }
}
