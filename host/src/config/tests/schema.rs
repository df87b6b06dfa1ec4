//! The schema describes the file that is read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::config::schema;

/// Every table: where an unknown key is written to be told its keys, and its
/// definition in the schema.
const TABLES: [(&str, &str); 20] = [
    ("", ""),
    ("[admin]", "Admin"),
    ("[access_log]", "AccessLog"),
    ("[store]", "Store"),
    ("[limits]", "Limits"),
    ("[timeouts]", "Timeouts"),
    ("[[listener]]", "Listener"),
    ("[[listener]]\n[[listener.tls]]", "Certificate"),
    ("[cluster.x]", "Cluster"),
    ("[plugin.x]", "Plugin"),
    ("[[route]]", "Route"),
    ("[cluster.x]\nendpoints.qqqqqqqq", "WeightedEndpoint"),
    ("[[route]]\nplugins.qqqqqqqq", "ConfiguredUse"),
    ("[plugin.x.capabilities]", "Capabilities"),
    ("[plugin.x.capabilities.counter]", "CounterQuota"),
    ("[plugin.x.capabilities.http]", "HttpGrant"),
    ("[plugin.x.capabilities.secrets.y]", "GrantedSecret"),
    ("[plugin.x.capabilities.kv]", "KvQuota"),
    ("[plugin.x.capabilities.metrics]", "MetricsQuota"),
    ("[plugin.x.capabilities.rate_limit]", "RateLimitQuota"),
];

fn keys_of(schema: &Value, definition: &str) -> BTreeSet<String> {
    let table = match definition {
        "" => schema,
        name => &schema["$defs"][name],
    };
    assert_eq!(table["additionalProperties"], json!(false), "{definition} is strict");
    table["properties"].as_object().expect(definition).keys().cloned().collect()
}

#[test]
fn reader_and_schema_know_the_same_keys() {
    let schema = schema(&[]);
    for (heading, definition) in TABLES {
        let text = match heading.strip_suffix(".qqqqqqqq") {
            Some(list) => format!("{list} = [{{ qqqqqqqq = 1 }}]\n"),
            None => format!("{heading}\nqqqqqqqq = 1\n"),
        };
        let report = bad(&text);
        let list = report
            .diagnostics()
            .iter()
            .filter(|diagnostic| diagnostic.message.contains("`qqqqqqqq`"))
            .find_map(|diagnostic| diagnostic.help.as_ref()?.split_once(": ").map(|(_, list)| list))
            .unwrap_or_else(|| panic!("{heading}: {report}"));
        let known: BTreeSet<String> =
            list.split(", ").map(|key| key.trim_matches('`').to_owned()).collect();
        assert_eq!(known, keys_of(&schema, definition), "{heading}");
    }
    let tables: BTreeSet<&str> = TABLES.iter().map(|(_, definition)| *definition).collect();
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        let described = definition.get("properties").is_none() || name == "Secret";
        assert!(described || tables.contains(name.as_str()), "{name} is not in this test");
    }
}

#[test]
fn every_key_is_described_and_documented() {
    let reference = include_str!("../../../../docs/configuration.md");
    let schema = schema(&[]);
    for (_, definition) in TABLES {
        let table = if definition.is_empty() { &schema } else { &schema["$defs"][definition] };
        for (key, property) in table["properties"].as_object().expect("properties") {
            let described = property.get("description").or_else(|| {
                let reference = property["$ref"].as_str()?.strip_prefix('#')?;
                schema.pointer(reference)?.get("description")
            });
            assert!(described.is_some(), "{definition}.{key} has no description");
            assert!(
                reference.contains(&format!("`{key}`")),
                "{definition}.{key} is not in docs/configuration.md"
            );
            if let Some(default) = property.get("default").and_then(Value::as_str) {
                assert!(
                    reference.contains(default),
                    "{definition}.{key}: the default {default} is not in docs/configuration.md"
                );
            }
        }
    }
}

#[test]
fn defaults_are_those_that_hold() {
    let schema = schema(&[]);
    assert_eq!(schema["$defs"]["Limits"]["properties"]["header_bytes"]["default"], json!("64KiB"));
    for definition in ["Limits", "Timeouts"] {
        for (key, property) in schema["$defs"][definition]["properties"].as_object().expect("keys")
        {
            assert!(property.get("default").is_some(), "{definition}.{key} has no default");
        }
    }
    // What the schema says is the default is accepted, and changes nothing.
    let mut text = LEAST.to_owned();
    for (heading, definition) in [("limits", "Limits"), ("timeouts", "Timeouts")] {
        text.push_str(&format!("[{heading}]\n"));
        for (key, property) in schema["$defs"][definition]["properties"].as_object().expect("keys")
        {
            text.push_str(&format!("{key} = {}\n", property["default"]));
        }
    }
    assert_eq!(good(&text).config, good(LEAST).config);
}

#[test]
fn bundled_plugins_are_described_where_they_are_used() {
    let builtin = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "key": { "type": "string" }, "rules": { "type": "array", "items": { "$ref": "#/$defs/Rule" } } },
        "required": ["key"],
        "$defs": { "Rule": { "type": "object", "properties": { "value": { "type": ["string", "null"] } } } },
    });
    let schema = schema(&[("waf".to_owned(), builtin)]);
    let embedded = &schema["$defs"]["config-waf"];
    assert_eq!(
        embedded["properties"]["rules"]["items"]["$ref"],
        json!("#/$defs/config-waf/$defs/Rule")
    );
    let secret = json!({ "$ref": "#/$defs/Secret" });
    assert_eq!(embedded["properties"]["key"]["anyOf"][1], secret);
    assert_eq!(embedded["$defs"]["Rule"]["properties"]["value"]["anyOf"][1], secret);
    assert_eq!(
        schema["$defs"]["Plugin"]["allOf"][0]["then"]["properties"]["config"]["$ref"],
        json!("#/$defs/config-waf")
    );
    assert_eq!(embedded.get("$schema"), None);
}
