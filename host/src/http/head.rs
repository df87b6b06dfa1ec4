//! From a request's head to an [`Exchange`]: validated, normalized, and without
//! what belongs to the connection.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Version};
use ipnet::IpNet;

use super::client_address::{self, ClientAddress};
use super::normalize::{self, Target};
use crate::config::Limits;
use crate::exchange::{Bodies, Connection, Error, ErrorKind, Exchange, Notes, Scheme};

/// The request id, towards endpoints and from trusted proxies.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer identifier from a trusted proxy is replaced.
const REQUEST_ID_MAX: usize = 128;

/// A request's head, taken apart.
pub struct Head {
    /// What the stages pass on.
    pub exchange: Box<Exchange>,
    /// The protocol that the client asks to change to.
    pub upgrade: Option<HeaderValue>,
    /// The client takes trailers (`TE: trailers`).
    pub trailers: bool,
    /// Whether the peer's word about the client is believed.
    pub trusted: bool,
}

/// What reading a head needs to know besides the head.
pub struct Reader<'a> {
    /// The client's connection.
    pub connection: &'a Arc<Connection>,
    /// `trusted_proxies`
    pub trusted: &'a [IpNet],
    /// `limits`
    pub limits: &'a Limits,
    /// The worker's.
    pub ids: &'a RequestIds,
}

impl Reader<'_> {
    /// Takes a head apart. What is wrong with it, if anything, comes beside an
    /// exchange that is good for the log.
    pub fn read(&self, parts: Parts) -> (Head, Result<(), Error>) {
        let Parts { method, uri, version, mut headers, .. } = parts;
        let peer = self.connection.peer;
        let address = ClientAddress::find(peer, self.trusted, &headers);
        let trusted = client_address::is_trusted(peer.ip().to_canonical(), self.trusted);
        let own_scheme = if self.connection.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let scheme = match address.scheme {
            Some(client_address::Scheme::Http) => Scheme::Http,
            Some(client_address::Scheme::Https) => Scheme::Https,
            None => own_scheme,
        };
        let request_id = self.request_id(&headers, trusted);
        let raw_target = uri.path_and_query().cloned().unwrap_or_else(root);
        let checked = check(&method, version, &uri, &headers, self.limits);
        let (authority, target, error) = match checked {
            Ok((authority, target)) => {
                (authority, target.unwrap_or_else(|| raw_target.clone()), None)
            }
            Err(error) => (host_for_log(&headers), raw_target.clone(), Some(error)),
        };
        headers.remove(header::HOST);
        join_cookies(&mut headers);
        let (upgrade, trailers) = strip_connection(&mut headers, version);
        let expectation = headers.remove(header::EXPECT);
        let exchange = Box::new(Exchange {
            connection: Arc::clone(self.connection),
            client: SocketAddr::new(address.ip, address.port.unwrap_or(0)),
            forwarded: trusted,
            scheme,
            request_id,
            method,
            version,
            asked_authority: authority.clone(),
            authority,
            target,
            raw_target,
            headers,
            route: Arc::from(""),
            cluster: None,
            endpoint: None,
            response: None,
            bodies: Bodies::default(),
            notes: Notes::default(),
        });
        let result = match error {
            Some(error) => Err(error),
            None => check_expectation(expectation.as_ref()),
        };
        (Head { exchange, upgrade, trailers, trusted }, result)
    }

    fn request_id(&self, headers: &HeaderMap, trusted: bool) -> HeaderValue {
        let given = if trusted { headers.get(X_REQUEST_ID) } else { None };
        match given {
            Some(id) if (1..=REQUEST_ID_MAX).contains(&id.len()) => id.clone(),
            _ => self.ids.next(),
        }
    }
}

