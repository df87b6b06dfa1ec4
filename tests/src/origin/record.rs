//! What an origin has seen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Request;

/// One request, as an origin received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The request target: path and query.
    pub target: String,
    /// Who was asked for: `:authority`, or `host`.
    pub authority: String,
    /// The fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Received {
    /// The one value of a field, if it is there.
    ///
    /// # Panics
    /// If the field has several lines.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.header_lines(name);
        assert!(lines.len() < 2, "several lines of {name}: {lines:?}");
        lines.first().copied()
    }

    /// Every line of a field, in order.
    #[must_use]
    pub fn header_lines(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn parsed(head: &str) -> Self {
        let mut lines = head.lines();
        let mut start = lines.next().unwrap_or_default().split(' ');
        let method = start.next().unwrap_or_default().to_owned();
        let target = start.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let host = headers.iter().find(|(name, _)| name == "host");
        let authority = host.map(|(_, value)| value.clone()).unwrap_or_default();
        Self { method, target, authority, headers }
    }

    fn of<B>(request: &Request<B>) -> Self {
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let host = headers.iter().find(|(name, _)| name == "host");
        let authority = request.uri().authority().map(ToString::to_string);
        Self {
            method: request.method().to_string(),
            target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            authority: authority.or(host.map(|(_, value)| value.clone())).unwrap_or_default(),
            headers,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Record {
    connections: AtomicUsize,
    open: Arc<AtomicUsize>,
    requests: Mutex<Vec<Received>>,
}

/// Counts a connection as open while it lives.
pub(super) struct Open(Arc<AtomicUsize>);

impl Record {
    pub(super) fn connection(&self) -> Open {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.open))
    }

    pub(super) fn request<B>(&self, request: &Request<B>) {
        self.received(Received::of(request));
    }

    pub(super) fn received(&self, request: Received) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
