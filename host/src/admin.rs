//! The admin endpoint: read-only, for operators and their tools.
//!
//! It runs beside the workers and sees nothing but a [`Status`]; a slow reader of
//! it never waits for, nor holds up, an exchange.

mod metrics;
mod plugins;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::config;
use crate::telemetry::status::Status;

/// Binds the address and serves it on the current runtime, for as long as that
/// lives.
///
/// # Errors
///
/// The address cannot be bound.
pub async fn serve(admin: &config::Admin, status: Arc<Status>) -> io::Result<()> {
    let listener = TcpListener::bind(admin.listen).await?;
    serve_on(listener, status);
    Ok(())
}

fn serve_on(listener: TcpListener, status: Arc<Status>) {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(status)).await {
            tracing::error!(%error, "the admin endpoint ended");
        }
    });
}

fn router(status: Arc<Status>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/plugins", get(plugins))
        .route("/config", get(plan))
        .with_state(status)
}

async fn index() -> &'static str {
    "/live     200 while the process runs\n\
     /ready    200 while it serves, 503 while it starts or drains\n\
     /metrics  counters, for Prometheus\n\
     /plugins  every plugin and how it is, as JSON\n\
     /config   what is served, in words\n"
}

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(status): State<Arc<Status>>) -> (StatusCode, &'static str) {
    if status.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn metrics(State(status): State<Arc<Status>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render(&status))
}

async fn plugins(State(status): State<Arc<Status>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], plugins::render(&status))
}

async fn plan(State(status): State<Arc<Status>>) -> String {
    status.plan()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::telemetry::metrics::Counters;

    async fn get(status: &Arc<Status>, path: &str) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        serve_on(listener, Arc::clone(status));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn says_whether_it_is_alive_and_ready() {
        let status = Arc::new(Status::new(Vec::new(), None));
        assert!(get(&status, "/live").await.starts_with("HTTP/1.1 200 "));
        assert!(get(&status, "/ready").await.starts_with("HTTP/1.1 503 "));
    }

    #[tokio::test]
    async fn every_page_that_the_index_names_is_there() {
        let status = Arc::new(Status::new(vec![Arc::default()], None));
        let index = get(&status, "/").await;
        let pages: Vec<&str> = index
            .lines()
            .filter_map(|line| line.split(' ').next().filter(|page| page.starts_with('/')))
            .collect();
        assert_eq!(pages.len(), 5, "{index}");
        for page in pages {
            assert!(!get(&status, page).await.starts_with("HTTP/1.1 404 "), "{page}");
        }
        assert!(get(&status, "/other").await.starts_with("HTTP/1.1 404 "));
    }

    #[tokio::test]
    async fn metrics_sum_the_workers() {
        let counters: Vec<Arc<Counters>> = vec![Arc::default(), Arc::default()];
        counters[0].response(204);
        counters[1].response(200);
        counters[1].error(crate::exchange::ErrorKind::NoRoute);
        let status = Arc::new(Status::new(counters, None));
        status.rejected("guard", "no");
        let answer = get(&status, "/metrics").await;
        for expected in [
            "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8",
            "wasmgate_exchanges_total{class=\"2xx\"} 2",
            "wasmgate_exchanges_total{class=\"5xx\"} 0",
            "wasmgate_errors_total{kind=\"no_route\",side=\"client\"} 1",
            "wasmgate_plugin_swaps_total{outcome=\"rejected\"} 1",
            "process_resident_memory_bytes ",
            "# EOF",
        ] {
            assert!(answer.contains(expected), "{expected:?} is not in:\n{answer}");
        }
    }

    #[tokio::test]
    async fn a_page_cannot_be_written_to() {
        let status = Arc::new(Status::new(Vec::new(), None));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        serve_on(listener, status);
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            b"POST /config HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
}
