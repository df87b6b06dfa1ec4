//! Which route is tried first: the most specific one.
//!
//! Hosts count most: an exact one before a wildcard, a wildcard with more labels
//! before one with fewer, any host last. Then paths: an expression before a
//! prefix, a longer prefix before a shorter one, any path last. Then the number of
//! conditions: `method` counts one, and so does each header and each query
//! parameter. What is still equal is tried in the file's order.

use std::cmp::Reverse;

use crate::config::{HostPattern, Matcher, PathPattern};

/// Smaller is tried earlier.
pub(super) fn rank(matcher: &Matcher) -> impl Ord + use<> {
    let host = match &matcher.host {
        Some(HostPattern::Exact(_)) => (0, Reverse(0)),
        Some(HostPattern::Below(name)) => (1, Reverse(name.split('.').count())),
        None => (2, Reverse(0)),
    };
    let path = match &matcher.path {
        Some(PathPattern::Regex(_)) => (0, Reverse(0)),
        Some(PathPattern::Prefix(prefix)) => (1, Reverse(prefix.len())),
        None => (2, Reverse(0)),
    };
    let conditions =
        usize::from(!matcher.methods.is_empty()) + matcher.headers.len() + matcher.query.len();
    (host, path, Reverse(conditions))
}

/// The same text for matchers that are written to match the same, in whatever order.
pub(super) fn canonical(matcher: &Matcher) -> String {
    let mut matcher = matcher.clone();
    matcher.methods.sort();
    matcher.headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    matcher.query.sort_by(|(one, _), (other, _)| one.cmp(other));
    // A route for every path and one for everything below `/` are the same.
    matcher.path = matcher.path.filter(|path| *path != PathPattern::Prefix("/".to_owned()));
    format!("{matcher:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pattern;

    fn matcher(host: &str, path: &str, methods: &[&str]) -> Matcher {
        let path = match path.strip_prefix('~') {
            Some(regex) => pattern::path_regex(regex).ok(),
            None => pattern::path_prefix(path).ok(),
        };
        let methods = methods.iter().map(|&method| method.to_owned()).collect();
        Matcher { host: pattern::host(host).ok(), path, methods, ..Matcher::default() }
    }

    #[test]
    fn the_most_specific_comes_first() {
        let ordered = [
            matcher("a.example.com", "", &[]),
            matcher("*.b.example.com", "", &[]),
            matcher("*.example.com", "~/.*", &[]),
            matcher("*.example.com", "/api/v1", &[]),
            matcher("*.example.com", "/api", &["GET"]),
            matcher("*.example.com", "/api", &[]),
            matcher("*.example.com", "", &[]),
            matcher("", "/", &[]),
            matcher("", "", &["GET"]),
            matcher("", "", &[]),
        ];
        for pair in ordered.windows(2) {
            assert!(rank(&pair[0]) < rank(&pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn the_same_is_the_same_in_any_order() {
        let same = |one: Matcher, other: Matcher| canonical(&one) == canonical(&other);
        assert!(same(matcher("a", "/", &["GET", "PUT"]), matcher("A", "", &["PUT", "GET"])));
        assert!(!same(matcher("a", "/x", &[]), matcher("a", "/", &[])));
        assert!(!same(matcher("a", "/x", &["GET"]), matcher("a", "/x", &[])));
    }
}
