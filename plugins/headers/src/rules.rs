//! The edits of one side, checked and parsed.

use std::collections::{BTreeMap, BTreeSet};

use plugin_sdk::field::{is_name, is_value};
use plugin_sdk::{Error, HeaderEdits, Result};
use template::{Template, View};

use crate::config;

/// Fields that belong to the connection; the host fails a plugin that edits them.
const CONNECTION_FIELDS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Rules in the order in which they are applied.
pub(crate) struct Rules(Vec<Rule>);

enum Rule {
    Rename { from: String, to: String },
    Remove(String),
    Default(String, Template),
    Set(String, Template),
    Add(String, Template),
}

/// What a rule comes to for one request.
pub(crate) enum Edit<'a> {
    Rename(&'a str, &'a str),
    Remove(&'a str),
    Default(&'a str, Vec<u8>),
    Set(&'a str, Vec<u8>),
    Add(&'a str, Vec<u8>),
}

impl Rules {
    pub(crate) fn of_request(config: config::Request) -> Result<Self> {
        let mut builder = Builder { host_is_fixed: true, ..Builder::default() };
        builder.renames(config.rename)?;
        builder.removes(config.remove)?;
        builder.values("default", config.default, Rule::Default)?;
        builder.values("set", config.set, Rule::Set)?;
        builder.adds(config.add)?;
        Ok(Self(builder.rules))
    }

    pub(crate) fn of_response(config: config::Response) -> Result<Self> {
        let mut builder = Builder::default();
        builder.renames(config.rename)?;
        builder.removes(config.remove)?;
        builder.values("default", config.default, Rule::Default)?;
        builder.values("set", config.set, Rule::Set)?;
        builder.adds(config.add)?;
        Ok(Self(builder.rules))
    }

    /// The request fields that the rules read.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|rule| {
            let template = match rule {
                Rule::Default(_, template) | Rule::Set(_, template) | Rule::Add(_, template) => {
                    Some(template)
                }
                Rule::Rename { .. } | Rule::Remove(_) => None,
            };
            template.into_iter().flat_map(Template::fields)
        })
    }

    /// What the rules come to for this request.
    pub(crate) fn edits<'a>(&'a self, view: &View<'_>) -> Vec<Edit<'a>> {
        self.0.iter().filter_map(|rule| rule.edit(view)).collect()
    }
}

impl Rule {
    fn edit<'a>(&'a self, view: &View<'_>) -> Option<Edit<'a>> {
        match self {
            Self::Rename { from, to } => Some(Edit::Rename(from, to)),
            Self::Remove(name) => Some(Edit::Remove(name)),
            Self::Default(name, value) => {
                let value = value.field_value(view);
                (!value.is_empty()).then_some(Edit::Default(name, value))
            }
            // Not left out when empty: a client's own line must not stand where
            // the operator said what it is to be.
            Self::Set(name, value) => {
                let value = value.field_value(view);
                Some(if value.is_empty() { Edit::Remove(name) } else { Edit::Set(name, value) })
            }
            Self::Add(name, value) => {
                let value = value.field_value(view);
                (!value.is_empty()).then_some(Edit::Add(name, value))
            }
        }
    }
}

impl Edit<'_> {
    pub(crate) fn apply(self, edits: &mut HeaderEdits) {
        match self {
            Self::Rename(from, to) => edits.rename(from, to),
            Self::Remove(name) => edits.remove(name),
            Self::Default(name, value) => edits.set_default(name, value),
            Self::Set(name, value) => edits.set(name, value),
            Self::Add(name, value) => edits.add(name, value),
        }
    }
}

#[derive(Default)]
struct Builder {
    rules: Vec<Rule>,
    /// Names that a rule other than `add` speaks of: a second one would
    /// contradict it, whatever the order.
    taken: BTreeSet<String>,
    host_is_fixed: bool,
}

impl Builder {
    fn renames(&mut self, renames: BTreeMap<String, String>) -> Result<()> {
        for (from, to) in renames {
            let key = format!("rename.{from}");
            let from = self.take(&key, &from)?;
            let to = self.take(&key, &to)?;
            self.rules.push(Rule::Rename { from, to });
        }
        Ok(())
    }

    fn removes(&mut self, names: Vec<String>) -> Result<()> {
        for (index, name) in names.into_iter().enumerate() {
            let name = self.take(&format!("remove[{index}]"), &name)?;
            self.rules.push(Rule::Remove(name));
        }
        Ok(())
    }

    fn values(
        &mut self,
        kind: &str,
        values: BTreeMap<String, String>,
        rule: fn(String, Template) -> Rule,
    ) -> Result<()> {
        for (name, value) in values {
            let key = format!("{kind}.{name}");
            let name = self.take(&key, &name)?;
            self.rules.push(rule(name, parse_value(&key, &value)?));
        }
        Ok(())
    }

    fn adds(&mut self, adds: BTreeMap<String, Vec<String>>) -> Result<()> {
        for (name, values) in adds {
            for (index, value) in values.into_iter().enumerate() {
                let key = format!("add.{name}[{index}]");
                let name = self.check(&key, &name)?;
                let value = parse_value(&key, &value)?;
                self.rules.push(Rule::Add(name, value));
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &str, name: &str) -> Result<String> {
        let name = self.check(key, name)?;
        if self.taken.insert(name.clone()) {
            return Ok(name);
        }
        Err(Error::new(format!("another rule speaks of `{name}` too; keep one of them"))
            .within(key))
    }

    fn check(&self, key: &str, name: &str) -> Result<String> {
        let error = |text: String| Err(Error::new(text).within(key));
        if !is_name(name) {
            return error(format!("`{name}` is no field name"));
        }
        let name = name.to_ascii_lowercase();
        if CONNECTION_FIELDS.contains(&name.as_str()) {
            return error(format!("`{name}` belongs to the connection and cannot be edited"));
        }
        if self.host_is_fixed && name == "host" {
            return error("`host` is changed by the plugin `rewrite`".to_owned());
        }
        Ok(name)
    }
}

fn parse_value(key: &str, text: &str) -> Result<Template> {
    let template = Template::parse(text).map_err(|e| Error::from(e).within(key))?;
    let error = |text: &str| Err(Error::new(text).within(key));
    match template.constant() {
        Some("") => return error("an empty value is no line; use `remove`"),
        Some(constant) if !is_value(constant.as_bytes()) => {
            return error("control characters and white space at the ends are illegal in a field");
        }
        _ => {}
    }
    let legal = |part: &template::Part| match part {
        template::Part::Text(text) => text.bytes().all(plugin_sdk::field::is_value_octet),
        template::Part::Variable(_) => true,
    };
    if !template.parts().iter().all(legal) {
        return error("control characters are illegal in a field");
    }
    Ok(template)
}
