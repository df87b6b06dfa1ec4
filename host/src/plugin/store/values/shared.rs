//! Values in a Redis.
//!
//! A value is a key of its own, `PREFIX` `PLUGIN` `:kv:` `KEY`, with its version before
//! it and Redis's own time to live. Beside them are, for each plugin, the ends and the
//! sizes of its keys and an account of both, so that the quota holds over all proxies
//! and keys can be listed without looking at those of others. Each write is one script:
//! it sees and changes all of that at one moment.

use std::sync::{Arc, LazyLock};

use redis::{Script, cmd};

use super::{Expected, KEY_MAX, VALUE_MAX, WriteError, cost};
use crate::config::KvQuota;
use crate::plugin::store::fleet::{Failure, Fleet};

static WRITE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("write.lua")));
static DELETE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("delete.lua")));

/// Keys that one step of a listing looks at.
const STEP: u32 = 1_000;
/// Steps of one listing: each is bounded in time, and so are all of them.
const STEPS_MAX: usize = 500;
/// A hundred years in milliseconds: what lasts longer stays.
const TTL_MAX: u64 = 100 * 366 * 24 * 60 * 60 * 1000;

/// The values of one plugin, in the store of a fleet.
#[derive(Debug)]
pub(in crate::plugin) struct Shared {
    fleet: Arc<Fleet>,
    /// What the keys of values begin with.
    values: String,
    /// Keys by their ends.
    ends: String,
    /// Octets of each key.
    sizes: String,
    /// What the quota counts, and the last version.
    account: String,
    quota: KvQuota,
}

impl Shared {
    pub(in crate::plugin::store) fn new(fleet: Arc<Fleet>, plugin: &str, quota: &KvQuota) -> Self {
        let keys = fleet.keys_of(plugin);
        Self {
            fleet,
            values: format!("{keys}kv:"),
            ends: format!("{keys}kv-ends"),
            sizes: format!("{keys}kv-sizes"),
            account: format!("{keys}kv-account"),
            quota: quota.clone(),
        }
    }

    /// The value and its version; none as well if it cannot be read.
    pub(in crate::plugin) async fn get(&self, key: &str) -> Option<(Vec<u8>, u64)> {
        if key.len() > KEY_MAX {
            return None;
        }
        let mut get = cmd("GET");
        get.arg(self.place(key));
        let found: Option<Vec<u8>> = self.fleet.ask(&get).await.ok()?;
        split(found?)
    }

    /// Writes if the key is as expected, and answers with the new version; none if it was
    /// not.
    pub(in crate::plugin) async fn write(
        &self,
        key: &str,
        expected: Expected,
        value: &[u8],
        ttl_ms: Option<u64>,
    ) -> Result<Option<u64>, WriteError> {
        if key.len() > KEY_MAX || value.len() > VALUE_MAX {
            return Err(WriteError::TooLarge);
        }
        let expected = match expected {
            Expected::Any => "*".to_owned(),
            Expected::Absent => "-".to_owned(),
            Expected::Version(version) => version.to_string(),
        };
        // Redis knows no time of 0; a millisecond ends as soon as anybody looks.
        let ttl = ttl_ms.filter(|ttl| *ttl <= TTL_MAX).map(|ttl| ttl.max(1).to_string());
        let ttl = ttl.unwrap_or_default();
        let numbers = [cost(key, value), self.quota.bytes, self.quota.entries];
        let [cost, bytes, entries] = numbers.map(|number| number.to_string());
        let texts = [&ttl, &cost, &bytes, &entries].map(|text| text.as_bytes());
        let [ttl, cost, bytes, entries] = texts;
        let arguments = [key.as_bytes(), expected.as_bytes(), value, ttl, cost, bytes, entries];
        let place = self.place(key);
        let answer: String = self.fleet.run(&WRITE, &self.keys(&place), &arguments).await?;
        match answer.as_str() {
            "other" => Ok(None),
            "quota" => Err(WriteError::Quota),
            version => version.parse().map(Some).map_err(|_| WriteError::Unavailable),
        }
    }

    /// Whether there was one; not if that cannot be told.
    pub(in crate::plugin) async fn delete(&self, key: &str) -> bool {
        let place = self.place(key);
        let deleted = self.fleet.run(&DELETE, &self.keys(&place), &[key.as_bytes()]).await;
        deleted.is_ok_and(|number: u64| number > 0)
    }

    /// Keys with this prefix, so many at most; fewer if Redis stops answering meanwhile.
    pub(in crate::plugin) async fn list(&self, prefix: &str, most: usize) -> Vec<String> {
        let pattern = pattern(prefix);
        let mut found = Vec::new();
        let Ok((seconds, micros)) = self.fleet.ask::<(u64, u64)>(&cmd("TIME")).await else {
            return found;
        };
        let now = (seconds * 1_000 + micros / 1_000) as f64;
        let mut cursor = 0_u64;
        for _ in 0..STEPS_MAX {
            let mut scan = cmd("ZSCAN");
            scan.arg(&self.ends).arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(STEP);
            let step: Result<(u64, Vec<(String, f64)>), Failure> = self.fleet.ask(&scan).await;
            let Ok((next, keys)) = step else { return found };
            found.extend(keys.into_iter().filter(|(_, end)| *end >= now).map(|(key, _)| key));
            cursor = next;
            if cursor == 0 || found.len() >= most {
                break;
            }
        }
        // A scan may come by a key twice.
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        found
    }

    fn place(&self, key: &str) -> String {
        format!("{}{key}", self.values)
    }

    fn keys<'a>(&'a self, place: &'a str) -> [&'a [u8]; 4] {
        [place, &self.ends, &self.sizes, &self.account].map(str::as_bytes)
    }
}

impl From<Failure> for WriteError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable => Self::Unavailable,
            Failure::Full => Self::Quota,
        }
    }
}

/// A value and the version before it; none if somebody else wrote there.
fn split(mut found: Vec<u8>) -> Option<(Vec<u8>, u64)> {
    let space = found.iter().position(|octet| *octet == b' ')?;
    let version = std::str::from_utf8(&found[..space]).ok()?.parse().ok()?;
    found.drain(..=space);
    Some((found, version))
}

/// The glob of what begins with that.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for c in prefix.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('*');
    pattern
}

#[cfg(test)]
mod tests;
