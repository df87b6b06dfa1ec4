//! Keeps values in the host, as the request's path says:
//!
//! | path | answer |
//! |---|---|
//! | `/get/KEY` | the value, with its version in `x-version`; or 404 |
//! | `/set/KEY/VALUE` and `/set/KEY/VALUE/MILLISECONDS` | the version |
//! | `/cas/KEY/VERSION/VALUE`, with `-` for none | the version, or 409 |
//! | `/delete/KEY` | `true` or `false` |
//! | `/keys/PREFIX/MOST` | the keys in order, one a line |
//! | `/fill/COUNT/OCTETS` | how many values of that size could be kept |
//!
//! 507 is `quota`, 413 `too-large`, 503 `unavailable`.

use std::time::Duration;

use plugin_sdk::kv::{self, KvError};
use plugin_sdk::{Flow, NoConfig, Plugin, Reply, Request, Result};

struct Kv;

#[plugin_sdk::export]
impl Plugin for Kv {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let path = request.path().to_owned();
        let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let reply = match *words.as_slice() {
            ["get", key] => match kv::get(key) {
                Some(entry) => Reply::new(200)
                    .header("x-version", entry.version.to_string())
                    .text(String::from_utf8_lossy(&entry.value)),
                None => Reply::new(404),
            },
            ["set", key, value] => written(kv::set(key, value).map(Some)),
            ["set", key, value, time] => {
                written(kv::set_for(key, value, Duration::from_millis(time.parse()?)).map(Some))
            }
            ["cas", key, version, value] => {
                written(kv::compare_and_set(key, version.parse().ok(), value, None))
            }
            ["delete", key] => Reply::new(200).text(kv::delete(key).to_string()),
            ["keys", prefix, most] => {
                let mut keys = kv::keys(prefix, most.parse()?);
                keys.sort();
                Reply::new(200).text(keys.join("\n"))
            }
            ["fill", count, octets] => {
                let value = vec![b'x'; octets.parse()?];
                let kept = (0..count.parse::<u32>()?)
                    .filter(|number| kv::set(&format!("fill/{number}"), &value).is_ok());
                Reply::new(200).text(kept.count().to_string())
            }
            _ => return Ok(Flow::Continue),
        };
        Ok(reply.into())
    }
}

fn written(written: Result<Option<u64>, KvError>) -> Reply {
    match written {
        Ok(Some(version)) => Reply::new(200).text(version.to_string()),
        Ok(None) => Reply::new(409),
        Err(KvError::Quota) => Reply::new(507),
        Err(KvError::TooLarge) => Reply::new(413),
        Err(KvError::Unavailable) => Reply::new(503),
    }
}