/// The authority, and the target where normalization changed it.
fn check(
    method: &Method,
    version: Version,
    uri: &http::Uri,
    headers: &HeaderMap,
    limits: &Limits,
) -> Result<(HeaderValue, Option<PathAndQuery>), Error> {
    let bad = |text: String| Error::new(ErrorKind::BadRequest, text);
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(Error::new(ErrorKind::MethodNotServed, "CONNECT and TRACE are not served"));
    }
    // HTTP/1 heads are counted as they are parsed, HTTP/2's only here.
    if headers.len() > limits.header_count {
        let text = format!("{} fields", headers.len());
        return Err(Error::new(ErrorKind::HeadersTooLarge, text));
    }
    let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > limits.target_bytes {
        let text = format!("a target of {length} octets");
        return Err(Error::new(ErrorKind::TargetTooLong, text));
    }
    let (in_target, path, query) = match normalize::target(method, uri) {
        Ok(Target::Resource { authority, path, query }) => (authority, Some(path), query),
        Ok(Target::Server { authority }) => (authority, None, None),
        Ok(Target::Tunnel { .. }) => return Err(bad("the target is a tunnel's".to_owned())),
        Err(error) => return Err(bad(error.to_string())),
    };
    let authority = check_authority(version, in_target, headers)?;
    let target = match path {
        Some(std::borrow::Cow::Owned(path)) => Some(join(path, query)?),
        _ => None,
    };
    Ok((authority, target))
}

/// Host and port: of the target if it names them (RFC 9112, section 3.2.2), which
/// then must agree with `Host` so that nobody downstream sees another host.
fn check_authority(
    version: Version,
    in_target: Option<&str>,
    headers: &HeaderMap,
) -> Result<HeaderValue, Error> {
    let bad = |text: &'static str| Error::new(ErrorKind::BadRequest, text);
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(bad("several Host fields"));
    }
    if let (Some(target), Some(host)) = (in_target, host)
        && !target.as_bytes().eq_ignore_ascii_case(host.as_bytes())
    {
        return Err(bad("Host is not what the target says"));
    }
    let text = match (in_target, host) {
        (Some(target), _) => target,
        (None, Some(host)) => host.to_str().map_err(|_| bad("Host is not ASCII"))?,
        // HTTP/1.0 had no Host; an endpoint still gets an empty one.
        (None, None) if version == Version::HTTP_10 => return Ok(HeaderValue::from_static("")),
        (None, None) => return Err(bad("no Host")),
    };
    if text.is_empty() {
        return Err(bad("an empty Host"));
    }
    normalize::authority(text)
        .map_err(|error| Error::new(ErrorKind::BadRequest, error.to_string()))?;
    match (host, in_target) {
        (Some(host), None) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Ok(host.clone())
        }
        _ => HeaderValue::try_from(text.to_ascii_lowercase())
            .map_err(|_| bad("Host is not a field value")),
    }
}

fn join(path: String, query: Option<&str>) -> Result<PathAndQuery, Error> {
    let text = match query {
        Some(query) => path + "?" + query,
        None => path,
    };
    PathAndQuery::from_maybe_shared(Bytes::from(text))
        .map_err(|error| Error::new(ErrorKind::BadRequest, error.to_string()))
}

fn root() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

fn host_for_log(headers: &HeaderMap) -> HeaderValue {
    headers.get(header::HOST).cloned().unwrap_or_else(|| HeaderValue::from_static(""))
}

/// HTTP/2 lets a client split its cookies over several lines; everywhere else they
/// are one (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let lines: Vec<&[u8]> =
        headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_maybe_shared(Bytes::from(lines.join(&b"; "[..]))) {
        headers.insert(header::COOKIE, joined);
    }
}

fn check_expectation(expectation: Option<&HeaderValue>) -> Result<(), Error> {
    match expectation {
        // hyper says `100 Continue` when the body is first asked for.
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Error::new(ErrorKind::ExpectationFailed, "an unknown expectation"))
        }
        _ => Ok(()),
    }
}

