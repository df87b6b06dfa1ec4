//! How clients may say who they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use units::Duration;

use super::Oidc;

/// One way to say who one is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// A user name and a password (RFC 7617).
    Basic(Basic),
    /// A key that is sent with each request.
    ApiKey(ApiKey),
    /// A signed token (RFC 7519).
    Jwt(Box<Jwt>),
    /// Another service decides.
    Forward(Box<Forward>),
    /// The certificate that the client showed on the TLS connection, as the listener verified it.
    Certificate(Certificate),
    /// Login with an OpenID provider, by authorization code.
    Oidc(Box<Oidc>),
}

/// A user name and a password (RFC 7617).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    /// What annotations and `by` call it.
    #[serde(default = "basic")]
    pub(crate) name: String,
    /// What the browser's dialogue calls the site.
    #[serde(default = "realm")]
    pub(crate) realm: String,
    /// The users, by name.
    #[serde(default)]
    pub(crate) users: BTreeMap<String, User>,
    /// A file with a line `USER:HASH` for each user, in a directory that `capabilities.files` grants. It is read again within 10 seconds of a change.
    pub(crate) htpasswd: Option<String>,
    /// How long a verified password is not hashed again, 0s to 1h.
    #[serde(default = "five_minutes")]
    pub(crate) remember: Duration,
    /// Whether the endpoint gets the `Authorization` field too.
    #[serde(default)]
    pub(crate) forward: bool,
}

/// A user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    /// The password's hash: argon2 (`$argon2id$…`), bcrypt (`$2y$…`), apr1 (`$apr1$…`) or `{SHA}…`.
    pub(crate) hash: String,
    /// The groups that the user is in.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

/// A key that is sent with each request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiKey {
    /// What annotations and `by` call it.
    #[serde(default = "api_key")]
    pub(crate) name: String,
    /// The field that has the key; `authorization` has it after `Bearer `.
    pub(crate) header: Option<String>,
    /// The parameter of the query that has the key.
    pub(crate) query: Option<String>,
    /// The cookie that has the key.
    pub(crate) cookie: Option<String>,
    /// The keys.
    pub(crate) keys: Vec<Key>,
    /// Whether the endpoint gets the key too.
    #[serde(default)]
    pub(crate) forward: bool,
}

/// A key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// Whose key it is: the subject.
    pub(crate) name: String,
    /// `sha256:` and SHA-256 of the key in hexadecimal. The key has to be random, of 128 bits or more.
    pub(crate) hash: String,
    /// The groups that its owner is in.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

/// A signed token (RFC 7519).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    /// What annotations and `by` call it.
    #[serde(default = "jwt")]
    pub(crate) name: String,
    /// The field that has the token; `authorization` has it after `Bearer `.
    pub(crate) header: Option<String>,
    /// The cookie that has the token.
    pub(crate) cookie: Option<String>,
    /// Keys by URL.
    pub(crate) jwks: Option<Jwks>,
    /// A file with a JSON Web Key Set, in a directory that `capabilities.files` grants.
    pub(crate) jwks_file: Option<String>,
    /// Public keys in PEM (`BEGIN PUBLIC KEY`), by their `kid`. An empty `kid` is for tokens without one.
    #[serde(default)]
    pub(crate) public_keys: BTreeMap<String, String>,
    /// A secret shared with the issuer, for HS256, HS384 and HS512: as many octets as the hash at least.
    pub(crate) secret: Option<String>,
    /// The algorithms that are accepted. Default: those of the kinds of key that there are, without RS384, RS512, PS384 and PS512.
    #[serde(default)]
    pub(crate) algorithms: Vec<String>,
    /// `iss` has to be one of these; `["*"]` for any.
    pub(crate) issuer: Vec<String>,
    /// `aud` has to hold one of these; `["*"]` for any, and for none.
    pub(crate) audience: Vec<String>,
    /// What `typ` in the token's header has to be, such as `at+jwt`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// How far the clocks may be apart, up to 10m.
    #[serde(default = "minute")]
    pub(crate) leeway: Duration,
    /// Claims that a token has to have; `exp` always. With a value, that value.
    #[serde(default)]
    pub(crate) required: BTreeMap<String, Option<String>>,
    /// The claim that is the subject.
    #[serde(default = "sub")]
    pub(crate) subject_claim: String,
    /// The claim that has the groups: a list, or words with spaces between. Dots lead into tables.
    #[serde(default = "groups")]
    pub(crate) groups_claim: String,
    /// The longest token that is looked at, in octets, up to 65536.
    #[serde(default = "longest")]
    pub(crate) max_length: u32,
    /// Whether the endpoint gets the token too.
    #[serde(default = "yes")]
    pub(crate) forward: bool,
}

