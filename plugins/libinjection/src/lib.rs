//! Detects SQL injection and cross-site scripting as the C library libinjection
//! does.

#![forbid(unsafe_code)]

mod sqli;
mod tables;
mod xss;

pub use sqli::{Fingerprint, sqli};
pub use xss::xss;
