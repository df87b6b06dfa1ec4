//! Cookies that a plugin sets (RFC 6265): their configuration, the `set-cookie` field,
//! and how to find one in a request.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

/// A cookie's name and attributes, as the operator writes them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Its name; the plugin has one. With `__Host-` or `__Secure-` before it browsers hold the attributes to that.
    pub name: Option<String>,
    /// `/` unless configured.
    pub path: String,
    /// The host alone unless configured.
    pub domain: Option<String>,
    /// How long browsers keep it, in whole seconds.
    pub max_age: Option<Duration>,
    /// Whether it is sent over TLS only; `auto`, unless configured, does so if it was set over TLS.
    pub secure: Secure,
    /// Whether scripts cannot read it; they cannot unless configured.
    pub http_only: bool,
    /// Which requests from other sites carry it; `lax` unless configured.
    pub same_site: SameSite,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            path: "/".to_owned(),
            domain: None,
            max_age: None,
            secure: Secure::Auto,
            http_only: true,
            same_site: SameSite::Lax,
        }
    }
}

/// Whether a cookie is sent over TLS only.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Secure {
    /// If it was set over TLS.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which requests from other sites carry a cookie.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// None.
    Strict,
    /// Those that open a page.
    Lax,
    /// All, over TLS.
    None,
}

/// A cookie but for its value.
#[derive(Clone, Debug)]
pub struct Cookie {
    name: String,
    secure: Secure,
    max_age: Option<Duration>,
    /// All attributes but `Secure`.
    attributes: String,
}

/// What browsers would refuse in silence: a key and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(String);

impl Cookie {
    /// A cookie with these attributes, of this name unless they have one.
    ///
    /// # Errors
    /// Browsers would not take it.
    pub fn new(name: &str, config: &Config) -> Result<Self, Invalid> {
        let name = config.name.clone().unwrap_or_else(|| name.to_owned());
        check(&name, config)?;
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
        Ok(Self { name, secure: config.secure, max_age: config.max_age, attributes })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long browsers keep it; none: until they are closed.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// The value of a `set-cookie` field. `scheme` is asked for if it decides.
    pub fn field<S: AsRef<str>>(&self, value: &str, scheme: impl FnOnce() -> S) -> String {
        let is_secure = match self.secure {
            Secure::Always => true,
            Secure::Never => false,
            Secure::Auto => scheme().as_ref() == "https",
        };
        let Self { name, attributes, .. } = self;
        format!("{name}={value}{attributes}{}", if is_secure { "; Secure" } else { "" })
    }

    /// The value of the first cookie of this name in a `cookie` field.
    pub fn find<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        find(&self.name, field)
    }
}

/// The value of the first cookie of that name in a `cookie` field.
pub fn find<'a>(name: &str, field: &'a [u8]) -> Option<&'a [u8]> {
    field
        .split(|b| *b == b';')
        .find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn check(name: &str, config: &Config) -> Result<(), Invalid> {
    let Config { path, domain, secure, same_site, .. } = config;
    let error = |key: &str, text: &str| Err(Invalid(format!("{key}: {text}")));
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
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

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cookie(config: &Value) -> Result<Cookie, Invalid> {
        let config = serde_json::from_value(config.clone()).expect("a configuration");
        Cookie::new("own", &config)
    }

    #[test]
    fn attributes_are_what_the_operator_says() {
        let all = json!({
            "name": "e", "path": "/app", "domain": "example.com", "max_age": "1h",
            "secure": "never", "http_only": false, "same_site": "strict",
        });
        let host = json!({ "name": "__Host-e", "secure": "always", "same_site": "none" });
        for (config, scheme, expected) in [
            (json!({}), "http", "own=v; Path=/; HttpOnly; SameSite=Lax"),
            (json!({}), "https", "own=v; Path=/; HttpOnly; SameSite=Lax; Secure"),
            (host, "http", "__Host-e=v; Path=/; HttpOnly; SameSite=None; Secure"),
            (all, "https", "e=v; Path=/app; Domain=example.com; Max-Age=3600; SameSite=Strict"),
        ] {
            let cookie = cookie(&config).unwrap_or_else(|e| panic!("{config}: {e}"));
            assert_eq!(cookie.field("v", || scheme), expected);
        }
    }

    #[test]
    fn the_first_cookie_of_the_name_is_found() {
        let cookie = cookie(&json!({})).expect("a cookie");
        for (field, expected) in [
            ("own=1", Some("1")),
            ("a=b; own=1;own=2", Some("1")),
            ("owner=1; own =2; Own=3", None),
            ("own=", Some("")),
            ("own", None),
            ("", None),
        ] {
            assert_eq!(cookie.find(field.as_bytes()), expected.map(str::as_bytes), "{field}");
        }
    }

    #[test]
    fn what_browsers_would_not_take_is_refused() {
        for (config, expected) in [
            (json!({ "name": "a b" }), "name: no name of a cookie"),
            (
                json!({ "path": "/;x" }),
                "path: a path starts with `/` and holds no `;`, `,`, `\"` or `\\`",
            ),
            (json!({ "domain": "a;b" }), "domain: no domain such as `example.com`"),
            (
                json!({ "max_age": "1500ms" }),
                "max_age: not a whole number of seconds, and at least one",
            ),
            (json!({ "same_site": "none" }), "same_site: `none` needs `secure = \"always\"`"),
            (json!({ "name": "__Secure-e" }), "name: this name needs `secure = \"always\"`"),
            (
                json!({ "name": "__Host-e", "secure": "always", "domain": "example.com" }),
                "name: `__Host-` needs `path = \"/\"` and no `domain`",
            ),
        ] {
            assert_eq!(cookie(&config).expect_err("no cookie").to_string(), expected);
        }
    }
}
