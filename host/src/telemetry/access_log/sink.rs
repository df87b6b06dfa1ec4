//! From the workers to the file.
//!
//! A worker writes lines to memory of its own and now and then hands them over,
//! to a buffer that one thread empties into the file. The worker only tries the
//! lock, and there is a bound to both buffers: with a disk that is slower than
//! the traffic, lines are dropped and counted, and no exchange waits.

mod output;

use std::cell::RefCell;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use super::{Clock, Entry};
use crate::config::LogTarget;
use output::Output;

/// When a worker hands over its lines: large enough that the lock and the copy do
/// not count, small enough to stay in the processor's cache.
const HAND_OVER: usize = 16 << 10;

/// What a worker keeps when it cannot hand over: the thread that has the lock may be
/// put aside by the kernel for as long as fifty milliseconds on a busy machine.
const WORKER_LIMIT: usize = 1 << 20;

/// What waits for a disk that hiccups: half a second of lines at 50,000 a second.
const PENDING_LIMIT: usize = 8 << 20;

/// Memory that is kept for the next lines after more was needed for once.
const KEPT_CAPACITY: usize = 256 << 10;

/// Gets whole lines, one or more at a time; see [`LogTarget::Observer`].
pub type Observer = tokio::sync::mpsc::UnboundedSender<Vec<u8>>;

/// The access log of the process.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    hand_over: usize,
}

impl AccessLog {
    /// Opens the target and starts the thread that writes to it.
    pub fn open(target: &LogTarget, observer: Option<&Observer>) -> io::Result<Self> {
        let output = Output::open(target, observer)?;
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || of_thread.write_to(output))?;
        // An observer waits for each line, a file for none.
        let hand_over = if *target == LogTarget::Observer { 0 } else { HAND_OVER };
        Ok(Self { shared, hand_over })
    }

    /// One for each worker.
    pub fn writer(&self) -> Writer {
        Writer {
            shared: Arc::clone(&self.shared),
            local: RefCell::default(),
            hand_over: self.hand_over,
        }
    }

    /// Opens the file again, for log rotation. What was pushed before may still go
    /// to the old one.
    pub fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.wake.notify_one();
    }

    /// Lines that were lost so far.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is left and ends the thread. False if that takes longer than
    /// `patience`, as it may on a disk that hangs.
    ///
    /// Drop every [`Writer`] before: what they hold afterwards is lost.
    pub fn close(&self, patience: Duration) -> bool {
        let mut state = self.shared.lock();
        state.closing = true;
        self.shared.wake.notify_one();
        let (state, _) = self
            .shared
            .finished
            .wait_timeout_while(state, patience, |state| !state.finished)
            .unwrap_or_else(PoisonError::into_inner);
        state.finished
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
    }
}

/// One worker's end of the access log.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    local: RefCell<Local>,
    hand_over: usize,
}

#[derive(Debug, Default)]
struct Local {
    buffer: Vec<u8>,
    lines: u64,
    clock: Clock,
}

impl Writer {
    /// Adds a line. Never waits: the line may be lost instead.
    pub fn push(&self, entry: &Entry<'_>) {
        let mut local = self.local.borrow_mut();
        if local.buffer.len() >= WORKER_LIMIT && !self.hand_over(&mut local) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Local { buffer, lines, clock } = &mut *local;
        entry.write_line(buffer, clock);
        *lines += 1;
        if buffer.len() >= self.hand_over {
            self.hand_over(&mut local);
        }
    }

    /// Hands over what there is: to be called when the worker is idle, and every
    /// now and then. Never waits either.
    pub fn flush(&self) {
        self.hand_over(&mut self.local.borrow_mut());
    }

    /// False if the lines stay here for now.
    fn hand_over(&self, local: &mut Local) -> bool {
        if local.buffer.is_empty() {
            return true;
        }
        let state = match self.shared.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if state.pending.len() + local.buffer.len() > PENDING_LIMIT {
            return false;
        }
        self.shared.accept(state, local);
        true
    }
}

impl Drop for Writer {
    /// The worker has ended and can wait; the lines may exceed the bound.
    fn drop(&mut self) {
        let local = self.local.get_mut();
        if !local.buffer.is_empty() {
            self.shared.accept(self.shared.lock(), local);
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// For the thread: there is something to do.
    wake: Condvar,
    /// For [`AccessLog::close`].
    finished: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines.
    pending: Vec<u8>,
    reopen: bool,
    closing: bool,
    finished: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self, mut state: MutexGuard<'_, State>, local: &mut Local) {
        if state.finished {
            self.dropped.fetch_add(local.lines, Ordering::Relaxed);
        } else {
            state.pending.extend_from_slice(&local.buffer);
            drop(state);
            self.wake.notify_one();
        }
        local.buffer.clear();
        local.buffer.shrink_to(2 * HAND_OVER);
        local.lines = 0;
    }

    /// The thread.
    fn write_to(&self, mut output: Output) {
        let mut lines = Vec::new();
        while let Some(reopen) = self.take(&mut lines) {
            if reopen {
                output.reopen();
            }
            self.write(&mut output, &lines);
            lines.clear();
            lines.shrink_to(KEPT_CAPACITY);
        }
    }

    /// Waits for lines and exchanges them for `empty`; says whether the file is to
    /// be opened again. None at the end.
    fn take(&self, empty: &mut Vec<u8>) -> Option<bool> {
        let mut state = self
            .wake
            .wait_while(self.lock(), |state| {
                state.pending.is_empty() && !state.reopen && !state.closing
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.pending.is_empty() && state.closing {
            state.finished = true;
            self.finished.notify_all();
            return None;
        }
        mem::swap(&mut state.pending, empty);
        Some(mem::take(&mut state.reopen))
    }

    /// Tries until all is written, or until the log is closed.
    fn write(&self, output: &mut Output, lines: &[u8]) {
        let mut written = 0;
        while let Err(pause) = output.write_all(lines, &mut written) {
            let state = self.lock();
            if state.closing {
                let lost = memchr::memchr_iter(b'\n', &lines[written..]).count();
                self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
                return;
            }
            let (mut state, _) = self
                .wake
                .wait_timeout_while(state, pause, |state| !state.reopen && !state.closing)
                .unwrap_or_else(PoisonError::into_inner);
            if mem::take(&mut state.reopen) {
                drop(state);
                output.reopen();
                // A line goes to one file.
                written = memchr::memrchr(b'\n', &lines[..written]).map_or(0, |end| end + 1);
            }
        }
    }
}
