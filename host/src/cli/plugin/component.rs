//! From what a toolchain made to a component that describes itself.

use anyhow::Context as _;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::contract::Contract;
use super::project::Project;
use crate::plugin::artifact::MANIFEST_SECTION;

/// Makes a component of a core module that was compiled for WASI preview 1, as Go
/// and C toolchains do: imports of preview 1 become those of WASI 0.2.
pub(super) fn encode(mut module: Vec<u8>, contract: &Contract) -> anyhow::Result<Vec<u8>> {
    embed_component_metadata(&mut module, &contract.resolve, contract.world, StringEncoding::UTF8)?;
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.adapter(ADAPTER_NAME, ADAPTER))
        .and_then(|encoder| encoder.encode())
        .context("what was compiled does not make a component")
}

/// Appends the manifest that the proxy and `plugin inspect` read.
pub(super) fn describe(component: &mut Vec<u8>, project: &Project) {
    let manifest = project.manifest().to_string();
    let mut section = Vec::new();
    write_length(&mut section, MANIFEST_SECTION.len());
    section.extend_from_slice(MANIFEST_SECTION.as_bytes());
    section.extend_from_slice(manifest.as_bytes());
    // A custom section: its identifier is 0, and it may be anywhere in a component.
    component.push(0);
    write_length(component, section.len());
    component.append(&mut section);
}

/// Unsigned LEB128, as lengths are written in WebAssembly.
fn write_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit into an octet");
        length >>= 7;
        if length == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::artifact;

    #[test]
    fn what_is_described_is_read_back() {
        // Long enough for lengths of one, two and three octets.
        for filler in [0, 200, 20_000] {
            let text = format!(
                "name = \"guard\"\nversion = \"0.2.0\"\nhooks = []\n[config]\ntitle = \"{}\"\n",
                "x".repeat(filler)
            );
            let mut component = b"\0asm\x0d\0\x01\0".to_vec();
            describe(&mut component, &Project::parse(&text).unwrap());
            let manifest = artifact::manifest(&component);
            assert_eq!(manifest.name.as_deref(), Some("guard"));
            assert_eq!(manifest.version.as_deref(), Some("0.2.0"));
            assert_eq!(manifest.schema.unwrap()["title"].as_str().unwrap().len(), filler);
        }
    }
}
