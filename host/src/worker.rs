//! One worker: a thread with its own runtime, sockets, connections and instances.
//!
//! Nothing that a worker writes for an exchange is shared with another worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Limits, Timeouts};
use crate::deadlines::Deadlines;
use crate::http::head::RequestIds;
use crate::plugin::running_time::{Lane, Ticker};
use crate::plugin::ticks::Ticks;
use crate::snapshot::{LocalSnapshot, Snapshot};
use crate::telemetry::access_log;
use crate::telemetry::metrics::Counters;

/// How often a worker looks after what is idle.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How long a line of the access log may wait for others.
const LOG_FLUSH: Duration = Duration::from_millis(50);
/// How often unused instances are let go.
const TRIM_EVERY: u32 = 30;

/// What belongs to one worker.
pub struct Worker {
    /// From 0.
    pub index: usize,
    /// Bounds on every wait.
    pub deadlines: Rc<Deadlines>,
    /// Where overrunning hooks queue.
    pub lane: Rc<Lane>,
    /// Makes request ids.
    pub ids: RequestIds,
    /// What the worker counts.
    pub counters: Arc<Counters>,
    snapshot: RefCell<Rc<LocalSnapshot>>,
    log: RefCell<Option<access_log::Writer>>,
    /// Of the plugins that this worker calls by time.
    ticks: RefCell<Vec<Ticks>>,
    draining: Cell<bool>,
    closed: Cell<bool>,
    /// Connections and tunnels that are not over.
    open: Cell<usize>,
}

impl Worker {
    /// Starts with this snapshot, within the worker's runtime.
    pub fn new(
        index: usize,
        snapshot: &Arc<Snapshot>,
        ticker: Ticker,
        log: Option<access_log::Writer>,
        counters: Arc<Counters>,
    ) -> Rc<Self> {
        let deadlines = Rc::default();
        let lane = Rc::new(Lane::new(ticker));
        let local = LocalSnapshot::new(snapshot, None, &deadlines, index as u64, &lane);
        Rc::new(Self {
            index,
            deadlines,
            lane,
            ids: RequestIds::default(),
            counters,
            snapshot: RefCell::new(local),
            log: RefCell::new(log),
            ticks: RefCell::default(),
            draining: Cell::new(false),
            closed: Cell::new(false),
            open: Cell::new(0),
        })
    }

    /// What a new exchange is handled by.
    pub fn snapshot(&self) -> Rc<LocalSnapshot> {
        Rc::clone(&self.snapshot.borrow())
    }

    /// From now on new exchanges are handled by this one.
    pub async fn adopt(&self, snapshot: &Arc<Snapshot>) {
        let current = self.snapshot();
        let seed = self.index as u64;
        let next = LocalSnapshot::new(snapshot, Some(&current), &self.deadlines, seed, &self.lane);
        // Before it serves, so that no exchange waits for an instance.
        next.warm(&self.lane).await;
        self.snapshot.replace(next);
    }

    /// Makes the first instances.
    pub async fn warm(&self) {
        self.snapshot().warm(&self.lane).await;
    }

    /// Calls by time the plugins of the snapshot that serves which ask for it, and no
    /// others: one worker of the process does.
    pub fn keep_time(&self) {
        if self.index != 0 {
            return;
        }
        let snapshot = self.snapshot();
        let mut ticks = self.ticks.borrow_mut();
        let serves =
            |tick: &Ticks| snapshot.pools().iter().any(|pool| pool.plugin.id == tick.plugin);
        ticks.retain(serves);
        for pool in snapshot.pools() {
            if !ticks.iter().any(|tick| tick.plugin == pool.plugin.id) {
                ticks.extend(Ticks::start(pool, &self.lane));
            }
        }
    }

    /// The limits for a new connection.
    pub fn limits(&self) -> Limits {
        self.snapshot.borrow().shared.config.limits.clone()
    }

    /// The time-outs for a new connection.
    pub fn timeouts(&self) -> Timeouts {
        self.snapshot.borrow().shared.config.timeouts.clone()
    }

    /// Whether exchanges are logged.
    pub fn logs(&self) -> bool {
        self.log.borrow().is_some()
    }

    /// Writes a line of the access log.
    pub fn log(&self, entry: &access_log::Entry<'_>) {
        if let Some(log) = &*self.log.borrow() {
            log.push(entry);
        }
    }

    /// Changes, or switches off, the access log.
    pub fn set_log(&self, log: Option<access_log::Writer>) {
        let before = self.log.replace(log);
        if let Some(before) = before {
            before.flush();
        }
    }

    /// No connection takes further exchanges; those under way go on.
    pub fn drain(&self) {
        self.draining.set(true);
        self.ticks.borrow_mut().clear();
        self.deadlines.wake_all();
    }

    /// Whether connections are to end.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// The worker ends: nothing new may begin.
    pub fn close(&self) {
        self.closed.set(true);
        self.set_log(None);
    }

    /// Whether the worker has ended.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Connections and tunnels that are not over.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Counts a connection or a tunnel until it is dropped.
    pub fn opened(self: &Rc<Self>) -> Open {
        self.open.set(self.open.get() + 1);
        self.counters.connections.set(self.open.get() as u64);
        Open(Rc::clone(self))
    }

    /// Looks after what is idle, for as long as the worker lives.
    pub async fn keep_house(self: Rc<Self>) {
        let mut interval = tokio::time::interval(HOUSEKEEPING);
        let mut round = 0u32;
        loop {
            interval.tick().await;
            round = round.wrapping_add(1);
            let snapshot = self.snapshot();
            let now = self.deadlines.now();
            for endpoint in snapshot.clusters().iter().flat_map(|cluster| cluster.endpoints()) {
                endpoint.pool.sweep(now);
            }
            snapshot.account();
            if round.is_multiple_of(TRIM_EVERY) {
                snapshot.trim();
            }
        }
    }

    /// Hands log lines to the writer, for as long as the worker lives.
    pub async fn flush_log(self: Rc<Self>) {
        let mut interval = tokio::time::interval(LOG_FLUSH);
        loop {
            interval.tick().await;
            if let Some(log) = &*self.log.borrow() {
                log.flush();
            }
        }
    }
}

/// One connection or tunnel; see [`Worker::opened`].
pub struct Open(Rc<Worker>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.counters.connections.set(self.0.open.get() as u64);
    }
}
