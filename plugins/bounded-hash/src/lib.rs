//! The bundled plugin `bounded-hash`. Its README has the keys.
//!
//! Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016),
//! with rendezvous hashing in the place of the ring: no endpoint has more than `load`
//! times its fair share, and a key whose endpoint is full goes to the next by score.

mod config;

use plugin_sdk::field::is_name;
use plugin_sdk::{Endpoint, Error, Pick, Plugin, Result, Subscription};
use rendezvous::Endpoints;

use crate::config::Config;

struct BoundedHash {
    keys: Vec<Key>,
    /// In hundredths.
    load: u64,
    seed: String,
    endpoints: Endpoints,
}

enum Key {
    Header(String),
    Cookie(String),
    /// The cluster's.
    Hash,
}

#[plugin_sdk::export]
impl Plugin for BoundedHash {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.key.is_empty() {
            return Err(Error::new("no key").within("key"));
        }
        let keys = config.key.iter().enumerate();
        let keys = keys
            .map(|(index, key)| Key::new(key).map_err(|e| e.within(format_args!("key[{index}]"))));
        if !(1.01..=100.0).contains(&config.load) {
            return Err(
                Error::new(format!("{} is not from 1.01 to 100", config.load)).within("load")
            );
        }
        Ok(Self {
            keys: keys.collect::<Result<_>>()?,
            // In range by the check above.
            load: (config.load * 100.0).round() as u64,
            seed: config.seed,
            endpoints: Endpoints::default(),
        })
    }

    fn subscription(&self) -> Subscription {
        self.keys.iter().fold(Subscription::new(), |wanted, key| match key {
            Key::Header(name) => wanted.pick_header(name),
            Key::Cookie(_) => wanted.pick_header("cookie"),
            Key::Hash => wanted,
        })
    }

    fn on_endpoints(&mut self, _cluster: &str, endpoints: &[Endpoint]) {
        self.endpoints = Endpoints::new(&self.seed, endpoints);
    }

    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        let key = self.keys.iter().find_map(|key| key.of(pick, &self.seed))?;
        let room = Room::new(self, pick);
        let with_room =
            pick.loads().iter().filter(|load| room.is_there(self, load.id, load.in_flight));
        self.endpoints.best(key, with_room.map(|load| load.id))
    }
}

/// How much an endpoint may have, by weight.
struct Room {
    /// Exchanges under way, this one included.
    exchanges: u64,
    weights: u64,
}

impl Room {
    fn new(plugin: &BoundedHash, pick: &Pick) -> Self {
        let loads = pick.loads();
        let under_way: u64 = loads.iter().map(|load| u64::from(load.in_flight)).sum();
        let weights = loads.iter().map(|load| u64::from(plugin.endpoints.weight(load.id))).sum();
        Self { exchanges: under_way + 1, weights }
    }

    /// Whether the endpoint may have one more: its part of all exchanges times `load`,
    /// rounded up, so that there is always one that may.
    fn is_there(&self, plugin: &BoundedHash, id: u32, in_flight: u32) -> bool {
        let weight = u64::from(plugin.endpoints.weight(id));
        let most = (plugin.load * self.exchanges * weight).div_ceil(100 * self.weights.max(1));
        u64::from(in_flight) < most
    }
}

impl Key {
    fn new(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "hash" => Ok(Self::Hash),
            Some(("header", name)) if is_name(name) => Ok(Self::Header(name.to_ascii_lowercase())),
            Some(("cookie", name)) if is_name(name) => Ok(Self::Cookie(name.to_owned())),
            _ => Err(Error::new(format!(
                "`{}` is none of `header:NAME`, `cookie:NAME` and `hash`",
                text.escape_debug()
            ))),
        }
    }

    /// Empty is as good as missing.
    fn of(&self, pick: &Pick, seed: &str) -> Option<u64> {
        let octets = match self {
            Self::Hash => return pick.key(),
            Self::Header(name) => pick.header(name)?,
            Self::Cookie(name) => cookies::find(name, pick.header("cookie")?)?,
        };
        (!octets.is_empty()).then(|| rendezvous::hash(seed, octets))
    }
}

#[cfg(test)]
mod tests;
