//! Between `plugin` and `upstream`, which do not know each other: a plugin's requests
//! are sent by the worker that its instance is on.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::deadlines::Deadlines;
use crate::exchange::outgoing::OutgoingRequest;
use crate::plugin::interface::http::{Answer, Outbound};
use crate::upstream::outbound::{self, Grant};

/// What the plugin's instances on this worker send requests with.
pub(super) fn start(grant: &Arc<Grant>, deadlines: &Rc<Deadlines>) -> Arc<dyn Outbound> {
    Arc::new(CallOut(outbound::Outbound::start(grant, deadlines)))
}

struct CallOut(outbound::Outbound);

impl Outbound for CallOut {
    fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    fn send(&self, request: OutgoingRequest) -> Answer {
        Box::pin(self.0.send(request))
    }
}
