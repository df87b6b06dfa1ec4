//! A Redis for the proxies of a test.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use crate::{Identity, poll_again, ports, within};

/// A `redis-server` in memory, on a port of its own. It ends when dropped.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl Redis {
    /// Where one will be, once it is started.
    ///
    /// None, and a line that says so, where there is no `redis-server`; with `CI` set that
    /// fails the test.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "what is not tested is said")]
    pub fn absent(arguments: &[&str]) -> Option<Self> {
        let known = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if let Err(error) = known {
            assert!(std::env::var_os("CI").is_none(), "redis-server: {error}");
            eprintln!("NOT TESTED: there is no redis-server (Debian's package `redis-server`)");
            return None;
        }
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Some(Self { address: ports::free(), arguments, process: None })
    }

    /// One that answers, likewise.
    pub async fn start(arguments: &[&str]) -> Option<Self> {
        let mut redis = Self::absent(arguments)?;
        redis.run().await;
        Some(redis)
    }

    /// Starts it, if it was not started or was killed.
    pub async fn run(&mut self) {
        let port = self.address.port().to_string();
        let process = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(&self.arguments)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(process.expect("redis-server can be started"));
        let accepting = async {
            while TcpStream::connect(self.address).await.is_err() {
                poll_again().await;
            }
        };
        within("Redis's start", accepting).await;
    }

    /// One that speaks TLS as well, as this, for `localhost`; likewise.
    pub async fn start_tls(identity: &Identity) -> Option<(Self, String)> {
        let folder = tempfile::TempDir::with_prefix("wasmgate-redis-").expect("a folder");
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("the folder is ours");
            path.to_str().expect("temporary folders have plain names").to_owned()
        };
        let certificate = file("certificate.pem", &identity.certificate);
        let key = file("key.pem", &identity.key);
        let port = ports::free().port();
        let mut arguments = vec!["--tls-port".to_owned(), port.to_string()];
        arguments.extend(["--tls-auth-clients", "no"].map(str::to_owned));
        // Redis wants some; it is for clients' certificates, which it does not ask for.
        arguments.extend(["--tls-ca-cert-file".to_owned(), certificate.clone()]);
        arguments.extend(["--tls-cert-file".to_owned(), certificate]);
        arguments.extend(["--tls-key-file".to_owned(), key]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // It has read its files when it accepts.
        Some((Self::start(&arguments).await?, format!("rediss://localhost:{port}")))
    }

    /// `redis://` and its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it is ours");
            process.wait().expect("it is ours");
        }
    }

    /// Stops it: the kernel still accepts for it, and nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it was started");
        let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("processes have an id"), signal).expect("it is ours");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
