//! What `build.rs` makes of `data`.

use crate::sqli::Kind;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));
