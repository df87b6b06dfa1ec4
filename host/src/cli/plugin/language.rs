//! The languages that plugins can be written in.

use std::path::Path;
use std::str::FromStr;

use anyhow::bail;

/// One that `plugin new` has a template for, and `plugin build` a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    JavaScript,
    Python,
    Go,
    C,
}

impl Language {
    pub(super) const ALL: [Self; 5] =
        [Self::Rust, Self::JavaScript, Self::Python, Self::Go, Self::C];

    /// As written after `--lang`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// The file that every project of the language has, and none of the others.
    fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "plugin.py",
            Self::Go => "go.mod",
            Self::C => "src/plugin.c",
        }
    }

    /// The language of the project in a folder.
    pub(super) fn of(project: &Path) -> anyhow::Result<Self> {
        if let Some(found) = Self::ALL.into_iter().find(|l| project.join(l.marker()).is_file()) {
            return Ok(found);
        }
        bail!(
            "no plugin's project in {}: there is none of {} (`wasmgate plugin new` makes one)",
            project.display(),
            Self::ALL.map(Self::marker).join(", ")
        );
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "javascript" {
            return Ok(Self::JavaScript);
        }
        let found = Self::ALL.into_iter().find(|language| language.name() == text);
        found.ok_or_else(|| {
            format!(
                "this version has no template for `{text}`; there is one for: {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_name_and_by_its_file() {
        for language in Language::ALL {
            assert_eq!(language.name().parse(), Ok(language));
            let directory = tempfile::tempdir().unwrap();
            let marker = directory.path().join(language.marker());
            std::fs::create_dir_all(marker.parent().unwrap()).unwrap();
            std::fs::write(marker, "").unwrap();
            assert_eq!(Language::of(directory.path()).unwrap(), language);
        }
        assert_eq!("javascript".parse(), Ok(Language::JavaScript));
        let error = "lua".parse::<Language>().unwrap_err();
        assert!(error.contains("one for: rust, js, python, go, c"), "{error}");
    }

    #[test]
    fn a_folder_without_a_project_says_how_to_make_one() {
        let directory = tempfile::tempdir().unwrap();
        let error = Language::of(directory.path()).unwrap_err().to_string();
        assert!(error.contains("wasmgate plugin new"), "{error}");
    }
}
