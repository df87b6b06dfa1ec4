//! Thousands of swaps under load: every request answered, by one of the two
//! plugins, and no memory kept.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, ensure};

use super::Bench;
use super::plugin_dir::{PluginDir, Watcher, tag_of};
use crate::end_to_end::guest;
use crate::end_to_end::http1::BlockingConnection;
use crate::end_to_end::message::Request;
use crate::end_to_end::proxy::Setup;
use crate::end_to_end::report::{Bar, Row};

const CLIENTS: usize = 8;

/// What resident memory may grow by after the first tenth of the swaps: the
/// allocator's own coming and going.
const GROWTH: f64 = 1.05;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let swaps = bench.options.swaps.max(10);
    let template = fs::read(bench.guest("marked")?)?;
    let pair = [guest::marked(&template, 1)?, guest::marked(&template, 2)?];
    let directory = PluginDir::with(&pair[0])?;
    let path = directory.path();
    let proxy = bench.start_wasmgate(Setup { plugin_dir: Some(&path), ..Setup::default() })?;
    let mut watcher = Watcher::connect(proxy.address)?;
    let first = watcher.tag()?;
    directory.replace(&pair[1])?;
    let (second, _) = watcher.wait_for_change(&first)?;
    let tags = [first, second];

    let start = proxy.memory()?.resident;
    let clients = Clients::start(proxy.address, &tags)?;
    let mut warm = start;
    for swap in 1..=swaps {
        // The second is in place when the first swap begins.
        let now = (swap + 1) % 2;
        clients.begin_swap();
        directory.replace(&pair[now])?;
        let (tag, _) = watcher.wait_for_change(&tags[1 - now])?;
        ensure!(tag == tags[now], "the answer carries {tag:?}, a tag of neither plugin");
        clients.end_swap();
        if swap == swaps / 10 {
            warm = proxy.memory()?.resident;
        }
        if swap % (swaps / 10) == 0 {
            eprintln!("  {swap} swaps, {:.1} MiB", proxy.memory()?.resident as f64 / MIB);
        }
    }
    let end = proxy.memory()?.resident;
    let Tally { answered, failed, wrong } = clients.stop()?;
    let held = failed == 0 && wrong == 0 && end as f64 <= warm as f64 * GROWTH;
    let mib = |bytes: u64| bytes as f64 / MIB;
    Ok(vec![Row {
        what: format!("soak, {swaps} swaps, {answered} requests"),
        figure: format!("{:.1} MiB at the end", mib(end)),
        against: format!("{:.1} MiB at the start, {:.1} after a tenth", mib(start), mib(warm)),
        outcome: format!("{failed} failed, {wrong} wrong"),
        bar: Some(Bar::that("none failed, none wrong, memory ≤ 1.05 ×", held)),
    }])
}

/// What the clients have seen.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    answered: usize,
    failed: usize,
    wrong: usize,
}

/// Closed loops on threads of their own.
struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Tally>>,
}

struct Shared {
    tags: [String; 2],
    stop: AtomicBool,
    /// Odd while a swap goes on, when either tag is right; else twice the number
    /// of swaps, when only the last one's is.
    phase: AtomicUsize,
}

impl Clients {
    /// The second of `tags` is being answered.
    fn start(proxy: SocketAddr, tags: &[String; 2]) -> Result<Self> {
        let shared = Arc::new(Shared {
            tags: tags.clone(),
            stop: AtomicBool::new(false),
            phase: AtomicUsize::new(0),
        });
        let connections =
            (0..CLIENTS).map(|_| BlockingConnection::connect(proxy)).collect::<Result<Vec<_>>>()?;
        let threads = connections
            .into_iter()
            .map(|connection| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.drive(connection, proxy))
            })
            .collect();
        Ok(Self { shared, threads })
    }

    fn begin_swap(&self) {
        self.shared.phase.fetch_add(1, Ordering::SeqCst);
    }

    fn end_swap(&self) {
        self.shared.phase.fetch_add(1, Ordering::SeqCst);
    }

    fn stop(self) -> Result<Tally> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut sum = Tally::default();
        for thread in self.threads {
            let tally = thread.join().map_err(|_| anyhow!("a client panicked"))?;
            sum.answered += tally.answered;
            sum.failed += tally.failed;
            sum.wrong += tally.wrong;
        }
        Ok(sum)
    }
}

impl Shared {
    fn drive(&self, connection: BlockingConnection, proxy: SocketAddr) -> Tally {
        let mut connection = Some(connection);
        let request = Request::small("/small");
        let mut tally = Tally::default();
        while !self.stop.load(Ordering::SeqCst) {
            let before = self.phase.load(Ordering::SeqCst);
            match self.ask(&mut connection, proxy, &request) {
                Ok(tag) => {
                    tally.answered += 1;
                    let settled =
                        before.is_multiple_of(2) && before == self.phase.load(Ordering::SeqCst);
                    if !self.right(&tag, before, settled) {
                        tally.wrong += 1;
                        eprintln!("  wrong: {tag:?} in phase {before}");
                    }
                }
                Err(error) => {
                    tally.failed += 1;
                    eprintln!("  failed: {error:#}");
                    connection = None;
                }
            }
        }
        tally
    }

    fn ask(
        &self,
        connection: &mut Option<BlockingConnection>,
        proxy: SocketAddr,
        request: &Request,
    ) -> Result<String> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(BlockingConnection::connect(proxy)?),
        };
        let response = open.exchange(request)?;
        request.check(&response)?;
        tag_of(response)
    }

    fn right(&self, tag: &str, phase: usize, settled: bool) -> bool {
        if settled {
            return tag == self.tags[1 - phase / 2 % 2];
        }
        self.tags.iter().any(|one| one == tag)
    }
}
