//! A plugin's configuration, with what it must not hold in the clear put in.
//!
//! A table with the one key `env` or `file` and a string stands for the value of
//! that environment variable or the contents of that file. What was put in shows
//! up nowhere but in the plugin: neither in diagnostics, nor in the plan, nor in
//! `Debug`.

use std::path::Path;

use serde_json::{Map, Number, Value as Json};
use toml::de::DeValue;

use super::document::{Value, reason};
use super::scalar::Invalid;

/// A secret is a password or a key: whatever is larger was not meant.
const LARGEST_FILE: u64 = 1 << 20;

/// A `config` table as JSON. None = errors were noted.
///
/// The table itself is never a secret: a plugin may have an option called `file`.
pub(crate) fn config(value: &Value<'_>) -> Option<Map<String, Json>> {
    let table = value.table("config = { … }")?;
    let mut object = Map::new();
    let mut complete = true;
    for (key, _, value) in table.entries() {
        match json(&value) {
            Some(json) => drop(object.insert(key.to_owned(), json)),
            None => complete = false,
        }
    }
    complete.then_some(object)
}

fn json(value: &Value<'_>) -> Option<Json> {
    match value.inner {
        DeValue::String(text) => Some(Json::String(text.clone().into_owned())),
        DeValue::Boolean(value) => Some(Json::Bool(*value)),
        DeValue::Datetime(date) => Some(Json::String(date.to_string())),
        DeValue::Integer(_) => value.number(i64::MIN..=i64::MAX).map(Json::from),
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            if number.is_none() {
                value.error(format_args!(
                    "{float} is not a number in JSON, which plugins are configured with"
                ));
            }
            number.map(Json::Number)
        }
        DeValue::Array(_) => {
            let items: Vec<Option<Json>> = value.list("a list")?.iter().map(json).collect();
            items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
        }
        DeValue::Table(_) => match secret(value) {
            Some(Ok(text)) => Some(Json::String(text)),
            Some(Err(invalid)) => {
                value.invalid(invalid);
                None
            }
            None => config(value).map(Json::Object),
        },
    }
}

/// The secret that a value stands for, if it does.
fn secret(value: &Value<'_>) -> Option<Result<String, Invalid>> {
    let DeValue::Table(table) = value.inner else {
        return None;
    };
    let (key, inner) = table.iter().next().filter(|_| table.len() == 1)?;
    let DeValue::String(text) = inner.get_ref() else {
        return None;
    };
    match key.get_ref().as_ref() {
        "env" => Some(variable(text)),
        "file" => Some(contents(&value.context.resolve(text))),
        _ => None,
    }
}

/// A text that is written, or that a table with the one key `env` or `file` stands for.
/// None = an error was noted.
pub(super) fn text(value: &Value<'_>, expected: &str) -> Option<String> {
    match secret(value) {
        Some(read) => read.map_err(|invalid| value.invalid(invalid)).ok(),
        None => value.text(expected).map(str::to_owned),
    }
}

pub(super) fn variable(name: &str) -> Result<String, Invalid> {
    let shown = name.escape_debug();
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(Invalid::new(format!("`{shown}` is not the name of an environment variable")));
    }
    match std::env::var_os(name).map(std::ffi::OsString::into_string) {
        Some(Ok(value)) => Ok(value),
        Some(Err(_)) => {
            Err(Invalid::new(format!("the environment variable `{shown}` is not UTF-8")))
        }
        None => Err(Invalid::new(format!("the environment variable `{shown}` is not set"))
            .help(format!("set `{shown}` where wasmgate is started"))),
    }
}

fn contents(path: &Path) -> Result<String, Invalid> {
    String::from_utf8(octets(path)?).map_err(|_| unreadable(path, "not UTF-8"))
}

fn unreadable(path: &Path, why: &str) -> Invalid {
    Invalid::new(format!("cannot read the secret {}: {why}", path.display()))
}

/// What is in a file, without the newline at its end.
pub(super) fn octets(path: &Path) -> Result<Vec<u8>, Invalid> {
    let wrong = |why: &str| unreadable(path, why);
    let metadata = std::fs::metadata(path).map_err(|error| wrong(&reason(&error)))?;
    if !metadata.is_file() || metadata.len() > LARGEST_FILE {
        return Err(wrong("not a file of at most 1 MiB"));
    }
    let mut octets = std::fs::read(path).map_err(|error| wrong(&reason(&error)))?;
    // Editors and `echo` end files with a newline that is no part of the secret.
    if octets.ends_with(b"\n") {
        octets.pop();
        if octets.ends_with(b"\r") {
            octets.pop();
        }
    }
    Ok(octets)
}
