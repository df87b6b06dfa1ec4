//! A server that tells what it was asked.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use serde_json::json;

/// A running server; it ends with the process.
pub(in crate::cli) struct Origin {
    pub(in crate::cli) name: &'static str,
    address: SocketAddr,
}

impl Origin {
    /// Serves on a thread of its own, on a port of the system's choice.
    pub(in crate::cli) fn start(name: &'static str) -> anyhow::Result<Self> {
        let start = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let serve = async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, axum::Router::new().fallback(answer).with_state(name)).await
            };
            thread::Builder::new().name(format!("origin-{name}")).spawn(move || {
                if let Err(error) = runtime.block_on(serve) {
                    tracing::error!(%error, "the demo's server {name} ended");
                }
            })?;
            std::io::Result::Ok(Self { name, address })
        };
        start().context("cannot start a server to answer")
    }

    pub(in crate::cli) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer(State(name): State<&'static str>, request: Request) -> impl IntoResponse {
    let headers: BTreeMap<&str, String> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = json!({
        "server": name,
        "method": request.method().as_str(),
        "path": request.uri().to_string(),
        "headers": headers,
    });
    let fields = [("content-type", "application/json"), ("x-origin-version", "inner/1.0")];
    (fields, format!("{body:#}\n"))
}
