//! What the operator writes under `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Edits of the fields that pass.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Edits of the request's fields, before the next plugin and the endpoint see them.
    pub(crate) request: Request,
    /// Edits of the response's fields, before the earlier plugins and the client see them.
    pub(crate) response: Response,
}

/// Edits of a request: rename, remove, default, set, add, in this order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    /// Gives every line of the key's name the value's name; lines that had it before are dropped.
    pub(crate) rename: BTreeMap<String, String>,
    /// Removes every line of these names.
    pub(crate) remove: Vec<String>,
    /// Adds a line if there is none of that name; an empty value adds none.
    pub(crate) default: BTreeMap<String, String>,
    /// Replaces every line of that name by this one; an empty value removes them.
    pub(crate) set: BTreeMap<String, String>,
    /// Adds these lines after those of the same name; empty values are left out.
    pub(crate) add: BTreeMap<String, Vec<String>>,
}

/// Edits of a response: rename, remove, default, set, add, in this order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Response {
    /// Gives every line of the key's name the value's name; lines that had it before are dropped.
    pub(crate) rename: BTreeMap<String, String>,
    /// Removes every line of these names.
    pub(crate) remove: Vec<String>,
    /// Adds a line if there is none of that name; an empty value adds none.
    pub(crate) default: BTreeMap<String, String>,
    /// Replaces every line of that name by this one; an empty value removes them.
    pub(crate) set: BTreeMap<String, String>,
    /// Adds these lines after those of the same name; empty values are left out.
    pub(crate) add: BTreeMap<String, Vec<String>>,
}
