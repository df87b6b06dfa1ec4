//! The harness of the end-to-end tests: real servers, the real program as a
//! process, and real clients, on loopback sockets of this machine only.
//!
//! A test builds its [`Origin`]s, starts a [`Proxy`] whose configuration points
//! at them, talks to it with a [`Client`] (or with [`Raw`] bytes where a
//! well-behaved client could not say what the test wants to say) and looks at
//! the answer, at what the origin received and at the access log. It waits for
//! conditions, never for a time: see [`eventually!`] and [`within`].

#![allow(clippy::panic, clippy::unwrap_used, reason = "a harness fails the test by panicking")]

mod certificates;
mod client;
pub mod guest;
mod lines;
mod origin;
pub mod payload;
mod ports;
mod program;
mod proxy;
mod raw;
mod redis;
mod wait;

pub use certificates::{Authority, DnType, Identity, TlsVersion};
pub use client::{Answer, Body, Client, Sender, body, channel, empty, with_trailers};
pub use lines::Lines;
pub use origin::{Connection, Origin, Received, Script, broken};
pub use program::{Finished, Program};
pub use proxy::{Proxy, Setup};
pub use raw::{Raw, Reply};
pub use redis::Redis;
pub use rustix::process::Signal;
pub use wait::{PATIENCE, poll_again, within};
