//! Answers with the content of the file `path`, or with 404 and the error.

use plugin_sdk::{Flow, Plugin, Reply, Request, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    path: String,
    /// Write to the file instead.
    #[serde(default)]
    write: bool,
}

struct Reader(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Reader {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        let content = if self.0.write {
            std::fs::write(&self.0.path, "written").map(|()| Vec::new())
        } else {
            std::fs::read(&self.0.path)
        };
        Ok(match content {
            Ok(content) => Reply::new(200).body(content),
            Err(error) => Reply::new(404).text(error.to_string()),
        }
        .into())
    }
}
