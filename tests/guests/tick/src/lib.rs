//! Is called by time and logs that, or does worse.

use std::time::Duration;

use plugin_sdk::{Flow, Plugin, Request, Result, exchange, log};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    every_ms: u64,
    #[serde(default)]
    act: Act,
    #[serde(default)]
    mark: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    #[default]
    Log,
    Trap,
    Spin,
    /// Takes several intervals.
    Sleep,
    /// Waits until nothing runs any more, and only then does.
    SleepAndSpin,
}

struct Tick(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Tick {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        request.response_headers().set("x-tick", self.0.mark.as_str());
        Ok(Flow::Continue)
    }

    fn tick_interval(&self) -> Duration {
        Duration::from_millis(self.0.every_ms)
    }

    fn on_tick(&mut self) {
        let mark = &self.0.mark;
        let nothing = exchange::method().is_empty() && exchange::endpoint().is_none();
        log::info!("tick {mark} without exchange={nothing}");
        match self.0.act {
            Act::Log => {}
            Act::Trap => std::process::abort(),
            Act::Spin => spin(),
            Act::Sleep => std::thread::sleep(Duration::from_millis(5 * self.0.every_ms)),
            Act::SleepAndSpin => {
                std::thread::sleep(Duration::from_millis(200));
                spin()
            }
        }
        log::info!("tock {mark}");
    }
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
