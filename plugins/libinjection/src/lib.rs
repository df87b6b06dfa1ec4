//! Detects SQL injection and cross-site scripting as the C library
//! [libinjection](https://github.com/libinjection/libinjection) does: version 4, as
//! libmodsecurity 3.0.15 has it, where `char` is signed, as on x86-64.
//!
//! Nothing is configured and nothing is kept between calls. No input makes a call
//! panic or allocate, and the time is linear in the length of the input.
//!
//! What the C library overlooks this crate overlooks too: the rules that use it are
//! tuned to its answers.

#![forbid(unsafe_code)]

mod sqli;
mod tables;
mod xss;

pub use sqli::{Fingerprint, sqli};
pub use xss::xss;
