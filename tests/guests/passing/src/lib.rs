//! Sees bodies, in chunks, whole or as they pass (`mode`), and lets them pass as they are.

use plugin_sdk::{BodyFlow, BodyMode, Plugin, RequestBody, ResponseBody, Result};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    mode: Mode,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Chunks,
    Whole,
    Watch,
}

struct Passing(BodyMode);

#[plugin_sdk::export(no_schema)]
impl Plugin for Passing {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(match config.mode {
            Mode::Chunks => BodyMode::Chunks(64 * 1024),
            Mode::Whole => BodyMode::Whole(64 * 1024),
            Mode::Watch => BodyMode::Watch,
        }))
    }

    fn request_body(&self) -> BodyMode {
        self.0
    }

    fn on_request_body(&mut self, _: &mut RequestBody) -> Result<BodyFlow> {
        Ok(BodyFlow::Continue)
    }

    fn response_body(&self) -> BodyMode {
        self.0
    }

    fn on_response_body(&mut self, _: &mut ResponseBody) -> Result<BodyFlow> {
        Ok(BodyFlow::Continue)
    }
}
