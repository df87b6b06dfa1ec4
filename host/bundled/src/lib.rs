//! The plugins that wasmgate carries inside, as components.
//!
//! A package of its own because of its build script: it builds `plugins/` for
//! Wasm and must not wait for, nor be rebuilt with, the heavy packages of the
//! host.

/// A plugin that needs no file: `source = "builtin:NAME"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// What stands after `builtin:`.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

/// Every bundled plugin, sorted by name.
pub static PLUGINS: &[Bundled] = &plugins();

/// The bundled plugin of this name.
pub fn find(name: &str) -> Option<&'static Bundled> {
    PLUGINS.iter().find(|plugin| plugin.name == name)
}

const GUESTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/guests.rs"));

const fn plugins() -> [Bundled; GUESTS.len()] {
    let mut plugins = [Bundled { name: "", wasm: &[] }; GUESTS.len()];
    let mut index = 0;
    while index < plugins.len() {
        plugins[index] = Bundled { name: GUESTS[index].0, wasm: GUESTS[index].1 };
        index += 1;
    }
    plugins
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first eight octets of a component; a core module has version 1 and
    /// layer 0.
    const COMPONENT: [u8; 8] = [0, b'a', b's', b'm', 13, 0, 1, 0];

    #[test]
    fn every_bundled_plugin_is_a_component_with_a_manifest() {
        let names: Vec<_> = PLUGINS.iter().map(|p| p.name).collect();
        assert_eq!(
            names,
            [
                "access",
                "auth",
                "body-limit",
                "bounded-hash",
                "cohort",
                "cors",
                "headers",
                "maintenance",
                "rate-limit",
                "respond",
                "rewrite",
                "security-headers",
                "sticky"
            ]
        );
        for Bundled { name, wasm } in PLUGINS {
            assert!(wasm.starts_with(&COMPONENT), "{name}");
            let section = b"wasmgate:plugin{\"";
            let has_manifest = wasm.windows(section.len()).any(|w| w == section);
            assert!(has_manifest, "{name} has no manifest");
        }
    }

    #[test]
    fn plugins_are_found_by_name() {
        assert_eq!(find("rewrite").map(|p| p.name), Some("rewrite"));
        assert_eq!(find("none"), None);
    }
}
