//! Between a cluster that asks for an endpoint and the plugin that chooses one.

use std::rc::Rc;
use std::sync::Arc;

use crate::plugin::balancing::{self, Balancing};
use crate::upstream::balance::picker::{Attempt, Picker, Picking, Question};

/// An endpoint's number is its index in the cluster.
pub(super) struct PluginPicker(pub(super) Rc<Balancing>);

impl Picker for PluginPicker {
    fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    fn pick<'a>(&'a self, question: Question<'a>) -> Picking<'a> {
        let Question { headers, authority, key, candidates } = question;
        let loads = candidates.loads().map(|load| balancing::Load {
            id: load.index as u32,
            in_flight: load.in_flight,
            latency_us: load.latency_us,
        });
        let picking = self.0.pick(self.0.asked(headers, authority), key, loads.collect());
        Box::pin(async { picking.await.map(|id| id as usize) })
    }

    fn attempted(&self, attempt: Attempt) {
        self.0.attempted(balancing::Attempt {
            endpoint: attempt.index as u32,
            status: attempt.status,
            error: attempt.error.map(str::to_owned),
            duration_us: u64::try_from(attempt.time.as_micros()).unwrap_or(u64::MAX),
        });
    }
}