/// Removes what belongs to the connection and not to the message (RFC 9110,
/// section 7.6.1). Answers with the protocol of an upgrade, and whether the sender
/// takes trailers.
pub fn strip_connection(headers: &mut HeaderMap, version: Version) -> (Option<HeaderValue>, bool) {
    let mut wants_upgrade = false;
    if let Some(first) = headers.get(header::CONNECTION) {
        let usual = matches!(first.as_bytes(), b"keep-alive" | b"close" | b"Keep-Alive");
        let lines: Vec<HeaderValue> = match usual {
            true => Vec::new(),
            false => headers.get_all(header::CONNECTION).iter().cloned().collect(),
        };
        headers.remove(header::CONNECTION);
        for option in lines.iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b',')) {
            let option = option.trim_ascii();
            wants_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
            if let Ok(name) = HeaderName::from_bytes(option)
                && name != header::UPGRADE
                && name != header::TE
            {
                headers.remove(name);
            }
        }
    }
    for name in [HTTP2_SETTINGS, KEEP_ALIVE, PROXY_CONNECTION, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    // HTTP/2 inside of HTTP/1.1 (`h2c`) would be a way past routes and plugins, and
    // RFC 9113 has abolished it.
    let upgrade = headers.remove(header::UPGRADE).filter(|protocol| {
        let h2c = protocol.as_bytes().split(|&byte| byte == b',').any(|name| {
            name.trim_ascii().get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"h2c"))
        });
        wants_upgrade && version == Version::HTTP_11 && !h2c
    });
    let trailers = headers.remove(header::TE).is_some_and(|te| {
        te.as_bytes()
            .split(|&byte| byte == b',')
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    (upgrade, trailers)
}

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Makes request ids: unique over workers, processes and hosts, for all practical
/// purposes, without a system call for each.
pub struct RequestIds {
    /// Random, once for each worker.
    prefix: u64,
    count: Cell<u64>,
}

impl Default for RequestIds {
    fn default() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // The standard library's hasher is keyed by the system's random numbers.
        let random = || RandomState::new().hash_one(std::process::id());
        Self { prefix: random(), count: Cell::new(random()) }
    }
}

impl RequestIds {
    /// The next one: 32 hexadecimal digits.
    pub fn next(&self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        // A bijection that hides the count, so that an id tells nothing of the
        // number of requests (SplitMix64's finalizer, Steele et al. 2014).
        let mut mixed = count;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let id = (u128::from(self.prefix) << 64) | u128::from(mixed);
        let mut text = [0; 32];
        for (at, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(id >> (124 - 4 * at)) as usize & 0xf];
        }
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are legal in a field")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_have_32_digits() {
        let ids = RequestIds::default();
        let some: std::collections::HashSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(some.len(), 1000);
        assert!(some.iter().all(|id| id.len() == 32));
    }

    #[test]
    fn what_belongs_to_the_connection_is_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private ,upgrade"),
            ("keep-alive", "timeout=5"),
            ("x-private", "1"),
            ("upgrade", "websocket"),
            ("te", "gzip, trailers"),
            ("x-kept", "1"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let (upgrade, trailers) = strip_connection(&mut headers, Version::HTTP_11);
        assert_eq!(upgrade.expect("an upgrade"), "websocket");
        assert!(trailers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }

    #[test]
    fn cookies_become_one_line() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        join_cookies(&mut headers);
        assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }

    #[test]
    fn an_upgrade_to_cleartext_http2_is_dropped() {
        for protocol in ["h2c", "websocket, H2C", "h2c/1"] {
            let mut headers = HeaderMap::new();
            headers.append("connection", HeaderValue::from_static("upgrade, http2-settings"));
            headers.append("upgrade", HeaderValue::from_static(protocol));
            headers.append("http2-settings", HeaderValue::from_static("AAMAAABkAAQAAP__"));
            assert_eq!(strip_connection(&mut headers, Version::HTTP_11), (None, false));
            assert!(headers.is_empty());
        }
    }

    #[test]
    fn an_upgrade_that_the_connection_does_not_name_is_none() {
        let mut headers = HeaderMap::new();
        headers.append("upgrade", HeaderValue::from_static("websocket"));
        assert_eq!(strip_connection(&mut headers, Version::HTTP_11), (None, false));
    }
}
