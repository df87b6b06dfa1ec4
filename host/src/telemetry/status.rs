//! What the admin endpoint shows: kept up to date by `app`, read by `admin`.
//!
//! Behind one lock, since everything here changes with a reload or less often and
//! is read a few times a minute; what exchanges count is in
//! [`metrics`](super::metrics).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::access_log::AccessLog;
use super::metrics::Counters;
use crate::config::{self, PluginSource};
use crate::plugin::account::Sums;
use crate::plugin::registry::Plugin;
use crate::plugin::store::Store;
use crate::snapshot::Snapshot;

/// The state of the process.
pub struct Status {
    counters: Vec<Arc<Counters>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    snapshot: Option<Arc<Snapshot>>,
    /// The first plugins of the snapshot, by their names.
    directory_plugins: Vec<String>,
    /// When each plugin of the snapshot was loaded, by its id.
    loaded: BTreeMap<u64, SystemTime>,
    /// The records of plugins that are gone, by name: counters must not go back.
    retired: BTreeMap<String, Record>,
    rejections: BTreeMap<String, Rejection>,
    totals: Totals,
    /// What the report on the last refused reload comes to, until one succeeds.
    refusal: Option<String>,
    log: Option<Arc<AccessLog>>,
    store: Option<Arc<Store>>,
    draining: bool,
}

/// Why, and when, a plugin's newest file or configuration was refused.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The sentence for the operator.
    pub reason: String,
    /// When it was first said.
    pub time: SystemTime,
}

/// What a plugin did, failed and cost, over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Instances that trapped or ran out of time or memory.
    pub crashes: u64,
    /// Of these, those that ran, or waited, for too long.
    pub overruns: u64,
    /// Of these, those that asked for more memory than they may have.
    pub memory: u64,
    /// Hooks that said they failed, or asked for something illegal.
    pub failures: u64,
    /// Endpoints that it did not pick where it was asked to.
    pub fallbacks: u64,
    /// What the plugin has cost.
    pub cost: Sums,
}

/// What happened to the configuration and its plugins so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Snapshots that were published; the number of the current one.
    pub snapshots: u64,
    /// Plugins that were replaced or added while serving.
    pub swapped: u64,
    /// Plugins that were refused while serving.
    pub rejected: u64,
    /// Reloads that were refused as a whole.
    pub refused: u64,
}

/// How a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginState {
    /// It is called.
    Ok,
    /// It crashed too often and is not called for now.
    Stopped,
    /// Its newest file or configuration was refused.
    Rejected,
}

/// One plugin as some routes have it, or one that was refused.
pub struct PluginStatus {
    /// Configured name.
    pub name: String,
    /// How it is.
    pub state: PluginState,
    /// What serves; none if nothing of that name was ever loaded.
    pub plugin: Option<Arc<Plugin>>,
    /// `builtin:NAME` or a file; none if nothing serves.
    pub source: Option<String>,
    /// When what serves was loaded.
    pub loaded_at: Option<SystemTime>,
    /// Set if the newest was refused.
    pub rejection: Option<Rejection>,
}

