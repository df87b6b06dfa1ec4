//! From a listening socket to a served connection.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::net::{TcpListener, TcpStream};

use super::admission::Admission;
use super::tls::{self, handshake};
use crate::exchange::error::chain_text;
use crate::exchange::{Connection, ErrorKind};
use crate::http::connection::{self, Counted, Ended};
use crate::telemetry::access_log::{Entry, ErrorEntry};
use crate::worker::Worker;

/// After an error of the socket itself, such as too many open files: trying at once
/// would only burn the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener does with a connection; changed by a reload.
#[derive(Clone)]
pub struct Mode {
    /// The listener's name.
    pub name: Arc<str>,
    /// None = plain.
    pub tls: Option<Arc<tls::ServerConfig>>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
}

impl Mode {
    /// As configured.
    pub fn new(name: &str, tls: Option<&tls::ServerTls>, http2: bool) -> Self {
        let tls = tls.map(|tls| Arc::clone(&tls.config));
        Self { name: name.into(), tls, http2 }
    }

    /// Whether connections are treated alike by both.
    pub fn same(&self, other: &Self) -> bool {
        let certificates = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        certificates && self.name == other.name && self.http2 == other.http2
    }
}

/// Accepts until the task is aborted.
pub async fn accept(
    worker: Rc<Worker>,
    listener: TcpListener,
    mode: Rc<RefCell<Mode>>,
    admission: Arc<Admission>,
) {
    loop {
        admission.room(worker.limits().connections).await;
        match listener.accept().await {
            Ok((stream, peer)) => admit(&worker, stream, peer, &mode, &admission),
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client was gone before it was accepted.
fn is_of_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused | Kind::ConnectionAborted | Kind::ConnectionReset
    )
}

fn admit(
    worker: &Rc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    mode: &Rc<RefCell<Mode>>,
    admission: &Arc<Admission>,
) {
    let limit = worker.limits().connections_per_address;
    let Some(admitted) = admission.admit(peer.ip(), limit) else {
        worker.counters.refused.add(1);
        return;
    };
    worker.counters.accepted.add(1);
    // Without it small messages wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let open = worker.opened();
    let (worker, mode) = (Rc::clone(worker), mode.borrow().clone());
    tokio::task::spawn_local(async move {
        let counted = Box::new((admitted, open));
        let name = Arc::clone(&mode.name);
        if let Ended::Failed(kind, detail) = serve(&worker, stream, peer, mode, counted).await {
            failed(&worker, peer, &name, kind, &detail);
        }
    });
}

/// Counts and logs what never became an exchange.
fn failed(worker: &Worker, peer: SocketAddr, listener: &str, kind: ErrorKind, detail: &str) {
    worker.counters.error(kind);
    tracing::debug!(%peer, kind = kind.as_str(), "{detail}");
    // A client that leaves between two requests did nothing wrong.
    if kind == ErrorKind::ClientClosed || !worker.logs() {
        return;
    }
    // hyper answers what is malformed or too large; the others just end.
    let answered = matches!(
        kind,
        ErrorKind::BadRequest | ErrorKind::HeadersTooLarge | ErrorKind::TargetTooLong
    );
    worker.log(&Entry {
        time: SystemTime::now(),
        request_id: None,
        client: peer,
        listener,
        protocol: None,
        tls: None,
        method: None,
        host: None,
        path: None,
        route: None,
        cluster: None,
        endpoint: None,
        status: answered.then(|| kind.status().as_u16()),
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
        upstream_us: None,
        attempts: None,
        plugins: &[],
        annotations: &[],
        request_headers: &[],
        error: Some(ErrorEntry {
            kind: kind.as_str(),
            side: kind.side().as_str(),
            detail: Some(detail),
        }),
    });
}

async fn serve(
    worker: &Rc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    mode: Mode,
    counted: Counted,
) -> Ended {
    let peer_text = peer.ip().to_canonical().to_string();
    let mut facts = Connection {
        peer,
        listener: mode.name,
        tls: None,
        peer_value: HeaderValue::try_from(peer_text)
            .expect("an address is made of characters that are legal in a field"),
    };
    let Some(config) = mode.tls else {
        return connection::serve(Rc::clone(worker), stream, Arc::new(facts), mode.http2, counted)
            .await;
    };
    let limit = worker.timeouts().handshake;
    let accepted = Box::pin(worker.deadlines.limit(limit, handshake::accept(config, stream))).await;
    let (stream, settled) = match accepted {
        Some(Ok(accepted)) => accepted,
        Some(Err(error)) => return Ended::Failed(ErrorKind::ClientTls, chain_text(&error)),
        None => {
            return Ended::Failed(ErrorKind::ClientTls, "the handshake took too long".to_owned());
        }
    };
    facts.tls = Some(settled);
    Box::pin(connection::serve(Rc::clone(worker), stream, Arc::new(facts), mode.http2, counted))
        .await
}
