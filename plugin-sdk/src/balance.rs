//! Choosing endpoints: what a pick goes by.

use std::rc::Rc;

use crate::asked::Asked;

/// How an attempt on a picked endpoint ended.
pub use crate::bindings::balance::Attempt;
/// An endpoint of the cluster, as configured.
pub use crate::bindings::balance::Endpoint;
/// What is known of an endpoint at the time of a pick, on this worker.
pub use crate::bindings::balance::Load;

/// One exchange that needs an endpoint; see [`Plugin::on_pick`](crate::Plugin::on_pick).
#[derive(Clone, Debug)]
pub struct Pick {
    names: Rc<[String]>,
    asked: Asked,
    key: Option<u64>,
    loads: Vec<Load>,
}

impl Pick {
    pub(crate) fn new(
        names: Rc<[String]>,
        asked: Asked,
        key: Option<u64>,
        loads: Vec<Load>,
    ) -> Self {
        Self { names, asked, key, loads }
    }

    /// A request field that [`Subscription::pick_header`](crate::Subscription::pick_header)
    /// asked for, its lines joined; no other can be read here.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let at = self.names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        self.asked.get(at)
    }

    /// The same as text; none also if it is not UTF-8.
    pub fn header_str(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The exchange's key, if the cluster has a `hash` and the exchange what it hashes.
    /// The same octets have the same key everywhere and always.
    pub fn key(&self) -> Option<u64> {
        self.key
    }

    /// The endpoints that may be picked. Left out are those that could not be reached a
    /// short while ago, unless all are, and those that were tried for this exchange.
    pub fn loads(&self) -> &[Load] {
        &self.loads
    }

    /// Whether this endpoint may be picked.
    pub fn offers(&self, id: u32) -> bool {
        self.loads.iter().any(|load| load.id == id)
    }
}
