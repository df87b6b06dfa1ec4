//! The JSON Schema of the configuration file, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::file::File;
use super::units::{show_duration, show_size};
use super::{
    Admin, Cluster, Config, CounterQuota, HttpGrant, KvQuota, Limits, MetricsQuota, Plugin,
    PluginSource, RateLimitQuota, Timeouts,
};

/// The schema (draft 2020-12), with the configuration schemas of the bundled
/// plugins: pairs of a name and its schema.
pub fn schema(builtins: &[(String, Value)]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        // A key is left out in TOML; there is no null to write.
        settings.transforms.push(Box::new(schemars::transform::RecursiveTransform(not_null)));
    });
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    add_defaults(&mut schema);
    add_builtins(&mut schema, builtins);
    schema
}

/// `Option` says 'or null' in JSON; the file cannot.
fn not_null(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({ "type": "null" }));
        if let [Value::Object(only)] = choices.as_mut_slice() {
            let only = std::mem::take(only);
            object.remove("anyOf");
            object.extend(only);
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

fn add_defaults(schema: &mut Value) {
    let config = Config::default();
    let limits = Limits::default();
    let timeouts = Timeouts::default();
    let plugin = Plugin::with_defaults("", PluginSource::Builtin(String::new()));
    let cluster = Cluster::with_defaults("", Vec::new(), &timeouts);
    let http = HttpGrant::to(Vec::new());
    let time = |duration| Value::String(show_duration(duration));
    let size = |bytes: usize| Value::String(show_size(bytes as u64));
    let body = limits.body_bytes.map_or("unlimited".to_owned(), show_size);
    let defaults = [
        ("/properties/drain_timeout", time(config.drain_timeout)),
        ("/properties/trusted_proxies", json!([])),
        ("/$defs/Admin/properties/listen", json!(Admin::default().listen.to_string())),
        ("/$defs/AccessLog/properties/path", json!("-")),
        ("/$defs/Limits/properties/connections", json!(limits.connections)),
        ("/$defs/Limits/properties/connections_per_address", json!(limits.connections_per_address)),
        ("/$defs/Limits/properties/requests_per_connection", json!(limits.requests_per_connection)),
        ("/$defs/Limits/properties/target_bytes", size(limits.target_bytes)),
        ("/$defs/Limits/properties/header_bytes", size(limits.header_bytes)),
        ("/$defs/Limits/properties/header_count", json!(limits.header_count)),
        ("/$defs/Limits/properties/body_bytes", json!(body)),
        ("/$defs/Limits/properties/http2_streams", json!(limits.http2_streams)),
        ("/$defs/Limits/properties/http2_resets", json!(limits.http2_resets)),
        ("/$defs/Timeouts/properties/handshake", time(timeouts.handshake)),
        ("/$defs/Timeouts/properties/header", time(timeouts.header)),
        ("/$defs/Timeouts/properties/body", time(timeouts.body)),
        ("/$defs/Timeouts/properties/idle", time(timeouts.idle)),
        ("/$defs/Timeouts/properties/connect", time(timeouts.connect)),
        ("/$defs/Timeouts/properties/response", time(timeouts.response)),
        ("/$defs/Timeouts/properties/upstream_body", time(timeouts.upstream_body)),
        ("/$defs/Timeouts/properties/upstream_idle", time(timeouts.upstream_idle)),
        ("/$defs/Timeouts/properties/tunnel", time(timeouts.tunnel)),
        ("/$defs/Listener/properties/http2", json!(true)),
        ("/$defs/Cluster/properties/balance", json!("round-robin")),
        ("/$defs/Cluster/properties/host", json!("preserve")),
        ("/$defs/Cluster/properties/idle_connections", json!(cluster.idle_connections)),
        ("/$defs/WeightedEndpoint/properties/weight", json!(1)),
        ("/$defs/Plugin/properties/on_failure", json!("closed")),
        ("/$defs/Plugin/properties/isolation", json!("shared")),
        ("/$defs/Plugin/properties/deadline", time(plugin.deadline)),
        ("/$defs/Plugin/properties/memory", json!(show_size(plugin.memory))),
        ("/$defs/Plugin/properties/body_over_limit", json!("refuse")),
        ("/$defs/Plugin/properties/body_limit", json!(show_size(u64::from(plugin.body_limit)))),
        ("/$defs/Plugin/properties/config", json!({})),
        ("/$defs/CounterQuota/properties/names", json!(CounterQuota::default().names)),
        ("/$defs/HttpGrant/properties/private", json!(false)),
        ("/$defs/HttpGrant/properties/timeout", time(http.timeout)),
        ("/$defs/HttpGrant/properties/body", size(http.body)),
        ("/$defs/HttpGrant/properties/in_flight", json!(http.in_flight)),
        ("/$defs/KvQuota/properties/bytes", json!(show_size(KvQuota::default().bytes))),
        ("/$defs/KvQuota/properties/entries", json!(KvQuota::default().entries)),
        ("/$defs/MetricsQuota/properties/series", json!(MetricsQuota::default().series)),
        ("/$defs/RateLimitQuota/properties/keys", json!(RateLimitQuota::default().keys)),
    ];
    for (pointer, default) in defaults {
        if let Some(Value::Object(property)) = schema.pointer_mut(pointer) {
            property.insert("default".to_owned(), default);
        }
    }
}

/// Makes `config` of a plugin follow the schema of its source.
fn add_builtins(schema: &mut Value, builtins: &[(String, Value)]) {
    let mut conditions = Vec::new();
    for (name, builtin) in builtins {
        let definition = format!("config-{name}");
        conditions.push(json!({
            "if": {
                "properties": { "source": { "const": format!("builtin:{name}") } },
                "required": ["source"],
            },
            "then": { "properties": { "config": { "$ref": format!("#/$defs/{definition}") } } },
        }));
        let mut builtin = builtin.clone();
        embed(&mut builtin, &format!("#/$defs/{definition}"));
        if let Value::Object(builtin) = &mut builtin {
            builtin.remove("$schema");
            builtin.remove("$id");
            // A route's own `config` may bring what is missing here.
            builtin.remove("required");
        }
        if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
            definitions.insert(definition, builtin);
        }
    }
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.insert("Secret".to_owned(), secret());
        if let Some(Value::Object(plugin)) = definitions.get_mut("Plugin")
            && !conditions.is_empty()
        {
            plugin.insert("allOf".to_owned(), Value::Array(conditions));
        }
    }
}

