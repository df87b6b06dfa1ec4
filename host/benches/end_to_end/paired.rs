//! Comparing proxies in one run: short rounds in turn, so that whatever else the
//! machine does hits all sides alike, and ratios within a round.

use anyhow::{Result, ensure};

use super::proxy::Proxy;
use super::{http1, http2};

/// A running proxy and the client that loads it.
pub(crate) struct Side {
    pub(crate) proxy: Proxy,
    pub(crate) client: Client,
}

/// A closed loop of either protocol.
pub(crate) enum Client {
    Http1(http1::Client),
    Http2(http2::Client),
}

impl Side {
    /// CPU time of the proxy for each request, in µs.
    async fn round(&mut self, requests: usize) -> Result<f64> {
        let before = self.proxy.cpu_time()?;
        match &mut self.client {
            Client::Http1(client) => client.run(requests).await?,
            Client::Http2(client) => client.run(requests).await?,
        }
        let used = self.proxy.cpu_time()?.saturating_sub(before);
        // Rather no figure than one of a process that did not serve the requests.
        ensure!(
            !used.is_zero(),
            "{} served {requests} requests without using CPU time",
            self.proxy.name
        );
        Ok(used.as_secs_f64() * 1e6 / requests as f64)
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How often everything is started afresh: buffers that the kernel has grown
    /// for a connection and memory that happens to lie well stay for as long as a
    /// process, and more rounds would not average them out.
    pub(crate) sittings: usize,
    /// Rounds for each side in a sitting.
    pub(crate) rounds: usize,
    /// Requests in a round.
    pub(crate) requests: usize,
}

/// Rounds at the beginning of a sitting that do not count: windows and buffers
/// still grow.
const WARM_UP: usize = 2;

/// Measures all sides in turn, each second time in reverse order, and begins each
/// second sitting with the last. One list for each side: µs of CPU per request, by
/// round.
pub(crate) async fn measure(
    effort: Effort,
    start: impl AsyncFn() -> Result<Vec<Side>>,
) -> Result<Vec<Vec<f64>>> {
    let mut costs = Vec::new();
    for sitting in 0..effort.sittings {
        let mut sides = start().await?;
        costs.resize(sides.len(), Vec::new());
        for round in 0..WARM_UP + effort.rounds {
            let mut order: Vec<_> = (0..sides.len()).collect();
            if (sitting + round) % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let cost = sides[index].round(effort.requests).await?;
                if round >= WARM_UP {
                    costs[index].push(cost);
                }
            }
            if round >= WARM_UP {
                tell_last(&costs);
            }
        }
    }
    Ok(costs)
}

/// So that one who doubts the medians can see what they are made of.
fn tell_last(costs: &[Vec<f64>]) {
    let last = costs.iter().filter_map(|cost| cost.last());
    let line: Vec<_> = last.map(|cost| format!("{cost:.2}")).collect();
    eprintln!("  round {}: {} µs", costs[0].len(), line.join(" / "));
}

/// The median of some values and how far they lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// # Panics
    /// If there are no values: every scenario has at least one round.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.last().copied().expect("at least one round");
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 0 {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Self { median, min: values[0], max: last }
    }

    /// Of the ratios `of / to`, round by round.
    pub(crate) fn of_ratios(of: &[f64], to: &[f64]) -> Self {
        Self::of(of.iter().zip(to).map(|(of, to)| of / to))
    }

    /// Of the differences `of - from`, round by round, each divided by `parts`.
    pub(crate) fn of_differences(of: &[f64], from: &[f64], parts: f64) -> Self {
        Self::of(of.iter().zip(from).map(|(of, from)| (of - from) / parts))
    }
}
