//! The keys of a plugin's configuration, read from its JSON Schema.
//!
//! The schema comes from a file that anyone may have made: references may lead in
//! circles, and texts may hold anything.

use serde_json::{Map, Value};

/// Deeper configurations are cut; references in a circle end here too.
const DEPTH_MAX: usize = 12;
/// Longer ones are cut: nobody reads on.
const ROWS_MAX: usize = 400;

/// One row for each key: its path, what it takes, what it means.
pub(super) fn rows(schema: &Value) -> Vec<[String; 3]> {
    let mut keys = Keys { root: schema, rows: Vec::new() };
    keys.visit(schema, "", 0);
    keys.rows
}

/// Text without what could move a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

struct Keys<'a> {
    root: &'a Value,
    rows: Vec<[String; 3]>,
}

impl<'a> Keys<'a> {
    fn visit(&mut self, schema: &'a Value, path: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let schema = self.resolve(schema);
        for (name, key, variant) in properties(schema) {
            if self.rows.len() >= ROWS_MAX {
                return;
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let inner = self.resolve(key);
            let meaning = [key, inner, variant]
                .iter()
                .find_map(|schema| schema.get("description").and_then(Value::as_str))
                .unwrap_or_default();
            let takes = self.takes(key, depth);
            self.rows.push([printable(&path), printable(&takes), printable(meaning)]);
            self.visit_value(inner, &path, depth + 1);
        }
    }

    /// The keys inside a value, of whatever shape it is.
    fn visit_value(&mut self, schema: &'a Value, path: &str, depth: usize) {
        if let Some(items) = schema.get("items") {
            self.visit(items, &format!("{path}[]"), depth);
        } else if let Some(values) = schema.get("additionalProperties").filter(|v| v.is_object()) {
            self.visit(values, &format!("{path}.NAME"), depth);
        } else {
            self.visit(schema, path, depth);
        }
    }

    fn takes(&self, schema: &'a Value, depth: usize) -> String {
        let schema = self.resolve(schema);
        if let Some(values) = constants(schema) {
            return values.join(", ");
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|k| *k != "null").unwrap_or("anything")
            }
            _ if schema.get("oneOf").is_some() => "one of",
            _ => "anything",
        };
        match (kind, schema.get("items"), schema.get("additionalProperties")) {
            _ if depth > DEPTH_MAX => kind.to_owned(),
            ("array", Some(items), _) => format!("list of {}", self.takes(items, depth + 1)),
            ("object", _, Some(values)) if values.is_object() => {
                format!("table of {}", self.takes(values, depth + 1))
            }
            ("object", ..) => "table".to_owned(),
            (kind, ..) => kind.to_owned(),
        }
    }

    /// What a reference stands for, and an optional value's schema without its null.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEPTH_MAX {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let target = reference.and_then(|path| self.root.pointer(path.strip_prefix('#')?));
            let alternatives = schema.get("anyOf").and_then(Value::as_array);
            let some = alternatives.and_then(|all| all.iter().find(|schema| !is_null(schema)));
            match target.or(some) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }
}

/// The properties of a table; of an enum in its tagged form, one for each variant.
/// With each goes the variant, which may hold its description.
fn properties(schema: &Value) -> Vec<(&String, &Value, &Value)> {
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(schema)
        .chain(variants)
        .flat_map(|owner| {
            let properties = owner.get("properties").and_then(Value::as_object);
            let properties = properties.into_iter().flat_map(Map::iter);
            properties.map(move |(name, key)| {
                let variant = if std::ptr::eq(owner, schema) { key } else { owner };
                (name, key, variant)
            })
        })
        .collect()
}

/// The values of an enum of plain ones.
fn constants(schema: &Value) -> Option<Vec<String>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().map(Value::to_string).collect());
    }
    let variants = schema.get("oneOf")?.as_array()?;
    variants.iter().map(|variant| variant.get("const").map(Value::to_string)).collect()
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_has_its_row() {
        let schema = json!({
            "properties": {
                "a": { "type": ["string", "null"], "description": "text" },
                "b": { "type": "array", "items": { "$ref": "#/$defs/B" } },
                "c": { "anyOf": [{ "$ref": "#/$defs/B" }, { "type": "null" }] },
                "d": { "enum": ["x", "y"] },
                "e": { "type": "object", "additionalProperties": { "type": "integer" } },
                "f": { "oneOf": [{ "description": "one", "properties": { "g": { "type": "number" } } }] },
            },
            "$defs": { "B": { "type": "object", "properties": { "deep": { "type": "boolean" } } } },
        });
        let rows = rows(&schema);
        let rows: Vec<[&str; 3]> =
            rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let expected = [
            ["a", "string", "text"],
            ["b", "list of table", ""],
            ["b[].deep", "boolean", ""],
            ["c", "table", ""],
            ["c.deep", "boolean", ""],
            ["d", "\"x\", \"y\"", ""],
            ["e", "table of integer", ""],
            ["f", "one of", ""],
            ["f.g", "number", "one"],
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn circles_and_control_characters_do_no_harm() {
        let schema = json!({
            "$ref": "#",
            "properties": { "a\u{1b}": { "$ref": "#" }, "b": { "type": "array", "items": { "$ref": "#/x" } } },
            "x": { "$ref": "#/x" },
        });
        let tree = json!({
            "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#" }, "c": { "type": "array", "items": { "$ref": "#/properties/c" } } },
        });
        for schema in [schema, tree, json!(null), json!([1]), json!(true)] {
            let rows = rows(&schema);
            assert!(rows.len() <= ROWS_MAX);
            assert!(rows.iter().flatten().all(|text| !text.contains('\u{1b}')));
        }
    }
}
