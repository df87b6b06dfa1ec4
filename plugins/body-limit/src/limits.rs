//! The limits of the configuration, and which of them hold for a request.

use paths::Prefix;
use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result};
use units::Size;

use crate::config::{Config, Rule as RuleConfig};
use crate::media::Range;

/// What holds for one request.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) max: Option<u64>,
    pub(crate) min: u64,
    /// None: every type.
    pub(crate) content_types: Option<Vec<Range>>,
    pub(crate) require_length: bool,
    pub(crate) response_max: Option<u64>,
}

/// Limits with the requests that they are for.
#[derive(Debug)]
struct Rule {
    paths: Vec<Prefix>,
    methods: Vec<String>,
    content_types: Vec<Range>,
    limits: Limits,
}

/// All limits.
#[derive(Debug)]
pub(crate) struct Table {
    rules: Vec<Rule>,
    default: Limits,
    bodyless_methods: Vec<String>,
}

impl Table {
    /// Checks the configuration.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let limits = |own: &RuleConfig| -> Result<Limits> {
            let limits = Limits {
                max: own.max.or(config.max).map(Size::octets),
                min: own.min.or(config.min).map_or(0, Size::octets),
                content_types: types(
                    own.content_types.as_deref().or(config.content_types.as_deref()),
                )?,
                require_length: own.require_length.or(config.require_length).unwrap_or_default(),
                response_max: own.response_max.or(config.response_max).map(Size::octets),
            };
            if limits.max.is_some_and(|max| limits.min > max) {
                return Err(Error::new(format!(
                    "{} is more than `max`; no body would do",
                    Size::from_octets(limits.min)
                ))
                .within("min"));
            }
            Ok(limits)
        };
        let rule = |(index, rule): (usize, &RuleConfig)| -> Result<Rule> {
            let within = |e: Error| e.within(format!("rules[{index}]"));
            Ok(Rule {
                paths: Prefix::all(&rule.paths).map_err(|e| within(e.within("paths")))?,
                methods: methods(&rule.methods).map_err(|e| within(e.within("methods")))?,
                content_types: Range::all(&rule.match_content_types)
                    .map_err(|e| within(e.within("match_content_types")))?,
                limits: limits(rule).map_err(within)?,
            })
        };
        Ok(Self {
            default: limits(&RuleConfig::default())?,
            rules: config.rules.iter().enumerate().map(rule).collect::<Result<_>>()?,
            bodyless_methods: methods(&config.bodyless_methods)
                .map_err(|e| e.within("bodyless_methods"))?,
        })
    }

    /// The limits of this request.
    pub(crate) fn find(&self, request: &Request) -> &Limits {
        let rule = self.rules.iter().find(|rule| rule.fits(request));
        rule.map_or(&self.default, |rule| &rule.limits)
    }

    /// Whether requests with this method may have no body.
    pub(crate) fn is_bodyless(&self, request: &Request) -> bool {
        !self.bodyless_methods.is_empty()
            && self.bodyless_methods.iter().any(|method| method == request.method())
    }

    /// Whether any response is limited.
    pub(crate) fn limits_responses(&self) -> bool {
        let mut all = self.rules.iter().map(|rule| &rule.limits);
        self.default.response_max.is_some() || all.any(|limits| limits.response_max.is_some())
    }
}

impl Rule {
    fn fits(&self, request: &Request) -> bool {
        let content_type = || request.header("content-type");
        (self.methods.is_empty() || self.methods.iter().any(|m| m == request.method()))
            && (self.paths.is_empty() || self.paths.iter().any(|p| p.contains(request.path())))
            && (self.content_types.is_empty()
                || self.content_types.iter().any(|range| range.fits(content_type())))
    }
}

fn types(texts: Option<&[String]>) -> Result<Option<Vec<Range>>> {
    let ranges = texts.map(Range::all).transpose().map_err(|e| e.within("content_types"))?;
    match ranges {
        Some(ranges) if ranges.is_empty() => {
            Err(Error::new("no content type would do; leave the key out to allow every one")
                .within("content_types"))
        }
        // Nothing to compare.
        Some(ranges) if ranges.contains(&Range::Any) => Ok(None),
        ranges => Ok(ranges),
    }
}

fn methods(texts: &[String]) -> Result<Vec<String>> {
    let check = |(index, text): (usize, &String)| {
        if is_name(text) && !text.bytes().any(|b| b.is_ascii_lowercase()) {
            return Ok(text.clone());
        }
        Err(Error::new(format!("`{text}` is no method in upper case, such as `POST`"))
            .within(format!("[{index}]")))
    };
    texts.iter().enumerate().map(check).collect()
}
