//! Time from a changed plugin file to the first answer of the new plugin, and
//! what other requests notice of it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::Bench;
use super::plugin_dir::{PluginDir, Watcher};
use crate::end_to_end::guest;
use crate::end_to_end::message::Request;
use crate::end_to_end::open_loop::{OpenLoop, Sample, percentile};
use crate::end_to_end::paired::Spread;
use crate::end_to_end::proxy::{Proxy, Setup};
use crate::end_to_end::report::{Bar, Row, spread};

/// Swaps between two plugins that have been compiled before.
const SWAPS: usize = 20;

/// Swaps to a plugin that is new, each to another.
const LARGE: u16 = 3;

/// Quiet time, to compare with and between swaps.
const QUIET: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(200);

/// After the first answer: other requests may meet a fresh instance.
const AFTER: Duration = Duration::from_millis(20);

/// What latency may rise to while a swap goes on.
const SLOWER: f64 = 1.5;

pub(super) fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let small = fs::read(bench.guest("marked")?)?;
    let large = fs::read(bench.guest("marked-large")?)?;
    let pair = [guest::marked(&small, 1)?, guest::marked(&small, 2)?];
    let directory = PluginDir::with(&pair[0])?;
    let path = directory.path();
    let proxy = bench.start_wasmgate(Setup { plugin_dir: Some(&path), ..Setup::default() })?;
    let mut watcher = Watcher::connect(proxy.address)?;
    // Both are in the compile cache afterwards.
    swap(&directory, &mut watcher, &pair[1])?;
    swap(&directory, &mut watcher, &pair[0])?;

    let known: Vec<_> = (1..=SWAPS).map(|swap| pair[swap % 2].clone()).collect();
    let cached = phase(&proxy, &directory, &mut watcher, &known)?;
    let new = (0..LARGE).map(|number| guest::marked(&large, number)).collect::<Result<Vec<_>>>()?;
    let compiled = phase(&proxy, &directory, &mut watcher, &new)?;
    let size = large.len() as f64 / 1e6;
    let mut rows = Vec::new();
    rows.extend(cached.rows("from the compile cache", 100.0));
    rows.extend(compiled.rows(&format!("{size:.1} MB to compile"), 3000.0));
    Ok(rows)
}

/// Replaces the file and waits for the new tag; returns when either happened.
fn swap(
    directory: &PluginDir,
    watcher: &mut Watcher,
    component: &[u8],
) -> Result<(Instant, Instant)> {
    let old = watcher.tag()?;
    let renamed = directory.replace(component)?;
    let (_, shown) = watcher.wait_for_change(&old)?;
    Ok((renamed, shown))
}

/// What some swaps took, and the latency before and during them.
struct Phase {
    took: Spread,
    before: f64,
    during: f64,
}

fn phase(
    proxy: &Proxy,
    directory: &PluginDir,
    watcher: &mut Watcher,
    components: &[Vec<u8>],
) -> Result<Phase> {
    let clients = OpenLoop::start(proxy.address, &Request::small("/small"))?;
    let start = Instant::now();
    watcher.look_for(QUIET)?;
    let quiet = (start, Instant::now());
    let mut swaps = Vec::new();
    for component in components {
        swaps.push(swap(directory, watcher, component)?);
        watcher.look_for(PAUSE)?;
    }
    let samples = clients.stop()?;
    let busy: Vec<_> = swaps.iter().map(|&(from, to)| (from, to + AFTER)).collect();
    Ok(Phase {
        took: Spread::of(swaps.iter().map(|&(from, to)| (to - from).as_secs_f64() * 1e3)),
        before: p99_within(&samples, &[quiet])?,
        during: p99_within(&samples, &busy)?,
    })
}

/// p99 in µs of the requests that were due in one of `windows`.
fn p99_within(samples: &[Sample], windows: &[(Instant, Instant)]) -> Result<f64> {
    let inside =
        |sample: &&Sample| windows.iter().any(|&(from, to)| (from..=to).contains(&sample.due));
    let inside: Vec<_> = samples.iter().filter(inside).copied().collect();
    percentile(&inside, 99).context("no request was due")
}

impl Phase {
    fn rows(&self, what: &str, most_ms: f64) -> [Row; 2] {
        let ratio = self.during / self.before;
        [
            Row {
                what: format!("swap, {what}"),
                figure: format!("{:.0} ms", self.took.median),
                against: "–".to_owned(),
                outcome: spread(self.took, 0, " ms"),
                bar: Some(Bar::at_most(self.took.median, most_ms, " ms")),
            },
            Row {
                what: format!("swap, {what}: p99 meanwhile"),
                figure: format!("{:.0} µs", self.during),
                against: format!("before: {:.0} µs", self.before),
                outcome: format!("{ratio:.2} ×"),
                bar: Some(Bar::at_most(ratio, SLOWER, " ×")),
            },
        ]
    }
}
