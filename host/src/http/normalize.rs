//! One spelling for what a request asks for, so that routes, plugins and
//! endpoints cannot be made to see different things.
//!
//! What holds for a normalized path, and a plugin may rely on:
//!
//! - it begins with `/` and consists of the characters that RFC 3986, section 3.3
//!   allows in a path; all others are percent-encoded, a backslash too;
//! - percent-escapes are well-formed, in upper case, and never stand for a letter,
//!   a digit, `-`, `.`, `_` or `~`, nor for NUL;
//! - it has no `.` and `..` segments, and none that an endpoint could make out of
//!   it by decoding slashes and backslashes or by cutting parameters off.
//!
//! What does not hold, and a plugin must mind:
//!
//! - `%2F` is not `/`: an encoded slash is data inside a segment (RFC 3986, section
//!   2.2), and decoding it would turn `/files/a%2Fb` into another resource. A
//!   plugin that protects a path of an endpoint which decodes it compares decoded
//!   text as well;
//! - `//` stays: an empty segment is a segment, and object stores use them. An
//!   endpoint that merges slashes takes `//admin` for `/admin`;
//! - case matters, and `;` is a character like others.
//!
//! The query is left octet for octet: how it is taken apart is the endpoint's own
//! affair. `exchange.raw-target` has the target as the client sent it.

use std::borrow::Cow;

use http::{Method, Uri};
use thiserror::Error;

mod authority;
mod path;

pub use self::authority::{Authority, AuthorityError, authority};
pub use self::path::{PathError, path};

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A resource: the usual request.
    Resource {
        /// The host that stands in the target itself (absolute form, or HTTP/2's
        /// `:authority`); it goes before a `Host` field.
        authority: Option<&'a str>,
        /// As [`path()`] leaves it.
        path: Cow<'a, str>,
        /// Without the question mark, as sent.
        query: Option<&'a str>,
    },
    /// `OPTIONS *`: the server as a whole.
    Server {
        /// As for a resource.
        authority: Option<&'a str>,
    },
    /// `CONNECT host:port`: a tunnel to somewhere.
    Tunnel {
        /// Where to.
        authority: &'a str,
    },
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// The path cannot be normalized.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The form of the target is not for this method (RFC 9112, section 3.2).
    #[error("the request target's form does not suit the method")]
    Form,
}

/// Takes a request target apart, whichever of the four forms it has.
///
/// ```
/// use http::{Method, Uri};
/// use wasmgate::http::normalize::{Target, target};
///
/// let uri = Uri::from_static("/a/%2E%2e/b%2fc?x=%2e");
/// let expected = Target::Resource { authority: None, path: "/b%2Fc".into(), query: Some("x=%2e") };
/// assert_eq!(target(&Method::GET, &uri), Ok(expected));
/// ```
///
/// # Errors
///
/// [`TargetError`]: each is the client's fault, status 400.
pub fn target<'a>(method: &Method, uri: &'a Uri) -> Result<Target<'a>, TargetError> {
    let authority = uri.authority().map(http::uri::Authority::as_str);
    match (uri.path_and_query(), uri.scheme(), authority) {
        // hyper keeps `host:port` as an authority without anything else.
        (None, None, Some(authority)) if method == Method::CONNECT => {
            Ok(Target::Tunnel { authority })
        }
        (None, None, _) => Err(TargetError::Form),
        (Some(target), _, authority) if target.as_str() == "*" => match *method {
            Method::OPTIONS => Ok(Target::Server { authority }),
            _ => Err(TargetError::Form),
        },
        _ => {
            // `http` has `/` for the empty path of an absolute form.
            let path = path(uri.path())?;
            Ok(Target::Resource { authority, path, query: uri.query() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        method: &Method,
        text: &str,
    ) -> Result<(Option<String>, String, Option<String>), TargetError> {
        let uri: Uri = text.parse().unwrap();
        Ok(match target(method, &uri)? {
            Target::Resource { authority, path, query } => {
                (authority.map(Into::into), path.into_owned(), query.map(Into::into))
            }
            Target::Server { authority } => (authority.map(Into::into), "*".into(), None),
            Target::Tunnel { authority } => (Some(authority.into()), "tunnel".into(), None),
        })
    }

    fn parts(
        authority: Option<&str>,
        path: &str,
        query: Option<&str>,
    ) -> Result<(Option<String>, String, Option<String>), TargetError> {
        Ok((authority.map(Into::into), path.into(), query.map(Into::into)))
    }

    #[test]
    fn every_form_is_told_apart() {
        let get = &Method::GET;
        assert_eq!(of(get, "/"), parts(None, "/", None));
        assert_eq!(of(get, "/a?"), parts(None, "/a", Some("")));
        assert_eq!(of(get, "/a?b/../%2e?c"), parts(None, "/a", Some("b/../%2e?c")));
        assert_eq!(of(get, "http://a:1"), parts(Some("a:1"), "/", None));
        assert_eq!(of(get, "http://A/x/./y?q"), parts(Some("A"), "/x/y", Some("q")));
        assert_eq!(of(get, "//a/b"), parts(None, "//a/b", None));
        assert_eq!(of(&Method::OPTIONS, "*"), parts(None, "*", None));
        assert_eq!(of(&Method::CONNECT, "a:443"), parts(Some("a:443"), "tunnel", None));
        // HTTP/2's extended CONNECT (RFC 8441) has scheme and path.
        assert_eq!(of(&Method::CONNECT, "https://a/chat"), parts(Some("a"), "/chat", None));
    }

    #[test]
    fn forms_are_not_for_every_method() {
        assert_eq!(of(&Method::GET, "*"), Err(TargetError::Form));
        assert_eq!(of(&Method::GET, "a:443"), Err(TargetError::Form));
        assert_eq!(of(&Method::GET, "example.com"), Err(TargetError::Form));
        assert_eq!(of(&Method::GET, "/.."), Err(TargetError::Path(PathError::AboveRoot)));
    }
}
