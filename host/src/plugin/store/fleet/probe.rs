//! A Redis of a test's own.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Fleet;
use crate::config::{Redis, RedisUrl};

/// A `redis-server` on a port of its own. It ends with this.
pub(in crate::plugin::store) struct Probe {
    process: Child,
    port: u16,
}

impl Probe {
    /// None, and a line that says so, without a `redis-server`; with `CI` set that is a
    /// failure.
    pub(in crate::plugin::store) fn start(arguments: &[&str]) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = free.expect("there is a free port").port();
        let started = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        match started {
            Ok(process) => {
                let mut probe = Self { process, port };
                probe.await_start();
                Some(probe)
            }
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "redis-server: {error}");
                skipped();
                None
            }
        }
    }

    fn await_start(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.process.try_wait().expect("it can be asked");
            assert!(ended.is_none() && Instant::now() < deadline, "redis-server does not start");
            std::thread::yield_now();
        }
    }

    pub(in crate::plugin::store) fn redis(&self) -> Redis {
        let url = RedisUrl {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port: self.port,
            database: 0,
            user: None,
            password: None,
        };
        // Generous: a loaded machine is no failure.
        Redis { url, timeout: Duration::from_secs(10), prefix: "test:".to_owned() }
    }

    /// Connected to it.
    pub(in crate::plugin::store) fn fleet(&self) -> Arc<Fleet> {
        Arc::new(Fleet::join(&self.redis()).expect("a thread can be started"))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::print_stderr, reason = "a test that does not run has to be seen")]
fn skipped() {
    eprintln!("SKIPPED: there is no redis-server (Debian's package `redis-server`)");
}