fn secret() -> Value {
    json!({
        "description": "The value of an environment variable, or the contents of a file.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": { "env": { "type": "string" }, "file": { "type": "string" } },
        "additionalProperties": false,
    })
}

/// Fits a schema of its own into this one: its references begin at `root`, and
/// wherever it takes a string a secret will do.
fn embed(schema: &mut Value, root: &str) {
    let Value::Object(object) = schema else {
        return;
    };
    if let Some(Value::String(reference)) = object.get_mut("$ref")
        && let Some(inner) = reference.strip_prefix('#')
    {
        *reference = format!("{root}{inner}");
    }
    for (keyword, value) in object.iter_mut() {
        match (keyword.as_str(), value) {
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(inner),
            ) => {
                inner.values_mut().for_each(|schema| embed(schema, root));
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(inner)) => {
                inner.iter_mut().for_each(|schema| embed(schema, root));
            }
            (
                "items" | "additionalProperties" | "contains" | "not" | "if" | "then" | "else",
                inner,
            ) => {
                embed(inner, root);
            }
            // Others hold no schemas, or ones for names, which are no secrets.
            _ => {}
        }
    }
    let takes_string = match object.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => false,
    };
    if takes_string {
        let original = std::mem::take(object);
        let mut outer = Map::new();
        for keyword in ["title", "description", "default"] {
            if let Some(value) = original.get(keyword) {
                outer.insert(keyword.to_owned(), value.clone());
            }
        }
        outer.insert("anyOf".to_owned(), json!([original, { "$ref": "#/$defs/Secret" }]));
        *object = outer;
    }
}
