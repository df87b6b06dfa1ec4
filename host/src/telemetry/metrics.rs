//! Counters. Each worker has its own, which only it writes; whoever asks sums.

use crate::exchange::ErrorKind;
pub use crate::plugin::account::Counter;

/// What one worker counts.
#[derive(Debug)]
pub struct Counters {
    /// Exchanges that ended, by the class of their status: 1xx to 5xx.
    pub responses: [Counter; 5],
    /// Exchanges that failed, in the order of [`ErrorKind::ALL`].
    pub errors: Box<[Counter]>,
    /// Connections and tunnels that are open now.
    pub connections: Counter,
    /// Connections accepted so far.
    pub accepted: Counter,
    /// Connections closed at once because of a limit.
    pub refused: Counter,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            responses: Default::default(),
            errors: ErrorKind::ALL.iter().map(|_| Counter::default()).collect(),
            connections: Counter::default(),
            accepted: Counter::default(),
            refused: Counter::default(),
        }
    }
}

impl Counters {
    /// An exchange ended with this status.
    pub fn response(&self, status: u16) {
        if let Some(counter) = self.responses.get((status / 100).wrapping_sub(1) as usize) {
            counter.add(1);
        }
    }

    /// An exchange or a connection failed.
    pub fn error(&self, kind: ErrorKind) {
        self.errors[kind as usize].add(1);
    }
}
