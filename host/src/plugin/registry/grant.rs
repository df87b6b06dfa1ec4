//! What a component imports against what its plugin was granted.

use std::fmt;

use crate::config::{self, Capabilities, Origin};
use crate::plugin::artifact::Artifact;
use crate::plugin::interface::{Grant, Interface};

/// A component imports interfaces that its plugin was not granted. Says what to
/// write where.
#[derive(Debug, thiserror::Error)]
pub struct Ungranted {
    interfaces: Vec<&'static str>,
    /// `kv = true`
    lines: Vec<&'static str>,
    name: String,
    origin: Origin,
    /// Whether there is a `capabilities` that the lines belong into.
    grants_others: bool,
}

pub(super) fn check(artifact: &Artifact, spec: &config::Plugin) -> Result<(), Ungranted> {
    let missing = |(_, grant): &(&str, &Grant)| !(grant.given)(&spec.capabilities);
    let needed = artifact.needs().filter_map(needed);
    let (interfaces, lines): (Vec<_>, Vec<_>) =
        needed.filter(missing).map(|(name, grant)| (name, grant.line)).unzip();
    if interfaces.is_empty() {
        return Ok(());
    }
    Err(Ungranted {
        interfaces,
        lines,
        name: spec.name.clone(),
        origin: spec.origin,
        grants_others: spec.capabilities != Capabilities::default(),
    })
}

fn needed(interface: &'static Interface) -> Option<(&'static str, &'static Grant)> {
    Some((interface.name, interface.grant.as_ref()?))
}

impl fmt::Display for Ungranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, .. } = self;
        let interfaces: Vec<String> =
            self.interfaces.iter().map(|interface| format!("`{interface}`")).collect();
        let interfaces = interfaces.join(" and ");
        write!(f, "it imports {interfaces}, which it was not granted: ")?;
        let lines = self.lines.join(", ");
        let place = match self.origin {
            Origin::Table => format!("[plugin.{name}]"),
            Origin::Sidecar => format!("{name}.toml beside it"),
            Origin::CommandLine => {
                return write!(
                    f,
                    "that needs a configuration file, with `capabilities = {{ {lines} }}` in \
                     [plugin.{name}]"
                );
            }
        };
        match self.grants_others {
            true => write!(f, "add `{lines}` to the `capabilities` of {place}"),
            false => write!(f, "add `capabilities = {{ {lines} }}` to {place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ungranted(lines: &[&'static str], origin: Origin, grants_others: bool) -> String {
        let interfaces = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
        let name = "guard".to_owned();
        Ungranted { interfaces, lines: lines.to_vec(), name, origin, grants_others }.to_string()
    }

    #[test]
    fn it_says_what_to_write_where() {
        assert_eq!(
            ungranted(&["kv = true"], Origin::Table, false),
            "it imports `kv`, which it was not granted: \
             add `capabilities = { kv = true }` to [plugin.guard]"
        );
        assert_eq!(
            ungranted(&["kv = true", "counter = true"], Origin::Sidecar, false),
            "it imports `kv` and `counter`, which it was not granted: \
             add `capabilities = { kv = true, counter = true }` to guard.toml beside it"
        );
        assert!(
            ungranted(&["kv = true"], Origin::Table, true)
                .ends_with("add `kv = true` to the `capabilities` of [plugin.guard]")
        );
        assert!(
            ungranted(&["kv = true"], Origin::CommandLine, false)
                .contains("that needs a configuration file")
        );
    }
}
