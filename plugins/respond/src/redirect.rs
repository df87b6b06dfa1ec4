//! Where a redirect leads: where the operator said, and nowhere else.

use plugin_sdk::{Error, Reply, Result};

/// A checked redirect.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) status: u16,
    /// Without the `/*` at its end.
    to: Box<str>,
    takes_rest: bool,
}

impl Redirect {
    /// Checks a redirect; `from_prefix`: whether something can follow.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(to: &str, status: u16, from_prefix: bool) -> Result<Self> {
        if ![301, 302, 303, 307, 308].contains(&status) {
            return Err(Error::new(format!("{status} is none of 301, 302, 303, 307 and 308"))
                .within("status"));
        }
        let (to, takes_rest) = match to.strip_suffix("/*") {
            Some(base) if from_prefix => (base, true),
            Some(_) => {
                return Err(Error::new(format!(
                    "`{to}` ends with `*`, but `from` does not: nothing can follow"
                ))
                .within("to"));
            }
            None => (to, false),
        };
        let checked = if takes_rest { format!("{to}/") } else { to.to_owned() };
        check(&checked).map_err(|e| e.within("to"))?;
        if takes_rest && to.contains(['?', '#']) {
            return Err(Error::new(format!("`{to}/*` has its `*` behind the path")).within("to"));
        }
        Ok(Self { status, to: to.into(), takes_rest })
    }

    /// The answer to a request whose path continues the prefix with `rest`, which is
    /// empty or begins with a slash.
    pub(crate) fn reply(&self, rest: &str, query: Option<&str>) -> Reply {
        Reply::redirect(self.status, self.location(rest, query))
    }

    /// The path on this site that it leads to, if it is one; to find out whether it
    /// leads back.
    pub(crate) fn path(&self, rest: &str) -> Option<String> {
        let location = self.location(rest, None);
        let end = location.find(['?', '#']).unwrap_or(location.len());
        location.starts_with('/').then(|| location[..end].to_owned())
    }

    fn location(&self, rest: &str, query: Option<&str>) -> String {
        let rest = if self.takes_rest { rest } else { "" };
        let mut location = String::with_capacity(self.to.len() + rest.len() + 1);
        location.push_str(&self.to);
        if self.to.is_empty() {
            // Two slashes, or a backslash after one, begin the name of another host.
            location.push('/');
            location.push_str(rest.trim_start_matches(['/', '\\']));
        } else {
            location.push_str(rest);
        }
        if let Some(query) = query
            && !self.to.contains('?')
        {
            let at = location.find('#').unwrap_or(location.len());
            location.insert_str(at, query);
            location.insert(at, '?');
        }
        location
    }
}

/// Whether it is a path of this site, or an absolute URL.
fn check(to: &str) -> Result<()> {
    let error = |why: &str| Err(Error::new(format!("`{to}` {why}")));
    if !to.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)) {
        return error("holds what no URL does; percent-encode it");
    }
    if let Some(rest) = to.strip_prefix('/') {
        return match rest.strip_prefix('/') {
            Some(_) => error("begins with two slashes, which is another host; write its scheme"),
            None => Ok(()),
        };
    }
    let rest = to.strip_prefix("https://").or_else(|| to.strip_prefix("http://"));
    let Some(rest) = rest else {
        return error("is neither a path nor a URL with `https://` or `http://`");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty() || host.starts_with(':') || !host.bytes().all(legal) {
        return error("has no host, or one with a user name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn location(to: &str, rest: &str, query: Option<&str>) -> String {
        Redirect::new(to, 308, true).expect("a good redirect").location(rest, query)
    }

    #[test]
    fn what_follows_and_the_query_are_kept() {
        assert_eq!(location("/new/*", "/a/b", None), "/new/a/b");
        assert_eq!(location("/new/*", "", Some("x=1")), "/new?x=1");
        assert_eq!(location("/new", "/a", Some("x=1")), "/new?x=1");
        assert_eq!(location("/new?a", "", Some("x=1")), "/new?a");
        assert_eq!(location("/new#top", "", Some("x=1")), "/new?x=1#top");
        assert_eq!(location("https://new.example/*", "/a", None), "https://new.example/a");
        assert_eq!(location("https://new.example/*", "", None), "https://new.example");
        assert_eq!(location("/*", "", None), "/");
    }

    #[test]
    fn what_leads_elsewhere_is_a_mistake() {
        for to in [
            "",
            "new",
            "//evil.example",
            "///a",
            "/\\evil.example",
            "javascript:alert(1)",
            "https://",
            "https:///a",
            "https://user@host/",
            "https://:80/",
            "/a b",
            "/\u{e4}",
            "//*",
            "https://*",
            "ftp://a/",
        ] {
            assert!(Redirect::new(to, 308, true).is_err(), "{to}");
        }
        assert!(Redirect::new("/a/*", 308, false).is_err());
        assert!(Redirect::new("/a?b/*", 308, true).is_err());
        assert!(Redirect::new("/a", 200, false).is_err());
    }

    proptest! {
        /// A path never becomes the name of a host.
        #[test]
        fn no_request_makes_a_redirect_leave_the_site(
            rest in "(/[!-~&&[^?#]]{0,6}){0,4}", query in proptest::option::of("[!-~&&[^#]]{0,8}"),
        ) {
            let path = location("/*", &rest, query.as_deref());
            prop_assert!(path.starts_with('/') && !path[1..].starts_with(['/', '\\']), "{}", path);
            let url = location("https://new.example/*", &rest, query.as_deref());
            let after = url.strip_prefix("https://new.example").expect("the host stays");
            prop_assert!(after.is_empty() || after.starts_with(['/', '?']), "{}", url);
        }
    }
}