/// Keys by URL.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwks {
    /// Where the JSON Web Key Set is. The grant `http` has to include it.
    pub(crate) url: String,
    /// After how long it is fetched again, 10s to 1d.
    #[serde(default = "five_minutes")]
    pub(crate) refresh: Duration,
    /// How long keys are used beyond that when the provider is gone, up to 7d; tokens are then answered as `unavailable` says.
    #[serde(default = "day")]
    pub(crate) stale: Duration,
    /// The least time between two requests to the provider, however many tokens name unknown keys: 1s to 1h. When the provider fails it doubles each time, up to 5m.
    #[serde(default = "ten_seconds")]
    pub(crate) pause: Duration,
    /// For one request to the provider, 100ms to 1m.
    #[serde(default = "two_seconds")]
    pub(crate) timeout: Duration,
    /// What becomes of requests with a token when there are no keys to verify it: `refuse` answers 503, `anonymous` goes on as if there were no token.
    #[serde(default)]
    pub(crate) unavailable: Unavailable,
}

/// What happens when a service that has to be asked does not answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unavailable {
    /// Requests that need an identity are answered 503.
    #[default]
    Refuse,
    /// The request goes on as if it had no credential.
    Anonymous,
}

/// Another service decides.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forward {
    /// What annotations and `by` call it.
    #[serde(default = "forward")]
    pub(crate) name: String,
    /// Where to ask. The grant `http` has to include it.
    pub(crate) url: String,
    /// Fields of the client's request that the service gets.
    #[serde(default = "credentials")]
    pub(crate) request_headers: Vec<String>,
    /// Fields of the service's answer that the endpoint gets, and nobody else can send.
    #[serde(default)]
    pub(crate) response_headers: Vec<String>,
    /// Fields of the service's answer that the client gets with the endpoint's response, such as `set-cookie`.
    #[serde(default)]
    pub(crate) client_headers: Vec<String>,
    /// The field of the service's answer that is the subject; an answer without it refuses.
    pub(crate) subject_header: Option<String>,
    /// The field of the service's answer that has the groups, with commas between.
    pub(crate) groups_header: Option<String>,
    /// For the service's answer, 10ms to 1m.
    #[serde(default = "two_seconds")]
    pub(crate) timeout: Duration,
    /// How long the answer 2xx is good for equal requests, 0s to 5m. Each instance remembers its own.
    #[serde(default = "never")]
    pub(crate) cache: Duration,
    /// What becomes of requests when the service fails: `refuse` answers 503, `anonymous` goes on without an identity.
    #[serde(default)]
    pub(crate) unavailable: Unavailable,
}

/// The certificate that the client showed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    /// What annotations and `by` call it.
    #[serde(default = "certificate")]
    pub(crate) name: String,
    /// What becomes the subject: the certificate's `subject`, the first `name` of its subjectAltName, or its `fingerprint`.
    #[serde(default)]
    pub(crate) subject: CertificateName,
    /// Whose certificates count; none: all that the listener verified.
    #[serde(default)]
    pub(crate) entries: Vec<CertificateEntry>,
}

/// What becomes the subject.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CertificateName {
    /// The subject, as RFC 4514 writes it: `CN=billing,O=Example`.
    #[default]
    Subject,
    /// The first DNS name, address or URI of the subjectAltName.
    Name,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    Fingerprint,
}

/// A certificate that counts: all of the conditions have to hold, one at least.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CertificateEntry {
    /// The certificate's subject is exactly this.
    pub(crate) subject: Option<String>,
    /// One of the names of its subjectAltName is this.
    pub(crate) name: Option<String>,
    /// Its fingerprint is this, in hexadecimal, with or without colons.
    pub(crate) fingerprint: Option<String>,
    /// What becomes the subject instead.
    #[serde(rename = "as")]
    pub(crate) known_as: Option<String>,
    /// The groups that its owner is in.
    pub(crate) groups: Vec<String>,
}

fn basic() -> String {
    "basic".to_owned()
}

fn api_key() -> String {
    "api_key".to_owned()
}

fn jwt() -> String {
    "jwt".to_owned()
}

fn forward() -> String {
    "forward".to_owned()
}

fn certificate() -> String {
    "certificate".to_owned()
}

fn realm() -> String {
    "restricted".to_owned()
}

fn sub() -> String {
    "sub".to_owned()
}

fn groups() -> String {
    "groups".to_owned()
}

fn credentials() -> Vec<String> {
    vec!["authorization".to_owned(), "cookie".to_owned()]
}

fn yes() -> bool {
    true
}

fn longest() -> u32 {
    8192
}

fn never() -> Duration {
    Duration::from_secs(0)
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn day() -> Duration {
    Duration::from_secs(86_400)
}
