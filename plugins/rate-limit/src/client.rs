//! Who sends a request.

use std::cell::OnceCell;
use std::net::IpAddr;

use plugin_sdk::Request;

/// A request and its client's address, which is asked for when it is first needed.
pub(crate) struct Client<'a> {
    pub(crate) request: &'a Request,
    address: OnceCell<Option<IpAddr>>,
}

impl<'a> Client<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self { request, address: OnceCell::new() }
    }

    /// The peer's address, or what a trusted proxy says of it: never what the client
    /// itself says.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| self.request.client_address().and_then(networks::client))
    }
}
