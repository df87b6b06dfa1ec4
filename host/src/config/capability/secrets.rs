//! `capabilities.secrets`: secrets by name, resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use zeroize::Zeroizing;

use super::Grant;
use crate::config::document::Value;
use crate::config::{scalar, secret};

/// The secrets that a plugin was granted, by name. Shown nowhere: `Debug` and the
/// plan have the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<(String, Secret)>);

/// One secret; its memory is cleared when nobody needs it any more.
#[derive(Clone, PartialEq, Eq)]
struct Secret {
    octets: Arc<Zeroizing<Vec<u8>>>,
    /// Where it was read from; none = an environment variable.
    file: Option<PathBuf>,
}

impl Secrets {
    /// The place of the secret of that name, for [`Self::at`].
    pub fn place(&self, name: &str) -> Option<u32> {
        let place = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        u32::try_from(place).ok()
    }

    /// The octets of the secret at a place.
    pub fn at(&self, place: u32) -> Option<&[u8]> {
        let (_, secret) = self.0.get(usize::try_from(place).ok()?)?;
        Some(&secret.octets)
    }

    /// The files that they were read from: a change of one is a change of the
    /// configuration.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|(_, secret)| secret.file.as_deref())
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.names()).finish()
    }
}

/// Where a secret comes from: one of the two.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "GrantedSecret")]
#[expect(dead_code, reason = "describes the file, holds no data")]
pub(in crate::config) struct SecretFile {
    /// The environment variable that has it.
    env: Option<String>,
    /// The file that has it; a newline at its end does not count. It is watched.
    file: Option<String>,
}

impl Grant for Secrets {
    type Schema = BTreeMap<String, SecretFile>;

    fn read(value: &Value<'_>) -> Option<Self> {
        let table = value.table("secrets = { NAME = { env = \"…\" } }")?;
        let mut secrets = Vec::new();
        for (name, span, value) in table.entries() {
            let key = Value { span, ..value.clone() };
            let named = scalar::name(name).map_err(|invalid| key.invalid(invalid)).is_ok();
            let read = read(&value);
            if let Some(secret) = read.filter(|_| named) {
                secrets.push((name.to_owned(), secret));
            }
        }
        secrets.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Some(Self(secrets))
    }

    fn show(&self, _: &str) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("secrets {}", self.names().join(" ")))
    }
}

fn read(value: &Value<'_>) -> Option<Secret> {
    let mut table = value.table("{ env = \"NAME\" } or { file = \"PATH\" }")?;
    let (env, file) = (table.get("env"), table.get("file"));
    table.finish();
    let (octets, file) = match (env, file) {
        (Some(env), None) => {
            let text = env.parse("the name of an environment variable", secret::variable)?;
            (text.into_bytes(), None)
        }
        (None, Some(file)) => {
            let path = file.path()?;
            let octets = secret::octets(&path).map_err(|invalid| file.invalid(invalid)).ok()?;
            (octets, Some(path))
        }
        _ => {
            value.error("a secret has either `env` or `file`");
            return None;
        }
    };
    // Clears what is not kept, too.
    let octets = Zeroizing::new(octets);
    if octets.is_empty() {
        value.error("this secret is empty, which whoever sends nothing would know");
        return None;
    }
    Some(Secret { octets: Arc::new(octets), file })
}
