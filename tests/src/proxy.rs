//! The proxy: its configuration in a folder of its own, its process, its outputs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::program::Process;
use crate::{Answer, Client, Finished, Lines, Program, Raw, Signal, ports, within};

/// The file that holds the configuration.
const CONFIG: &str = "wasmgate.toml";

/// A proxy that is being described.
#[derive(Debug)]
pub struct Setup {
    directory: TempDir,
    config: String,
    arguments: Vec<String>,
    shared_cache: bool,
    access_log: bool,
    config_is_there: bool,
    environment: Vec<(String, String)>,
    addresses: BTreeMap<String, SocketAddr>,
}

/// A running proxy; ends when dropped. A test that fails prints what it logged.
#[derive(Debug)]
pub struct Proxy {
    setup: Setup,
    process: Process,
}

impl Proxy {
    /// A proxy with this configuration.
    ///
    /// An address that starts with `@` stands for a port of its own on loopback,
    /// as in `listen = "@http"`; [`Proxy::address`] tells which. The access log
    /// goes to where [`Proxy::await_log`] reads it, and compiled plugins to a
    /// cache that all tests share, unless the configuration says otherwise.
    #[must_use]
    pub fn with(config: impl Into<String>) -> Setup {
        let directory = TempDir::with_prefix("wasmgate-test-").expect("a temporary directory");
        // What `plugin_dir` names has to be there, plugins in it or not.
        fs::create_dir(directory.path().join("plugins")).expect("the folder is ours");
        Setup {
            directory,
            config: config.into(),
            arguments: ["run", "-c", CONFIG].map(str::to_owned).to_vec(),
            shared_cache: true,
            access_log: true,
            config_is_there: false,
            environment: Vec::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// A proxy with one plain listener and one route for everything, to these
    /// endpoints in turn.
    #[must_use]
    pub fn to(endpoints: &[&str]) -> Setup {
        Self::with(format!(
            "[[listener]]\nlisten = \"@http\"\n\
             [cluster.app]\nendpoints = {endpoints:?}\n\
             [[route]]\ncluster = \"app\"\n"
        ))
    }

    /// A proxy that is started by these arguments instead of `run`, `@http` among
    /// them meaning what it does in a configuration.
    #[must_use]
    pub fn command(arguments: &[&str]) -> Setup {
        let mut setup = Self::with("");
        let given = |argument: &&str| match argument.strip_prefix('@') {
            Some(name) => setup.address(name).to_string(),
            None => (*argument).to_owned(),
        };
        setup.arguments = arguments.iter().map(given).collect();
        setup
    }

    /// The address of the listener that the configuration calls `@http`.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.address("http")
    }

    /// The address of the listener that the configuration calls `@name`.
    #[must_use]
    pub fn address(&self, name: &str) -> SocketAddr {
        *self.setup.addresses.get(name).unwrap_or_else(|| panic!("no @{name} in the configuration"))
    }

    /// A new HTTP/1.1 connection to `@http`.
    pub async fn client(&self) -> Client {
        Client::http1(self.http()).await
    }

    /// A new connection to `@http` for raw octets.
    pub async fn raw(&self) -> Raw {
        Raw::connect(self.http()).await
    }

    /// One exchange on a connection of its own.
    pub async fn get(&self, target: &str) -> Answer {
        self.client().await.get(target).await
    }

    /// The access log's entries so far.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        self.process.stdout.all().iter().map(|line| entry(line)).collect()
    }

    /// The first entry of the access log that fits, awaited if need be.
    pub async fn await_log(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let line =
            self.process.stdout.find("an entry in the access log", |line| fits(&entry(line))).await;
        entry(&line)
    }

    /// The entry of the exchange with this target.
    pub async fn await_log_of(&self, target: &str) -> Value {
        self.await_log(|entry| entry["path"] == target).await
    }

    /// What the program prints to standard output.
    #[must_use]
    pub fn stdout(&self) -> &Lines {
        &self.process.stdout
    }

    /// The program's own log.
    #[must_use]
    pub fn stderr(&self) -> &Lines {
        &self.process.stderr
    }

    /// Awaits a line of the program's own log that has all of these words.
    pub async fn await_stderr(&self, words: &[&str]) -> String {
        self.await_stderr_after(0, words).await
    }

    /// As [`Proxy::await_stderr`], passing over the log's first `skip` lines.
    pub async fn await_stderr_after(&self, skip: usize, words: &[&str]) -> String {
        let fits = |line: &str| words.iter().all(|word| line.contains(word));
        self.process.stderr.find_after(skip, &format!("{words:?} in the log"), fits).await
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Whether the process still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Waits for the process to end.
    pub async fn end(&mut self) -> Finished {
        self.process.end().await
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> Finished {
        self.signal(Signal::TERM);
        self.end().await
    }

    /// Where a file of its folder is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.directory.path().join(name)
    }

    /// Writes a file of its folder as careful programs do: beside, then renamed.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        let beside = self.path(&format!("{name}.beside"));
        fs::write(&beside, content).expect("the folder is ours");
        fs::rename(&beside, &path).expect("the folder is ours");
    }

