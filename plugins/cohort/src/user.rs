//! Who a user is, and its place among all.

use std::hash::Hasher;

use cookies::Cookie;
use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result, exchange};
use siphasher::sip::SipHasher13;
use units::Duration;

use crate::cohort::PLACES;

pub(crate) struct User {
    by: By,
    seed: String,
}

enum By {
    /// The plugin's own cookie.
    Own(Cookie),
    ClientAddress,
    Header(String),
    Cookie(String),
    Value {
        plugin: String,
        name: String,
    },
}

/// Browsers keep none for longer than 400 days.
const MAX_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl User {
    pub(crate) fn new(by: &str, seed: String, cookie: cookies::Config) -> Result<Self> {
        let cookie = cookies::Config { max_age: cookie.max_age.or(Some(MAX_AGE)), ..cookie };
        let cookie = Cookie::new("cohort", &cookie);
        let cookie = cookie.map_err(|e| Error::from(e).within("cookie"))?;
        let found = match by.split_once(':') {
            None if by == "cookie" => Some(By::Own(cookie)),
            None if by == "client_address" => Some(By::ClientAddress),
            Some(("header", name)) if is_name(name) => Some(By::Header(name.to_ascii_lowercase())),
            Some(("cookie", name)) if is_name(name) => Some(By::Cookie(name.to_owned())),
            Some(("value", path)) => match path.split_once('/') {
                Some((plugin, name)) if !plugin.is_empty() && !name.is_empty() => {
                    Some(By::Value { plugin: plugin.to_owned(), name: name.to_owned() })
                }
                _ => None,
            },
            _ => None,
        };
        let by = found.ok_or_else(|| {
            Error::new(format!(
                "`{}` is none of `cookie`, `client_address`, `header:NAME`, `cookie:NAME` and \
                 `value:PLUGIN/NAME`",
                by.escape_debug()
            ))
            .within("user")
        })?;
        Ok(Self { by, seed })
    }

    /// The request field that is read.
    pub(crate) fn field(&self) -> Option<&str> {
        match &self.by {
            By::Own(_) | By::Cookie(_) => Some("cookie"),
            By::Header(name) => Some(name),
            By::ClientAddress | By::Value { .. } => None,
        }
    }

    /// The place of a request's user, below [`PLACES`], and a `set-cookie` field if one
    /// was drawn for it.
    pub(crate) fn place(&self, request: &Request) -> Result<(u64, Option<String>)> {
        let by_address = || self.hash(request.client_address().unwrap_or_default().as_bytes());
        let or_by_address = |user: Option<&[u8]>| match user {
            // Empty is as good as missing.
            Some(user) if !user.is_empty() => self.hash(user),
            _ => by_address(),
        };
        Ok((
            match &self.by {
                By::Own(cookie) => return self.own(cookie, request),
                By::ClientAddress => by_address(),
                By::Header(name) => or_by_address(request.header(name)),
                By::Cookie(name) => or_by_address(request.cookie(name)),
                By::Value { plugin, name } => {
                    or_by_address(exchange::value_of(plugin, name).as_deref())
                }
            },
            None,
        ))
    }

    /// By the plugin's own cookie: eight hexadecimal digits. It is not signed: whoever
    /// chooses another number chooses another place, which he can by drawing again.
    fn own(&self, cookie: &Cookie, request: &Request) -> Result<(u64, Option<String>)> {
        let sent = request.header("cookie").and_then(|field| cookie.find(field));
        let is_ours = |value: &&[u8]| {
            value.len() == 8
                && value.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
        };
        if let Some(number) = sent.filter(is_ours) {
            return Ok((self.hash(number), None));
        }
        let number = getrandom::u32().map_err(|e| Error::new(format!("no random number: {e}")))?;
        let number = format!("{number:08x}");
        let field = cookie.field(&number, || request.scheme());
        Ok((self.hash(number.as_bytes()), Some(field)))
    }

    /// The hash is a fixed one: users stay where they are across restarts, versions and
    /// machines.
    fn hash(&self, user: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new();
        hasher.write(self.seed.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(user);
        hasher.finish() % PLACES
    }
}
