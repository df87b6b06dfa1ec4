//! The keys of a configuration as a Markdown table.

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// One row for each key of `C`: its path, what it takes, what it means.
///
/// A plugin's README can hold this table, and a test hold the README to it:
/// `assert!(README.contains(&plugin_sdk_build::table::<Config>()))`.
pub fn table<C: JsonSchema>() -> String {
    let root = crate::schema::<C>();
    let mut table = String::from("| key | takes | meaning |\n|---|---|---|\n");
    let keys = Keys { root: &root };
    keys.of(&root, "", &mut table);
    table
}

struct Keys<'a> {
    root: &'a Value,
}

impl Keys<'_> {
    fn of(&self, schema: &Value, path: &str, table: &mut String) {
        let schema = self.resolve(schema);
        for (name, key, variant) in self.properties(schema) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let inner = self.resolve(key);
            let meaning = [key, inner, variant]
                .iter()
                .find_map(|s| s.get("description").and_then(Value::as_str))
                .unwrap_or_default()
                .replace('\n', " ");
            let takes = self.takes(key);
            table.push_str(&format!("| `{path}` | {takes} | {meaning} |\n"));
            self.below(inner, &path, table);
        }
    }

    /// The keys inside a value, of whatever shape it is.
    fn below(&self, schema: &Value, path: &str, table: &mut String) {
        if let Some(items) = schema.get("items") {
            self.of(items, &format!("{path}[]"), table);
        } else if let Some(values) = schema.get("additionalProperties").filter(|v| v.is_object()) {
            self.of(values, &format!("{path}.NAME"), table);
        } else {
            self.of(schema, path, table);
        }
    }

    /// The properties of a table; of an enum in its tagged form, one for each
    /// variant. With each goes the variant, which may hold its description.
    fn properties<'s>(&self, schema: &'s Value) -> Vec<(&'s String, &'s Value, &'s Value)> {
        let of = |owner: &'s Value| {
            let properties = owner.get("properties").and_then(Value::as_object);
            let properties = properties.into_iter().flat_map(Map::iter);
            properties.map(move |(name, key)| {
                let variant = if std::ptr::eq(owner, schema) { key } else { owner };
                (name, key, variant)
            })
        };
        let variants = schema.get("oneOf").and_then(Value::as_array);
        let variants = variants.into_iter().flatten();
        of(schema).chain(variants.flat_map(of)).collect()
    }

    fn takes(&self, schema: &Value) -> String {
        let schema = self.resolve(schema);
        if let Some(values) = self.constants(schema) {
            return values.join(", ");
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                let mut kinds = kinds.iter().filter_map(Value::as_str);
                kinds.find(|k| *k != "null").unwrap_or("anything")
            }
            _ if schema.get("oneOf").is_some() => "one of",
            _ => "anything",
        };
        match (kind, schema.get("items"), schema.get("additionalProperties")) {
            ("array", Some(items), _) => format!("list of {}", self.takes(items)),
            ("object", _, Some(values)) if values.is_object() => {
                format!("table of {}", self.takes(values))
            }
            ("object", ..) => "table".to_owned(),
            (kind, ..) => kind.to_owned(),
        }
    }

    /// The values of an enum of plain ones.
    fn constants(&self, schema: &Value) -> Option<Vec<String>> {
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return Some(values.iter().map(|v| format!("`{v}`")).collect());
        }
        let variants = schema.get("oneOf")?.as_array()?;
        let constant = |v: &Value| v.get("const").map(|c| format!("`{c}`"));
        variants.iter().map(constant).collect()
    }

    /// What a reference stands for, and an optional value's schema without its null.
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let found = self.root.pointer(reference.trim_start_matches('#'));
            return found.map_or(schema, |s| self.resolve(s));
        }
        let alternatives = schema.get("anyOf").and_then(Value::as_array);
        let is_null = |s: &&Value| s.get("type").and_then(Value::as_str) == Some("null");
        match alternatives.and_then(|a| a.iter().find(|s| !is_null(s))) {
            Some(value) => self.resolve(value),
            None => schema,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Config {
        /// What to call it.
        name: Option<String>,
        /// In order.
        rules: Vec<Rule>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Rule {
        /// How hard.
        level: Level,
        /// Whom.
        #[schemars(rename = "match")]
        whom: Match,
    }

    #[derive(JsonSchema)]
    #[schemars(rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Level {
        Low,
        VeryHigh,
    }

    #[derive(JsonSchema)]
    #[schemars(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Match {
        /// The very same.
        Equals(String),
        /// Any at all.
        Present(bool),
    }

    #[test]
    fn each_key_has_a_row() {
        assert_eq!(
            table::<Config>(),
            "| key | takes | meaning |\n\
             |---|---|---|\n\
             | `name` | string | What to call it. |\n\
             | `rules` | list of table | In order. |\n\
             | `rules[].level` | `\"low\"`, `\"very-high\"` | How hard. |\n\
             | `rules[].match` | one of | Whom. |\n\
             | `rules[].match.equals` | string | The very same. |\n\
             | `rules[].match.present` | boolean | Any at all. |\n"
        );
    }
}
