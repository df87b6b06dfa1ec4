//! What a plugin may use, and what happens when it always fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

use super::account::Account;

/// Table entries of one instance; a table entry costs the host 8 bytes.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Octets that one call may copy from the guest to the host: a guest can name
/// the same memory in a list a million times.
pub const HOSTCALL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Memory and tables of one instance.
pub struct MemoryLimit {
    account: Arc<Account>,
    bytes: usize,
    /// Of all memories together, as far as granted.
    used: usize,
    elements: usize,
    /// Set when a request for memory was refused: the trap that follows in most
    /// guests says `unreachable`, which would tell the operator nothing.
    pub exceeded: bool,
}

impl MemoryLimit {
    /// At most this many bytes of linear memory, over all memories.
    /// What it has is noted in the account for as long as this lives.
    pub fn new(bytes: u64, account: Arc<Account>) -> Self {
        account.made();
        Self {
            account,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            used: 0,
            elements: 0,
            exceeded: false,
        }
    }
}

impl MemoryLimit {
    /// Grants growth by the sum over all memories, or all tables.
    fn grow(
        &mut self,
        current: usize,
        desired: usize,
        of: impl FnOnce(&mut Self) -> (&mut usize, usize),
    ) -> bool {
        let (used, limit) = of(self);
        let wanted = used.saturating_add(desired.saturating_sub(current));
        let allowed = wanted <= limit;
        if allowed {
            *used = wanted;
        }
        self.exceeded |= !allowed;
        allowed
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        self.account.dropped(self.used);
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = self.grow(current, desired, |limit| (&mut limit.used, limit.bytes));
        if allowed {
            self.account.grew(desired.saturating_sub(current));
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, |limit| (&mut limit.elements, TABLE_ELEMENTS_MAX)))
    }
}

/// How many log lines a plugin may still write this second, over all workers.
#[derive(Debug)]
pub struct LogAllowance {
    start: Instant,
    second: AtomicU64,
    lines: AtomicU32,
    dropped: AtomicU64,
}

/// Lines a second.
const LINES_MAX: u32 = 100;

impl Default for LogAllowance {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            second: AtomicU64::new(0),
            lines: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl LogAllowance {
    /// Permission for one line of `plugin`; none when the second's lines are used
    /// up. How many were dropped is logged as soon as lines may be written again,
    /// whatever kind of line it is that asks first.
    pub fn take(&self, plugin: &str) -> bool {
        let Some(dropped) = self.take_counting() else { return false };
        if dropped > 0 {
            tracing::warn!(target: "plugin", plugin, dropped,
                "the plugin logs more than its allowance; lines were dropped");
        }
        true
    }

    /// Permission for one line, with how many were dropped since that was told.
    fn take_counting(&self) -> Option<u64> {
        let second = self.start.elapsed().as_secs();
        let mut dropped = 0;
        // Two workers may both start a second: it then has a few lines more.
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.lines.store(0, Ordering::Relaxed);
            dropped = self.dropped.swap(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_MAX {
            return Some(dropped);
        }
        self.dropped.fetch_add(dropped + 1, Ordering::Relaxed);
        None
    }
}

/// Stops a plugin that always fails, for longer each time, and lets one exchange
/// try it again.
///
/// Counted are ends of instances in a row, over all workers. A plugin that works
/// writes nothing here: its one read is of a cache line that nobody changes.
#[derive(Debug)]
pub struct CrashBudget {
    epoch: Instant,
    /// By hook: one that works says nothing about one that does not.
    in_a_row: [AtomicU32; Hook::COUNT],
    stops: AtomicU32,
    /// Milliseconds since `epoch`; 0 = not stopped.
    stopped_until: AtomicU64,
}

/// Failures in a row before a plugin is stopped.
const CRASHES_MAX: u32 = 10;
/// The first stop; each further one is twice as long.
const STOP_FIRST: Duration = Duration::from_secs(1);
/// The longest stop.
const STOP_MAX: Duration = Duration::from_secs(60);

/// What is called of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `request`
    Request,
    /// `response`
    Response,
    /// `complete`
    Complete,
    /// `request-body`
    RequestBody,
    /// `response-body`
    ResponseBody,
    /// `balance.pick`, and what an instance is told before it
    Pick,
    /// `balance.on-attempt`
    Attempt,
    /// `tick`
    Tick,
}

impl Hook {
    /// Every hook, for counters.
    pub const ALL: [Self; 8] = [
        Self::Request,
        Self::Response,
        Self::Complete,
        Self::RequestBody,
        Self::ResponseBody,
        Self::Pick,
        Self::Attempt,
        Self::Tick,
    ];
    const COUNT: usize = Self::ALL.len();

    /// The name of the contract's interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Complete => "complete",
            Self::RequestBody => "request-body",
            Self::ResponseBody => "response-body",
            Self::Pick | Self::Attempt => "balance",
            Self::Tick => "tick",
        }
    }
}

/// Leave to call a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The plugin is not stopped.
    Usual,
    /// The one call after a stop that decides whether there is another.
    Trial,
}

impl Default for CrashBudget {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            in_a_row: Default::default(),
            stops: AtomicU32::new(0),
            stopped_until: AtomicU64::new(0),
        }
    }
}

