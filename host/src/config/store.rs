//! `[store]`: where what plugins keep is, beside memory.
//!
//! Either a file of this process, or a Redis that several proxies share.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::diagnostic::Diagnostic;
use super::document::{Table, Value};
use super::scalar::{Invalid, split_port};
use super::secret;

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// `path`: values survive a restart.
    File(PathBuf),
    /// `url`: values, counters and rate limits are those of a fleet.
    Redis(Box<Redis>),
}

/// A Redis and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is, and as whom to speak to it.
    pub url: RedisUrl,
    /// For one command, from sending it to its answer.
    pub timeout: Duration,
    /// What all keys begin with.
    pub prefix: String,
}

/// `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, or `rediss://` over TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// A name or an address.
    pub host: String,
    /// 6379 unless it is written.
    pub port: u16,
    /// 0 unless it is written.
    pub database: u16,
    /// Of Redis's access control; none = its default user.
    pub user: Option<String>,
    /// None = it asks for none.
    pub password: Option<Arc<Zeroizing<String>>>,
}

/// Longer than that, what waits for it would better be answered.
const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(10);

/// A round trip in a data centre takes below a millisecond; a tenth of a second leaves
/// room for a Redis that saves, and is not yet what a client would notice.
const TIMEOUT_DEFAULT: Duration = Duration::from_millis(100);

/// Octets of a prefix: it is in every key.
const PREFIX_MAX: usize = 64;

impl Store {
    /// Reads the table. None = something is wrong with it, which has been noted.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        let (path, url) = (table.get("path"), table.get("url"));
        let password = table.get("password");
        let timeout = table.get("timeout");
        let prefix = table.get("prefix");
        let store = match (&path, &url) {
            (Some(_), Some(url)) => {
                url.error("a store is a file (`path`) or a Redis (`url`), not both");
                None
            }
            (None, None) => {
                table.context.push(
                    Diagnostic::error("[store] has neither `path` nor `url`")
                        .at(table.span.clone())
                        .help("write `path = \"state.redb\"` for a file, or `url = \"redis://HOST\"` for a Redis"),
                );
                None
            }
            (Some(path), None) => {
                for key in [&password, &timeout, &prefix].into_iter().flatten() {
                    key.error("it is for a Redis (`url`), and the store is a file (`path`)");
                }
                file(path).map(Self::File)
            }
            (None, Some(url)) => {
                let url = redis_url(url, password.as_ref());
                let timeout =
                    timeout.map_or(Some(TIMEOUT_DEFAULT), |value| value.duration(TIMEOUT.clone()));
                let prefix = prefix.map_or(Some("wasmgate:".to_owned()), |value| {
                    value.parse("what keys begin with", self::prefix)
                });
                match (url, timeout, prefix) {
                    (Some(url), Some(timeout), Some(prefix)) => {
                        Some(Self::Redis(Box::new(Redis { url, timeout, prefix })))
                    }
                    _ => None,
                }
            }
        };
        table.finish();
        store
    }
}

fn file(value: &Value<'_>) -> Option<PathBuf> {
    let path = value.path()?;
    if path.is_dir() {
        value.error(format_args!("{} is a directory", path.display()));
    }
    Some(path)
}

fn redis_url(value: &Value<'_>, password: Option<&Value<'_>>) -> Option<RedisUrl> {
    let text = secret::text(value, "a URL such as \"redis://127.0.0.1:6379\"")?;
    let url = RedisUrl::parse(&text).map_err(|invalid| value.invalid(invalid)).ok();
    let Some(key) = password else { return url };
    let password = Zeroizing::new(secret::text(key, "a password")?);
    if password.is_empty() {
        key.error("this password is empty: leave it out if Redis asks for none");
        return None;
    }
    let mut url = url?;
    if url.password.is_some() {
        key.error("there is a password in `url` already");
    }
    url.password = Some(Arc::new(password));
    Some(url)
}

fn prefix(text: &str) -> Result<String, Invalid> {
    if text.len() > PREFIX_MAX || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Invalid::new(format!("`{}` is not a good prefix", text.escape_debug()))
            .help("use up to 64 printable ASCII characters, such as \"shop:\""));
    }
    Ok(text.to_owned())
}

impl RedisUrl {
    /// No message shows what was written: there may be a password in it.
    fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| {
            Invalid::new(format!("this is not the URL of a Redis: {why}"))
                .help("write \"redis://HOST:PORT\", with \"USER:PASSWORD@\" before the host if it asks for them and \"/NUMBER\" after it for another database than 0")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => return Err(invalid("its scheme is neither redis:// nor rediss://")),
        };
        // A password may hold what is not encoded but should be.
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, rest),
        };
        if place.contains(['?', '#']) {
            return Err(invalid("it goes on after the database"));
        }
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let database = match database {
            "" => 0,
            number => number.parse().map_err(|_| invalid("its database is not a number"))?,
        };
        let (host, port) = split_port(authority)
            .ok_or_else(|| invalid("its port is not a number from 1 to 65535"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(legal) {
            return Err(invalid("it has no host, or one that is none"));
        }
        let decode = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(String::from).map_err(|_| invalid("its user or password is not UTF-8"))
        };
        let (user, password) =
            match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
                Some((user, password)) => (decode(user)?, decode(password)?),
                None => (String::new(), String::new()),
            };
        let given = |text: String| (!text.is_empty()).then_some(text);
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(6379),
            database,
            user: given(user),
            password: given(password).map(|password| Arc::new(Zeroizing::new(password))),
        })
    }
}

/// Without the password, for the log and the plan.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let Self { host, port, database, .. } = self;
        write!(f, "{scheme}://{open}{host}{close}:{port}/{database}")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> RedisUrl {
        RedisUrl::parse(text).unwrap_or_else(|invalid| panic!("{text}: {invalid}"))
    }

    #[test]
    fn a_url_says_where_redis_is_and_as_whom() {
        let url = parsed("redis://cache");
        assert_eq!((url.host.as_str(), url.port, url.database, url.tls), ("cache", 6379, 0, false));
        assert_eq!((url.user, url.password), (None, None));

        let url = parsed("rediss://alice:p%40ss:w/rd@[::1]:7000/3");
        assert_eq!((url.host.as_str(), url.port, url.database, url.tls), ("::1", 7000, 3, true));
        assert_eq!(url.user.as_deref(), Some("alice"));
        assert_eq!(url.password.as_ref().map(|password| password.as_str()), Some("p@ss:w/rd"));

        let url = parsed("redis://:secret@127.0.0.1/");
        assert_eq!(url.user, None);
        assert_eq!(url.password.as_ref().map(|password| password.as_str()), Some("secret"));
    }

    #[test]
    fn what_is_no_url_of_a_redis_is_refused_without_showing_it() {
        for text in [
            "secret",
            "http://secret",
            "redis://",
            "redis://user:secret@",
            "redis://user:secret@h:0",
            "redis://user:secret@h:x",
            "redis://user:secret@h/x",
            "redis://user:secret@h/70000",
            "redis://user:secret@h/0?timeout=1",
            "redis://user:secret@h o",
            "unix:///run/secret",
        ] {
            let invalid = RedisUrl::parse(text).expect_err(text);
            assert!(!invalid.to_string().contains("secret"), "{invalid}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let url = parsed("redis://alice:hidden@h:1/2");
        assert_eq!(format!("{url:?} {url}"), "redis://h:1/2 redis://h:1/2");
    }
}
