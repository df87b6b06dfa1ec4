//! Edits of a query's parameters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plugin_sdk::{Error, Result};
use template::{Template, View};

use crate::config;

/// Keep, remove, set, add, in this order.
pub(crate) struct QueryEdits {
    keep: Option<Vec<String>>,
    remove: Vec<String>,
    set: Vec<(String, Template)>,
    add: Vec<(String, Template)>,
}

impl QueryEdits {
    pub(crate) fn new(config: config::Query, groups: &[Option<&str>]) -> Result<Self> {
        let parse = |key: &str, values: BTreeMap<String, String>| {
            let value = |(name, text): (String, String)| {
                let template = Template::with_captures(&text, groups)
                    .map_err(|e| Error::from(e).within(format_args!("{key}.{name}")))?;
                Ok((name, template))
            };
            values.into_iter().map(value).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            keep: config.keep,
            remove: config.remove,
            set: parse("set", config.set)?,
            add: parse("add", config.add)?,
        })
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.set.iter().chain(&self.add).map(|(_, template)| template)
    }

    /// The target with its query edited. Parameters that no edit speaks of stay
    /// as the client wrote them, octet for octet.
    pub(crate) fn apply(&self, view: &View<'_>) -> String {
        let mut query = String::new();
        let pieces = view.query().unwrap_or_default().split('&').filter(|p| !p.is_empty());
        for piece in pieces {
            let name = name_of(piece);
            let kept = self.keep.as_ref().is_none_or(|keep| keep.iter().any(|k| *k == name));
            let replaced = self.set.iter().any(|(set, _)| *set == name);
            if kept && !replaced && !self.remove.iter().any(|r| *r == name) {
                push(&mut query, piece);
            }
        }
        for (name, value) in self.set.iter().chain(&self.add) {
            let value = value.field_value(view);
            let value = String::from_utf8_lossy(&value);
            let mut pair = form_urlencoded::Serializer::new(String::new());
            pair.append_pair(name, &value);
            push(&mut query, &pair.finish());
        }
        if query.is_empty() { view.path().to_owned() } else { format!("{}?{query}", view.path()) }
    }
}

fn name_of(piece: &str) -> Cow<'_, str> {
    let mut pairs = form_urlencoded::parse(piece.as_bytes());
    pairs.next().map_or(Cow::Borrowed(""), |(name, _)| name)
}

fn push(query: &mut String, piece: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(piece);
}