impl CrashBudget {
    /// Whether the plugin may be called. When a stop is over exactly one caller
    /// gets to try; the others wait for its result as if still stopped.
    pub fn permit(&self) -> Option<Permit> {
        let until = self.stopped_until.load(Ordering::Relaxed);
        if until == 0 {
            return Some(Permit::Usual);
        }
        let now = self.now();
        if now < until {
            return None;
        }
        let next = now + self.stop_length().as_millis() as u64;
        self.stopped_until
            .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
            .then_some(Permit::Trial)
    }

    /// A call that went well.
    pub fn succeeded(&self, hook: Hook) {
        let in_a_row = &self.in_a_row[hook as usize];
        if in_a_row.load(Ordering::Relaxed) != 0 {
            in_a_row.store(0, Ordering::Relaxed);
            self.stops.store(0, Ordering::Relaxed);
            self.stopped_until.store(0, Ordering::Relaxed);
        }
    }

    /// A call that ended its instance. Says for how long the plugin is now
    /// stopped, if this was the one too many. Exchanges that were under way when
    /// a stop began fail too, and lengthen nothing.
    pub fn failed(&self, hook: Hook, permit: Permit) -> Option<Duration> {
        let in_a_row =
            self.in_a_row[hook as usize].fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if permit == Permit::Usual && in_a_row != CRASHES_MAX {
            return None;
        }
        let length = self.stop_length();
        self.stops.fetch_add(1, Ordering::Relaxed);
        self.stopped_until.store(self.now() + length.as_millis() as u64, Ordering::Relaxed);
        Some(length)
    }

    /// Whether the plugin is stopped now.
    pub fn stopped(&self) -> bool {
        self.stopped_until.load(Ordering::Relaxed) > self.now()
    }

    fn now(&self) -> u64 {
        // Never 0, which means "not stopped".
        self.epoch.elapsed().as_millis() as u64 + 1
    }

    fn stop_length(&self) -> Duration {
        let doublings = self.stops.load(Ordering::Relaxed).min(6);
        (STOP_FIRST * 2u32.pow(doublings)).min(STOP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped() -> CrashBudget {
        let budget = CrashBudget::default();
        for _ in 1..CRASHES_MAX {
            assert_eq!(budget.failed(Hook::Request, Permit::Usual), None);
            assert_eq!(budget.permit(), Some(Permit::Usual));
        }
        assert_eq!(budget.failed(Hook::Request, Permit::Usual), Some(STOP_FIRST));
        budget
    }

    #[test]
    fn a_plugin_that_always_fails_is_stopped() {
        let budget = stopped();
        assert_eq!(budget.permit(), None);
        assert!(budget.stopped());
    }

    #[test]
    fn one_success_forgives() {
        let budget = CrashBudget::default();
        for _ in 1..CRASHES_MAX {
            budget.failed(Hook::Request, Permit::Usual);
        }
        budget.succeeded(Hook::Request);
        assert_eq!(budget.failed(Hook::Request, Permit::Usual), None);
        assert_eq!(budget.permit(), Some(Permit::Usual));
    }

    #[test]
    fn another_hook_that_works_forgives_nothing() {
        let budget = CrashBudget::default();
        for _ in 1..CRASHES_MAX {
            assert_eq!(budget.failed(Hook::Request, Permit::Usual), None);
            budget.succeeded(Hook::Complete);
        }
        assert_eq!(budget.failed(Hook::Request, Permit::Usual), Some(STOP_FIRST));
    }

    #[test]
    fn after_a_stop_one_caller_tries_and_its_failure_doubles_the_stop() {
        let budget = stopped();
        budget.stopped_until.store(1, Ordering::Relaxed);
        assert_eq!(budget.permit(), Some(Permit::Trial));
        assert_eq!(budget.permit(), None);
        assert_eq!(budget.failed(Hook::Request, Permit::Trial), Some(STOP_FIRST * 2));
        budget.stopped_until.store(1, Ordering::Relaxed);
        assert_eq!(budget.permit(), Some(Permit::Trial));
        budget.succeeded(Hook::Request);
        assert_eq!(budget.permit(), Some(Permit::Usual));
    }

    #[test]
    fn exchanges_under_way_when_a_stop_begins_do_not_lengthen_it() {
        let budget = stopped();
        assert_eq!(budget.failed(Hook::Request, Permit::Usual), None);
    }

    #[test]
    fn memories_count_together() {
        let mut limit = MemoryLimit::new(100, Arc::default());
        assert!(limit.memory_growing(0, 60, None).unwrap());
        assert!(limit.memory_growing(0, 40, None).unwrap());
        assert!(!limit.exceeded);
        assert!(!limit.memory_growing(40, 41, None).unwrap());
        assert!(limit.exceeded);
    }

    #[test]
    fn a_flood_of_lines_is_cut_and_counted() {
        let allowance = LogAllowance::default();
        let allowed = (0..1000).filter(|_| allowance.take("a")).count();
        // A second may begin while the loop runs.
        assert!((LINES_MAX as usize..=2 * LINES_MAX as usize).contains(&allowed));
    }
}
