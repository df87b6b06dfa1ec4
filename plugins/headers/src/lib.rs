//! The bundled plugin `headers`. Its README has the keys.
//!
//! Everything is decided in `on_request`, the edits of the response too: values
//! use the request only, and a second call for each exchange would double what
//! the plugin costs.

mod config;
mod rules;

use plugin_sdk::{Flow, Plugin, Request, Result, Subscription};
use template::View;

use crate::config::Config;
use crate::rules::Rules;

struct Headers {
    request: Rules,
    response: Rules,
}

#[plugin_sdk::export]
impl Plugin for Headers {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            request: Rules::of_request(config.request).map_err(|e| e.within("request"))?,
            response: Rules::of_response(config.response).map_err(|e| e.within("response"))?,
        })
    }

    fn subscription(&self) -> Subscription {
        let fields = self.request.fields().chain(self.response.fields());
        fields.fold(Subscription::new(), Subscription::request_header)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let view = View::of(request);
        let of_request = self.request.edits(&view);
        let of_response = self.response.edits(&view);
        of_request.into_iter().for_each(|e| e.apply(request.headers_mut()));
        of_response.into_iter().for_each(|e| e.apply(request.response_headers()));
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests;
