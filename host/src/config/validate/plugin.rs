//! `[plugin.NAME]`, and the `NAME.toml` beside a dropped plugin

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use crate::config::document::{Table, Value};
use crate::config::place::{Place, Places};
use crate::config::scalar::{self, Invalid};
use crate::config::{
    BodyOverLimit, Capabilities, Isolation, OnFailure, Origin, Plugin, PluginSource, secret,
    suggest,
};

/// Every plugin's name; none = it is wrong.
pub(super) type Named = BTreeMap<String, Option<Plugin>>;

pub(super) fn plugins(root: &mut Table<'_>, places: &mut Places) -> Named {
    let Some(table) = root.table("plugin") else {
        return Named::new();
    };
    let plugins = table.entries().map(|(name, span, value)| {
        let key = Value { span: span.clone(), ..value.clone().named("plugin".to_owned()) };
        let named = scalar::name(name).map_err(|invalid| key.invalid(invalid)).is_ok();
        places.insert(Place::Plugin(name.to_owned()), span);
        let table = value.table(&format!("[plugin.{name}]"));
        let plugin = table.and_then(|table| plugin(name, table, places));
        (name.to_owned(), plugin.filter(|_| named))
    });
    plugins.collect()
}

fn plugin(name: &str, mut table: Table<'_>, places: &mut Places) -> Option<Plugin> {
    let source = table
        .require("source", "write `source = \"builtin:NAME\"` or `source = \"FILE.wasm\"`")
        .and_then(|value| {
            places.insert(Place::PluginSource(name.to_owned()), value.span.clone());
            source(&value)
        });
    let settings = settings(name, table, places);
    let mut plugin = Plugin::with_defaults(name, source?);
    settings?.apply(&mut plugin);
    Some(plugin)
}

fn source(value: &Value<'_>) -> Option<PluginSource> {
    let context = value.context;
    let source = value.parse("a string", |text| PluginSource::parse(text, &context.resolve("")))?;
    match &source {
        PluginSource::File(_) => value.file().map(|_| source),
        PluginSource::Builtin(name) => {
            let known = context.builtins.as_deref();
            if known.is_none_or(|known| known.contains(name)) {
                return Some(source);
            }
            let known = known.unwrap_or_default().iter().map(String::as_str);
            value.invalid(
                Invalid::new(format!("there is no bundled plugin `{name}`")).help(suggest::help(
                    name,
                    "bundled plugins",
                    known,
                )),
            );
            None
        }
    }
}

/// Everything about a plugin but where it comes from.
struct Settings {
    on_failure: Option<OnFailure>,
    isolation: Option<Isolation>,
    deadline: Option<Duration>,
    memory: Option<u64>,
    body_over_limit: Option<BodyOverLimit>,
    body_limit: Option<u32>,
    capabilities: Capabilities,
    config: Option<Json>,
}

impl Settings {
    fn apply(self, plugin: &mut Plugin) {
        plugin.on_failure = self.on_failure.unwrap_or(plugin.on_failure);
        plugin.isolation = self.isolation.unwrap_or(plugin.isolation);
        plugin.deadline = self.deadline.unwrap_or(plugin.deadline);
        plugin.memory = self.memory.unwrap_or(plugin.memory);
        plugin.body_over_limit = self.body_over_limit.unwrap_or(plugin.body_over_limit);
        plugin.body_limit = self.body_limit.unwrap_or(plugin.body_limit);
        plugin.capabilities = self.capabilities;
        if let Some(config) = self.config {
            plugin.config = config;
        }
    }
}

/// None = the configuration could not be read; all else falls back to its default,
/// since its error is noted anyway.
fn settings(name: &str, mut table: Table<'_>, places: &mut Places) -> Option<Settings> {
    let on_failure = table.get("on_failure").and_then(|value| {
        value.choice(&[("closed", OnFailure::Closed), ("open", OnFailure::Open)])
    });
    let isolation = table.get("isolation").and_then(|value| {
        value.choice(&[("shared", Isolation::Shared), ("exchange", Isolation::Exchange)])
    });
    let deadline = table
        .get("deadline")
        .and_then(|value| value.duration(Duration::from_millis(1)..=Duration::from_secs(60)));
    // One page to all that 32-bit addresses reach.
    let memory = table.get("memory").and_then(|value| value.size(64 << 10..=4 << 30));
    let body_over_limit = table.get("body_over_limit").and_then(|value| {
        value.choice(&[
            ("refuse", BodyOverLimit::Refuse),
            ("pass", BodyOverLimit::Pass),
            ("truncate", BodyOverLimit::Truncate),
        ])
    });
    let body_limit = table
        .get("body_limit")
        .and_then(|value| value.size(0..=BODY_LIMIT_MAX))
        .and_then(|size| u32::try_from(size).ok());
    let capabilities = table.table("capabilities").map(|table| {
        places.insert(Place::PluginCapabilities(name.to_owned()), table.span.clone());
        Capabilities::read(table)
    });
    let config = table.get("config").map(|value| {
        places.insert(Place::PluginConfig(name.to_owned()), value.span.clone());
        secret::config(&value).map(Json::Object)
    });
    table.finish();
    Some(Settings {
        on_failure,
        isolation,
        deadline,
        memory,
        body_over_limit,
        body_limit,
        capabilities: capabilities.unwrap_or_default(),
        config: match config {
            Some(None) => return None,
            Some(config) => config,
            None => None,
        },
    })
}

/// A hook hands back at most 16 MiB, so that a larger body could not be changed.
const BODY_LIMIT_MAX: u64 = 16 << 20;

/// The plugin `name` from the file `wasm`, with the keys of the table of its
/// sidecar file.
pub(super) fn sidecar(mut table: Table<'_>, name: &str, wasm: &Path) -> Option<Plugin> {
    if let Some(value) = table.get("source") {
        value.invalid(
            Invalid::new("the source is the .wasm file of the same name beside this one")
                .help("remove `source`"),
        );
    }
    let mut plugin = sourced(table, name, PluginSource::File(wasm.to_owned()))?;
    plugin.origin = Origin::Sidecar;
    Some(plugin)
}

/// The plugin `name` from this source, with the keys of a table for all else.
pub(super) fn sourced(table: Table<'_>, name: &str, source: PluginSource) -> Option<Plugin> {
    let settings = settings(name, table, &mut Places::default())?;
    let mut plugin = Plugin::with_defaults(name, source);
    settings.apply(&mut plugin);
    Some(plugin)
}
