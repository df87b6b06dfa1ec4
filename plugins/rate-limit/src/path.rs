//! Paths, compared as loosely as an endpoint may read them.
//!
//! The proxy leaves some spellings apart that many endpoints take for one: `//`, `%2F`,
//! parameters after `;`, letters of either case. A limit must hold for all of them, and
//! it does no harm if it holds for one too many.

use std::borrow::Cow;

/// One spelling of a path for all that an endpoint might take for the same.
pub(crate) fn loose(path: &str) -> Cow<'_, str> {
    let is_plain = |b: u8| !b.is_ascii_uppercase() && !b";%".contains(&b);
    if path.bytes().all(is_plain) && !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let path = path.to_ascii_lowercase().replace("%2f", "/").replace("%5c", "/");
    let mut loose = String::with_capacity(path.len());
    for segment in path.split('/') {
        let name = segment.split_once(';').map_or(segment, |(name, _)| name);
        if !name.is_empty() {
            loose.push('/');
            loose.push_str(name);
        }
    }
    // What ends with a slash goes on below.
    if loose.is_empty() || path.ends_with('/') {
        loose.push('/');
    }
    Cow::Owned(loose)
}

/// Whether a loose path starts with these segments.
pub(crate) fn below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A loose path's first segments: of `/a/b/c` the first two are `/a/b`.
pub(crate) fn leading(path: &str, segments: usize) -> &str {
    let end = path.match_indices('/').nth(segments).map_or(path.len(), |(at, _)| at);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_endpoint_may_take_for_the_same_is_the_same() {
        for path in [
            "/a/login",
            "/A/Login",
            "//a//login",
            "/a;x=1/login",
            "/a/login;jsessionid=1",
            "/a%2Flogin",
            "/a%5Clogin",
            "/a/;/login",
            "/%2f/a/login",
        ] {
            assert_eq!(loose(path), "/a/login", "{path}");
        }
        for (path, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/;a", "/"),
            ("/a//", "/a/"),
            ("/A/", "/a/"),
            ("/a%20b", "/a%20b"),
        ] {
            assert_eq!(loose(path), expected, "{path}");
        }
        assert_eq!(leading("/a/b/c", 2), "/a/b");
        assert_eq!(leading("/a", 2), "/a");
        assert!(below("/a/b", "/a") && below("/a", "/a") && !below("/ab", "/a"));
    }

    proptest! {
        #[test]
        fn loosening_twice_is_loosening_once(path in "/[a-cA-C;/%25fF]{0,24}") {
            let once = loose(&path).into_owned();
            // A decoded escape may make another one; an endpoint decodes once as well.
            prop_assume!(!once.contains('%'));
            prop_assert_eq!(loose(&once), once.as_str());
        }
    }
}
