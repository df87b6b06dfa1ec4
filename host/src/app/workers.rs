//! The worker threads and what they are told.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::listener::accept::{Mode, accept};
use crate::listener::admission::Admission;
use crate::listener::socket;
use crate::plugin::running_time::Ticker;
use crate::snapshot::Snapshot;
use crate::telemetry::access_log;
use crate::telemetry::metrics::Counters;
use crate::worker::Worker;

/// How often a draining worker looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// All workers.
pub(super) struct Workers {
    threads: Vec<Thread>,
    /// By configured address: what is bound, which differs for port 0.
    bound: HashMap<SocketAddr, SocketAddr>,
}

struct Thread {
    orders: mpsc::UnboundedSender<Order>,
    handle: JoinHandle<()>,
}

/// What a worker is told.
enum Order {
    /// New exchanges are handled by this snapshot; answered when they are.
    Adopt(Arc<Snapshot>, oneshot::Sender<()>),
    /// Exactly these listeners are open; sockets come with the new ones.
    Listen(Vec<(SocketAddr, Mode)>, HashMap<SocketAddr, TcpListener>),
    /// Where lines of the access log go.
    Log(Option<access_log::Writer>),
    /// Accept nothing, finish what is there, and end.
    Drain(Duration),
}

/// Sockets for a set of listeners, bound and not yet used.
pub(super) struct Sockets {
    /// For each worker.
    new: Vec<HashMap<SocketAddr, TcpListener>>,
    bound: HashMap<SocketAddr, SocketAddr>,
}

impl Workers {
    /// Starts the threads; they serve nothing yet.
    pub(super) fn start(
        snapshot: &Arc<Snapshot>,
        ticker: &Ticker,
        log: impl Fn() -> Option<access_log::Writer>,
    ) -> io::Result<(Self, Vec<Arc<Counters>>)> {
        let count = snapshot.config.workers.get();
        let admission = Arc::new(Admission::default());
        let mut threads = Vec::with_capacity(count);
        let mut counters = Vec::with_capacity(count);
        for index in 0..count {
            let (orders, received) = mpsc::unbounded_channel();
            let own = Arc::new(Counters::default());
            counters.push(Arc::clone(&own));
            let (snapshot, ticker, log) = (Arc::clone(snapshot), ticker.clone(), log());
            let admission = Arc::clone(&admission);
            let run = move || {
                let worker = || Worker::new(index, &snapshot, ticker, log, own);
                run(worker, received, &admission);
            };
            let name = format!("wasmgate-worker-{index}");
            let handle = std::thread::Builder::new().name(name).spawn(run)?;
            threads.push(Thread { orders, handle });
        }
        Ok((Self { threads, bound: HashMap::new() }, counters))
    }

    /// Binds what is not bound yet. Nothing changes if any of it fails.
    ///
    /// # Errors
    ///
    /// Each address that cannot be bound, and why.
    pub(super) fn bind(
        &self,
        listeners: &[(SocketAddr, Mode)],
    ) -> Result<Sockets, Vec<(SocketAddr, io::Error)>> {
        let count = self.threads.len();
        let mut sockets =
            Sockets { new: (0..count).map(|_| HashMap::new()).collect(), bound: HashMap::new() };
        let mut failed = Vec::new();
        for (address, _) in listeners {
            if let Some(bound) = self.bound.get(address) {
                sockets.bound.insert(*address, *bound);
                continue;
            }
            match socket::bind(*address, count) {
                Ok(bound) => {
                    let actual = bound.first().and_then(|socket| socket.local_addr().ok());
                    sockets.bound.insert(*address, actual.unwrap_or(*address));
                    for (worker, socket) in sockets.new.iter_mut().zip(bound) {
                        worker.insert(*address, socket);
                    }
                }
                Err(error) => failed.push((*address, error)),
            }
        }
        if failed.is_empty() { Ok(sockets) } else { Err(failed) }
    }

    /// Opens these listeners and closes all others.
    pub(super) fn listen(&mut self, listeners: &[(SocketAddr, Mode)], sockets: Sockets) {
        self.bound = sockets.bound;
        for (thread, new) in self.threads.iter().zip(sockets.new) {
            // A worker ends only after it was told to drain.
            let _ = thread.orders.send(Order::Listen(listeners.to_vec(), new));
        }
    }

