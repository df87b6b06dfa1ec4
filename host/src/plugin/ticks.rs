//! Calls by time: the hook `tick`, which is about no exchange.
//!
//! Each plugin that exports it has one task on one worker, which sleeps between two
//! calls. The instances are those of the worker's pool, as for every other hook.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use super::artifact::TickExports;
use super::instance::{Crash, Instance};
use super::instance_pool::InstancePool;
use super::limits::Hook;
use super::registry::{LoadError, Settings};
use super::running_time::Lane;
use crate::config::Isolation;

/// More often is a loop, which belongs to nobody's worker.
pub(super) const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Rarer is a mistake in the unit: no process is sure to live that long.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Calls a plugin by time, until it is dropped. A call that is under way then still
/// ends.
pub struct Ticks {
    /// Which plugin.
    pub plugin: u64,
    /// Dropped with this.
    _stop: oneshot::Sender<()>,
}

impl Ticks {
    /// Begins, with the first call as soon as the worker has time. None if the plugin
    /// does not export the hook.
    pub fn start(pool: &Rc<InstancePool>, lane: &Rc<Lane>) -> Option<Self> {
        let interval = pool.plugin.interval?;
        let (stop, stopped) = oneshot::channel();
        tokio::task::spawn_local(tick(Rc::clone(pool), Rc::clone(lane), interval, stopped));
        Some(Self { plugin: pool.plugin.id, _stop: stop })
    }
}

/// Asks a plugin how often it wants to be called.
pub(super) async fn interval(
    instance: &mut Instance,
    hook: &TickExports,
    settings: &Settings,
    lane: &Lane,
) -> Result<Duration, LoadError> {
    let asked = match instance.function::<(), (u32,)>(&hook.interval) {
        Ok(interval) => instance.call(&interval, (), settings.deadline, lane).await,
        Err(crash) => Err(crash),
    };
    let (milliseconds,) = asked?;
    let interval = Duration::from_millis(milliseconds.into());
    match (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
        true => Ok(interval),
        false => Err(LoadError::Interval { milliseconds }),
    }
}

async fn tick(
    pool: Rc<InstancePool>,
    lane: Rc<Lane>,
    interval: Duration,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut clock = tokio::time::interval(interval);
    // Nothing is made up for, whether the worker was late or the plugin slow.
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = tokio::select! {
            // First, so that a stop and a call that are due at once are a stop.
            biased;
            _ = &mut stopped => return,
            due = clock.tick() => due,
        };
        call(&pool, &lane).await;
        // A plugin that takes longer than its interval would have the next call at
        // once, and the worker never without one.
        if due.elapsed() >= interval {
            clock.reset();
        }
    }
}

async fn call(pool: &InstancePool, lane: &Lane) {
    let plugin = &*pool.plugin;
    // Said when it was stopped; counted as nothing, since nobody waits for it.
    let Some(permit) = plugin.budget(Hook::Tick).permit() else { return };
    let Err(crash) = try_call(pool, lane).await else {
        plugin.budget(Hook::Tick).succeeded(Hook::Tick);
        return;
    };
    plugin.crashed(Hook::Tick, &crash, permit);
    if plugin.settings.allowance.take(&plugin.settings.name) {
        let (hook, word) = (Hook::Tick.as_str(), crash.kind.as_str());
        tracing::warn!(plugin = %plugin.settings.name, hook, failure = word, "{}", crash.detail);
    }
}

async fn try_call(pool: &InstancePool, lane: &Lane) -> Result<(), Crash> {
    let settings = &pool.plugin.settings;
    let hook = pool.plugin.artifact.exports.tick.as_ref().ok_or_else(Crash::not_exported)?;
    let mut instance = match settings.isolation {
        Isolation::Shared => pool.take(lane).await?,
        Isolation::Exchange => pool.fresh(lane).await?,
    };
    let on_tick = instance.function::<(), ()>(&hook.on_tick)?;
    let began = pool.account.began(Hook::Tick);
    let called = instance.call(&on_tick, (), settings.deadline, lane).await;
    pool.account.ended(began);
    called?;
    if settings.isolation == Isolation::Shared {
        pool.put(instance);
    }
    Ok(())
}
