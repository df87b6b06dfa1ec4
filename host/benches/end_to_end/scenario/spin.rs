//! Latency of a route without plugins while the same worker also serves one
//! whose plugin uses up its deadline each time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::{Bench, text};
use crate::end_to_end::http1::BlockingConnection;
use crate::end_to_end::message::Request;
use crate::end_to_end::open_loop::{OpenLoop, percentile};
use crate::end_to_end::paired::Spread;
use crate::end_to_end::proxy::{Plugin, Proxy, Route, Setup};
use crate::end_to_end::report::{Bar, Row, spread};

/// The plugin's, as configured below.
const DEADLINE: Duration = Duration::from_millis(50);

const ROUND: Duration = Duration::from_secs(4);

pub(super) fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let guest = bench.guest("spin")?;
    let plugin =
        Plugin { name: "spin".to_owned(), source: text(&guest)?, settings: "deadline = '50ms'" };
    let proxy = bench.start_wasmgate(Setup {
        plugins: vec![plugin],
        routes: vec![
            Route { path: "/spin", plugins: &["spin"] },
            Route { path: "/", plugins: &[] },
        ],
        ..Setup::default()
    })?;
    let free = Request::small("/small");
    let (mut alone, mut beside, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    OpenLoop::run_for(proxy.address, &free, Duration::from_secs(1))?;
    for round in 0..bench.options.rounds.unwrap_or(6).max(1) {
        let [quiet_median, quiet] = latency(&proxy, &free)?;
        let spinner = Spinner::start(proxy.address)?;
        let (before, start) = (proxy.cpu_time()?, Instant::now());
        let [disturbed_median, disturbed] = latency(&proxy, &free)?;
        let share = (proxy.cpu_time()? - before).as_secs_f64() / start.elapsed().as_secs_f64();
        let spins = spinner.stop()?;
        eprintln!(
            "  round {}: median {quiet_median:.0} / {disturbed_median:.0} µs, \
             p99 {quiet:.0} / {disturbed:.0} µs, {spins} spins, worker {:.0} % busy",
            round + 1,
            share * 100.0
        );
        alone.push(quiet);
        beside.push(disturbed);
        busy.push(share * 100.0);
    }
    let ratio = Spread::of_ratios(&beside, &alone);
    Ok(vec![Row {
        what: format!("spin, p99 beside it (worker {:.0} % busy)", Spread::of(busy).median),
        figure: format!("{:.0} µs", Spread::of(beside).median),
        against: format!("without: {:.0} µs", Spread::of(alone).median),
        outcome: spread(ratio, 2, " ×"),
        bar: Some(Bar::at_most(ratio.median, 2.0, " ×")),
    }])
}

/// The median and p99 in µs.
fn latency(proxy: &Proxy, request: &Request) -> Result<[f64; 2]> {
    let samples = OpenLoop::run_for(proxy.address, request, ROUND)?;
    let at = |percent| percentile(&samples, percent).context("no samples");
    Ok([at(50)?, at(99)?])
}

/// A client that asks for the spinning route again as soon as it is answered.
struct Spinner {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<usize>>,
}

impl Spinner {
    fn start(proxy: SocketAddr) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut connection = BlockingConnection::connect(proxy)?;
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut spins = 0;
            while !stopped.load(Ordering::Relaxed) {
                spin(&mut connection)?;
                spins += 1;
            }
            Ok(spins)
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the spinning client panicked"))?
    }
}

/// One request that spins until the deadline, and one that does not: a plugin that
/// fails many times in a row is stopped for a while, and would disturb nobody.
fn spin(connection: &mut BlockingConnection) -> Result<()> {
    let start = Instant::now();
    let spun = connection.exchange(&Request::small("/spin").with_field("x-spin", "1"))?;
    ensure!(
        spun.status == 503 && start.elapsed() >= DEADLINE,
        "the plugin did not spin: answered {} after {:?}",
        spun.status,
        start.elapsed()
    );
    let request = Request::small("/spin");
    request.check(&connection.exchange(&request)?)
}
