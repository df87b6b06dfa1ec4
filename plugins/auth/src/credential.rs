//! Where a request has its credential, and taking it away from what the endpoint
//! sees.

use std::borrow::Cow;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result};

/// A place in which a credential may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A field; with a scheme such as `Bearer`, what follows it.
    Header(String, Option<&'static str>),
    Query(String),
    Cookie(String),
}

/// The places that a method is configured with.
pub(crate) fn places(
    header: Option<String>,
    query: Option<String>,
    cookie: Option<String>,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    if let Some(name) = header {
        let name = name.to_ascii_lowercase();
        if !is_name(&name) || name == "cookie" {
            return Err(Error::new(format!("header: `{name}` is no field for a credential")));
        }
        let scheme = (name == "authorization").then_some("Bearer");
        places.push(Place::Header(name, scheme));
    }
    if let Some(name) = query {
        if name.is_empty() {
            return Err(Error::new("query: a parameter has a name"));
        }
        places.push(Place::Query(name));
    }
    if let Some(name) = cookie {
        if !is_name(&name) {
            return Err(Error::new(format!("cookie: `{name}` is no cookie's name")));
        }
        places.push(Place::Cookie(name));
    }
    Ok(places)
}

impl Place {
    /// The field that has to be known for it.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Header(name, _) => Some(name),
            Self::Cookie(_) => Some("cookie"),
            Self::Query(_) => None,
        }
    }

    /// The credential as sent; a parameter of the query decoded.
    pub(crate) fn find<'a>(&self, request: &'a Request) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Header(name, None) => request.header(name).map(Cow::Borrowed),
            Self::Header(name, Some(scheme)) => {
                request.header(name).and_then(|value| after(value, scheme)).map(Cow::Borrowed)
            }
            Self::Cookie(name) => request.cookie(name).map(Cow::Borrowed),
            Self::Query(name) => {
                let query = request.query()?;
                let mut pairs = form_urlencoded::parse(query.as_bytes());
                let (_, value) = pairs.find(|(key, _)| key == name)?;
                Some(Cow::Owned(value.into_owned().into_bytes()))
            }
        }
    }
}

/// What follows the scheme of an `Authorization` field (RFC 9110, section 11.4).
pub(crate) fn after<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (start, rest) = value.split_at_checked(scheme.len())?;
    if !start.eq_ignore_ascii_case(scheme.as_bytes()) || rest.first() != Some(&b' ') {
        return None;
    }
    Some(rest.trim_ascii_start())
}

/// Takes every credential in these places away from what the endpoint sees, whether
/// it was good or not.
pub(crate) fn remove(places: &[Place], request: &mut Request) {
    let mut target = None;
    let mut cookies = None;
    for place in places {
        match place {
            Place::Header(name, scheme) => {
                let value = request.header(name);
                let is_meant = value.is_some_and(|value| {
                    scheme.is_none_or(|scheme| after(value, scheme).is_some())
                });
                if is_meant {
                    request.remove_header(name.as_str());
                }
            }
            Place::Query(name) => {
                let query = target.as_deref().or_else(|| request.query());
                if let Some(left) = query.and_then(|query| without_parameter(query, name)) {
                    target = Some(left);
                }
            }
            Place::Cookie(name) => {
                let value = cookies.as_deref().or_else(|| request.header("cookie"));
                if let Some(left) = value.and_then(|value| without_cookie(value, name)) {
                    cookies = Some(left);
                }
            }
        }
    }
    if let Some(query) = target {
        let path = request.path().to_owned();
        request.set_target(if query.is_empty() { path } else { format!("{path}?{query}") });
    }
    match cookies {
        Some(left) if left.is_empty() => request.remove_header("cookie"),
        Some(left) => request.set_header("cookie", left),
        None => {}
    }
}

/// The query without every parameter of that name, the others octet for octet; none
/// if there is no such parameter.
fn without_parameter(query: &str, name: &str) -> Option<String> {
    let is_named = |piece: &&str| {
        form_urlencoded::parse(piece.as_bytes()).next().is_some_and(|(key, _)| key == name)
    };
    if !query.split('&').any(|piece| is_named(&piece)) {
        return None;
    }
    let left: Vec<&str> = query.split('&').filter(|piece| !is_named(piece)).collect();
    Some(left.join("&"))
}

/// The cookies without every one of that name, or of that name, a dot and a number;
/// none if there is no such cookie.
fn without_cookie(cookies: &[u8], name: &str) -> Option<Vec<u8>> {
    let is_named = |pair: &&[u8]| {
        let key = pair.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
        let rest = key.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| match rest {
            [] => true,
            [b'.', number @ ..] => number.iter().all(u8::is_ascii_digit),
            _ => false,
        })
    };
    let pairs = || cookies.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    if !pairs().any(|pair| is_named(&pair)) {
        return None;
    }
    let left: Vec<&[u8]> = pairs().filter(|pair| !is_named(pair) && !pair.is_empty()).collect();
    Some(left.join(&b"; "[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_stay_octet_for_octet() {
        assert_eq!(without_parameter("a=%20&key=x&b&%6Bey=y", "key").as_deref(), Some("a=%20&b"));
        assert_eq!(without_parameter("key=x", "key").as_deref(), Some(""));
        assert_eq!(without_parameter("keys=x", "key"), None);
        let left = without_cookie(b"a=1; s=2;s.1=3; s.x=4; ss=5", "s");
        assert_eq!(left.as_deref(), Some(b"a=1; s.x=4; ss=5".as_slice()));
        assert_eq!(without_cookie(b"a=1", "s"), None);
    }

    #[test]
    fn a_scheme_is_followed_by_a_space() {
        assert_eq!(after(b"bearer  abc", "Bearer"), Some(b"abc".as_slice()));
        assert_eq!(after(b"Bearerabc", "Bearer"), None);
        assert_eq!(after(b"Basic abc", "Bearer"), None);
    }
}
