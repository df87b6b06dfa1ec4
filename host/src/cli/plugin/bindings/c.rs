//! The header and its implementation, by `wit-bindgen`.

use super::{Contract, File, generate};

pub(super) fn files(contract: &Contract) -> anyhow::Result<Vec<File>> {
    let interfaces = contract.imports().into_iter().chain(contract.exports());
    // `exchange_target` instead of `wasmgate_plugin_exchange_target`.
    let short = |(name, id): (String, _)| {
        contract.resolve.id_of(id).map(|identifier| (identifier, name.replace('-', "_")))
    };
    let mut rename: Vec<(String, String)> = interfaces.filter_map(short).collect();
    rename.sort();
    rename.dedup();
    let options = wit_bindgen_c::Opts {
        rename,
        rename_world: Some("plugin".to_owned()),
        ..wit_bindgen_c::Opts::default()
    };
    generate(contract, options.build())
}

#[cfg(test)]
mod tests {
    use super::super::super::contract::tests::contract;
    use super::*;

    #[test]
    fn names_are_short() {
        let directory = tempfile::tempdir().unwrap();
        let contract = contract(directory.path(), r#"["request", "response"]"#).unwrap();
        let files = files(&contract).unwrap();
        let header = files.iter().find(|(path, _)| path == "plugin.h").unwrap();
        let header = str::from_utf8(&header.1).unwrap();
        assert!(header.contains("void exchange_target(plugin_string_t *ret);"), "{header}");
        assert!(header.contains("exports_request_on_request("), "{header}");
        assert!(header.contains("exports_response_on_response("), "{header}");
    }
}
