//! Memory of a proxy that does nothing, and of connections that do nothing.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::Bench;
use crate::end_to_end::http1::Connection;
use crate::end_to_end::message::Request;
use crate::end_to_end::process::Memory;
use crate::end_to_end::proxy::{Kind, Plugin, Proxy, Setup};
use crate::end_to_end::report::{Bar, Row};

/// Connections before the first look: what the proxy allocates once is there.
const FIRST: usize = 1000;

/// Connections between the first look and the second.
const COUNTED: usize = 2000;

/// So many are opened at once; the next ones come when these are idle, as over a day
/// they do. A proxy may need more for a connection that was used just now.
const BATCH: usize = 100;

/// After that a connection counts as idle.
const IDLE: Duration = Duration::from_millis(600);

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) async fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if bench.options.subject == Kind::Wasmgate {
        let cache = tempfile::tempdir()?;
        rows.push(resident(bench, cache.path(), "first start").await?);
        rows.push(resident(bench, cache.path(), "from the compile cache").await?);
    }
    let mut connections = Vec::new();
    for kind in bench.kinds() {
        let each = per_connection(&bench.start(kind, Setup::default())?).await?;
        connections.push(format!("{} {each:.1} KiB", kind.name()));
        if connections.len() == 1 {
            let judged = kind == Kind::Wasmgate;
            rows.push(Row {
                what: "idle, each keep-alive connection".to_owned(),
                figure: format!("{each:.1} KiB"),
                against: "–".to_owned(),
                outcome: "–".to_owned(),
                bar: judged.then(|| Bar::at_most(each, 12.0, " KiB")),
            });
        }
    }
    if let (Some(other), Some(row)) = (connections.get(1), rows.last_mut()) {
        row.against.clone_from(other);
    }
    Ok(rows)
}

/// Resident memory with the bundled plugins in a route's chain, after they have run.
async fn resident(bench: &Bench<'_>, cache: &Path, what: &str) -> Result<Row> {
    let bundled = |name: &str, source| Plugin { name: name.to_owned(), source, settings: "" };
    let proxy = bench.start_wasmgate(Setup {
        plugins: vec![bundled("headers", "builtin:headers"), bundled("rewrite", "builtin:rewrite")],
        cache_dir: Some(cache),
        ..Setup::default()
    })?;
    let request = Request::small("/small");
    let mut connection = Connection::connect(proxy.address).await?;
    request.check(&connection.exchange(&request).await?)?;
    drop(connection);
    let Memory { resident, private } = proxy.memory()?;
    let resident = resident as f64 / MIB;
    Ok(Row {
        what: format!("idle, with headers and rewrite, {what}"),
        figure: format!("{resident:.1} MiB, {:.1} of it private", private as f64 / MIB),
        against: "–".to_owned(),
        outcome: "–".to_owned(),
        bar: Some(Bar::at_most(resident, 40.0, " MiB")),
    })
}

/// KiB of resident memory that one more connection takes after a request.
async fn per_connection(proxy: &Proxy) -> Result<f64> {
    let request = Request::small("/small");
    let mut open = Vec::with_capacity(FIRST + COUNTED);
    let mut before = Memory::default();
    for index in 0..FIRST + COUNTED {
        if index % BATCH == 0 {
            tokio::time::sleep(IDLE).await;
        }
        if index == FIRST {
            before = proxy.memory()?;
        }
        let mut connection = Connection::connect(proxy.address).await?;
        request.check(&connection.exchange(&request).await?)?;
        open.push(connection);
    }
    tokio::time::sleep(IDLE).await;
    let after = proxy.memory()?;
    let grown = after.resident as f64 - before.resident as f64;
    Ok(grown / COUNTED as f64 / KIB)
}
