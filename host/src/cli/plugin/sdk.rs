//! The sources of the SDK and of the contract, as new projects get them.

use std::path::Path;

use anyhow::Context as _;

use super::language::Language;

/// Path and content of each file of `plugin-sdk/` and `wit/` that a plugin needs to
/// build; made by the build script.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Where a project keeps them.
pub(super) const FOLDER: &str = ".wasmgate";

/// Writes those that a project of this language needs and does not have: a project
/// that has others keeps its version.
pub(super) fn restore(project: &Path, language: Language) -> anyhow::Result<()> {
    let folder = project.join(FOLDER);
    let parts: &[&str] = match language {
        Language::Rust => &["plugin-sdk", "wit", "LICENSE"],
        _ => &["wit", "LICENSE"],
    };
    for part in parts.iter().filter(|part| !folder.join(part).exists()) {
        for (path, content) in FILES.iter().filter(|(path, _)| path.split('/').next() == Some(part))
        {
            super::new::write_file(&folder.join(path), content)
                .with_context(|| format!("cannot write the SDK into {}", project.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_complete_and_has_no_tests() {
        let has = |path: &str| FILES.iter().any(|(known, _)| *known == path);
        for path in [
            "plugin-sdk/Cargo.toml",
            "plugin-sdk/src/lib.rs",
            "plugin-sdk/macros/Cargo.toml",
            "plugin-sdk/macros/src/lib.rs",
            "plugin-sdk/build/Cargo.toml",
            "plugin-sdk/build/src/lib.rs",
            "wit/world.wit",
            "wit/request.wit",
        ] {
            assert!(has(path), "{path}");
        }
        let unwanted =
            |(path, _): &&(&str, &[u8])| path.contains("/tests/") || path.contains("target");
        assert!(FILES.iter().find(unwanted).is_none());
    }
}
