//! `[[route]]`

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use serde_json::Value as Json;

use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Table, Value};
use crate::config::place::{Place, Places};
use crate::config::scalar::{self, Invalid};
use crate::config::{Matcher, Plugin, PluginUse, Route, ValuePattern, pattern, secret, suggest};

use super::{body_bytes, cluster, order, plugin, timeout};

/// What routes refer to by name.
pub(super) struct Names<'a> {
    pub(super) clusters: &'a [cluster::Named],
    pub(super) plugins: &'a plugin::Named,
}

/// A route and where it was written.
struct Draft {
    route: Route,
    named: bool,
    span: Range<usize>,
    plugins: Vec<Range<usize>>,
}

/// Most specific first.
pub(super) fn routes(root: &mut Table<'_>, names: &Names<'_>, places: &mut Places) -> Vec<Route> {
    let context = root.context;
    let mut drafts: Vec<Draft> = Vec::new();
    let mut matchers: HashMap<String, usize> = HashMap::new();
    let mut named = HashSet::new();
    for draft in root.tables("route").into_iter().filter_map(|table| route(table, names)) {
        match matchers.entry(order::canonical(&draft.route.matcher)) {
            Entry::Vacant(entry) => drop(entry.insert(drafts.len())),
            Entry::Occupied(entry) => {
                let message = format!(
                    "this route is never taken: an earlier one, `{}`, matches the same requests",
                    drafts[*entry.get()].route.name
                );
                context.push(Diagnostic::warning(message).at(draft.span.clone()));
            }
        }
        if draft.named && !named.insert(draft.route.name.clone()) {
            let message = format!("another route is named `{}` already", draft.route.name);
            context.push(Diagnostic::error(message).at(draft.span.clone()));
        }
        drafts.push(draft);
    }
    number_names(&mut drafts, named);
    // Stable: routes that are equally specific stay in the file's order.
    drafts.sort_by_key(|draft| order::rank(&draft.route.matcher));
    for (index, draft) in drafts.iter_mut().enumerate() {
        places.insert(Place::Route(index), draft.span.clone());
        for (number, span) in draft.plugins.drain(..).enumerate() {
            places.insert(Place::RoutePlugin(index, number), span);
        }
    }
    drafts.into_iter().map(|draft| draft.route).collect()
}

/// Routes without a name of their own that differ in their conditions alone would
/// share one; plugins and logs tell routes apart by it.
fn number_names(drafts: &mut [Draft], mut taken: HashSet<String>) {
    for draft in drafts.iter_mut().filter(|draft| !draft.named) {
        let mut name = draft.route.name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{} #{number}", draft.route.name);
            number += 1;
        }
        draft.route.name = name;
    }
}

fn route(mut table: Table<'_>, names: &Names<'_>) -> Option<Draft> {
    let span = table.span.clone();
    let name = table.get("name").and_then(|value| value.parse("a name", scalar::title));
    let matcher = matcher(&mut table);
    let mut plugins = Vec::new();
    let mut spans = Vec::new();
    if let Some(items) =
        table.get("plugins").and_then(|value| value.list("a list such as [\"waf\"]"))
    {
        for item in items {
            if let Some(used) = plugin_use(&item, names.plugins) {
                plugins.push(used);
                spans.push(item.span);
            }
        }
    }
    let cluster = table
        .require("cluster", "say where the requests go: `cluster = \"NAME\"`")
        .and_then(|value| cluster_index(&value, names.clusters));
    let body_bytes = table.get("body_bytes").and_then(|value| body_bytes(&value));
    let response_timeout: Option<Duration> =
        table.get("response_timeout").and_then(|value| timeout(&value));
    table.finish();
    Some(Draft {
        named: name.is_some(),
        route: Route {
            name: name.unwrap_or_else(|| matcher.host_and_path()),
            matcher,
            plugins,
            cluster: cluster?,
            // No bound at all, rather than the bound of `limits`.
            body_bytes: body_bytes.map(|bytes| bytes.unwrap_or(u64::MAX)),
            response_timeout,
        },
        span,
        plugins: spans,
    })
}

fn matcher(table: &mut Table<'_>) -> Matcher {
    let host = table.get("host").and_then(|value| value.parse("a string", pattern::host));
    let path = table.get("path");
    let regex = table.get("path_regex");
    if let (Some(_), Some(regex)) = (&path, &regex) {
        regex.invalid(
            Invalid::new("a route has either `path` or `path_regex`")
                .help("write two routes, or put the prefix into the expression"),
        );
    }
    let path = path.and_then(|value| value.parse("a string", pattern::path_prefix));
    let regex = regex.and_then(|value| value.parse("a string", pattern::path_regex));
    Matcher {
        host,
        path: path.or(regex),
        methods: table.get("method").map(|value| methods(&value)).unwrap_or_default(),
        headers: table.get("headers").map(|value| headers(&value)).unwrap_or_default(),
        query: table.get("query").map(|value| conditions(&value)).unwrap_or_default(),
    }
}

