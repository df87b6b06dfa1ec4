//! The case file: `cases.toml` in a plugin's project.
//!
//! Read as the configuration is: strictly, with every mistake at its place.
//! docs/testing-plugins.md describes each key.

mod expect;
mod request;

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use super::{Act, Case, Cases, Pattern, Step, Surroundings};
use crate::config::document::{Table, Value};
use crate::config::scalar::{self, Invalid};
use crate::config::{self, Plugin, PluginSource, Report, secret};

/// What the file is called that a project has.
pub const NAME: &str = "cases.toml";

/// A case that never ends helps nobody.
const TIMES_MAX: u32 = 100_000;
const WAIT_MAX: Duration = Duration::from_secs(60);
const CASES_MAX: usize = 10_000;

/// Reads the cases in the file at `path`, for the plugin `name` from this source.
///
/// # Errors
///
/// A report of everything that is wrong, if anything is.
pub fn load(path: &Path, name: &str, source: &PluginSource) -> Result<Cases, Report> {
    let text = config::read(path, "name a file of cases with `--cases FILE`")?;
    parse(&text, path, name, source)
}

/// Reads a case file's text; `path` is where it stands.
///
/// # Errors
///
/// A report of everything that is wrong, if anything is.
pub fn parse(text: &str, path: &Path, name: &str, source: &PluginSource) -> Result<Cases, Report> {
    config::tables(text, path, |root| cases(root, name, source))
}

fn cases(mut root: Table<'_>, name: &str, source: &PluginSource) -> Option<Cases> {
    let plugin = match root.table("plugin") {
        Some(mut table) => {
            if let Some(value) = table.get("source") {
                value.invalid(
                    Invalid::new("the plugin to test is named on the command line")
                        .help("remove `source`"),
                );
            }
            config::plugin(table, name, source.clone())
        }
        None => Some(Plugin::with_defaults(name, source.clone())),
    };
    let surroundings = root.table("proxy").map(surroundings).unwrap_or_default();
    let context = root.context;
    let mut cases = Vec::new();
    for table in root.tables("case") {
        let fallback = Plugin::with_defaults(name, source.clone());
        cases.extend(case(table, plugin.as_ref().unwrap_or(&fallback)));
    }
    if cases.len() > CASES_MAX {
        let text = format!("{} cases; {CASES_MAX} in one file are the most", cases.len());
        context.push(config::Diagnostic::error(text));
    }
    root.finish();
    Some(Cases { surroundings, plugin: plugin?, cases })
}

fn surroundings(mut table: Table<'_>) -> Surroundings {
    let default = Surroundings::default();
    let name = |value: &Value<'_>| value.parse("a name", scalar::name);
    let route = table.or("route", default.route, |value| value.parse("a name", scalar::title));
    let cluster = table.or("cluster", default.cluster, name);
    let clusters = table.get("clusters").and_then(|value| value.list("a list of names"));
    let mut clusters: Vec<String> = clusters.unwrap_or_default().iter().filter_map(name).collect();
    clusters.retain(|other| *other != cluster);
    clusters.sort();
    clusters.dedup();
    let mut routes = Vec::new();
    if let Some(inner) =
        table.get("routes").and_then(|value| value.table("routes = { NAME = \"CLUSTER\" }"))
    {
        for (key, span, value) in inner.entries() {
            let Some(text) = value.text("the name of a cluster") else { continue };
            if text != cluster && !clusters.iter().any(|known| known == text) {
                let text = text.escape_debug();
                value.invalid(
                    Invalid::new(format!("there is no cluster `{text}`"))
                        .help(format!("add it: `clusters = [\"{text}\"]`")),
                );
            }
            if key == route {
                let key = Value { span, ..value };
                key.error("this is the route that every request takes");
                continue;
            }
            routes.push((key.to_owned(), text.to_owned()));
        }
    }
    table.finish();
    Surroundings { route, cluster, clusters, routes }
}

/// Keys of an exchange, which stand in the case itself if it is its only one.
const OF_A_STEP: [&str; 5] = ["request", "upstream", "expect", "times", "wait"];

fn case(mut table: Table<'_>, plugin: &Plugin) -> Option<Case> {
    let name = table
        .require("name", "write `name = \"…\"`: what the case shows")
        .and_then(|value| value.parse("a string", scalar::title));
    let mut plugin = plugin.clone();
    if let Some(config) = table.get("config").and_then(|value| secret::config(&value)) {
        plugin.config = Json::Object(config);
    }
    let refuses = table.get("refuses").and_then(|value| expect::text(&value));
    let has_steps = table.get("step").is_some();
    let steps: Vec<Step> = table.tables("step").into_iter().map(own_step).collect();
    let act = match refuses {
        Some(reason) => {
            let why = "a plugin that does not load sees no request: remove `refuses`, or this";
            forbid(&mut table, why, &["step"]);
            forbid(&mut table, why, &OF_A_STEP);
            Act::Refuse(reason)
        }
        None if has_steps => {
            forbid(&mut table, "move this to one of the steps", &OF_A_STEP);
            Act::Steps(steps)
        }
        None => Act::Exchange(Box::new(step(&mut table))),
    };
    table.finish();
    Some(Case { name: name?, plugin, act })
}

fn forbid(table: &mut Table<'_>, why: &str, keys: &[&'static str]) {
    for key in keys {
        if let Some(value) = table.get(key) {
            value.error(why);
        }
    }
}

fn own_step(mut table: Table<'_>) -> Step {
    let read = step(&mut table);
    table.finish();
    read
}

fn step(table: &mut Table<'_>) -> Step {
    Step {
        wait: table.or("wait", Duration::ZERO, |value| value.duration(Duration::ZERO..=WAIT_MAX)),
        times: table.or("times", 1, |value| value.number(1..=TIMES_MAX)),
        request: request::request(table.get("request").as_ref()),
        upstream: request::upstream(table.get("upstream").as_ref()),
        expect: expect::expect(table.get("expect").as_ref()),
    }
}

/// A body's octets: a string, or `{ base64 = "…" }`, or `{ json = … }`.
fn octets(value: &Value<'_>) -> Option<Vec<u8>> {
    if let Some(text) = value.as_text() {
        return Some(text.as_bytes().to_vec());
    }
    match expect::alternative(value, &["base64", "json"])? {
        Pattern::Is(octets) => Some(octets),
        Pattern::Json(json) => Some(json.to_string().into_bytes()),
        _ => None,
    }
}
