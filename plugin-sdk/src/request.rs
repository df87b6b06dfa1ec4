//! The request as a plugin sees it.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::asked::Asked;
use crate::bindings::imports::wasmgate::plugin::types::{Destination, RequestEdits};
use crate::bindings::request::Decision;
use crate::field::{Fields, HeaderEdits};
use crate::{Field, connection, exchange};

/// The head of a request, and the changes to be made to it.
///
/// The readers show the request as it arrived at this plugin, with the edits of
/// earlier plugins; the changes made here are what later plugins and the
/// endpoint see. A fact is asked of the host when it is first read and
/// remembered; subscribed fields are here already.
pub struct Request {
    fields: Fields,
    facts: Facts,
    headers: HeaderEdits,
    response_headers: HeaderEdits,
    target: Option<String>,
    authority: Option<String>,
    destination: Option<Destination>,
}

#[derive(Default)]
struct Facts {
    method: OnceCell<String>,
    scheme: OnceCell<String>,
    authority: OnceCell<String>,
    target: OnceCell<String>,
    raw_target: OnceCell<String>,
    http_version: OnceCell<String>,
    route: OnceCell<String>,
    request_id: OnceCell<String>,
    cluster: OnceCell<Option<String>>,
    client_address: OnceCell<Option<String>>,
}

impl Request {
    pub(crate) fn new(names: Rc<[String]>, pushed: Asked) -> Self {
        Self {
            fields: Fields::new(names, pushed, exchange::request_header),
            facts: Facts::default(),
            headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            target: None,
            authority: None,
            destination: None,
        }
    }

    pub(crate) fn into_decision(self) -> Decision {
        self.into_edits().map_or(Decision::Continue, Decision::Edit)
    }

    /// The changes, if there are any.
    pub(crate) fn into_edits(self) -> Option<RequestEdits> {
        let changed = !self.headers.is_empty()
            || !self.response_headers.is_empty()
            || self.target.is_some()
            || self.authority.is_some()
            || self.destination.is_some();
        changed.then(|| RequestEdits {
            request_headers: self.headers.into_list(),
            response_headers: self.response_headers.into_list(),
            target: self.target,
            authority: self.authority,
            destination: self.destination,
        })
    }
}

/// # Reading
impl Request {
    /// One field, its lines joined by `, ` (`cookie`: by `; `). Names are
    /// compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.fields.find(name)
    }

    /// Like [`header`](Self::header), for a value that is text; none as well when
    /// it is not UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The lines of one field, in order. Always asks the host.
    pub fn header_lines(&self, name: &str) -> Vec<Vec<u8>> {
        exchange::request_header_lines(name)
    }

    /// All fields; the order of lines of one name is kept. Always asks the host.
    pub fn headers(&self) -> Vec<Field> {
        exchange::request_headers()
    }

    /// The value of the first cookie of that name, as sent.
    pub fn cookie(&self, name: &str) -> Option<&[u8]> {
        let cookies = self.header("cookie")?;
        cookies.split(|b| *b == b';').find_map(|pair| {
            let (key, value) = split_at(pair.trim_ascii(), b'=')?;
            (key == name.as_bytes()).then_some(value)
        })
    }

    /// The method, as sent.
    pub fn method(&self) -> &str {
        self.facts.method.get_or_init(exchange::method)
    }

    /// `http` or `https`, as the client sees it.
    pub fn scheme(&self) -> &str {
        self.facts.scheme.get_or_init(exchange::scheme)
    }

    /// Host and optional port.
    pub fn authority(&self) -> &str {
        self.facts.authority.get_or_init(exchange::authority)
    }

    /// The authority without its port, as sent; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        self.facts.target.get_or_init(exchange::target)
    }

    /// The target up to its `?`.
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// What follows the target's first `?`; none when there is no `?`.
    pub fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// The target exactly as the client sent it, before normalization and edits.
    pub fn raw_target(&self) -> &str {
        self.facts.raw_target.get_or_init(exchange::raw_target)
    }

    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`, of the client's side.
    pub fn http_version(&self) -> &str {
        self.facts.http_version.get_or_init(exchange::http_version)
    }

    /// The route's name: what the configuration calls it, or `host path`.
    pub fn route(&self) -> &str {
        self.facts.route.get_or_init(exchange::route)
    }

    /// The cluster that the exchange goes to, as far as known.
    pub fn cluster(&self) -> Option<&str> {
        self.facts.cluster.get_or_init(exchange::cluster).as_deref()
    }

    /// The identifier that the access log shows and the endpoint gets.
    pub fn request_id(&self) -> &str {
        self.facts.request_id.get_or_init(exchange::request_id)
    }

    /// The client's address as text: the peer's, or what a trusted proxy says of
    /// it. More about the connection is in [`connection`].
    pub fn client_address(&self) -> Option<&str> {
        self.facts.client_address.get_or_init(connection::client_address).as_deref()
    }
}

/// # Changing
impl Request {
    /// Replaces every line of that name by this one, or adds it. What may be
    /// edited is said at [`HeaderEdits`].
    pub fn set_header(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.headers.set(name, value);
    }

    /// Adds a line after those of the same name.
    pub fn add_header(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.headers.add(name, value);
    }

    /// Removes every line of that name, if there is one.
    pub fn remove_header(&mut self, name: impl Into<String>) {
        self.headers.remove(name);
    }

    /// Gives every line of the name `from` the name `to`, and drops what had
    /// that name before.
    pub fn rename_header(&mut self, from: impl Into<String>, to: impl Into<String>) {
        self.headers.rename(from, to);
    }

    /// The changes to this request's fields, for code that edits either side.
    pub fn headers_mut(&mut self) -> &mut HeaderEdits {
        &mut self.headers
    }

    /// Changes to the fields of the response, made when it passes this plugin on
    /// its way back. A plugin that knows them now needs no `on_response`, which
    /// saves a call for each exchange.
    pub fn response_headers(&mut self) -> &mut HeaderEdits {
        &mut self.response_headers
    }

    /// A new target in origin form: a path, and `?` and a query if any.
    pub fn set_target(&mut self, target: impl Into<String>) {
        self.target = Some(target.into());
    }

    /// A new host and optional port, for the endpoint to see.
    pub fn set_authority(&mut self, authority: impl Into<String>) {
        self.authority = Some(authority.into());
    }

    /// Sends the exchange to this cluster instead of the route's.
    pub fn set_cluster(&mut self, cluster: impl Into<String>) {
        self.destination = Some(Destination::Cluster(cluster.into()));
    }

    /// Gives the exchange to this route: its cluster, time-outs and limits. The
    /// plugins of both routes run, each once.
    pub fn set_route(&mut self, route: impl Into<String>) {
        self.destination = Some(Destination::Route(route.into()));
    }
}

fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == separator)?;
    Some((&text[..at], &text[at + 1..]))
}