    /// What a configured address is bound to.
    pub(super) fn bound(&self, address: SocketAddr) -> SocketAddr {
        self.bound.get(&address).copied().unwrap_or(address)
    }

    /// New exchanges are handled by this snapshot once this returns.
    pub(super) async fn adopt(&self, snapshot: &Arc<Snapshot>) {
        let mut adopted = Vec::new();
        for thread in &self.threads {
            let (done, wait) = oneshot::channel();
            let _ = thread.orders.send(Order::Adopt(Arc::clone(snapshot), done));
            adopted.push(wait);
        }
        for wait in adopted {
            let _ = wait.await;
        }
    }

    /// Changes where lines of the access log go.
    pub(super) fn log(&self, writer: impl Fn() -> Option<access_log::Writer>) {
        for thread in &self.threads {
            let _ = thread.orders.send(Order::Log(writer()));
        }
    }

    /// Ends all workers; exchanges under way have so much time.
    pub(super) fn drain(self, patience: Duration) {
        for thread in &self.threads {
            let _ = thread.orders.send(Order::Drain(patience));
        }
        for thread in self.threads {
            // A thread that panicked has said so itself.
            let _ = thread.handle.join();
        }
    }
}

fn run(
    worker: impl FnOnce() -> Rc<Worker>,
    orders: mpsc::UnboundedReceiver<Order>,
    admission: &Arc<Admission>,
) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a worker cannot start its runtime");
            return;
        }
    };
    // Made within the runtime: parts of it are tasks.
    runtime.block_on(async { work(worker(), orders, admission).await });
    // What outlived the drain is cut off here.
}

async fn work(
    worker: Rc<Worker>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    admission: &Arc<Admission>,
) {
    let deadlines = Rc::clone(&worker.deadlines);
    tokio::task::spawn_local(async move { deadlines.run().await });
    tokio::task::spawn_local(Rc::clone(&worker).keep_house());
    tokio::task::spawn_local(Rc::clone(&worker).flush_log());
    worker.warm().await;
    let mut open: HashMap<SocketAddr, (AbortHandle, Rc<RefCell<Mode>>)> = HashMap::new();
    let patience = loop {
        match orders.recv().await {
            Some(Order::Adopt(snapshot, done)) => {
                worker.adopt(&snapshot).await;
                let _ = done.send(());
            }
            Some(Order::Log(writer)) => worker.set_log(writer),
            Some(Order::Listen(listeners, sockets)) => {
                listen(&worker, &mut open, &listeners, sockets, admission);
                // Follows every `Adopt`. Not before: a snapshot whose listeners cannot
                // be bound does not serve, and its plugins are not called.
                worker.keep_time();
            }
            Some(Order::Drain(patience)) => break patience,
            None => break Duration::ZERO,
        }
    };
    open.values().for_each(|(task, _)| task.abort());
    worker.drain();
    let done = async {
        while worker.open() > 0 {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    if tokio::time::timeout(patience, done).await.is_err() {
        tracing::warn!(open = worker.open(), "connections are cut off: the drain took too long");
    }
    worker.close();
}

fn listen(
    worker: &Rc<Worker>,
    open: &mut HashMap<SocketAddr, (AbortHandle, Rc<RefCell<Mode>>)>,
    listeners: &[(SocketAddr, Mode)],
    mut sockets: HashMap<SocketAddr, TcpListener>,
    admission: &Arc<Admission>,
) {
    open.retain(|address, (task, _)| {
        let stays = listeners.iter().any(|(wanted, _)| wanted == address);
        if !stays {
            task.abort();
        }
        stays
    });
    for (address, mode) in listeners {
        if let Some((_, current)) = open.get(address) {
            current.replace(mode.clone());
            continue;
        }
        let Some(socket) = sockets.remove(address) else { continue };
        let listener = match tokio::net::TcpListener::from_std(socket) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%address, %error, "cannot accept connections");
                continue;
            }
        };
        let mode = Rc::new(RefCell::new(mode.clone()));
        let accepting =
            accept(Rc::clone(worker), listener, Rc::clone(&mode), Arc::clone(admission));
        let task = tokio::task::spawn_local(accepting).abort_handle();
        open.insert(*address, (task, mode));
    }
}
