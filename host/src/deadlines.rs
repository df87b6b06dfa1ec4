//! Coarse deadlines for everything on one worker that waits.
//!
//! A timer for each wait would cost a registration under a lock and a clock call
//! on every exchange, for bounds that are nearly never reached. Here a wait is a
//! slot with a tick and a waker, and one task looks at all slots ten times a
//! second: a deadline is kept to within [`TICK`], never early.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;

/// How exactly deadlines are kept.
pub const TICK: Duration = Duration::from_millis(100);

/// A tick that never comes.
const NEVER: u64 = u64::MAX;

/// The deadlines of one worker.
#[derive(Default)]
pub struct Deadlines {
    slots: RefCell<Slots>,
    now: Cell<u64>,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

struct Slot {
    at: u64,
    waker: Option<Waker>,
}

impl Deadlines {
    /// A slot of its own, set to never.
    pub fn watch(self: &Rc<Self>) -> Watch {
        let mut slots = self.slots.borrow_mut();
        let slot = Slot { at: NEVER, waker: None };
        let key = match slots.free.pop() {
            Some(key) => {
                slots.slots[key] = slot;
                key
            }
            None => {
                slots.slots.push(slot);
                slots.slots.len() - 1
            }
        };
        Watch { deadlines: Rc::clone(self), key }
    }

    /// Lets a future take at most `limit`; none when it took longer.
    pub fn limit<F: Future>(self: &Rc<Self>, limit: Duration, future: F) -> Limited<F> {
        Limited { future, limit, deadlines: Rc::clone(self), watch: None }
    }

    /// Ticks since the worker began, of [`TICK`] each.
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// Wakes what is due, for as long as the worker lives.
    pub async fn run(&self) {
        let mut interval = tokio::time::interval(TICK);
        // After a stall one tick, not all that were missed: the stall was ours,
        // and nobody should time out for it.
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            self.tick();
        }
    }

    fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        // Waking runs no foreign code but the runtime's, which takes no slot.
        for slot in &mut self.slots.borrow_mut().slots {
            if slot.at <= now
                && let Some(waker) = slot.waker.take()
            {
                waker.wake();
            }
        }
    }

    /// Wakes everyone who waits, due or not.
    pub fn wake_all(&self) {
        for slot in &mut self.slots.borrow_mut().slots {
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    fn after(&self, duration: Duration) -> u64 {
        let ticks = duration.as_millis().div_ceil(TICK.as_millis());
        // The current tick has already begun.
        self.now.get().saturating_add(u64::try_from(ticks).unwrap_or(NEVER)).saturating_add(1)
    }
}

/// One deadline, moved as often as needed.
pub struct Watch {
    deadlines: Rc<Deadlines>,
    key: usize,
}

impl Watch {
    /// Due after `duration` from now.
    pub fn set(&self, duration: Duration) {
        let at = self.deadlines.after(duration);
        self.with(|slot| slot.at = at);
    }

    /// [`Self::set`], unless it is set already.
    pub fn set_if_clear(&self, duration: Duration) {
        let at = self.deadlines.after(duration);
        self.with(|slot| {
            if slot.at == NEVER {
                slot.at = at;
            }
        });
    }

    /// Never due.
    pub fn clear(&self) {
        self.with(|slot| slot.at = NEVER);
    }

    /// [`Deadlines::now`].
    pub fn now(&self) -> u64 {
        self.deadlines.now()
    }

    /// Whether the deadline is past; if not, the task is woken when it is.
    pub fn poll_due(&self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.deadlines.now.get();
        self.with(|slot| {
            if slot.at <= now {
                return Poll::Ready(());
            }
            match &mut slot.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        act(&mut self.deadlines.slots.borrow_mut().slots[self.key])
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut slots = self.deadlines.slots.borrow_mut();
        let key = self.key;
        slots.slots[key] = Slot { at: NEVER, waker: None };
        slots.free.push(key);
    }
}

pin_project! {
    /// A future with a bound; see [`Deadlines::limit`].
    pub struct Limited<F> {
        #[pin]
        future: F,
        limit: Duration,
        deadlines: Rc<Deadlines>,
        watch: Option<Watch>,
    }
}

impl<F: Future> Future for Limited<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Some(output));
        }
        let watch = this.watch.get_or_insert_with(|| {
            let watch = this.deadlines.watch();
            watch.set(*this.limit);
            watch
        });
        watch.poll_due(cx).map(|()| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn with_deadlines<T>(test: impl AsyncFnOnce(Rc<Deadlines>) -> T) -> T {
        let deadlines = Rc::new(Deadlines::default());
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let running = Rc::clone(&deadlines);
                tokio::task::spawn_local(async move { running.run().await });
                test(Rc::clone(&deadlines)).await
            })
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_after_its_limit_and_not_before() {
        with_deadlines(async |deadlines| {
            let limit = Duration::from_secs(5);
            let began = tokio::time::Instant::now();
            let output = deadlines.limit(limit, std::future::pending::<()>()).await;
            assert_eq!(output, None);
            let took = began.elapsed();
            assert!(took >= limit && took <= limit + 3 * TICK, "{took:?}");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_takes_no_slot() {
        with_deadlines(async |deadlines| {
            let output = deadlines.limit(TICK, std::future::ready(7)).await;
            assert_eq!(output, Some(7));
            assert!(deadlines.slots.borrow().slots.is_empty());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_moved_deadline_counts_from_the_last_move() {
        with_deadlines(async |deadlines| {
            let watch = deadlines.watch();
            let began = tokio::time::Instant::now();
            for _ in 0..3 {
                watch.set(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
            std::future::poll_fn(|cx| watch.poll_due(cx)).await;
            assert!(began.elapsed() >= Duration::from_millis(2700 + 100));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_used_again() {
        with_deadlines(async |deadlines| {
            for _ in 0..100 {
                drop(deadlines.watch());
            }
            assert_eq!(deadlines.slots.borrow().slots.len(), 1);
        })
        .await;
    }
}
