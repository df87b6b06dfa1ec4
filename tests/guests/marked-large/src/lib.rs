//! What `marked` does, in a component of about a megabyte: what the compiler has
//! to do when a plugin with an engine of its own is swapped in. Each answer goes
//! through a template and a pattern.

use std::hint::black_box;

use minijinja::{Environment, context};
use plugin_sdk::{Error, Flow, NoConfig, Plugin, Request, Result};
use regex::bytes::Regex;

/// Once in the component, as data: `black_box` keeps it from becoming code.
static MARK: [u8; 9] = *b"mark:0000";

const TEMPLATE: &str = "{% if mark %}{{ mark }}{% endif %}";

struct MarkedLarge {
    templates: Environment<'static>,
    pattern: Regex,
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(error.to_string())
}

#[plugin_sdk::export]
impl Plugin for MarkedLarge {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        let mut templates = Environment::new();
        templates.add_template("tag", TEMPLATE).map_err(failed)?;
        let pattern = Regex::new(r"(?i)^[[:alpha:]]+:[0-9]{4}$").map_err(failed)?;
        Ok(Self { templates, pattern })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let mark = String::from_utf8_lossy(black_box(&MARK));
        let template = self.templates.get_template("tag").map_err(failed)?;
        let tag = template.render(context! { mark }).map_err(failed)?;
        if self.pattern.is_match(tag.as_bytes()) {
            request.response_headers().set("x-tag", tag);
        }
        Ok(Flow::Continue)
    }
}
