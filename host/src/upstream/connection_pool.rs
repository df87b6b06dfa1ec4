//! Connections to one endpoint that wait for their next exchange, on one worker.

use std::cell::RefCell;
use std::time::Duration;

use hyper::client::conn::{http1, http2};

use crate::deadlines::TICK;
use crate::exchange::body::RequestBody;

/// Streams that one HTTP/2 connection carries before another one is opened; the
/// default that servers allow.
const STREAMS_MAX: usize = 100;

/// A connection that can take an exchange.
pub enum Sender {
    /// One at a time.
    Http1(http1::SendRequest<RequestBody>),
    /// Many at once; the number is the connection's, see [`ConnectionPool::release`].
    Http2(http2::SendRequest<RequestBody>, u64),
}

/// The connections of one endpoint.
pub struct ConnectionPool {
    idle_max: usize,
    idle_ticks: u64,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The one used last is at the end and is used next: in quiet times the others
    /// grow old and are closed.
    idle: Vec<(http1::SendRequest<RequestBody>, u64)>,
    shared: Vec<Shared>,
    /// The number of the next HTTP/2 connection.
    next: u64,
}

struct Shared {
    number: u64,
    sender: http2::SendRequest<RequestBody>,
    streams: usize,
    /// The tick at which it had no stream any more.
    idle_since: u64,
}

impl ConnectionPool {
    /// Keeps at most `idle_max` HTTP/1 connections, each for at most `idle`.
    pub fn new(idle_max: usize, idle: Duration) -> Self {
        let idle_ticks = idle.as_millis().div_ceil(TICK.as_millis());
        Self {
            idle_max,
            idle_ticks: u64::try_from(idle_ticks).unwrap_or(u64::MAX),
            state: RefCell::default(),
        }
    }

    /// A connection that is open as far as is known; the endpoint may be closing it
    /// at this moment.
    pub fn take(&self) -> Option<Sender> {
        let mut state = self.state.borrow_mut();
        while let Some((sender, _)) = state.idle.pop() {
            if !sender.is_closed() {
                return Some(Sender::Http1(sender));
            }
        }
        state.shared.retain(|shared| !shared.sender.is_closed());
        let free = state.shared.iter_mut().find(|shared| shared.streams < STREAMS_MAX)?;
        free.streams += 1;
        Some(Sender::Http2(free.sender.clone(), free.number))
    }

    /// Whether there was ever an HTTP/2 connection.
    pub fn has_shared(&self) -> bool {
        self.state.borrow().next > 0
    }

    /// Adds a new HTTP/2 connection, with one stream taken.
    pub fn share(&self, sender: http2::SendRequest<RequestBody>) -> Sender {
        let mut state = self.state.borrow_mut();
        let number = state.next;
        state.next += 1;
        state.shared.push(Shared { number, sender: sender.clone(), streams: 1, idle_since: 0 });
        Sender::Http2(sender, number)
    }

    /// An exchange is over and its connection can take another.
    pub fn put(&self, sender: Sender, now: u64) {
        match sender {
            Sender::Http2(_, number) => self.release(number, now),
            Sender::Http1(sender) => {
                let mut state = self.state.borrow_mut();
                if !sender.is_closed() && state.idle.len() < self.idle_max {
                    state.idle.push((sender, now));
                }
            }
        }
    }

    /// That HTTP/2 connection takes no further stream.
    pub fn forget(&self, number: u64) {
        self.state.borrow_mut().shared.retain(|shared| shared.number != number);
    }

    /// A stream of that HTTP/2 connection is over.
    pub fn release(&self, number: u64, now: u64) {
        let mut state = self.state.borrow_mut();
        if let Some(shared) = state.shared.iter_mut().find(|shared| shared.number == number) {
            shared.streams = shared.streams.saturating_sub(1);
            shared.idle_since = now;
        }
    }

    /// Closes what has been idle for too long, and forgets what the endpoint closed.
    pub fn sweep(&self, now: u64) {
        let mut state = self.state.borrow_mut();
        let old = |since: u64| now.saturating_sub(since) > self.idle_ticks;
        state.idle.retain(|(sender, since)| !sender.is_closed() && !old(*since));
        state.shared.retain(|shared| {
            !shared.sender.is_closed() && (shared.streams > 0 || !old(shared.idle_since))
        });
    }
}
