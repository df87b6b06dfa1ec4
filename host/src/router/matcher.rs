//! What a route asks of a request beyond its host and its path prefix.

use http::header::{HeaderName, InvalidHeaderName};
use http::method::InvalidMethod;
use http::{HeaderMap, Method};
use regex::bytes::Regex;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, Look};

use super::RequestView;
use super::query::{self, Encoded};
use crate::config::{self, PathPattern, ValuePattern};

/// Conditions, cheapest first; all must hold.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    /// Empty = any.
    methods: Box<[Method]>,
    headers: Box<[(HeaderName, Value)]>,
    query: Box<[(Box<[u8]>, Value)]>,
    path: Option<Expression>,
}

/// A part of a route that cannot be matched by.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression, or one that would need too much memory.
    #[error("`{pattern}` is not a usable regular expression")]
    Expression {
        /// As configured.
        pattern: String,
        /// Where and why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not a method.
    #[error("`{0}` is not a method")]
    Method(String, #[source] InvalidMethod),
    /// Not the name of a header field.
    #[error("`{0}` is not the name of a header field")]
    Header(String, #[source] InvalidHeaderName),
}

impl Matcher {
    /// None if there is nothing to ask.
    pub(super) fn new(matcher: &config::Matcher) -> Result<Option<Self>, PatternError> {
        let methods = matcher.methods.iter().map(|method| {
            Method::from_bytes(method.as_bytes())
                .map_err(|source| PatternError::Method(method.clone(), source))
        });
        let headers = matcher.headers.iter().map(|(name, value)| {
            let parsed = HeaderName::from_bytes(name.as_bytes())
                .map_err(|source| PatternError::Header(name.clone(), source))?;
            Ok((parsed, Value::new(value)?))
        });
        let query = matcher
            .query
            .iter()
            .map(|(name, value)| Ok((name.as_bytes().into(), Value::new(value)?)));
        let this = Self {
            methods: methods.collect::<Result<_, _>>()?,
            headers: headers.collect::<Result<_, _>>()?,
            query: query.collect::<Result<_, _>>()?,
            path: match &matcher.path {
                Some(PathPattern::Regex(pattern)) => Some(Expression::new(pattern)?),
                Some(PathPattern::Prefix(_)) | None => None,
            },
        };
        Ok(this.is_needed().then_some(this))
    }

    /// What every path begins with that the expression for it matches.
    pub(super) fn path_start(&self) -> &[u8] {
        self.path.as_ref().map_or(b"", |path| &path.start)
    }

    pub(super) fn accepts(&self, request: &RequestView<'_>) -> bool {
        (self.methods.is_empty() || self.methods.contains(request.method))
            && self.headers.iter().all(|(name, value)| value.is_header(request.headers, name))
            && self.query.iter().all(|(name, value)| {
                query::any_value(request.query.unwrap_or_default().as_bytes(), name, |found| {
                    value.is_parameter(found)
                })
            })
            && self.path.as_ref().is_none_or(|path| path.is_match(request.path.as_bytes()))
    }

    fn is_needed(&self) -> bool {
        let Self { methods, headers, query, path } = self;
        !(methods.is_empty() && headers.is_empty() && query.is_empty() && path.is_none())
    }
}

/// What a value must be; of several of one name, one is enough.
#[derive(Clone, Debug)]
enum Value {
    Present,
    Exact(Box<[u8]>),
    Matching(Expression),
}

impl Value {
    fn new(pattern: &ValuePattern) -> Result<Self, PatternError> {
        Ok(match pattern {
            ValuePattern::Present => Self::Present,
            ValuePattern::Exact(text) => Self::Exact(text.as_bytes().into()),
            ValuePattern::Regex(pattern) => Self::Matching(Expression::new(pattern)?),
        })
    }

    fn is_header(&self, headers: &HeaderMap, name: &HeaderName) -> bool {
        match self {
            Self::Present => headers.contains_key(name),
            Self::Exact(text) => headers.get_all(name).iter().any(|value| value == &**text),
            Self::Matching(expression) => {
                headers.get_all(name).iter().any(|value| expression.is_match(value.as_bytes()))
            }
        }
    }

    fn is_parameter(&self, value: Encoded<'_>) -> bool {
        match self {
            Self::Present => true,
            Self::Exact(text) => value.is(text),
            Self::Matching(expression) => value.matches(&expression.regex),
        }
    }
}

/// A regular expression for a whole text.
#[derive(Clone, Debug)]
struct Expression {
    regex: Regex,
    /// What every text that matches begins with: comparing it turns away most
    /// texts for a fraction of the price of starting the regular expression.
    start: Box<[u8]>,
}

impl Expression {
    fn new(pattern: &str) -> Result<Self, PatternError> {
        let unusable = |source| PatternError::Expression { pattern: pattern.to_owned(), source };
        // The expression is anchored as a tree, since text around it could be
        // taken for a part of it: by a comment of `(?x)`, or by a `)` too many.
        let tree = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(pattern)
            .map_err(|error| unusable(error.into()))?;
        let start = Extractor::new().extract(&tree).longest_common_prefix().map(Into::into);
        let anchored = Hir::concat(vec![Hir::look(Look::Start), tree, Hir::look(Look::End)]);
        Ok(Self {
            regex: Regex::new(&anchored.to_string()).map_err(|error| unusable(error.into()))?,
            start: start.unwrap_or_default(),
        })
    }

    fn is_match(&self, text: &[u8]) -> bool {
        text.starts_with(&self.start) && self.regex.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(pattern: &str) -> Expression {
        Expression::new(pattern).expect("the pattern is valid")
    }

    #[test]
    fn expressions_match_whole_texts() {
        let user = expression("/users/[0-9]+|/me");
        assert!(user.is_match(b"/users/42"));
        assert!(user.is_match(b"/me"));
        assert!(!user.is_match(b"/users/42/x"));
        assert!(!user.is_match(b"/x/me"));
        assert!(!user.is_match(b"/users/42\n"));
    }

    #[test]
    fn every_text_that_matches_begins_with_the_start() {
        assert_eq!(&*expression("/users/[0-9]+").start, b"/users/");
        assert_eq!(&*expression("/users/(a|b)").start, b"/users/");
        assert_eq!(&*expression("/a|/b").start, b"/");
        assert_eq!(&*expression("(?i)/users").start, b"/");
        assert_eq!(&*expression(".*/users").start, b"");
        assert_eq!(&*expression("(/a)?/b").start, b"/");
    }

    #[test]
    fn flags_and_comments_stay_inside() {
        assert!(expression("(?i)/Users").is_match(b"/uSERS"));
        assert!(expression("(?x) /a  # all of it").is_match(b"/a"));
        assert!(!expression("(?m)/a$").is_match(b"/a\n/b"));
        assert!(Expression::new("/a)|(/b").is_err());
    }

    #[test]
    fn texts_need_not_be_utf8() {
        assert!(expression("(?s-u:a.c)").is_match(b"a\xffc"));
        assert!(!expression("a.c").is_match(b"a\xffc"));
    }

    #[test]
    fn an_expression_too_large_is_an_error() {
        let error = Expression::new(r"(\w{200}){200}").expect_err("it needs too much memory");
        assert!(error.to_string().contains(r"(\w{200}){200}"));
    }
}
