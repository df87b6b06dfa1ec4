//! `capabilities`: what an operator may grant to a plugin.
//!
//! Each capability is one line in the table at the end of this file. Its field in
//! [`Capabilities`], its key in the file, its place in the schema and its words in
//! the plan come from there.

mod counter;
mod http;
mod kv;
mod metrics;
mod rate_limit;
mod secrets;

use std::path::PathBuf;

use schemars::JsonSchema;

pub use counter::CounterQuota;
pub use kv::KvQuota;
pub use metrics::MetricsQuota;
pub use rate_limit::{RateLimitQuota, Unavailable};
pub(super) use secrets::SecretFile;
pub use secrets::Secrets;

use super::diagnostic::Diagnostic;
use super::document::{Table, Value};
use super::{HttpGrant, suggest};

/// What one key of `capabilities` grants. Its default is to grant nothing.
pub(super) trait Grant: Default {
    /// The value's description for editors.
    type Schema: JsonSchema;

    /// None = it is wrong, which has been noted.
    fn read(value: &Value<'_>) -> Option<Self>;

    /// For the plan; none if it is not granted.
    fn show(&self, key: &str) -> Option<String>;
}

/// A grant with bounds: `true` for their defaults, or a table that sets some.
pub(super) trait Quota: Default {
    /// The table's description for editors.
    type Schema: JsonSchema;

    /// Every key has a default.
    fn read(table: &mut Table<'_>) -> Self;

    /// The bounds, for the plan.
    fn show(&self) -> String;
}

impl<Q: Quota> Grant for Option<Q> {
    type Schema = Granted<Q::Schema>;

    fn read(value: &Value<'_>) -> Option<Self> {
        if !value.is_table() {
            return value.boolean().map(|granted| granted.then(Q::default));
        }
        let mut table = value.table(&format!("[{}]", value.name))?;
        let quota = Q::read(&mut table);
        table.finish();
        Some(Some(quota))
    }

    fn show(&self, key: &str) -> Option<String> {
        self.as_ref().map(|quota| format!("{key} ({})", quota.show()))
    }
}

/// Whether it is granted, or with which bounds.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(super) enum Granted<Quota> {
    /// With the default bounds, or not at all.
    Switch(bool),
    /// With these bounds.
    Bounded(Quota),
}

/// Nothing but whether.
impl Grant for bool {
    type Schema = Self;

    fn read(value: &Value<'_>) -> Option<Self> {
        value.boolean()
    }

    fn show(&self, key: &str) -> Option<String> {
        self.then(|| key.to_owned())
    }
}

impl Grant for Vec<PathBuf> {
    type Schema = Vec<String>;

    fn read(value: &Value<'_>) -> Option<Self> {
        let items = value.list("a list of directories")?;
        Some(items.iter().filter_map(Value::directory).collect())
    }

    fn show(&self, _: &str) -> Option<String> {
        let paths: Vec<String> = self.iter().map(|path| path.display().to_string()).collect();
        (!paths.is_empty()).then(|| format!("reads {}", paths.join(" ")))
    }
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $key:ident: $grant:ty;)*) => {
        /// `capabilities`: what a plugin may use beyond what every plugin may.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Capabilities {
            $($(#[$doc])* pub $key: $grant,)*
        }

        /// What a plugin may use beyond what every plugin may.
        #[derive(JsonSchema)]
        #[schemars(deny_unknown_fields, rename = "Capabilities")]
        #[expect(dead_code, reason = "describes the file, holds no data")]
        pub(super) struct CapabilitiesFile {
            $($(#[$doc])* $key: Option<<$grant as Grant>::Schema>,)*
        }

        const KEYS: &[&str] = &[$(stringify!($key)),*];

        impl Capabilities {
            pub(super) fn read(mut table: Table<'_>) -> Self {
                refuse_unknown(&table);
                Self {
                    $($key: table
                        .get(stringify!($key))
                        .and_then(|value| Grant::read(&value))
                        .unwrap_or_default(),)*
                }
            }

            /// Each grant in the words of the plan.
            pub(super) fn show(&self) -> Vec<String> {
                [$(self.$key.show(stringify!($key))),*].into_iter().flatten().collect()
            }
        }
    };
}

fn refuse_unknown(table: &Table<'_>) {
    for (name, span, _) in table.entries().filter(|(name, ..)| !KEYS.contains(name)) {
        let message =
            format!("capability `{}` is not available in this version", name.escape_debug());
        let help = suggest::help(name, "capabilities that can be granted", KEYS.iter().copied());
        table.context.push(Diagnostic::error(message).at(span).help(help));
    }
}

capabilities! {
    /// Directories that it may read, under their own absolute paths.
    files: Vec<PathBuf>;
    /// Numbers that all workers add to.
    counter: Option<CounterQuota>;
    /// Hosts that it may send HTTP requests to: a list, or a table with `hosts`.
    http: Option<HttpGrant>;
    /// Values that outlive exchanges and instances.
    kv: Option<KvQuota>;
    /// Sets of patterns, compiled and searched by the host.
    matcher: bool;
    /// Metrics of its own, on the admin endpoint.
    metrics: Option<MetricsQuota>;
    /// Rate limits that are counted over all workers.
    rate_limit: Option<RateLimitQuota>;
    /// Secrets that it may use, by name.
    secrets: Secrets;
}
