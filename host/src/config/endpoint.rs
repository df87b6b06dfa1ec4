//! The parts of a cluster that are written as text: endpoints, what is hashed,
//! what the endpoint sees as host.

use super::scalar::{self, Invalid, is_host, split_port};
use super::{Endpoint, HashKey, UpstreamHost, UpstreamProtocol};

impl Endpoint {
    /// Reads `http://HOST[:PORT]`, `https://…` or `h2c://…`; of weight 1.
    ///
    /// # Errors
    ///
    /// When it is something else, with what to write instead.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| {
            Invalid::new(format!("`{}` is not an endpoint: {why}", text.escape_debug()))
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid("it has no scheme")
                .help(format!("write \"http://{}\"", text.escape_debug())));
        };
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (UpstreamProtocol::Http1, 80),
            "h2c" => (UpstreamProtocol::H2c, 80),
            "https" => (UpstreamProtocol::Https, 443),
            _ => {
                return Err(invalid(&format!("`{}` is not a scheme here", scheme.escape_debug()))
                    .help(
                        "use http:// (HTTP/1.1), h2c:// (HTTP/2 without TLS) or https:// (TLS)",
                    ));
            }
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            // Not shown: what stands before the `@` may be a password.
            return Err(Invalid::new("an endpoint cannot hold a user name").help(
                "leave it out; the plugin `builtin:headers` can set `authorization` if the endpoint needs it",
            ));
        }
        if authority.contains(['/', '?', '#']) {
            return Err(invalid("it goes on after the host")
                .help("leave the path out; the plugin `builtin:rewrite` can add a path prefix"));
        }
        let (host, port) = split_port(authority)
            .ok_or_else(|| invalid("its port is not a number from 1 to 65535"))?;
        if !is_host(host) {
            return Err(invalid("its host is neither a name nor an address")
                .help("write a name, an IPv4 address, or an IPv6 address in brackets"));
        }
        Ok(Self {
            url: text.to_owned(),
            protocol,
            host: host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(),
            port: port.unwrap_or(default_port),
            weight: 1,
        })
    }
}

/// `hash`
pub(super) fn hash_key(text: &str) -> Result<HashKey, Invalid> {
    let invalid = || {
        Invalid::new(format!("`{}` is nothing that can be hashed", text.escape_debug()))
            .help("write \"client-address\", \"path\", \"header:NAME\" or \"cookie:NAME\"")
    };
    match text.split_once(':') {
        None if text == "client-address" => Ok(HashKey::ClientAddress),
        None if text == "path" => Ok(HashKey::Path),
        Some(("header", name)) => scalar::header_name(name).map(HashKey::Header),
        // A cookie's name is a token, as a field's name is, but keeps its case.
        Some(("cookie", name)) if scalar::header_name(name).is_ok() => {
            Ok(HashKey::Cookie(name.to_owned()))
        }
        _ => Err(invalid()),
    }
}

/// `host` of a cluster
pub(super) fn upstream_host(text: &str) -> Result<UpstreamHost, Invalid> {
    match text {
        "preserve" => Ok(UpstreamHost::Preserve),
        "endpoint" => Ok(UpstreamHost::Endpoint),
        text => scalar::authority(text).map(UpstreamHost::Fixed).map_err(|invalid| {
            invalid.help("write \"preserve\" (what the client asked for), \"endpoint\" (the endpoint's own) or a host")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_scheme_a_host_and_a_port() {
        let parsed = |text: &str| {
            let endpoint = Endpoint::parse(text).expect(text);
            (endpoint.protocol, endpoint.host, endpoint.port)
        };
        assert_eq!(
            parsed("http://127.0.0.1:3000"),
            (UpstreamProtocol::Http1, "127.0.0.1".into(), 3000)
        );
        assert_eq!(parsed("http://App/"), (UpstreamProtocol::Http1, "app".into(), 80));
        assert_eq!(
            parsed("https://app.internal"),
            (UpstreamProtocol::Https, "app.internal".into(), 443)
        );
        assert_eq!(parsed("h2c://[::1]:50051"), (UpstreamProtocol::H2c, "::1".into(), 50051));
        assert_eq!(parsed("http://[::1]"), (UpstreamProtocol::Http1, "::1".into(), 80));
    }

    #[test]
    fn anything_else_is_no_endpoint() {
        for (text, why) in [
            ("127.0.0.1:3000", "no scheme"),
            ("", "no scheme"),
            ("ftp://a", "not a scheme"),
            ("http://user:secret@a", "user name"),
            ("http://a/path", "goes on"),
            ("http://a?x", "goes on"),
            ("http://a#x", "goes on"),
            ("http://", "neither a name"),
            ("http://a b", "neither a name"),
            ("http://a:", "port"),
            ("http://a:0", "port"),
            ("http://a:+80", "port"),
            ("http://a:65536", "port"),
            ("http://::1", "neither a name"),
            ("http://[::1", "neither a name"),
        ] {
            let error = Endpoint::parse(text).expect_err(text);
            assert!(error.message.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn hash_keys() {
        assert_eq!(hash_key("client-address"), Ok(HashKey::ClientAddress));
        assert_eq!(hash_key("path"), Ok(HashKey::Path));
        assert_eq!(hash_key("header:X-User"), Ok(HashKey::Header("x-user".into())));
        assert_eq!(hash_key("cookie:Session"), Ok(HashKey::Cookie("Session".into())));
        for bad in ["", "header", "header:", "cookie:", "cookie:a b", "query:x"] {
            assert!(hash_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn upstream_hosts() {
        assert_eq!(upstream_host("preserve"), Ok(UpstreamHost::Preserve));
        assert_eq!(upstream_host("endpoint"), Ok(UpstreamHost::Endpoint));
        assert_eq!(upstream_host("a.b:1"), Ok(UpstreamHost::Fixed("a.b:1".into())));
        assert!(upstream_host("http://a").is_err());
    }
}
