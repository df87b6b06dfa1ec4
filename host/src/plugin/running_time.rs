//! No plugin keeps a worker from its other exchanges.
//!
//! A hook runs on the worker, on a fibre. The engine's epoch moves on every tick;
//! a hook that is still running when it does gives the worker back (about a
//! millisecond after it began) and goes on in short slices, one overrunning hook
//! at a time, with a pause after a slice in which the worker had something else
//! to do. Its deadline counts its own running time only, by the thread's CPU clock.
//!
//! A hook that ends before the first tick, as nearly all do, pays for none of
//! this: one poll, no clock, no timer.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::thread::Thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a hook runs before it first gives the worker back.
const TICK: Duration = Duration::from_millis(1);
/// The slices after that: what another exchange may have to wait for.
const SLICE: Duration = Duration::from_micros(100);
/// The pause of an overrunning hook while its worker is busy.
const PAUSE: Duration = Duration::from_millis(1);
/// A hook that waits, for a clock or a file and not for what has a bound of its own,
/// may do so this many times longer than it may run, and at least [`WAIT_MIN`].
const WAIT_FACTOR: u32 = 20;
/// See [`WAIT_FACTOR`].
const WAIT_MIN: Duration = Duration::from_secs(1);

thread_local! {
    /// Set when the hook that runs on this thread is stopped by the epoch, so that
    /// its driver can tell this from a hook that waits.
    static STOPPED: Cell<bool> = const { Cell::new(false) };
    /// Set while the hook that runs on this thread waits for something that has a
    /// bound of its own, likewise; see [`bounded_elsewhere`].
    static EXCUSED: Cell<bool> = const { Cell::new(false) };
    /// The thread's CPU time when the current slice began; 0 in a hook's first,
    /// which is not measured.
    static SLICE_BEGAN: Cell<u64> = const { Cell::new(0) };
}

/// Moves the engine's epoch while hooks may be running: a thread of its own, which
/// sleeps when no plugin is called.
#[derive(Clone)]
pub struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    /// One for each lane: whether it called a hook since the last tick.
    callers: Mutex<Vec<Weak<AtomicBool>>>,
    /// Hooks that overran, on any worker.
    overrunning: AtomicUsize,
    parked: AtomicBool,
    stop: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Ticker {
    /// Starts the thread. It ends when the last clone is dropped.
    pub fn start(engine: &wasmtime::Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            callers: Mutex::default(),
            overrunning: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let (engine, ticks) = (engine.clone(), Arc::clone(&shared));
        let handle = std::thread::Builder::new()
            .name("wasmgate-ticker".to_owned())
            .spawn(move || tick(&engine, &ticks))?;
        shared.thread.get_or_init(|| handle.thread().clone());
        Ok(Self { shared })
    }

    fn register(&self) -> Arc<AtomicBool> {
        let called = Arc::new(AtomicBool::new(false));
        let mut callers = lock(&self.shared.callers);
        callers.retain(|caller| caller.strong_count() > 0);
        callers.push(Arc::downgrade(&called));
        called
    }

    fn unpark(&self) {
        if let Some(thread) = self.shared.thread.get() {
            thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        // The thread holds the other one.
        if Arc::strong_count(&self.shared) <= 2 {
            self.shared.stop.store(true, Ordering::Relaxed);
            self.unpark();
        }
    }
}

/// A tick that comes late is a worker that is held too long. So the ticker comes
/// before all that is scheduled by fairness; it runs for a microsecond each time.
/// Where the process may not have that, ticks are as late as the machine is busy.
fn be_punctual() {
    /// Niceness, where there is no right to more: before the workers.
    const NICENESS: i32 = -10;
    /// The kernel delays a sleeper by up to 50 µs, half a slice, unless told not to.
    const SLACK: NonZeroU64 = NonZeroU64::MIN;
    let real_time = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let own = thread_native_id();
    if set_thread_priority_and_policy(own, ThreadPriority::Min, real_time).is_err() {
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
    }
    let _ = rustix::thread::set_current_timer_slack(Some(SLACK));
}

fn tick(engine: &wasmtime::Engine, shared: &Shared) {
    /// Ticks without a call before the ticker parks: parking and waking for every
    /// gap between two exchanges would cost more than ticking.
    const IDLE_TICKS: u32 = 20;
    let called = || {
        let callers = lock(&shared.callers);
        // Every flag is reset, not only those before the first that is set.
        callers
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|caller| caller.swap(false, Ordering::Relaxed))
            .count()
            > 0
    };
    be_punctual();
    let mut idle = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let overrunning = shared.overrunning.load(Ordering::Relaxed) > 0;
        std::thread::sleep(if overrunning { SLICE } else { TICK });
        engine.increment_epoch();
        idle = if called() || overrunning { 0 } else { idle + 1 };
        if idle < IDLE_TICKS {
            continue;
        }
        shared.parked.store(true, Ordering::Relaxed);
        // Pairs with the fence in `Lane::begin`: either this thread sees the call,
        // or the caller sees it parked.
        fence(Ordering::SeqCst);
        while !called() && !shared.stop.load(Ordering::Relaxed) {
            std::thread::park();
        }
        shared.parked.store(false, Ordering::Relaxed);
        idle = 0;
    }
}

