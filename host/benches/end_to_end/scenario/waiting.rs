//! Memory of exchanges whose plugin waits for the answer to a request of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Bench, text};
use crate::end_to_end::certificate::Certificate;
use crate::end_to_end::http2;
use crate::end_to_end::process::Memory;
use crate::end_to_end::proxy::{Plugin, Proxy, Setup};
use crate::end_to_end::report::{Bar, Row};

/// Exchanges that wait before the first look: what the proxy allocates once is there.
const FIRST: usize = 100;

/// Streams of one client connection; the proxy allows 128.
const STREAMS: usize = 100;

const KIB: f64 = 1024.0;

pub(super) async fn run(bench: &Bench<'_>) -> Result<Vec<Row>> {
    let count = bench.options.waiting.max(2 * FIRST).next_multiple_of(STREAMS);
    let directory = tempfile::tempdir()?;
    let certificate = Certificate::create(directory.path())?;
    let origin = Withheld::start()?;
    let guest = bench.guest("caller")?;
    let settings = format!(
        "capabilities = {{ http = {{ hosts = ['{address}'], timeout = '1h', in_flight = {count} }} }}\n\
         config = {{ url = 'http://{address}/' }}\n",
        address = origin.address
    );
    let caller = Plugin { name: "caller".to_owned(), source: text(&guest)?, settings: &settings };
    let proxy = bench.start_wasmgate(Setup {
        tls: Some(&certificate),
        plugins: vec![caller],
        ..Setup::default()
    })?;
    let first = wait(&proxy, &certificate, &origin, FIRST).await?;
    let before = proxy.memory()?;
    let rest = wait(&proxy, &certificate, &origin, count - FIRST).await?;
    let after = proxy.memory()?;
    origin.answer();
    for waiting in [first, rest] {
        waiting.await??;
    }
    let each = each(before, after, count - FIRST);
    Ok(vec![Row {
        what: format!("waiting, each of {count} exchanges in a call-out"),
        figure: format!("{each:.1} KiB"),
        against: "–".to_owned(),
        outcome: "all answered".to_owned(),
        bar: Some(Bar::at_most(each, 64.0, " KiB")),
    }])
}

/// Without the plugin's initial data, which all its instances map and of which there is
/// one copy: resident memory would count it once for each.
fn each(before: Memory, after: Memory, count: usize) -> f64 {
    (after.private as f64 - before.private as f64) / count as f64 / KIB
}

/// Sends requests and returns when the plugin waits in all of them.
async fn wait(
    proxy: &Proxy,
    certificate: &Certificate,
    origin: &Withheld,
    count: usize,
) -> Result<JoinHandle<Result<()>>> {
    let wanted = origin.waiting() + count;
    let connections = count / STREAMS;
    let mut client =
        http2::Client::connect(proxy.address, certificate, connections, STREAMS).await?;
    let sent = tokio::task::spawn_local(async move { client.run(count).await });
    while origin.waiting() < wanted {
        if sent.is_finished() {
            sent.await??;
            anyhow::bail!("answered before the origin was told to: {} wait", origin.waiting());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(sent)
}

/// A server that answers nobody until it is told to, on a thread of its own.
struct Withheld {
    address: SocketAddr,
    waiting: Arc<AtomicUsize>,
    told: watch::Sender<bool>,
}

impl Withheld {
    fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("binding")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let (told, tell) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let count = Arc::clone(&waiting);
        thread::Builder::new().name("withheld".into()).spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    let (count, tell) = (Arc::clone(&count), tell.clone());
                    tokio::spawn(async move {
                        if let Err(error) = serve(stream, &count, tell).await {
                            eprintln!("origin: {error:#}");
                        }
                    });
                }
                #[expect(unreachable_code, reason = "gives the block its type")]
                anyhow::Ok(())
            })
        })?;
        Ok(Self { address, waiting, told })
    }

    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn answer(&self) {
        self.told.send_replace(true);
    }
}

async fn serve(
    mut stream: TcpStream,
    waiting: &AtomicUsize,
    mut told: watch::Receiver<bool>,
) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(stream.read_buf(&mut head).await? > 0, "a connection without a request");
    }
    waiting.fetch_add(1, Ordering::Relaxed);
    told.wait_for(|told| *told).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(())
}
