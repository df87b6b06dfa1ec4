//! A choice that is made elsewhere: by a plugin, which this module knows nothing of.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};

use crate::upstream::cluster::LocalEndpoint;

/// Who chooses the endpoints of one cluster on one worker.
pub trait Picker {
    /// The name under which the access log tells of it.
    fn name(&self) -> &Arc<str>;

    /// The index of one of the candidates; none leaves the choice to least-request,
    /// and so does any other number.
    fn pick<'a>(&'a self, question: Question<'a>) -> Picking<'a>;

    /// How an attempt on a picked endpoint ended. Returns at once.
    fn attempted(&self, attempt: Attempt);
}

/// See [`Picker::pick`].
pub type Picking<'a> = Pin<Box<dyn Future<Output = Option<usize>> + 'a>>;

/// One exchange that needs an endpoint.
pub struct Question<'a> {
    /// The fields that the endpoint will get, without `host`.
    pub headers: &'a HeaderMap,
    /// The host that the client asked for.
    pub authority: &'a HeaderValue,
    /// The exchange's key, if the cluster has a `hash` and the exchange too.
    pub key: Option<u64>,
    /// Those that may be chosen.
    pub candidates: Candidates<'a>,
}

/// The endpoints that an exchange may go to: not those that were tried for it, and
/// those that are left alone only if there is no other.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    endpoints: &'a [Rc<LocalEndpoint>],
    tried: &'a [usize],
    /// None if all that are left are left alone.
    avoided_at: Option<u64>,
    at: Instant,
}

/// What is known of an endpoint at the time of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The endpoint.
    pub index: usize,
    /// Exchanges that it has not finished answering.
    pub in_flight: u32,
    /// Average time to the head of a response; 0 = not known.
    pub latency_us: u32,
}

/// How an attempt on a picked endpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The endpoint.
    pub index: usize,
    /// Of the response, if there was one.
    pub status: Option<u16>,
    /// The word of the access log for what went wrong.
    pub error: Option<&'static str>,
    /// To the head of the response, or to the error.
    pub time: Duration,
}

impl<'a> Candidates<'a> {
    /// `ticks` is the worker's time, by which endpoints are left alone.
    pub(in crate::upstream) fn new(
        endpoints: &'a [Rc<LocalEndpoint>],
        tried: &'a [usize],
        ticks: u64,
        at: Instant,
    ) -> Self {
        let some = Self { endpoints, tried, avoided_at: Some(ticks), at };
        let any = (0..endpoints.len()).any(|index| some.contains(index));
        if any { some } else { Self { avoided_at: None, ..some } }
    }

    fn contains(&self, index: usize) -> bool {
        let up = |ticks| self.endpoints[index].is_up(ticks);
        !self.tried.contains(&index) && self.avoided_at.is_none_or(up)
    }

    /// All of them.
    pub fn loads(self) -> impl Iterator<Item = Load> + use<'a> {
        let indices = (0..self.endpoints.len()).filter(move |index| self.contains(*index));
        indices.map(move |index| {
            let endpoint = &self.endpoints[index];
            // Rounded up: what is known is not 0, however long ago it was seen.
            let latency_us = endpoint.latency.at(self.at).ceil() as u32;
            Load { index, in_flight: endpoint.in_flight.get(), latency_us }
        })
    }
}
