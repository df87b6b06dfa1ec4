//! Values in a file: written behind, in batches, by a thread of its own.
//!
//! A write that a plugin makes changes memory and leaves a note in a bounded queue;
//! the writer takes what the keys are at when it comes to them, so that a key that
//! changes often is written once a batch. When the queue is full, or the file cannot
//! be written, values stay in memory and their plugin is *behind*: once the file can
//! be written again, all of its values are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redb::{Builder, Database, ReadableDatabase as _, TableDefinition};

use super::values::{Kept, Values};

/// How long a write waits for others before all of them are written: what may be
/// lost when the process is killed, together with the time that writing takes.
const BATCH: Duration = Duration::from_millis(100);
/// Notes that may wait. Beyond them whole plugins are written again.
const QUEUE_MAX: usize = 65_536;
/// How long a file that could not be written is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// Pages of the file that are kept in memory.
const CACHE_BYTES: usize = 8 << 20;

/// Plugin and key; version, wall-clock milliseconds of its end, value.
const VALUES: TableDefinition<'_, (&str, &str), (u64, u64, &[u8])> = TableDefinition::new("kv-1");
/// The end of what stays.
const NEVER: u64 = u64::MAX;

/// A file with the values of all plugins.
#[derive(Debug)]
pub(super) struct StoreFile {
    queue: SyncSender<Note>,
    writer: Mutex<Writer>,
    closing: Mutex<bool>,
    close: Condvar,
    counts: Counts,
}

/// What happened to the file so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Values that were written or removed.
    pub written: AtomicU64,
    /// Batches that could not be written.
    pub failures: AtomicU64,
    /// Notes for which there was no room.
    pub skipped: AtomicU64,
}

/// The values of one plugin as the file knows them.
#[derive(Debug)]
pub(super) struct Journal {
    file: Arc<StoreFile>,
    name: Arc<str>,
    /// Set when the file may have missed something.
    behind: AtomicBool,
}

/// A key has changed.
#[derive(Debug)]
struct Note {
    values: Arc<Values>,
    key: Arc<str>,
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    /// None after a failure.
    database: Option<Database>,
    notes: Receiver<Note>,
    known: Vec<Weak<Values>>,
    retry_at: Option<Instant>,
}

