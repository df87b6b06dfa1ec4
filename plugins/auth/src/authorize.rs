//! Who may do what: the first rule that matches decides, and what no rule matches
//! is refused.

mod address;
mod expression;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result};

use crate::config::{self, Require};
use crate::identity::Identity;
use crate::path::{Prefix, Reading};

use address::Network;
pub(crate) use expression::Claims;
use expression::{Expression, Library};
use expression::{Facts, Wanted};

/// All rules, in order.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    wanted: Wanted,
    library: Library,
}

#[derive(Debug)]
struct Rule {
    /// Empty: it has none, and is not annotated.
    name: String,
    path: Vec<Prefix>,
    method: Vec<String>,
    address: Vec<Network>,
    when: Option<Expression>,
    deny: bool,
    require: Require,
    groups: Vec<String>,
    by: Vec<String>,
}

/// What the rules came to, and the name of the rule that said so, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision<'a> {
    /// It may pass.
    Allow(&'a str),
    /// Whoever asks may not, and why.
    Forbid(&'a str, &'static str),
    /// Nobody has been found, and somebody might be allowed.
    Identify(&'a str),
}

impl Rules {
    /// `methods`: the names of the methods that are configured.
    pub(crate) fn new(
        config: Vec<config::Rule>,
        reading: Reading,
        methods: &[String],
    ) -> Result<Self> {
        let mut wanted = Wanted::default();
        let mut rules = Vec::with_capacity(config.len());
        for (number, rule) in config.into_iter().enumerate() {
            let within = |e: Error| e.within(format_args!("rules[{number}]"));
            let rule = Rule::new(rule, reading, methods, &mut wanted).map_err(within)?;
            rules.push(rule);
        }
        Ok(Self { rules, wanted, library: Library::new()? })
    }

    /// The rule that decides, and what it says.
    pub(crate) fn decide(
        &self,
        request: &Request,
        path: &str,
        identity: Option<&Identity>,
    ) -> Decision<'_> {
        let mut facts = None;
        let mut somebody_may = false;
        for rule in &self.rules {
            if !rule.is_for(request, path) {
                continue;
            }
            if let Some(when) = &rule.when {
                let facts =
                    facts.get_or_insert_with(|| Facts::of(request, path, identity, &self.wanted));
                // An expression that fails says nothing: whoever it would refuse is
                // refused, whoever it would let pass is not.
                if !when.holds(facts, &self.library).unwrap_or(rule.deny) {
                    somebody_may |= !rule.deny && rule.require == Require::Identity;
                    continue;
                }
            }
            return rule.decide(identity);
        }
        match identity {
            None if somebody_may => Decision::Identify(""),
            _ => Decision::Forbid("", "no rule matches"),
        }
    }
}

impl Rule {
    fn new(
        config: config::Rule,
        reading: Reading,
        methods: &[String],
        wanted: &mut Wanted,
    ) -> Result<Self> {
        let path = |text: &String| {
            Prefix::new(text, reading).ok_or_else(|| {
                Error::new(format!(
                    "path: `{text}` is no path prefix: it begins with one `/`, is written decoded, and has no `?`, `#`, `*` or `%`"
                ))
            })
        };
        if let Some(method) = config.method.iter().find(|m| !is_name(m)) {
            return Err(Error::new(format!("method: `{method}` is no method")));
        }
        if let Some(by) = config.by.iter().find(|by| !methods.contains(by)) {
            let known = methods.join("`, `");
            return Err(Error::new(format!("by: there is no method `{by}`, only `{known}`")));
        }
        if config.require == Require::Anonymous
            && !(config.groups.is_empty() && config.by.is_empty())
        {
            return Err(Error::new("require: `anonymous` has neither `groups` nor `by`"));
        }
        if config.deny && !(config.groups.is_empty() && config.by.is_empty()) {
            return Err(Error::new(
                "deny: such a rule refuses everybody; write `groups` and `by` into `when`",
            ));
        }
        let address = config.address.iter().map(|text| Network::new(text)).collect::<Result<_>>();
        let when = config.when.map(|text| Expression::new(&text, wanted)).transpose();
        Ok(Self {
            name: config.name.unwrap_or_default(),
            path: config.path.iter().map(path).collect::<Result<_>>()?,
            method: config.method,
            address: address.map_err(|e| e.within("address"))?,
            when: when.map_err(|e| e.within("when"))?,
            deny: config.deny,
            require: config.require,
            groups: config.groups,
            by: config.by,
        })
    }

    /// Whether method, path and address are those of the rule.
    fn is_for(&self, request: &Request, path: &str) -> bool {
        let in_path = self.path.is_empty() || self.path.iter().any(|p| p.matches(path));
        in_path
            && (self.method.is_empty() || self.method.iter().any(|m| m == request.method()))
            && (self.address.is_empty()
                || request
                    .client_address()
                    .and_then(address::parse)
                    .is_some_and(|ip| self.address.iter().any(|net| net.contains(ip))))
    }

    fn decide(&self, identity: Option<&Identity>) -> Decision<'_> {
        if self.deny {
            return Decision::Forbid(&self.name, "the rule refuses");
        }
        if self.require == Require::Anonymous {
            return Decision::Allow(&self.name);
        }
        let Some(identity) = identity else {
            return Decision::Identify(&self.name);
        };
        if !self.by.is_empty() && !self.by.contains(&identity.method) {
            return Decision::Forbid(&self.name, "not by this method");
        }
        let in_group = |group: &String| identity.groups.contains(group);
        if !self.groups.is_empty() && !self.groups.iter().any(in_group) {
            return Decision::Forbid(&self.name, "in none of the groups");
        }
        Decision::Allow(&self.name)
    }
}
