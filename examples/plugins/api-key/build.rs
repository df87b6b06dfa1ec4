//! Embeds the schema of the configuration.

#[path = "src/config.rs"]
#[allow(dead_code)]
mod config;

fn main() {
    plugin_sdk_build::manifest::<config::Config>();
}
