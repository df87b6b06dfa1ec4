//! What routes match by, as text.

use super::scalar::{Invalid, is_host};
use super::{HostPattern, Matcher, PathPattern, ValuePattern};

/// Octets that one compiled expression may take: enough for any sane pattern, far
/// from what `(a{1000}){1000}` would need.
const REGEX_SIZE: usize = 1 << 20;

/// Proves that an expression can be compiled. Who matches with it anchors it.
fn regex(pattern: &str) -> Result<String, Invalid> {
    // Of bytes, as values of fields are: `(?-u:\xff)` is fine.
    let built = regex::bytes::RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build();
    built.map(|_| pattern.to_owned()).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            Invalid::new("the regular expression is too large once compiled")
                .help("use smaller repetitions, or several routes with simpler expressions")
        }
        error => {
            let text = error.to_string();
            // The last line says why; the ones before draw the pattern again.
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Invalid::new(format!("not a regular expression: {why}"))
        }
    })
}

impl Matcher {
    /// `HOST PATH`: the name of a route that has none of its own.
    pub fn host_and_path(&self) -> String {
        let host = match &self.host {
            None => "*".to_owned(),
            Some(HostPattern::Exact(host)) => host.clone(),
            Some(HostPattern::Below(host)) => format!("*.{host}"),
        };
        match &self.path {
            None => format!("{host} /"),
            Some(PathPattern::Prefix(path)) => format!("{host} {path}"),
            Some(PathPattern::Regex(regex)) => format!("{host} ~{regex}"),
        }
    }
}

/// `path_regex`
pub(super) fn path_regex(text: &str) -> Result<PathPattern, Invalid> {
    regex(text).map(PathPattern::Regex)
}

/// `path`
pub(super) fn path_prefix(text: &str) -> Result<PathPattern, Invalid> {
    let invalid = |why: &str| Invalid::new(format!("`{}` {why}", text.escape_debug()));
    if !text.starts_with('/') {
        return Err(invalid("is not a path: it does not begin with `/`")
            .help(format!("write \"/{}\"", text.escape_debug())));
    }
    if let Some(c) = text.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(invalid(&format!("holds `{c}`, which is no part of a path"))
            .help("match the query with `query = { NAME = \"VALUE\" }`"));
    }
    if text.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(invalid("holds characters that a path carries percent-encoded")
            .help("write them as requests do, such as \"%20\" for a space"));
    }
    if text.contains('*') {
        return Err(invalid("holds `*`, which is no wildcard here").help(
            "`path` already matches everything below it; use `path_regex` for anything else",
        ));
    }
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(invalid("can never match: dot segments are resolved before routing"));
    }
    Ok(PathPattern::Prefix(text.to_owned()))
}

/// `host` of a route
pub(super) fn host(text: &str) -> Result<HostPattern, Invalid> {
    let invalid = || Invalid::new(format!("`{}` is not a host pattern", text.escape_debug()));
    let lower = text.to_ascii_lowercase();
    let (below, name) = match lower.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, lower.as_str()),
    };
    if is_host(name) && !(below && name.starts_with('[')) {
        let name = name.to_owned();
        return Ok(if below { HostPattern::Below(name) } else { HostPattern::Exact(name) });
    }
    let help = if text == "*" {
        "leave `host` out to match any"
    } else if text.contains("://") || text.contains('/') {
        "write the host alone, without scheme and path"
    } else if !text.is_ascii() {
        "write the name as browsers send it: in Punycode, beginning with xn--"
    } else if text.ends_with('.') {
        "leave the final dot out"
    } else if text.contains('*') {
        "`*` can only stand in front: \"*.example.com\""
    } else if text.contains(':') {
        "write it without a port; an IPv6 address stands in brackets"
    } else {
        "write a name such as \"example.com\" or \"*.example.com\""
    };
    Err(invalid().help(help))
}

/// The value of a header or of a query parameter.
pub(super) fn value(text: &str) -> Result<ValuePattern, Invalid> {
    if text == "*" {
        return Ok(ValuePattern::Present);
    }
    match text.strip_prefix('~') {
        Some(pattern) => regex(pattern).map(ValuePattern::Regex),
        None => Ok(ValuePattern::Exact(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_compile() {
        for good in ["a|b", "(?x) a # b", r"(?-u:\xff)"] {
            assert!(regex(good).is_ok(), "{good}");
        }
        assert!(regex("a)|(b").is_err());
        let large = regex("(a{1000}){1000}").expect_err("large");
        assert!(large.message.contains("too large"), "{large}");
        let group = regex("/(x").expect_err("open");
        assert_eq!(group.message, "not a regular expression: unclosed group");
    }

    #[test]
    fn paths_say_what_is_wrong() {
        assert_eq!(path_prefix("/api/"), Ok(PathPattern::Prefix("/api/".to_owned())));
        for (text, why) in [
            ("", "does not begin"),
            ("api", "does not begin"),
            ("/a?b", "no part of a path"),
            ("/a#b", "no part of a path"),
            ("/a b", "percent-encoded"),
            ("/ä", "percent-encoded"),
            ("/a/*", "no wildcard"),
            ("/a/../b", "never match"),
            ("/.", "never match"),
        ] {
            let error = path_prefix(text).expect_err(text);
            assert!(error.message.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn hosts_are_exact_or_below() {
        assert_eq!(host("Example.com"), Ok(HostPattern::Exact("example.com".to_owned())));
        assert_eq!(host("*.Example.com"), Ok(HostPattern::Below("example.com".to_owned())));
        assert_eq!(host("[::1]"), Ok(HostPattern::Exact("[::1]".to_owned())));
        for (text, why) in [
            ("*", "leave `host` out"),
            ("", "such as"),
            ("a.*.b", "in front"),
            ("*a.b", "in front"),
            ("http://a", "alone"),
            ("a/b", "alone"),
            ("a:80", "port"),
            ("::1", "brackets"),
            ("bücher.de", "Punycode"),
            ("example.com.", "final dot"),
        ] {
            let help = host(text).expect_err(text).help.expect("has help");
            assert!(help.contains(why), "{text}: {help}");
        }
    }

    #[test]
    fn values_are_present_exact_or_regex() {
        assert_eq!(value("*"), Ok(ValuePattern::Present));
        assert_eq!(value("v1"), Ok(ValuePattern::Exact("v1".to_owned())));
        assert_eq!(value(""), Ok(ValuePattern::Exact(String::new())));
        assert_eq!(value("~v[12]"), Ok(ValuePattern::Regex("v[12]".to_owned())));
        assert!(value("~(").is_err());
    }
}
