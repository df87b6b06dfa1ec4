//! Login with an OpenID provider.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

use super::Unavailable;

/// Login with an OpenID provider, by authorization code.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oidc {
    /// What annotations and `by` call it.
    #[serde(default = "oidc")]
    pub(crate) name: String,
    /// The provider's issuer. What it says below `/.well-known/openid-configuration` is used; the grant `http` has to include its endpoints.
    pub(crate) issuer: String,
    /// What the provider calls this site.
    pub(crate) client_id: String,
    /// The secret that the provider has for this site; none for a public client.
    pub(crate) client_secret: Option<String>,
    /// How the secret is sent to the provider.
    #[serde(default)]
    pub(crate) client_authentication: ClientAuthentication,
    /// Where the provider sends the browser back to: an absolute URL of this site, as registered there. Its path is answered by the plugin.
    pub(crate) redirect_uri: String,
    /// The path that ends the session.
    #[serde(default = "logout")]
    pub(crate) logout_path: String,
    /// Where the browser goes after logout: a path of this site, or an absolute URL that the provider has registered.
    #[serde(default = "root")]
    pub(crate) after_logout: String,
    /// Whether logout also ends the session at the provider, if it offers that.
    #[serde(default = "yes")]
    pub(crate) provider_logout: bool,
    /// The scopes that are asked for; `openid` always.
    #[serde(default = "scopes")]
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the authorization request, such as `prompt` or `acr_values`.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    /// The algorithms of ID tokens that are accepted.
    #[serde(default = "algorithms")]
    pub(crate) algorithms: Vec<String>,
    /// How far the clocks may be apart, up to 10m.
    #[serde(default = "minute")]
    pub(crate) leeway: Duration,
    /// The claim of the ID token that is the subject.
    #[serde(default = "sub")]
    pub(crate) subject_claim: String,
    /// The claim of the ID token that has the groups. Dots lead into tables.
    #[serde(default = "groups")]
    pub(crate) groups_claim: String,
    /// The claims that the session keeps, besides those of `subject_claim` and `groups_claim`; `iss`, `sub`, `aud` and `exp` always. Default: all.
    pub(crate) keep_claims: Option<Vec<String>>,
    /// Whether the provider's userinfo endpoint is asked for further claims at login.
    #[serde(default)]
    pub(crate) userinfo: bool,
    /// The field in which the endpoint gets the access token; none: it does not.
    pub(crate) access_token_header: Option<String>,
    /// The session and its cookie.
    pub(crate) session: Session,
    /// For one request to the provider, 100ms to 1m.
    #[serde(default = "two_seconds")]
    pub(crate) timeout: Duration,
    /// What becomes of requests without a session when the provider fails: `refuse` answers 503, `anonymous` goes on without an identity.
    #[serde(default)]
    pub(crate) unavailable: Unavailable,
}

/// The session and its cookie.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// What cookies are sealed with: 32 random octets in base64 each (`openssl rand -base64 32`). The first seals, all open: put a new one first and remove the old one after `lifetime`.
    pub(crate) keys: Vec<String>,
    /// The cookie's name; `__Host-` is put before it on https.
    #[serde(default = "session")]
    pub(crate) cookie: String,
    /// How long a session lasts at most, 1m to 30d.
    #[serde(default = "half_a_day")]
    pub(crate) lifetime: Duration,
    /// How long a login may take, 1m to 1h.
    #[serde(default = "ten_minutes")]
    pub(crate) login: Duration,
    /// Whether the cookie may travel without TLS: for trying on one machine only.
    #[serde(default)]
    pub(crate) insecure: bool,
}

/// How the secret is sent to the provider (OpenID Connect Core, section 9).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuthentication {
    /// By HTTP Basic.
    #[default]
    Basic,
    /// In the body.
    Post,
}

fn oidc() -> String {
    "oidc".to_owned()
}

fn logout() -> String {
    "/logout".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn session() -> String {
    "session".to_owned()
}

fn sub() -> String {
    "sub".to_owned()
}

fn groups() -> String {
    "groups".to_owned()
}

fn scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).to_vec()
}

fn algorithms() -> Vec<String> {
    ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(str::to_owned).to_vec()
}

fn yes() -> bool {
    true
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

fn half_a_day() -> Duration {
    Duration::from_secs(43_200)
}
