//! The instances of one plugin on one worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::account::Account;
use super::instance::{Crash, Instance};
use super::interface::http::Outbound;
use super::registry::Plugin;
use super::running_time::Lane;

/// Instances kept for later; more live at once only while hooks wait.
const IDLE_MAX: usize = 64;

/// The instances of one plugin on one worker: taken for a hook, put back after it.
pub struct InstancePool {
    /// Whose instances.
    pub plugin: Arc<Plugin>,
    /// How they send requests of their own; none = not granted.
    outbound: Option<Arc<dyn Outbound>>,
    /// What they cost on this worker.
    pub(super) account: Arc<Account>,
    /// Boxed, since they come and go on the hot path.
    #[expect(clippy::vec_box, reason = "an instance moves four times in each call")]
    idle: RefCell<Vec<Box<Instance>>>,
    /// The fewest that were idle since the last [`Self::trim`].
    unused: Cell<usize>,
}

impl InstancePool {
    /// Starts empty.
    pub fn new(plugin: Arc<Plugin>, outbound: Option<Arc<dyn Outbound>>) -> Rc<Self> {
        let account = plugin.accounts.open();
        Rc::new(Self { plugin, outbound, account, idle: RefCell::default(), unused: Cell::new(0) })
    }

    /// An idle instance, or a new one.
    pub async fn take(&self, lane: &Lane) -> Result<Box<Instance>, Crash> {
        let idle = self.idle.borrow_mut().pop();
        if let Some(instance) = idle {
            let left = self.idle.borrow().len();
            self.unused.set(self.unused.get().min(left));
            return Ok(instance);
        }
        self.unused.set(0);
        self.fresh(lane).await
    }

    /// A new instance, never used before.
    pub async fn fresh(&self, lane: &Lane) -> Result<Box<Instance>, Crash> {
        let Plugin { artifact, settings, .. } = &*self.plugin;
        let outbound = self.outbound.as_ref();
        // Boxed, like everything rare: its state would be a part of every call's.
        let new = Box::pin(Instance::new(
            &artifact.pre,
            &artifact.exports,
            settings,
            outbound,
            &self.account,
            lane,
        ));
        let (instance, configured) = new.await?;
        configured.map_err(|text| Crash::refused(&text))?;
        Ok(Box::new(instance))
    }

    /// Gives back an instance whose hook ended well.
    pub fn put(&self, instance: Box<Instance>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX {
            idle.push(instance);
        }
    }

    /// Makes the first instance ahead of the first exchange.
    pub async fn warm(&self, lane: &Lane) {
        if self.plugin.settings.isolation == crate::config::Isolation::Shared
            && self.idle.borrow().is_empty()
            && let Ok(instance) = self.fresh(lane).await
        {
            self.put(instance);
        }
    }

    /// Drops half of what nobody needed since the last call: after a peak the
    /// memory goes back, slowly enough for the next peak.
    pub fn trim(&self) {
        let mut idle = self.idle.borrow_mut();
        let unused = self.unused.get().min(idle.len());
        // One stays, so that a quiet plugin answers its next exchange at once.
        let spare = (unused / 2).min(idle.len().saturating_sub(1));
        // The longest idle are at the front.
        drop(idle.drain(..spare));
        self.unused.set(idle.len());
    }
}
