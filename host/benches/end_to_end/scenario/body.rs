//! CPU for each MiB of a large body.

use anyhow::Result;

use super::{Bench, text};
use crate::end_to_end::http1;
use crate::end_to_end::message::Request;
use crate::end_to_end::paired::{Client, Effort, Side, Spread, measure};
use crate::end_to_end::proxy::{Kind, Plugin, Setup};
use crate::end_to_end::report::{Bar, Row, spread};

/// Bodies in flight at once.
const CONNECTIONS: usize = 4;

/// MiB in one round, or one body for each connection if that is more.
const ROUND: usize = 100;

const MIB: usize = 1024 * 1024;

/// Where the bodies go.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    /// To the client.
    Down,
    /// To the endpoint.
    Up,
}

pub(super) async fn run(
    bench: &Bench<'_>,
    direction: Direction,
    mebibytes: usize,
) -> Result<Vec<Row>> {
    let (request, way) = match direction {
        Direction::Down => (Request::download(mebibytes * MIB), "down"),
        Direction::Up => (Request::upload(mebibytes * MIB), "up"),
    };
    // One after the other, never three sides in turn: what nginx writes to
    // temporary files is still on its way to the disk when the next round begins,
    // and with two sides each follows the other equally often.
    let mut others: Vec<_> = bench.options.against.map(|kind| (kind, false)).into_iter().collect();
    if bench.options.against == Some(Kind::Nginx) {
        others.push((Kind::Nginx, true));
    }
    let size = Size { request, what: format!("body-{way}-{mebibytes}m"), mebibytes };
    if others.is_empty() {
        return Ok(vec![size.measure(bench, None).await?]);
    }
    let mut rows = Vec::new();
    for other in others {
        rows.push(size.measure(bench, Some(other)).await?);
    }
    Ok(rows)
}

/// What a plugin costs that sees every chunk and passes it on: at most a quarter of
/// the throughput, by the CPU for each MiB.
pub(super) async fn chunks(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let guest = bench.guest("passing")?;
    let source = text(&guest)?;
    // It changes none, so that the length stays announced, as both ends here expect.
    let settings = "config = { mode = 'watch' }\n";
    let plugin = Plugin { name: "passing".to_owned(), source, settings };
    let mut rows = Vec::new();
    for (request, way) in [(Request::download(MIB), "down"), (Request::upload(MIB), "up")] {
        let effort = Effort { sittings: 10, rounds: 8, requests: ROUND };
        let costs = measure(bench.effort(effort), async || {
            let mut sides = Vec::new();
            for plugins in [vec![plugin.clone()], Vec::new()] {
                let proxy = bench.start_wasmgate(Setup { plugins, ..Setup::default() })?;
                let request = request.clone();
                let client = http1::Client::connect(proxy.address, CONNECTIONS, request).await?;
                sides.push(Side { proxy, client: Client::Http1(client) });
            }
            Ok(sides)
        })
        .await?;
        let ratio = Spread::of_ratios(&costs[0], &costs[1]);
        let figure = |index: usize| Spread::of(costs[index].iter().copied()).median;
        rows.push(Row {
            what: format!("body-chunks, {way}"),
            figure: format!("{:.0} µs/MiB", figure(0)),
            against: format!("none: {:.0} µs/MiB", figure(1)),
            outcome: spread(ratio, 2, " ×"),
            // Three quarters of the throughput are four thirds of the CPU.
            bar: Some(Bar::at_most(ratio.median, 4.0 / 3.0, " ×")),
        });
    }
    Ok(rows)
}

/// What is sent.
struct Size {
    request: Request,
    what: String,
    mebibytes: usize,
}

impl Size {
    /// Of the subject, and of another kind, buffered or not.
    async fn measure(&self, bench: &Bench<'_>, other: Option<(Kind, bool)>) -> Result<Row> {
        let mut setups = vec![(bench.options.subject, false)];
        setups.extend(other);
        let effort = Effort { sittings: 10, rounds: 8, requests: ROUND / self.mebibytes };
        let costs = measure(bench.effort(effort), async || {
            let mut sides = Vec::new();
            for (kind, unbuffered) in &setups {
                sides.push(self.side(bench, *kind, *unbuffered).await?);
            }
            Ok(sides)
        })
        .await?;
        let figure = |index: usize| {
            let cost = Spread::of(costs[index].iter().copied()).median / self.mebibytes as f64;
            format!("{} {cost:.0} µs/MiB", setups[index].0.name())
        };
        let mut row = Row {
            what: self.what.clone(),
            figure: figure(0),
            against: "–".to_owned(),
            outcome: "–".to_owned(),
            bar: None,
        };
        if let Some((_, unbuffered)) = other {
            let ratio = Spread::of_ratios(&costs[0], &costs[1]);
            row.against = figure(1) + if unbuffered { ", unbuffered" } else { "" };
            row.outcome = spread(ratio, 2, " ×");
            // The promise is about nginx's defaults.
            let judged = bench.promised() && !unbuffered;
            row.bar = judged.then(|| Bar::at_most(ratio.median, 1.0, " ×"));
        }
        Ok(row)
    }

    async fn side(&self, bench: &Bench<'_>, kind: Kind, unbuffered: bool) -> Result<Side> {
        let proxy = bench.start(kind, Setup { unbuffered, ..Setup::default() })?;
        let request = self.request.clone();
        let client = http1::Client::connect(proxy.address, CONNECTIONS, request).await?;
        Ok(Side { proxy, client: Client::Http1(client) })
    }
}
