//! Who sends a request, and for what.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use plugin_sdk::Request;

use crate::path;

/// A request; its client's address and its path are asked for when they are first
/// needed.
pub(crate) struct Client<'a> {
    pub(crate) request: &'a Request,
    address: OnceCell<Option<IpAddr>>,
    path: OnceCell<Cow<'a, str>>,
}

impl<'a> Client<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self { request, address: OnceCell::new(), path: OnceCell::new() }
    }

    /// The peer's address, or what a trusted proxy says of it: never what the client
    /// itself says.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| self.request.client_address().and_then(networks::client))
    }

    /// The path, spelt [loosely](path::loose).
    pub(crate) fn path(&self) -> &str {
        self.path.get_or_init(|| path::loose(self.request.path()))
    }
}
