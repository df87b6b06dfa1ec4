//! CPU that plugins add to a small exchange, by taking the difference.

use std::path::Path;

use anyhow::Result;

use super::small::{CONNECTIONS, EFFORT};
use super::{Bench, text};
use crate::end_to_end::http1;
use crate::end_to_end::message::Request;
use crate::end_to_end::paired::{Client, Side, Spread, measure};
use crate::end_to_end::proxy::{Plugin, Setup};
use crate::end_to_end::report::{Bar, Row, spread};

const LENGTH: usize = 10;

pub(super) async fn http1_chain(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let guest = bench.guest(&bench.options.guest)?;
    let costs = measure(bench.effort(EFFORT), async || {
        Ok(vec![side(bench, &guest, LENGTH, "").await?, side(bench, &guest, 0, "").await?])
    })
    .await?;
    let each = Spread::of_differences(&costs[0], &costs[1], LENGTH as f64);
    Ok(vec![Row {
        what: format!("http1-chain, ten of {}", name(&guest)),
        figure: format!("{:.1} µs", Spread::of(costs[0].iter().copied()).median),
        against: format!("none: {:.1} µs", Spread::of(costs[1].iter().copied()).median),
        outcome: spread(each, 2, " µs each"),
        bar: Some(Bar::at_most(each.median, 1.0, " µs")),
    }])
}

pub(super) async fn isolation(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let guest = bench.guest(&bench.options.guest)?;
    let costs = measure(bench.effort(EFFORT), async || {
        Ok(vec![
            side(bench, &guest, 1, "isolation = 'exchange'").await?,
            side(bench, &guest, 1, "isolation = 'shared'").await?,
        ])
    })
    .await?;
    let added = Spread::of_differences(&costs[0], &costs[1], 1.0);
    Ok(vec![Row {
        what: format!("isolation, {}", name(&guest)),
        figure: format!("exchange: {:.1} µs", Spread::of(costs[0].iter().copied()).median),
        against: format!("shared: {:.1} µs", Spread::of(costs[1].iter().copied()).median),
        outcome: spread(added, 1, " µs"),
        bar: Some(Bar::at_most(added.median, 20.0, " µs")),
    }])
}

/// Wasmgate with a chain of so many of the same plugin.
async fn side(bench: &Bench<'_>, guest: &Path, length: usize, settings: &str) -> Result<Side> {
    let source = text(guest)?;
    let plugins = (0..length)
        .map(|index| Plugin { name: format!("plugin{index}"), source, settings })
        .collect();
    let proxy = bench.start_wasmgate(Setup { plugins, ..Setup::default() })?;
    let request = Request::small("/small");
    let client = http1::Client::connect(proxy.address, CONNECTIONS, request).await?;
    Ok(Side { proxy, client: Client::Http1(client) })
}

fn name(guest: &Path) -> String {
    guest.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
