//! Says on the response which copy of this component answered: `x-tag`, the mark,
//! which a benchmark or a test replaces in the file. No configuration, so that it
//! runs from the plugin directory.

use std::hint::black_box;

use plugin_sdk::{Flow, NoConfig, Plugin, Request, Result};

/// Once in the component, as data: `black_box` keeps it from becoming code.
static MARK: [u8; 9] = *b"mark:0000";

struct Marked;

#[plugin_sdk::export]
impl Plugin for Marked {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        request.response_headers().set("x-tag", black_box(&MARK).as_slice());
        Ok(Flow::Continue)
    }
}