/// A poisoned list of flags is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker's queue of overrunning hooks.
pub struct Lane {
    turn: Semaphore,
    ticker: Ticker,
    called: Arc<AtomicBool>,
    /// Counts what the worker did for others; see [`Lane::worked`].
    activity: Cell<u64>,
}

/// A hook waited longer than it may.
#[derive(Debug)]
pub struct WaitedTooLong(
    /// The bound.
    pub Duration,
);

impl Lane {
    /// One for each worker.
    pub fn new(ticker: Ticker) -> Self {
        let called = ticker.register();
        Self { turn: Semaphore::new(1), ticker, called, activity: Cell::new(0) }
    }

    /// Hooks are about to be called: the epoch must move while they run.
    pub fn begin(&self) {
        // In the usual case the flag is still set from another exchange of the
        // same millisecond, and nothing is written.
        if self.called.load(Ordering::Relaxed) {
            return;
        }
        self.called.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.ticker.shared.parked.load(Ordering::Relaxed) {
            self.ticker.unpark();
        }
    }

    /// The worker did something for an exchange. Between two of its slices an
    /// overrunning hook looks whether this has been called.
    pub fn worked(&self) {
        self.activity.set(self.activity.get().wrapping_add(1));
    }

    /// Runs a hook to its end, giving the worker back in between if it is long.
    pub async fn drive<F: Future>(
        &self,
        hook: F,
        deadline: Duration,
    ) -> Result<F::Output, WaitedTooLong> {
        // Once for each call: while an earlier hook of the same exchange waited, the
        // ticker may have gone to sleep.
        self.begin();
        let mut hook = pin!(hook);
        match poll_fn(|cx| Poll::Ready(slice(hook.as_mut(), cx))).await {
            Slice::Done(output) => Ok(output),
            // Boxed, like everything rare: its state would be a part of every call's.
            unfinished => Box::pin(self.drive_long(hook, unfinished, deadline)).await,
        }
    }

    async fn drive_long<F: Future>(
        &self,
        mut hook: Pin<&mut F>,
        mut last: Slice<F::Output>,
        deadline: Duration,
    ) -> Result<F::Output, WaitedTooLong> {
        let bound = (deadline * WAIT_FACTOR).max(WAIT_MIN);
        let mut timeout = pin!(tokio::time::sleep(bound));
        let mut overrun = None;
        // Since when the hook has waited for what has a bound of its own.
        let mut excused = None;
        loop {
            let mut turn = match last {
                Slice::Done(output) => return Ok(output),
                Slice::Stopped => {
                    overrun.get_or_insert_with(|| Overrun::begin(&self.ticker));
                    Some(self.take_turn().await)
                }
                Slice::Waiting | Slice::Excused => None,
            };
            let activity = self.activity.get();
            // One slice, or a wait for whatever the hook waits for.
            let next = poll_fn(|cx| {
                // The ticker sleeps while all that there is waits, and has to be awake
                // for what comes after the wait.
                self.begin();
                SLICE_BEGAN.set(thread_time());
                let next = slice(hook.as_mut(), cx);
                SLICE_BEGAN.set(0);
                if let Some(since) = excused.take() {
                    // Its own time stood still.
                    let due = timeout.deadline() + Instant::elapsed(&since);
                    timeout.as_mut().reset(due);
                }
                if let Slice::Waiting | Slice::Excused = next {
                    // Not kept from others, nor the ticker from its usual pace, while
                    // there is nothing to run.
                    turn = None;
                    overrun = None;
                }
                match next {
                    Slice::Excused => {
                        excused = Some(Instant::now());
                        Poll::Pending
                    }
                    Slice::Waiting => timeout.as_mut().poll(cx).map(|()| None),
                    next => Poll::Ready(Some(next)),
                }
            });
            last = next.await.ok_or(WaitedTooLong(bound))?;
            if let Slice::Stopped = last {
                tokio::task::yield_now().await;
                if self.activity.get() != activity {
                    tokio::time::sleep(PAUSE).await;
                }
                // Only waiting counts against `bound`; running has its own deadline.
                timeout.as_mut().reset(Instant::now() + bound);
            }
            drop(turn);
        }
    }

