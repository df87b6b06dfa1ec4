//! `plugin.toml`: what a plugin says of itself in the languages that have no macro
//! for it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

/// The file's name.
pub(super) const FILE: &str = "plugin.toml";

/// A plugin's description of itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    /// Names the component, too.
    pub(super) name: String,
    version: String,
    description: Option<String>,
    /// The hooks that it exports, `lifecycle` left out.
    pub(super) hooks: Vec<String>,
    /// What it imports beside that which needs no grant.
    #[serde(default)]
    pub(super) capabilities: Vec<String>,
    /// JSON Schema of its configuration.
    config: Option<toml::Table>,
}

impl Project {
    /// Reads the description in a project's folder.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let project: Self = toml::from_str(text)?;
        // It becomes a file's name.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        ensure!(
            !project.name.is_empty() && project.name.chars().all(plain),
            "the name `{}` may hold letters, digits, `-` and `_`",
            project.name.escape_debug()
        );
        Ok(project)
    }

    /// What travels in the component, as `artifact::Manifest` reads it.
    pub(super) fn manifest(&self) -> Value {
        json!({
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "schema": self.config,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_becomes_the_manifest() {
        let project = Project::parse(
            "name = \"guard\"\nversion = \"0.1.0\"\nhooks = [\"request\"]\n\
             [config]\ntype = \"object\"\n[config.properties.path]\ndefault = \"/\"\n",
        )
        .unwrap();
        assert_eq!(
            project.manifest(),
            json!({
                "name": "guard",
                "version": "0.1.0",
                "description": null,
                "schema": { "type": "object", "properties": { "path": { "default": "/" } } },
            })
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("name = \"a\"\nversion = \"1\"\nhooks = []\nhook = 1\n", "hook"),
            ("name = \"../a\"\nversion = \"1\"\nhooks = []\n", "letters"),
            ("name = \"\"\nversion = \"1\"\nhooks = []\n", "letters"),
            ("version = \"1\"\nhooks = []\n", "name"),
        ] {
            let error = format!("{:#}", Project::parse(text).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }
}
