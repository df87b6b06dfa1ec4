//! The thread that has the connection to Redis: makes it, drives it, looks after it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisError, RedisResult,
};

use super::{Connection, Link};
use crate::config::{Redis, RedisUrl};

/// For a connection with its TLS and its log-in.
const CONNECT: Duration = Duration::from_secs(1);
/// Between two looks at a connection that may be idle.
const LOOK: Duration = Duration::from_secs(1);
/// The first pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
/// Long enough for a Redis that starts not to be kept from it by a fleet.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A connection that lasted that long was a good one: what comes is another failure.
const GOOD: Duration = Duration::from_secs(5);
/// Commands that may wait for the connection's task to take them.
const BUFFER: usize = 4096;

struct Keeper {
    client: Client,
    url: RedisUrl,
    timeout: Duration,
    link: Arc<Link>,
}

/// Starts the thread and waits for its first attempt.
pub(super) fn start(redis: &Redis, link: Arc<Link>) -> Result<(), String> {
    let client = client(&redis.url).map_err(|error| error.to_string())?;
    let keeper = Keeper { client, url: redis.url.clone(), timeout: redis.timeout, link };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    let (tried, attempt) = sync_channel(1);
    std::thread::Builder::new()
        .name("wasmgate-redis".to_owned())
        .spawn(move || runtime.block_on(keeper.run(tried)))
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    // An error would be the thread's end, which comes with the process's.
    let _ = attempt.recv();
    Ok(())
}

fn client(url: &RedisUrl) -> RedisResult<Client> {
    let (host, port) = (url.host.clone(), url.port);
    let address = match url.tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let mut login = RedisConnectionInfo::default()
        .set_db(url.database.into())
        .set_lib_name("wasmgate", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &url.user {
        login = login.set_username(user);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password.as_str());
    }
    let info = address.into_connection_info()?;
    let tcp = TcpSettings::default().set_nodelay(true);
    Client::open(info.set_redis_settings(login).set_tcp_settings(tcp))
}

impl Keeper {
    /// Until the end of the store.
    async fn run(self, tried: SyncSender<()>) {
        let mut failures: u32 = 0;
        while !self.is_closed() {
            match self.connect().await {
                Ok(multiplexed) => {
                    let began = Instant::now();
                    let connection = Arc::new(Connection { multiplexed, late: AtomicU32::new(0) });
                    self.publish(&connection);
                    tracing::info!(redis = %self.url, "connected to Redis");
                    let _ = tried.try_send(());
                    self.look_after(connection).await;
                    failures = if began.elapsed() >= GOOD { 0 } else { failures + 1 };
                }
                Err(error) => {
                    // Once for each time that it is away.
                    if failures == 0 {
                        tracing::error!(redis = %self.url, error = %explain(&error),
                            "cannot connect to Redis: what plugins share is not available, \
                            and it is tried again");
                    }
                    let _ = tried.try_send(());
                    failures = failures.saturating_add(1);
                }
            }
            if failures > 0 && !self.is_closed() {
                tokio::time::sleep(pause(failures)).await;
            }
        }
        *self.link.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A connection that answers.
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT.max(self.timeout)))
            // Each command has its own.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(BUFFER);
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let ping = redis::cmd("PING");
        // A Redis that was stopped still has a kernel that accepts.
        match tokio::time::timeout(self.timeout, ping.exec_async(&mut connection)).await {
            Ok(answer) => answer.map(|()| connection),
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    fn publish(&self, connection: &Arc<Connection>) {
        let mut current = self.link.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::clone(connection));
        self.link.counts.up.store(true, Ordering::Relaxed);
    }

    /// Until it is given up. An idle connection that broke would show with the next
    /// command only, and the state would be wrong until then.
    async fn look_after(&self, connection: Arc<Connection>) {
        loop {
            let lost = tokio::time::timeout(LOOK, self.link.lost.notified()).await.is_ok();
            if self.is_closed() || lost && !self.is_current(&connection) {
                return;
            }
            let mut multiplexed = connection.multiplexed.clone();
            let ping = redis::cmd("PING");
            let answer = ping.exec_async(&mut multiplexed);
            let error = match tokio::time::timeout(self.timeout.max(LOOK), answer).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it does not answer".to_owned(),
            };
            self.link.give_up(&connection, &error);
            return;
        }
    }

    fn is_current(&self, connection: &Arc<Connection>) -> bool {
        let current = self.link.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection))
    }

    fn is_closed(&self) -> bool {
        self.link.closed.load(Ordering::Relaxed)
    }
}

/// Doubling, and each time another part of it: a fleet that lost its Redis at one moment
/// must not come back at one moment.
fn pause(failures: u32) -> Duration {
    let longest = PAUSE.saturating_mul(1 << (failures - 1).min(10)).min(PAUSE_MAX);
    // The hasher's keys are random; nothing depends on how random.
    let random = RandomState::new().hash_one(failures) % 1024;
    longest.mul_f64(0.5 + random as f64 / 2048.0)
}

/// For the operator.
fn explain(error: &RedisError) -> String {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS")) => {
            "it refuses the user or the password".to_owned()
        }
        (_, Some("NOAUTH")) => "it asks for a password".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_differ() {
        for failures in 1..100 {
            let longest = (PAUSE * (1 << (failures - 1).min(10))).min(PAUSE_MAX);
            let paused = pause(failures);
            assert!(paused >= longest / 2 && paused <= longest, "{failures}: {paused:?}");
        }
        let many: Vec<Duration> = (0..20).map(|_| pause(7)).collect();
        assert!(many.iter().any(|one| *one != many[0]));
    }
}