    /// Replaces a file of its folder by a copy of this one.
    pub fn replace_by(&self, name: &str, source: &str) {
        self.replace(name, fs::read(source).unwrap_or_else(|error| panic!("{source}: {error}")));
    }

    /// Removes a file of its folder.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("the file is there");
    }

    /// Replaces the configuration; `@` addresses mean what they meant before.
    pub fn configure(&mut self, config: &str) {
        self.setup.config = config.to_owned();
        let text = self.setup.text();
        self.replace(CONFIG, text);
    }

    /// A value of `/proc/PID/status` in KiB, such as `VmRSS` or `VmHWM`.
    #[must_use]
    pub fn memory(&self, field: &str) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|value| value.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("no {field} in {status}"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            report(&self.setup, &self.process);
        }
    }
}

impl Setup {
    /// Puts a file into its folder.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("the folder is ours");
        fs::write(path, content).expect("the folder is ours");
        self
    }

    /// Puts a copy of a component into its folder.
    #[must_use]
    pub fn plugin(self, name: &str, source: &str) -> Self {
        let component = fs::read(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        self.file(name, component)
    }

    /// One more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves the compile cache to the configuration, and to the program's default.
    #[must_use]
    pub fn own_cache(mut self) -> Self {
        self.shared_cache = false;
        self
    }

    /// Leaves the access log off unless the configuration has one.
    #[must_use]
    pub fn no_access_log(mut self) -> Self {
        self.access_log = false;
        self
    }

    /// Says that the test has put the configuration where the program looks for it.
    #[must_use]
    pub fn config_is_there(mut self) -> Self {
        self.config_is_there = true;
        self
    }

    /// The configuration as the program reads it.
    pub fn text(&mut self) -> String {
        let mut text = String::new();
        if self.shared_cache && !self.config.contains("cache_dir") {
            text = format!("cache_dir = {:?}\n", shared_cache());
        }
        let mut rest = self.config.clone();
        while let Some((before, after)) = rest.split_once("\"@") {
            let (name, after) = after.split_once('"').expect("strings end");
            let address = self.address(name);
            text.push_str(&format!("{before}\"{address}\""));
            rest = after.to_owned();
        }
        text.push_str(&rest);
        if self.access_log && !text.contains("[access_log]") {
            text.push_str("\n[access_log]\npath = \"-\"\n");
        }
        text
    }

    /// The same with another configuration, for one that names files of its folder.
    #[must_use]
    pub fn configured(mut self, config: impl Into<String>) -> Self {
        self.config = config.into();
        self
    }

    /// Its folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The address that `@name` stands for, for tests that occupy it beforehand.
    pub fn address(&mut self, name: &str) -> SocketAddr {
        *self.addresses.entry(name.to_owned()).or_insert_with(ports::free)
    }

    /// Starts it and waits until every listener accepts.
    ///
    /// # Panics
    /// If it ends instead.
    pub async fn start(mut self) -> Proxy {
        let mut process = self.spawn();
        let addresses: Vec<SocketAddr> = self.addresses.values().copied().collect();
        let accepting = async {
            for address in addresses {
                while TcpStream::connect(address).await.is_err() {
                    if let Some(status) = process.ended() {
                        report(&self, &process);
                        panic!("the proxy ended at its start: {status}");
                    }
                    crate::poll_again().await;
                }
            }
        };
        within("the proxy's start", accepting).await;
        Proxy { setup: self, process }
    }

    /// Starts it and waits for its end, for configurations that must not start.
    pub async fn fail(mut self) -> Finished {
        self.spawn().end().await
    }

    /// Runs `wasmgate check` on its configuration.
    pub async fn check(mut self) -> Finished {
        self.write_config();
        self.program(&["check", "-c", CONFIG]).run().await
    }

    fn spawn(&mut self) -> Process {
        self.write_config();
        self.program(&self.arguments).spawn()
    }

    fn program<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Program {
        let program = Program::new(arguments).directory(self.directory.path());
        self.environment.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    fn write_config(&mut self) {
        let text = self.text();
        if !self.config_is_there {
            fs::write(self.directory.path().join(CONFIG), text).expect("the folder is ours");
        }
    }
}

/// One line of the access log.
///
/// # Panics
/// If it is not one JSON object.
fn entry(line: &str) -> Value {
    let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert!(entry.is_object(), "{line}");
    entry
}

/// Compiling a plugin takes much longer than loading it, so that tests share what
/// they compile. It lives beside the suite, for as long as what cargo built does.
fn shared_cache() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its executable");
    let built =
        test.parent().and_then(Path::parent).expect("cargo puts tests into target/<profile>/deps");
    built.join("wasmgate-test-cache")
}

#[expect(clippy::print_stderr, reason = "this is what the reader of a failed test needs")]
fn report(setup: &Setup, process: &Process) {
    let config = fs::read_to_string(setup.directory.path().join(CONFIG)).unwrap_or_default();
    eprintln!(
        "--- configuration\n{config}\n--- standard output\n{}\n--- standard error\n{}\n---",
        process.stdout.text(),
        process.stderr.text()
    );
}
