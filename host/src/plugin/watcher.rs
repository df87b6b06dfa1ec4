//! Says that files may have changed.
//!
//! What changed is not asked of the events: renames, atomic replacements, editors'
//! temporary files and the `..data` link of a Kubernetes mount all look different,
//! and some file systems report nothing. An event only means "look again"; whoever
//! looks compares contents. Directories are watched, not files, since a file that
//! is replaced takes its watch with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// A writer that is not atomic needs some calls; looking between two of them would
/// see half a file, refuse it, and look again.
const QUIET: Duration = Duration::from_millis(15);
/// Files that never rest are looked at nevertheless.
const RESTLESS: Duration = Duration::from_millis(500);
/// How often to look where nothing is reported.
pub const POLL: Duration = Duration::from_secs(5);

/// Watches the directories of some files.
pub struct Watcher {
    watcher: Option<RecommendedWatcher>,
    /// With the directory's identity: one that was removed and made again under the
    /// same name needs a new watch.
    watched: BTreeMap<PathBuf, Option<(u64, u64)>>,
}

impl Watcher {
    /// Notifies `changed` when something below the watched directories changes,
    /// and every [`POLL`] in any case. Where the system cannot watch, the polling
    /// remains.
    pub fn new(changed: std::sync::Arc<Notify>) -> std::io::Result<Self> {
        let (events, received) = mpsc::channel::<()>();
        std::thread::Builder::new()
            .name("wasmgate-watcher".to_owned())
            .spawn(move || debounce(&received, &changed))?;
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let read_only = event.is_ok_and(|event| event.kind.is_access());
            if !read_only {
                // The receiver ends with this watcher.
                let _ = events.send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(%error, every = ?POLL, "files cannot be watched and are looked at instead");
            })
            .ok();
        Ok(Self { watcher, watched: BTreeMap::new() })
    }

    /// Watches exactly the directories of these files, and these directories.
    pub fn watch<'a>(&mut self, paths: impl Iterator<Item = &'a Path>) {
        let wanted: BTreeSet<PathBuf> = paths.flat_map(directories).collect();
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.keys().filter(|known| !wanted.contains(*known)) {
            // Gone by itself if the directory was removed.
            let _ = watcher.unwatch(gone);
        }
        let mut watched = BTreeMap::new();
        for directory in wanted {
            let identity = identity(&directory);
            // A watch that is set again could lose what happens meanwhile.
            if self.watched.get(&directory) != Some(&identity)
                && let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive)
            {
                tracing::warn!(directory = %directory.display(), %error, every = ?POLL,
                    "a directory cannot be watched and is looked at instead");
                continue;
            }
            watched.insert(directory, identity);
        }
        self.watched = watched;
    }
}

fn identity(directory: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    std::fs::metadata(directory).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Where a change of this path shows: in itself if it is a directory, in its
/// parent, and wherever links on the way lead.
fn directories(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut add = |path: &Path| {
        if path.is_dir() {
            found.push(path.to_owned());
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            found.push(parent.to_owned());
        }
    };
    add(path);
    if let Ok(target) = path.canonicalize()
        && target != path
    {
        add(&target);
    }
    found
}

fn debounce(events: &mpsc::Receiver<()>, changed: &Notify) {
    loop {
        match events.recv_timeout(POLL) {
            Ok(()) => {
                let began = std::time::Instant::now();
                while began.elapsed() < RESTLESS && events.recv_timeout(QUIET).is_ok() {}
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn notified(changed: &Notify) {
        tokio::time::timeout(Duration::from_secs(20), changed.notified()).await.expect("a change");
    }

    #[tokio::test]
    async fn writing_renaming_and_removing_show() {
        let directory = tempfile::tempdir().unwrap();
        let changed = Arc::new(Notify::new());
        let mut watcher = Watcher::new(Arc::clone(&changed)).unwrap();
        watcher.watch([directory.path()].into_iter());
        std::fs::write(directory.path().join("a"), "1").unwrap();
        notified(&changed).await;
        std::fs::rename(directory.path().join("a"), directory.path().join("b")).unwrap();
        notified(&changed).await;
        std::fs::remove_file(directory.path().join("b")).unwrap();
        notified(&changed).await;
    }

    #[test]
    fn a_link_is_watched_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::fs::write(root.join("real/file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        let found = directories(&root.join("link/file"));
        assert!(found.contains(&root.join("link")));
        assert!(found.contains(&root.join("real")));
    }
}
