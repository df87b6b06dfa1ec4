//! CPU of a small exchange without plugins.

use anyhow::Result;

use super::Bench;
use crate::end_to_end::certificate::Certificate;
use crate::end_to_end::message::Request;
use crate::end_to_end::paired::{Client, Effort, Side, Spread, measure};
use crate::end_to_end::proxy::{Kind, Setup};
use crate::end_to_end::report::{Bar, Row, spread};
use crate::end_to_end::{http1, http2};

/// Keep-alive connections of the closed loop.
pub(super) const CONNECTIONS: usize = 32;

/// Many short rounds: what else the machine does changes within tenths of a
/// second, and the median of forty ratios holds still where that of ten does not.
pub(super) const EFFORT: Effort = Effort { sittings: 5, rounds: 8, requests: 5000 };

pub(super) async fn http1(bench: &Bench<'_>) -> Result<Vec<Row>> {
    compare(bench, "http1", 1.4, async |kind| {
        let proxy = bench.start(kind, Setup::default())?;
        let request = Request::small("/small");
        let client = http1::Client::connect(proxy.address, CONNECTIONS, request).await?;
        Ok(Side { proxy, client: Client::Http1(client) })
    })
    .await
}

pub(super) async fn http2_tls(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let directory = tempfile::tempdir()?;
    let certificate = Certificate::create(directory.path())?;
    compare(bench, "http2-tls", 1.6, async |kind| {
        let setup = Setup { tls: Some(&certificate), ..Setup::default() };
        let proxy = bench.start(kind, setup)?;
        let client = http2::Client::connect(proxy.address, &certificate, 4, 32).await?;
        Ok(Side { proxy, client: Client::Http2(client) })
    })
    .await
}

async fn compare(
    bench: &Bench<'_>,
    scenario: &str,
    most: f64,
    side: impl AsyncFn(Kind) -> Result<Side>,
) -> Result<Vec<Row>> {
    let kinds = bench.kinds();
    let costs = measure(bench.effort(EFFORT), async || {
        let mut sides = Vec::new();
        for kind in &kinds {
            sides.push(side(*kind).await?);
        }
        Ok(sides)
    })
    .await?;
    let figure = |index: usize| -> String {
        let cost = Spread::of(costs[index].iter().copied());
        format!("{} {:.1} µs", kinds[index].name(), cost.median)
    };
    let mut row = Row {
        what: scenario.to_owned(),
        figure: figure(0),
        against: "–".to_owned(),
        outcome: "–".to_owned(),
        bar: None,
    };
    if let Some(other) = costs.get(1) {
        let ratio = Spread::of_ratios(&costs[0], other);
        row.against = figure(1);
        row.outcome = spread(ratio, 2, " ×");
        row.bar = bench.promised().then(|| Bar::at_most(ratio.median, most, " ×"));
    }
    Ok(vec![row])
}