    async fn take_turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // Never closed.
        self.turn.acquire().await.ok()
    }
}

/// What one poll of a hook came to.
enum Slice<T> {
    /// It ended.
    Done(T),
    /// The epoch stopped it.
    Stopped,
    /// It waits, for a clock or a file.
    Waiting,
    /// It waits for something that has a bound of its own.
    Excused,
}

fn slice<F: Future>(hook: Pin<&mut F>, cx: &mut Context<'_>) -> Slice<F::Output> {
    match hook.poll(cx) {
        Poll::Ready(output) => Slice::Done(output),
        // Read at once: after an await the flag could be another hook's.
        Poll::Pending if STOPPED.take() => Slice::Stopped,
        Poll::Pending if EXCUSED.take() => Slice::Excused,
        Poll::Pending => Slice::Waiting,
    }
}

/// Marks a wait within a hook as one that has a bound of its own: it does not count
/// against how long the hook may wait.
pub async fn bounded_elsewhere<F: Future>(wait: F) -> F::Output {
    let mut wait = pin!(wait);
    poll_fn(|cx| {
        let polled = wait.as_mut().poll(cx);
        // A hook does one thing at a time: if this waits, so does all of it.
        EXCUSED.set(polled.is_pending());
        polled
    })
    .await
}

/// Held while a hook overruns: the ticker ticks faster.
struct Overrun(Ticker);

impl Overrun {
    fn begin(ticker: &Ticker) -> Self {
        ticker.shared.overrunning.fetch_add(1, Ordering::Relaxed);
        Self(ticker.clone())
    }
}

impl Drop for Overrun {
    fn drop(&mut self) {
        self.0.shared.overrunning.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The running time that one call may still spend; see [`Budget::spend`].
#[derive(Debug, Default)]
pub struct Budget {
    left: Duration,
}

impl Budget {
    /// A new call begins.
    pub fn begin(&mut self, deadline: Duration) {
        self.left = deadline;
    }

    /// Called when the epoch stops the hook: whether it may go on after a yield.
    pub fn spend(&mut self) -> bool {
        // When the first slice began nobody looked at the clock, and its tick may
        // have come at once: it is free.
        let spent = match SLICE_BEGAN.get() {
            0 => Duration::ZERO,
            began => Duration::from_nanos(thread_time().saturating_sub(began)),
        };
        self.left = self.left.saturating_sub(spent);
        if self.left.is_zero() {
            return false;
        }
        STOPPED.set(true);
        true
    }
}

/// CPU time of this thread in nanoseconds: a hook does not pay for what the
/// kernel gave to others.
fn thread_time() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    (now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_millis(1);

    fn lane() -> Lane {
        let engine = wasmtime::Engine::default();
        Lane::new(Ticker::start(&engine).expect("a thread can be started"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_that_waits_ends_after_its_bound() {
        let hook = tokio::time::sleep(WAIT_MIN * 2);
        assert!(lane().drive(hook, DEADLINE).await.is_err());
        let hook = tokio::time::sleep(WAIT_MIN / 2);
        assert!(lane().drive(hook, DEADLINE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_has_its_own_bound_does_not_count() {
        let hook = async {
            bounded_elsewhere(tokio::time::sleep(WAIT_MIN * 100)).await;
            tokio::time::sleep(WAIT_MIN / 2).await;
            bounded_elsewhere(tokio::time::sleep(WAIT_MIN * 100)).await;
        };
        assert!(lane().drive(hook, DEADLINE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_hook_that_overran_and_waits_does_not_keep_the_turn() {
        let lane = lane();
        let stopped = || async {
            let mut once = true;
            poll_fn(|cx| match std::mem::take(&mut once) {
                true => {
                    STOPPED.set(true);
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                false => Poll::Ready(()),
            })
            .await;
        };
        let waits = async {
            stopped().await;
            bounded_elsewhere(std::future::pending::<()>()).await;
        };
        let waiting = lane.drive(waits, DEADLINE);
        let overrunning = lane.drive(stopped(), DEADLINE);
        tokio::select! {
            _ = waiting => unreachable!("it waits for ever"),
            ended = async {
                tokio::time::sleep(PAUSE).await;
                overrunning.await
            } => assert!(ended.is_ok()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_waits_before_and_after_it_do() {
        let hook = async {
            tokio::time::sleep(WAIT_MIN / 2).await;
            bounded_elsewhere(tokio::time::sleep(WAIT_MIN * 100)).await;
            tokio::time::sleep(WAIT_MIN).await;
        };
        assert!(lane().drive(hook, DEADLINE).await.is_err());
    }
}
