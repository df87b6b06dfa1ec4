//! The program under test, as a process.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Lines, PATIENCE, poll_again};

/// One invocation of the command line.
#[derive(Debug)]
pub struct Program {
    command: Command,
    patience: Duration,
}

/// What is left of an invocation that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Program {
    /// `wasmgate` with these arguments. Its home is empty, and so is most of its
    /// environment, so that nothing on this machine leaks into a test.
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(path());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("NO_COLOR", "1")
            // A test that runs cargo must never make rustup change the toolchains of
            // the machine, as it would below a `rust-toolchain.toml`.
            .env("RUSTUP_AUTO_INSTALL", "0")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null());
        Self { command, patience: PATIENCE }
    }

    /// Where it runs; also its home.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory).env("HOME", directory);
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// For commands that may take longer than others.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    pub async fn run(self) -> Finished {
        let patience = self.patience;
        let mut process = self.spawn();
        process.end_within(patience).await
    }

    /// Starts it.
    pub(crate) fn spawn(mut self) -> Process {
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", path().display()));
        let (stdout, out) = Lines::follow(child.stdout.take().expect("stdout is piped"));
        let (stderr, err) = Lines::follow(child.stderr.take().expect("stderr is piped"));
        Process { child, stdout, stderr, readers: vec![out, err] }
    }
}

/// A running program; ends with its owner.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is ours and not yet waited for");
    }

    /// The status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self) -> Finished {
        self.end_within(PATIENCE).await
    }

    async fn end_within(&mut self, patience: Duration) -> Finished {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            assert!(Instant::now() < deadline, "the program has not ended within {patience:?}");
            poll_again().await;
        };
        self.finish_reading();
        Finished { code: status.code(), stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    fn finish_reading(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("reading lines does not panic");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.finish_reading();
    }
}

/// The program: `WASMGATE_BINARY`, or what cargo built beside this test.
fn path() -> PathBuf {
    if let Some(path) = env::var_os("WASMGATE_BINARY") {
        return path.into();
    }
    let test = env::current_exe().expect("a process knows its executable");
    let built =
        test.parent().and_then(Path::parent).expect("cargo puts tests into target/<profile>/deps");
    built.join(format!("wasmgate-under-test{}", env::consts::EXE_SUFFIX))
}
