//! The sources of the SDK and of the contract, as new projects get them.

use std::path::Path;

use anyhow::Context as _;

/// Path and content of each file of `plugin-sdk/` and `wit/` that a plugin needs to
/// build; made by the build script.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Where a project keeps them.
pub(super) const FOLDER: &str = ".wasmgate";

/// Writes them into a project.
pub(super) fn write(project: &Path) -> anyhow::Result<()> {
    for (path, content) in FILES {
        super::new::write_file(&project.join(FOLDER).join(path), content)
            .with_context(|| format!("cannot write the SDK into {}", project.display()))?;
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
