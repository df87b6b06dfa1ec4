//! The fixture plugins of `tests/guests`, built before the suite.
//!
//! Each constant is the path of one component, named as its package.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
