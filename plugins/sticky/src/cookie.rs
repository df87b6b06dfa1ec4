//! The `set-cookie` field.

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Result};

use crate::config::{self, SameSite, Secure};

/// A cookie but for its value.
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) secure: Secure,
    /// Seconds.
    pub(crate) max_age: Option<u64>,
    /// All attributes but `Secure`.
    attributes: String,
}

impl Cookie {
    pub(crate) fn new(config: config::Cookie) -> Result<Self> {
        check(&config)?;
        let mut attributes = format!("; Path={}", config.path);
        if let Some(domain) = &config.domain {
            attributes.push_str(&format!("; Domain={domain}"));
        }
        if let Some(age) = config.max_age {
            attributes.push_str(&format!("; Max-Age={}", age.as_secs()));
        }
        if config.http_only {
            attributes.push_str("; HttpOnly");
        }
        attributes.push_str(match config.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        Ok(Self {
            name: config.name,
            secure: config.secure,
            max_age: config.max_age.map(units::Duration::as_secs),
            attributes,
        })
    }

    /// The field's value.
    pub(crate) fn field(&self, value: &str, is_secure: bool) -> String {
        let Self { name, attributes, .. } = self;
        format!("{name}={value}{attributes}{}", if is_secure { "; Secure" } else { "" })
    }

    /// The value of the first cookie of this name in a `cookie` field.
    pub(crate) fn find<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        field.split(|b| *b == b';').find_map(|pair| {
            pair.trim_ascii().strip_prefix(self.name.as_bytes())?.strip_prefix(b"=")
        })
    }
}

/// What browsers would refuse in silence.
fn check(config: &config::Cookie) -> Result<()> {
    let config::Cookie { name, path, domain, secure, same_site, .. } = config;
    let error = |key: &str, text: &str| Err(Error::new(text).within(key).within("cookie"));
    if !is_name(name) {
        return error("name", "no name of a cookie");
    }
    let legal = |b: u8| b.is_ascii_graphic() && !b";,\"\\".contains(&b);
    if !path.starts_with('/') || !path.bytes().all(legal) {
        return error("path", "a path starts with `/` and holds no `;`, `,`, `\"` or `\\`");
    }
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    if domain.as_ref().is_some_and(|domain| domain.is_empty() || !domain.bytes().all(is_host)) {
        return error("domain", "no domain such as `example.com`");
    }
    if config.max_age.is_some_and(|age| age.as_secs() == 0 || !age.is_whole_seconds()) {
        return error("max_age", "not a whole number of seconds, and at least one");
    }
    let is_always = *secure == Secure::Always;
    if *same_site == SameSite::None && !is_always {
        return error("same_site", "`none` needs `secure = \"always\"`");
    }
    if (name.starts_with("__Host-") || name.starts_with("__Secure-")) && !is_always {
        return error("name", "this name needs `secure = \"always\"`");
    }
    if name.starts_with("__Host-") && (path != "/" || domain.is_some()) {
        return error("name", "`__Host-` needs `path = \"/\"` and no `domain`");
    }
    Ok(())
}
