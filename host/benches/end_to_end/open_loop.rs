//! Requests at a fixed rate, whatever the answers take: what latency is measured
//! with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::http1::BlockingConnection;
use super::message::Request;

/// Requests a second, over all connections.
pub(crate) const RATE: u32 = 500;

const CONNECTIONS: u32 = 16;

/// Clients on threads of their own, until told to stop.
pub(crate) struct OpenLoop {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Vec<Sample>>>>,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was due.
    pub(crate) due: Instant,
    /// Until the answer was complete.
    pub(crate) took: Duration,
}

impl OpenLoop {
    pub(crate) fn start(proxy: SocketAddr, request: &Request) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let connections = (0..CONNECTIONS)
            .map(|_| BlockingConnection::connect(proxy))
            .collect::<Result<Vec<_>>>()?;
        let start = Instant::now() + Duration::from_millis(10);
        let threads = (0..CONNECTIONS)
            .zip(connections)
            .map(|(index, mut connection)| {
                let (request, stop) = (request.clone(), Arc::clone(&stop));
                let first = start + Duration::from_secs(1) * index / RATE;
                thread::spawn(move || drive(&mut connection, &request, first, &stop))
            })
            .collect();
        Ok(Self { stop, threads })
    }

    /// All samples, or the first failure.
    pub(crate) fn stop(self) -> Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        for thread in self.threads {
            samples.extend(thread.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        Ok(samples)
    }

    /// Runs for `time` and returns what it saw.
    pub(crate) fn run_for(
        proxy: SocketAddr,
        request: &Request,
        time: Duration,
    ) -> Result<Vec<Sample>> {
        let clients = Self::start(proxy, request)?;
        thread::sleep(time);
        clients.stop()
    }
}

fn drive(
    connection: &mut BlockingConnection,
    request: &Request,
    first: Instant,
    stop: &AtomicBool,
) -> Result<Vec<Sample>> {
    let period = Duration::from_secs(1) * CONNECTIONS / RATE;
    let mut samples = Vec::new();
    let mut due = first;
    while !stop.load(Ordering::Relaxed) {
        // An answer that came after the next request was due delays that one: its
        // wait counts from when it was due. This thread's own late wake-up does not.
        let late = Instant::now() >= due;
        if !late {
            thread::sleep(due - Instant::now());
        }
        let from = if late { due } else { Instant::now() };
        request.check(&connection.exchange(request)?)?;
        samples.push(Sample { due, took: from.elapsed() });
        due += period;
    }
    Ok(samples)
}

/// The latency in µs that so many percent of `samples` stay below.
pub(crate) fn percentile(samples: &[Sample], percent: usize) -> Option<f64> {
    let mut took: Vec<_> = samples.iter().map(|sample| sample.took).collect();
    took.sort_unstable();
    let last = took.len().checked_sub(1)?;
    let index = (took.len() * percent / 100).min(last);
    Some(took[index].as_secs_f64() * 1e6)
}
