//! What is called beside another hook, without that one.

use plugin_sdk::{Attempt, NoConfig, Plugin, Result};

struct Balancer;

#[plugin_sdk::export]
impl Plugin for Balancer {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_attempt(&mut self, _: &Attempt) {}
}

fn main() {}
