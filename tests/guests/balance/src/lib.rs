//! Chooses endpoints as `pick` says, and logs what it is told.

use plugin_sdk::{Attempt, Endpoint, Pick, Plugin, Result, Subscription, exchange, log};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    pick: Way,
    /// What goes wrong whenever an attempt is reported.
    #[serde(default)]
    attempt: Report,
    #[serde(default)]
    quiet: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// The first that is offered.
    First,
    /// The last that is offered.
    Last,
    /// The number in `x-endpoint`, offered or not.
    ByHeader,
    /// By the key, if there is one.
    ByKey,
    /// The one with the fewest exchanges under way.
    Least,
    /// One that there is not.
    Illegal,
    /// Endpoint 0, offered or not.
    Zero,
    None,
    Trap,
    Spin,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Report {
    #[default]
    Log,
    Trap,
    Spin,
}

struct Balance(Config);

#[plugin_sdk::export(no_schema)]
impl Plugin for Balance {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().pick_header("x-endpoint")
    }

    fn on_endpoints(&mut self, cluster: &str, endpoints: &[Endpoint]) {
        let endpoint = |e: &Endpoint| format!("{}={} weight {}", e.id, e.url, e.weight);
        let all: Vec<String> = endpoints.iter().map(endpoint).collect();
        log::info!("endpoints of {cluster}: {}", all.join(", "));
    }

    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        let loads = pick.loads();
        if !self.0.quiet {
            let known = loads.iter().filter(|load| load.latency_us > 0).count();
            let method = exchange::method();
            log::info!("pick from {} of known latency {known} method={method:?}", loads.len());
        }
        match self.0.pick {
            Way::First => loads.first().map(|load| load.id),
            Way::Last => loads.last().map(|load| load.id),
            Way::ByHeader => pick.header_str("x-endpoint")?.parse().ok(),
            Way::ByKey => {
                let at = pick.key()? % u64::try_from(loads.len()).ok()?;
                loads.get(usize::try_from(at).ok()?).map(|load| load.id)
            }
            Way::Least => loads.iter().min_by_key(|load| load.in_flight).map(|load| load.id),
            Way::Illegal => Some(999),
            Way::Zero => Some(0),
            Way::None => None,
            Way::Trap => std::process::abort(),
            Way::Spin => spin(),
        }
    }

    fn on_attempt(&mut self, attempt: &Attempt) {
        match self.0.attempt {
            Report::Trap => std::process::abort(),
            Report::Spin => spin(),
            Report::Log if self.0.quiet => {}
            Report::Log => log::info!(
                "attempt on {} status={} error={} timed={}",
                attempt.endpoint,
                attempt.status.unwrap_or(0),
                attempt.error.as_deref().unwrap_or("-"),
                attempt.duration_us > 0,
            ),
        }
    }
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