impl Status {
    /// Nothing is published yet. One of `counters` for each worker.
    pub fn new(counters: Vec<Arc<Counters>>, log: Option<Arc<AccessLog>>) -> Self {
        Self { counters, state: Mutex::new(State { log, ..State::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # What `app` tells
impl Status {
    /// From now on this snapshot serves. `directory_plugins` are the names of its
    /// first plugins, those of the plugin directory.
    pub fn publish(&self, snapshot: &Arc<Snapshot>, directory_plugins: &[String]) {
        let mut state = self.state();
        let before = state.snapshot.replace(Arc::clone(snapshot));
        for gone in before.iter().flat_map(|before| &before.plugins) {
            if !snapshot.plugins.iter().any(|plugin| plugin.id == gone.id) {
                let name = gone.settings.name.to_string();
                let mut last = record(gone);
                // Those that exchanges under way still have are gone soon.
                (last.cost.instances, last.cost.memory) = (0, 0);
                state.retired.entry(name).or_default().add(last);
            }
        }
        let now = SystemTime::now();
        let since = |plugin: &Arc<Plugin>| state.loaded.get(&plugin.id).copied().unwrap_or(now);
        state.loaded = snapshot.plugins.iter().map(|plugin| (plugin.id, since(plugin))).collect();
        state.directory_plugins = directory_plugins.to_vec();
        state.refusal = None;
        state.totals.snapshots += 1;
    }

    /// A plugin was replaced or added.
    pub fn swapped(&self, name: &str) {
        let mut state = self.state();
        state.totals.swapped += 1;
        state.rejections.remove(name);
    }

    /// A plugin's new file or configuration was refused; what was there serves on.
    pub fn rejected(&self, name: &str, reason: &str) {
        let mut state = self.state();
        state.totals.rejected += 1;
        let rejection = Rejection { reason: reason.to_owned(), time: SystemTime::now() };
        state.rejections.insert(name.to_owned(), rejection);
    }

    /// The names of all plugins whose refusal still stands: the files of the others
    /// were put right, or removed.
    pub fn still_rejected<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let names: Vec<&str> = names.into_iter().collect();
        self.state().rejections.retain(|name, _| names.contains(&name.as_str()));
    }

    /// A reload was refused as a whole, for the reasons of this report.
    pub fn refused(&self, report: &str) {
        let mut state = self.state();
        state.totals.refused += 1;
        // Its last line counts the mistakes; the others quote the file, and belong
        // into the log.
        state.refusal = report.trim_end().lines().last().map(str::to_owned);
    }

    /// The access log is another one now, or off.
    pub fn logs_to(&self, log: Option<Arc<AccessLog>>) {
        self.state().log = log;
    }

    /// What plugins keep is there.
    pub fn keeps(&self, store: &Arc<Store>) {
        self.state().store = Some(Arc::clone(store));
    }

    /// No new connections are accepted any more.
    pub fn drain(&self) {
        self.state().draining = true;
    }
}

/// # What `admin` asks
impl Status {
    /// Whether new exchanges are welcome.
    pub fn is_ready(&self) -> bool {
        let state = self.state();
        state.snapshot.is_some() && !state.draining
    }

    /// What each worker counts.
    pub fn counters(&self) -> &[Arc<Counters>] {
        &self.counters
    }

    /// What happened so far.
    pub fn totals(&self) -> Totals {
        self.state().totals
    }

    /// Lines of the access log that were lost; none when it is off.
    pub fn dropped_log_lines(&self) -> Option<u64> {
        self.state().log.as_ref().map(|log| log.dropped())
    }

    /// What plugins keep.
    pub fn store(&self) -> Option<Arc<Store>> {
        self.state().store.clone()
    }

    /// The published configuration, in words; empty before there is one.
    pub fn plan(&self) -> String {
        let state = self.state();
        let Some(snapshot) = &state.snapshot else { return String::new() };
        let mut plan = config::plan(&snapshot.config, &state.directory_plugins);
        if let Some(refusal) = &state.refusal {
            plan.push_str(&format!("\nthe last reload was refused, the log says why: {refusal}\n"));
        }
        plan
    }

    /// Every plugin in the order of the snapshot, then those that were refused and
    /// of which nothing serves.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        let state = self.state();
        let Some(snapshot) = &state.snapshot else { return Vec::new() };
        let all = snapshot.plugins.iter().enumerate();
        let mut list: Vec<_> =
            all.map(|(index, plugin)| state.serving(snapshot, index, plugin)).collect();
        for (name, rejection) in &state.rejections {
            if !list.iter().any(|known| known.name == *name) {
                list.push(PluginStatus {
                    name: name.clone(),
                    state: PluginState::Rejected,
                    plugin: None,
                    source: None,
                    loaded_at: None,
                    rejection: Some(rejection.clone()),
                });
            }
        }
        list
    }

    /// The record of every plugin by name, those that are gone included, and whether
    /// one of that name is stopped now.
    pub fn plugin_records(&self) -> BTreeMap<String, (Record, bool)> {
        let state = self.state();
        let mut all: BTreeMap<String, (Record, bool)> = BTreeMap::new();
        for (name, retired) in &state.retired {
            all.entry(name.clone()).or_default().0.add(*retired);
        }
        for plugin in state.snapshot.iter().flat_map(|snapshot| &snapshot.plugins) {
            let (sum, stopped) = all.entry(plugin.settings.name.to_string()).or_default();
            sum.add(record(plugin));
            *stopped |= plugin.is_stopped();
        }
        all
    }
}

impl State {
    fn serving(&self, snapshot: &Snapshot, index: usize, plugin: &Arc<Plugin>) -> PluginStatus {
        let name = plugin.settings.name.to_string();
        let rejection = self.rejections.get(&name).cloned();
        let state = if plugin.is_stopped() {
            PluginState::Stopped
        } else if rejection.is_some() {
            PluginState::Rejected
        } else {
            PluginState::Ok
        };
        let config = &snapshot.config;
        let source = if index < self.directory_plugins.len() {
            let file = |directory: &std::path::PathBuf| directory.join(format!("{name}.wasm"));
            config.plugin_dir.as_ref().map(|directory| file(directory).display().to_string())
        } else {
            config.plugins.get(&name).map(|plugin| match &plugin.source {
                PluginSource::Builtin(name) => format!("builtin:{name}"),
                PluginSource::File(path) => path.display().to_string(),
            })
        };
        let loaded_at = self.loaded.get(&plugin.id).copied();
        PluginStatus { name, state, plugin: Some(Arc::clone(plugin)), source, loaded_at, rejection }
    }
}

impl Record {
    /// Crashes that were neither overruns nor about memory.
    pub fn traps(&self) -> u64 {
        self.crashes.saturating_sub(self.overruns + self.memory)
    }

    fn add(&mut self, more: Self) {
        self.crashes += more.crashes;
        self.overruns += more.overruns;
        self.memory += more.memory;
        self.failures += more.failures;
        self.fallbacks += more.fallbacks;
        self.cost.add(&more.cost);
    }
}

/// Of one plugin as some routes have it.
pub fn record(plugin: &Plugin) -> Record {
    Record {
        crashes: plugin.counters.crashes.load(Ordering::Relaxed),
        overruns: plugin.counters.overruns.load(Ordering::Relaxed),
        memory: plugin.counters.memory.load(Ordering::Relaxed),
        failures: plugin.counters.failures.load(Ordering::Relaxed),
        fallbacks: plugin.counters.fallbacks.load(Ordering::Relaxed),
        cost: plugin.accounts.sums(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_not_ready_before_anything_serves() {
        let status = Status::new(Vec::new(), None);
        assert!(!status.is_ready());
        assert_eq!((status.plan(), status.plugins().len()), (String::new(), 0));
        assert_eq!(status.dropped_log_lines(), None);
    }

    #[test]
    fn a_refusal_stands_until_the_plugin_is_put_right_or_gone() {
        let status = Status::new(Vec::new(), None);
        for name in ["a", "b", "c"] {
            status.rejected(name, "no");
        }
        status.swapped("a");
        status.still_rejected(["c"]);
        let names: Vec<_> = status.state().rejections.keys().cloned().collect();
        assert_eq!(names, ["c"]);
        let totals = status.totals();
        assert_eq!((totals.swapped, totals.rejected), (1, 3));
    }
}
