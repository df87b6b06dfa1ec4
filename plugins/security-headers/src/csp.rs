//! Content security policies: their mistakes, found before a browser ignores them.

use std::collections::BTreeMap;

use plugin_sdk::field::is_value;
use plugin_sdk::{Error, Result};

const NONCE: &str = "${nonce}";

/// Directives that take sources (CSP level 3, section 6, and what builds on it).
const FETCH: [&str; 20] = [
    "base-uri",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "worker-src",
];

const OTHER: [&str; 7] = [
    "report-to",
    "report-uri",
    "require-trusted-types-for",
    "sandbox",
    "trusted-types",
    "upgrade-insecure-requests",
    "webrtc",
];

/// Words that mean something in single quotes only.
const KEYWORDS: [&str; 10] = [
    "inline-speculation-rules",
    "none",
    "report-sample",
    "self",
    "strict-dynamic",
    "unsafe-eval",
    "unsafe-hashes",
    "unsafe-inline",
    "wasm-unsafe-eval",
    "trusted-types-eval",
];

/// A policy as it is sent, cut where a nonce belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Policy(Vec<String>);

impl Policy {
    /// Checks a policy. Line ends and repeated spaces are no part of it.
    ///
    /// # Errors
    /// The text names the directive.
    pub(crate) fn parse(
        text: &str,
        report_only: bool,
        endpoints: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut directives: Vec<String> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for directive in text.split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next() else { continue };
            let lower = name.to_ascii_lowercase();
            let words: Vec<&str> = words.collect();
            check(&lower, &words, report_only, endpoints).map_err(|e| e.within(name))?;
            if seen.contains(&lower) {
                return Err(
                    Error::new("is there already, and browsers ignore the second one").within(name)
                );
            }
            directives.push(std::iter::once(name).chain(words).collect::<Vec<_>>().join(" "));
            seen.push(lower);
        }
        if directives.is_empty() {
            return Err(Error::new("the policy is empty; leave the key out"));
        }
        let policy = directives.join("; ");
        if !is_value(policy.as_bytes()) || !policy.is_ascii() {
            return Err(Error::new("a policy is made of visible ASCII characters"));
        }
        Ok(Self(policy.split(NONCE).map(str::to_owned).collect()))
    }

    /// Whether every response needs a nonce.
    pub(crate) fn has_nonce(&self) -> bool {
        self.0.len() > 1
    }

    /// The policy with this nonce.
    pub(crate) fn with(&self, nonce: &[u8]) -> Vec<u8> {
        let length: usize = self.0.iter().map(String::len).sum();
        let mut out = Vec::with_capacity(length + (self.0.len() - 1) * nonce.len());
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(nonce);
            }
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}

fn check(
    name: &str,
    words: &[&str],
    report_only: bool,
    endpoints: &BTreeMap<String, String>,
) -> Result<()> {
    let error = |text: String| Err(Error::new(text));
    if let Some(word) = words.iter().find(|word| word.contains(',')) {
        return error(format!("`{word}`: a comma begins another policy; there is one to a key"));
    }
    if FETCH.contains(&name) {
        return words.iter().try_for_each(|word| source(word, words.len()));
    }
    if let Some(word) = words.iter().find(|word| word.contains("${")) {
        return error(format!("`{word}`: `{NONCE}` stands among the sources of a directive"));
    }
    match name {
        "report-to" => match words {
            [endpoint] if endpoints.contains_key(*endpoint) => Ok(()),
            _ => error("takes one name out of `reporting_endpoints`".to_owned()),
        },
        "sandbox" | "upgrade-insecure-requests" if report_only => {
            error("does nothing where a policy is only reported".to_owned())
        }
        _ if OTHER.contains(&name) => Ok(()),
        _ => {
            error(format!("is no directive; there are {}, {}", FETCH.join(", "), OTHER.join(", ")))
        }
    }
}

fn source(word: &str, count: usize) -> Result<()> {
    let error = |text: String| Err(Error::new(format!("`{word}`: {text}")));
    let lower = word.to_ascii_lowercase();
    let hashes = ["nonce-", "sha256-", "sha384-", "sha512-"];
    if KEYWORDS.contains(&lower.as_str()) || hashes.iter().any(|hash| lower.starts_with(hash)) {
        return error(format!("without quotes this is the name of a host; write `'{word}'`"));
    }
    if lower == "'none'" && count > 1 {
        return error("beside another source, this means nothing".to_owned());
    }
    if let Some(value) = lower.strip_prefix("'nonce-") {
        if value == "${nonce}'" {
            return Ok(());
        }
        return error(format!(
            "a nonce that everyone knows protects nothing; write `'nonce-{NONCE}'`"
        ));
    }
    if word.contains("${") {
        return error(format!("the only variable is that of `'nonce-{NONCE}'`"));
    }
    match (word.starts_with('\''), word.ends_with('\'') && word.len() > 1) {
        (true, true) if hashes.iter().any(|hash| lower[1..].starts_with(hash)) => Ok(()),
        (true, true) if KEYWORDS.contains(&&lower[1..lower.len() - 1]) => Ok(()),
        (false, false) => Ok(()),
        (true, true) => error("is no keyword".to_owned()),
        _ => error("has one quote too few".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Policy, String> {
        let endpoints = BTreeMap::from([("csp".to_owned(), "https://r.example/".to_owned())]);
        Policy::parse(text, false, &endpoints).map_err(|e| e.to_string())
    }

    #[test]
    fn a_policy_is_sent_on_one_line() {
        let policy = parse(
            "default-src 'self';\n  script-src 'nonce-${nonce}' 'strict-dynamic' https:;\n\
             style-src 'self' 'nonce-${nonce}' 'sha256-AbC='; report-to csp;",
        );
        let policy = policy.expect("a good policy");
        assert!(policy.has_nonce());
        assert_eq!(
            String::from_utf8(policy.with(b"N")).expect("text"),
            "default-src 'self'; script-src 'nonce-N' 'strict-dynamic' https:; \
             style-src 'self' 'nonce-N' 'sha256-AbC='; report-to csp"
        );
        assert!(!parse("default-src *").expect("a good policy").has_nonce());
    }

    #[test]
    fn what_browsers_would_ignore_is_a_mistake() {
        for (text, why) in [
            ("", "empty"),
            (" ; ", "empty"),
            ("defualt-src 'self'", "defualt-src: is no directive"),
            ("default-src self", "default-src: `self`: without quotes"),
            ("default-src nonce-${nonce}", "without quotes"),
            ("script-src 'self", "one quote too few"),
            ("script-src self'", "one quote too few"),
            ("script-src '", "one quote too few"),
            ("script-src 'selv'", "no keyword"),
            ("script-src 'none' https:", "means nothing"),
            ("script-src 'nonce-abc'", "everyone knows"),
            ("script-src https://${nonce}/", "only variable"),
            ("script-src 'nonce-${host}'", "everyone knows"),
            ("script-src 'self'; Script-Src *", "is there already"),
            ("script-src a, b", "another policy"),
            ("report-to other", "reporting_endpoints"),
            ("sandbox ${nonce}", "stands among the sources"),
            ("img-src \u{e4}.example", "ASCII"),
            ("img-src \u{7}", "ASCII"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        let error = Policy::parse("sandbox", true, &BTreeMap::new()).expect_err("reported only");
        assert!(error.to_string().contains("only reported"), "{error}");
    }
}