fn methods(value: &Value<'_>) -> Vec<String> {
    let expected = "a method or a list of methods";
    let items = if value.as_text().is_some() {
        vec![value.clone()]
    } else {
        value.list(expected).unwrap_or_default()
    };
    if items.is_empty() && matches!(value.inner, toml::de::DeValue::Array(_)) {
        value.invalid(
            Invalid::new("an empty list would match nothing").help("leave it out to match any"),
        );
    }
    let mut methods: Vec<String> = Vec::new();
    for item in items {
        let Some(method) = item.parse("a method", scalar::method) else {
            continue;
        };
        let registered =
            ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
        if !registered.contains(&method.as_str())
            && let Some(meant) = suggest::closest(&method, registered)
        {
            item.context.push(
                Diagnostic::warning(format!("`{}`: `{method}` is not a common method", item.name))
                    .at(item.span.clone())
                    .help(format!("did you mean `{meant}`?")),
            );
        }
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    methods
}

fn headers(value: &Value<'_>) -> Vec<(String, ValuePattern)> {
    let mut headers: Vec<(String, ValuePattern)> = Vec::new();
    for (name, pattern, value) in conditions_at(value) {
        let name = match scalar::header_name(&name) {
            Ok(name) if name == "host" => {
                value.invalid(
                    Invalid::new("hosts are matched otherwise")
                        .help("write `host = \"…\"` in the route"),
                );
                continue;
            }
            Ok(name) => name,
            Err(invalid) => {
                value.invalid(invalid);
                continue;
            }
        };
        if headers.iter().any(|(other, _)| *other == name) {
            value.error(format_args!("the header `{name}` is here already"));
        }
        headers.push((name, pattern));
    }
    headers
}

fn conditions(value: &Value<'_>) -> Vec<(String, ValuePattern)> {
    conditions_at(value).into_iter().map(|(name, pattern, _)| (name, pattern)).collect()
}

fn conditions_at<'a>(value: &Value<'a>) -> Vec<(String, ValuePattern, Value<'a>)> {
    let Some(table) = value.table("{ NAME = \"VALUE\" }") else {
        return Vec::new();
    };
    let pairs = table.entries().filter_map(|(name, _, value)| {
        let expected = "a string: a value, \"*\" for any, or \"~REGEX\"";
        let pattern = value.parse(expected, pattern::value)?;
        Some((name.to_owned(), pattern, value))
    });
    pairs.collect()
}

fn plugin_use(value: &Value<'_>, plugins: &BTreeMap<String, Option<Plugin>>) -> Option<PluginUse> {
    let (name, config) = if value.as_text().is_some() {
        (Some(value.clone()), None)
    } else if matches!(value.inner, toml::de::DeValue::Table(_)) {
        let mut table = value.table("plugins")?;
        let name = table.require("use", "write { use = \"PLUGIN\", config = { … } }");
        let config = table.get("config").map(|value| secret::config(&value));
        table.finish();
        (name, config)
    } else {
        value.mistyped("a plugin's name or { use = \"PLUGIN\", config = { … } }");
        return None;
    };
    let value = name?;
    let name = value.text("a plugin's name")?;
    let Some(plugin) = plugins.get(name) else {
        let invalid = Invalid::new(format!("there is no plugin `{}`", name.escape_debug()));
        value.invalid(match name.strip_prefix("builtin:") {
            Some(short) => invalid.help(format!(
                "add [plugin.{short}] with `source = \"builtin:{short}\"`, and use \"{short}\" here"
            )),
            None => invalid.help(suggest::help(
                name,
                "plugins in this file",
                plugins.keys().map(String::as_str),
            )),
        });
        return None;
    };
    let config = match config {
        Some(over) => Some(laid_over(&plugin.as_ref()?.config, over?)),
        None => None,
    };
    Some(PluginUse { name: name.to_owned(), config })
}

/// Key by key, at the top only: what is nested is replaced as a whole, so that a
/// route can also take something away.
fn laid_over(config: &Json, over: serde_json::Map<String, Json>) -> Json {
    let mut whole = config.as_object().cloned().unwrap_or_default();
    whole.extend(over);
    Json::Object(whole)
}

fn cluster_index(value: &Value<'_>, clusters: &[cluster::Named]) -> Option<usize> {
    let name = value.text("a cluster's name")?;
    let index = clusters.iter().position(|cluster| cluster.name == name);
    if index.is_none() {
        let names = clusters.iter().map(|cluster| cluster.name.as_str());
        value.invalid(
            Invalid::new(format!("there is no cluster `{}`", name.escape_debug()))
                .help(suggest::help(name, "clusters in this file", names)),
        );
    }
    index
}
