//! The filter of the benchmarks: reads one field, may refuse, sets a response
//! field.

use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result, Subscription};

struct Trivial;

#[plugin_sdk::export]
impl Plugin for Trivial {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header("user-agent")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        if request.header("user-agent") == Some(b"refused") {
            return Ok(Reply::new(403).text("refused\n").into());
        }
        request.response_headers().set("x-trivial", "1");
        Ok(Flow::Continue)
    }
}