impl Journal {
    /// From a worker: never waits.
    pub(super) fn note(&self, values: &Arc<Values>, key: &Arc<str>) {
        let note = Note { values: Arc::clone(values), key: Arc::clone(key) };
        if self.file.queue.try_send(note).is_err() {
            self.behind.store(true, Ordering::Release);
            self.file.counts.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl StoreFile {
    /// Opens or makes the file, checks all of it, and starts the thread that writes.
    ///
    /// # Errors
    ///
    /// A sentence about the file.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, String> {
        let database = open(path).map_err(|error| explain(&error))?;
        let (queue, notes) = sync_channel(QUEUE_MAX);
        let path = path.to_owned();
        let writer =
            Writer { path, database: Some(database), notes, known: Vec::new(), retry_at: None };
        let file = Arc::new(Self {
            queue,
            writer: Mutex::new(writer),
            closing: Mutex::new(false),
            close: Condvar::new(),
            counts: Counts::default(),
        });
        file.forget_expired()?;
        let thread = Arc::clone(&file);
        std::thread::Builder::new()
            .name("wasmgate-store".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(file)
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The values of a plugin, from now on noted here. Blocks: not on a worker.
    pub(super) fn load(
        self: &Arc<Self>,
        name: &Arc<str>,
        make: impl FnOnce(Journal, Vec<(String, Kept)>) -> Values,
    ) -> Result<Values, String> {
        let mut writer = lock(&self.writer);
        // What an earlier plugin of that name has noted.
        self.flush(&mut writer);
        let kept = writer.read(name).map_err(|error| explain(&error))?;
        let journal = Journal {
            file: Arc::clone(self),
            name: Arc::clone(name),
            behind: AtomicBool::new(false),
        };
        Ok(make(journal, kept))
    }

    /// Remembers values whose [`Self::load`] made them.
    pub(super) fn watch(&self, values: &Arc<Values>) {
        let mut writer = lock(&self.writer);
        writer.known.retain(|known| known.strong_count() > 0);
        writer.known.push(Arc::downgrade(values));
    }

    /// Writes everything, and ends the thread.
    pub(super) fn close(&self) {
        *lock(&self.closing) = true;
        self.close.notify_all();
        let mut writer = lock(&self.writer);
        writer.retry_at = None;
        self.flush(&mut writer);
        writer.database = None;
    }

    fn run(&self) {
        let mut closing = lock(&self.closing);
        while !*closing {
            let waited = self.close.wait_timeout(closing, BATCH);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            self.flush(&mut lock(&self.writer));
            closing = lock(&self.closing);
        }
    }

    fn flush(&self, writer: &mut Writer) {
        if writer.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let batch = writer.batch();
        if batch.is_empty() {
            return;
        }
        match writer.write(&batch) {
            Ok(written) => {
                self.counts.written.fetch_add(written, Ordering::Relaxed);
                if writer.retry_at.take().is_some() {
                    tracing::info!(file = %writer.path.display(), "the store is written again");
                }
            }
            Err(error) => {
                self.counts.failures.fetch_add(1, Ordering::Relaxed);
                if writer.retry_at.is_none() {
                    tracing::error!(file = %writer.path.display(), error = %explain(&error),
                        "the store cannot be written: values stay in memory, and are written \
                        when it can be");
                }
                batch.values().for_each(|values| values.values.fall_behind());
                // It has to be opened again after a failure.
                writer.database = None;
                writer.retry_at = Some(Instant::now() + RETRY);
            }
        }
    }

    /// What plugins that are not there any more have left, as far as it has expired.
    fn forget_expired(&self) -> Result<(), String> {
        let now = wall_clock();
        lock(&self.writer).forget_expired(now).map_err(|error| explain(&error))
    }
}

/// What is to be written of one plugin.
struct Batch {
    values: Arc<Values>,
    /// All of it, besides what follows.
    whole: bool,
    keys: Vec<Arc<str>>,
}

impl Writer {
    /// What has been noted, by plugin; each key once.
    fn batch(&self) -> BTreeMap<Arc<str>, Batch> {
        let mut batch: BTreeMap<Arc<str>, Batch> = BTreeMap::new();
        let mut add = |values: Arc<Values>, key: Option<Arc<str>>| {
            let Some(journal) = values.journal() else { return };
            let name = Arc::clone(&journal.name);
            let of_plugin = batch.entry(name).or_insert_with(|| Batch {
                values,
                whole: false,
                keys: Vec::new(),
            });
            match key {
                Some(key) => of_plugin.keys.push(key),
                None => of_plugin.whole = true,
            }
        };
        for note in self.notes.try_iter().take(QUEUE_MAX) {
            add(note.values, Some(note.key));
        }
        for values in self.known.iter().filter_map(Weak::upgrade) {
            let journal = values.journal();
            if journal.is_some_and(|journal| journal.behind.swap(false, Ordering::AcqRel)) {
                add(values, None);
            }
        }
        for of_plugin in batch.values_mut() {
            of_plugin.keys.sort();
            of_plugin.keys.dedup();
        }
        batch
    }

    /// All or nothing. Answers with how many values that were.
    fn write(&mut self, batch: &BTreeMap<Arc<str>, Batch>) -> Result<u64, redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        let database = self.database.insert(database);
        let transaction = database.begin_write()?;
        let mut written = 0;
        {
            let mut table = transaction.open_table(VALUES)?;
            for (name, Batch { values, whole, keys }) in batch {
                if *whole {
                    table.retain_in((&**name, "").., |(owner, key), _| {
                        owner != &**name || values.kept(key).is_some()
                    })?;
                }
                let all = if *whole { values.all_keys() } else { Vec::new() };
                for key in keys.iter().chain(&all) {
                    match values.kept(key) {
                        Some(kept) => {
                            let end = kept.left.map_or(NEVER, |left| wall_clock() + left);
                            table.insert((&**name, &**key), (kept.version, end, &*kept.value))?;
                        }
                        None => {
                            table.remove((&**name, &**key))?;
                        }
                    }
                    written += 1;
                }
            }
        }
        transaction.commit()?;
        Ok(written)
    }

    fn read(&mut self, name: &str) -> Result<Vec<(String, Kept)>, redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        let database = self.database.insert(database);
        let transaction = database.begin_read()?;
        let table = transaction.open_table(VALUES)?;
        let now = wall_clock();
        let mut all = Vec::new();
        for entry in table.range((name, "")..)? {
            let (key, value) = entry?;
            let (owner, key) = key.value();
            if owner != name {
                break;
            }
            let (version, end, value) = value.value();
            let left = (end != NEVER).then(|| end.saturating_sub(now));
            if left != Some(0) {
                let kept = Kept { value: value.into(), version, left };
                all.push((key.to_owned(), kept));
            }
        }
        Ok(all)
    }

    fn forget_expired(&mut self, now: u64) -> Result<(), redb::Error> {
        let Some(database) = &self.database else { return Ok(()) };
        let transaction = database.begin_write()?;
        // Made here, so that reading may rely on it.
        {
            let mut table = transaction.open_table(VALUES)?;
            table.retain(|_, (_, end, _)| end > now)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Journal {
    pub(super) fn fall_behind(&self) {
        self.behind.store(true, Ordering::Release);
    }
}

fn open(path: &Path) -> Result<Database, redb::Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    Ok(builder.create(path)?)
}

/// For the operator.
fn explain(error: &redb::Error) -> String {
    match error {
        redb::Error::DatabaseAlreadyOpen => {
            "another process uses it: each wasmgate needs a store of its own".to_owned()
        }
        redb::Error::Corrupted(detail) => format!(
            "it is damaged ({detail}): restore it from a copy, or move it away to begin with an \
             empty one"
        ),
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            "it is no store of wasmgate, or it is damaged: move it away to begin with an empty one"
                .to_owned()
        }
        error => error.to_string(),
    }
}

/// Milliseconds.
fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
