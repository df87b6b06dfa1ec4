//! A Redis that several proxies share, and the commands that go to it.
//!
//! One connection for the process: a thread of its own ([`keeper`]) makes it, drives it
//! and makes it anew; workers hand commands over and await the answers, each within the
//! time that the operator allows. Nothing blocks a worker. While there is no connection
//! every command fails at once; a connection that leaves [`LATE_MAX`] commands in a row
//! unanswered is given up, so that not every command waits until its time is over.

// The thread that has the connection.
mod keeper;
// A Redis of a test's own.
#[cfg(test)]
pub(super) mod probe;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Script, ServerErrorKind};
use tokio::sync::Notify;

use crate::config::Redis;
use crate::plugin::running_time::bounded_elsewhere;

/// Commands in a row whose time was over before the connection is given up. One alone may
/// be a script of somebody else's, or a page fault.
const LATE_MAX: u32 = 3;
/// One hook may wait for so many times the time of one command: what asks more often than
/// that, and has to wait each time, goes without.
const PATIENCE: u32 = 20;
/// How often the log says that Redis answers with errors.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// A Redis as all plugins of this process use it.
#[derive(Debug)]
pub(super) struct Fleet {
    link: Arc<Link>,
    timeout: Duration,
    prefix: String,
}

/// What became of the commands so far.
#[derive(Debug, Default)]
pub struct FleetCounts {
    /// All, those that failed included.
    pub commands: AtomicU64,
    /// Without an answer, or with an error as answer.
    pub failures: AtomicU64,
    /// Whether there is a connection.
    pub up: AtomicBool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Redis cannot be reached, was too slow, or answered with an error.
    Unavailable,
    /// Redis has no memory for it (`maxmemory`).
    Full,
}

/// What workers and the keeper share.
#[derive(Default)]
struct Link {
    /// None while there is none. Locked for writing when that changes.
    current: RwLock<Option<Arc<Connection>>>,
    /// Told when a connection was given up, and at the end.
    lost: Notify,
    closed: AtomicBool,
    counts: FleetCounts,
    complained: Mutex<Option<Instant>>,
}

struct Connection {
    /// Cloned for each command, as it is meant to be.
    multiplexed: MultiplexedConnection,
    /// Commands in a row whose time was over.
    late: AtomicU32,
}

impl Fleet {
    /// Connects, or goes on trying to. Blocks until the first attempt has ended.
    ///
    /// # Errors
    ///
    /// No thread can be started, or TLS cannot.
    pub(super) fn join(redis: &Redis) -> Result<Self, String> {
        let link = Arc::new(Link::default());
        keeper::start(redis, Arc::clone(&link))?;
        Ok(Self { link, timeout: redis.timeout, prefix: redis.prefix.clone() })
    }

    pub(super) fn counts(&self) -> &FleetCounts {
        &self.link.counts
    }

    /// How long one hook may wait for all its commands.
    pub(super) fn patience(&self) -> Duration {
        self.timeout * PATIENCE
    }

    /// What the keys of a plugin begin with. No other plugin's begin like that: there is
    /// no colon in a name.
    pub(super) fn keys_of(&self, plugin: &str) -> String {
        format!("{}{plugin}:", self.prefix)
    }

    /// Sends a command and awaits its answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        let connection = self.connection()?;
        let mut multiplexed = connection.multiplexed.clone();
        self.within(&connection, command.query_async(&mut multiplexed)).await
    }

    /// Runs a script, of which Redis may or may not know already, and awaits its answer.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<T, Failure> {
        let connection = self.connection()?;
        let mut multiplexed = connection.multiplexed.clone();
        let mut call = script.prepare_invoke();
        call.key(keys).arg(arguments);
        self.within(&connection, call.invoke_async(&mut multiplexed)).await
    }

    fn connection(&self) -> Result<Arc<Connection>, Failure> {
        let counts = self.counts();
        counts.commands.fetch_add(1, Ordering::Relaxed);
        let current = self.link.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone().ok_or_else(|| {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            Failure::Unavailable
        })
    }

    async fn within<T>(
        &self,
        connection: &Arc<Connection>,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Failure> {
        let answer = bounded_elsewhere(tokio::time::timeout(self.timeout, answer)).await;
        let failure = match answer {
            Ok(Ok(answer)) => {
                // Not written to where nothing changes.
                if connection.late.load(Ordering::Relaxed) > 0 {
                    connection.late.store(0, Ordering::Relaxed);
                }
                return Ok(answer);
            }
            Ok(Err(error)) => self.link.judge(connection, &error),
            Err(_) => {
                if connection.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_MAX {
                    let why = format!("it left {LATE_MAX} commands in a row unanswered");
                    self.link.give_up(connection, &why);
                }
                Failure::Unavailable
            }
        };
        self.counts().failures.fetch_add(1, Ordering::Relaxed);
        Err(failure)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.link.closed.store(true, Ordering::Relaxed);
        self.link.lost.notify_one();
    }
}

impl Link {
    /// What an error says about the connection.
    fn judge(&self, connection: &Arc<Connection>, error: &RedisError) -> Failure {
        // Who was made a replica, or has lost its primary, may not be the right one any more.
        let elsewhere = matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        );
        if elsewhere || error.is_io_error() || error.is_unrecoverable_error() {
            self.give_up(connection, &error.to_string());
            return Failure::Unavailable;
        }
        if error.code() == Some("OOM") {
            return Failure::Full;
        }
        self.complain(error);
        Failure::Unavailable
    }

    fn give_up(&self, connection: &Arc<Connection>, why: &str) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // What happens to an earlier one says nothing about this one.
        if !current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            return;
        }
        *current = None;
        self.counts.up.store(false, Ordering::Relaxed);
        drop(current);
        tracing::warn!(
            error = why,
            "the connection to Redis is lost: what plugins share is not available until there is another"
        );
        self.lost.notify_one();
    }

    fn complain(&self, error: &RedisError) {
        let mut last = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= COMPLAINT_PAUSE) {
            *last = Some(Instant::now());
            drop(last);
            tracing::error!(%error, "Redis answers with an error");
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("counts", &self.counts).finish_non_exhaustive()
    }
}
