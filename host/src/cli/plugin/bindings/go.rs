//! Packages for what is imported, by `wit-bindgen`, and the calls of what is
//! exported, as a file of the plugin's own package.

use wit_bindgen_go::{Format, Opts};

use super::{Contract, File, generate, pascal};

/// The module that all of it is in; `go.mod` replaces it by a folder.
const MODULE: &str = "wasmgate";

/// The calls of the exports.
const EXPORTS: &str = "wit_exports.go";

/// What support Go needs at run time: values that it has no type for, and memory
/// that the host writes to.
const SUPPORT: [(&str, &str); 4] = [
    ("go.mod", "module wasmgate\n\ngo 1.25\n"),
    ("wit/values.go", include_str!("../../template/go/support/values.go.template")),
    ("wit/runtime/memory.go", include_str!("../../template/go/support/memory.go.template")),
    ("wit/runtime/empty.s", "// Lets a function be declared without a body.\n"),
];

pub(super) fn files(contract: &Contract) -> anyhow::Result<Vec<File>> {
    let options = Opts { format: Format::False, ..Opts::default() };
    let mut files = Vec::new();
    for (path, content) in generate(contract, options.build())? {
        let text = String::from_utf8(content)?;
        match path.as_str() {
            "go.mod" => {}
            "wit_exports.go" => files.push((format!("exports/{EXPORTS}"), exports(&text))),
            _ => files.push((shorten(&path), shorten(&text).into_bytes())),
        }
    }
    let support = SUPPORT.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    files.extend(support);
    Ok(files)
}

/// `wasmgate/exchange` instead of `wit_component/wasmgate_plugin_exchange`.
fn shorten(text: &str) -> String {
    text.replace("\"wit_component/", &format!("\"{MODULE}/"))
        .replace("go.bytecodealliance.org/pkg/wit/runtime", "wasmgate/wit/runtime")
        .replace("go.bytecodealliance.org/pkg/wit/types", "wasmgate/wit")
        .replace("wasmgate_plugin_", "")
}

/// The generated file calls functions of one package for each hook. Here they are
/// methods of one variable for each hook, `Request.OnRequest(…)`, so that a plugin
/// can be one package.
fn exports(text: &str) -> Vec<u8> {
    const PACKAGE: &str = "export_wasmgate_plugin_";
    let mut out = String::from("//go:build wasip1\n\n");
    for line in text.lines() {
        let import = line.trim_start().starts_with('"') && line.contains(PACKAGE);
        // `main` is the plugin's own, so that its tests can be built without this.
        if import || line.starts_with("func main()") {
            continue;
        }
        let mut rest = line;
        while let Some((before, after)) = rest.split_once(PACKAGE) {
            // `wasm_export_wasmgate_plugin_…` is a name of the file's own.
            if before.ends_with("wasm_") || before.ends_with("wasm_export_post_return_") {
                out.push_str(before);
                out.push_str(PACKAGE);
                rest = after;
                continue;
            }
            let (hook, call) = after.split_once('.').unwrap_or((after, ""));
            out.push_str(before);
            out.push_str(&pascal(hook));
            out.push('.');
            rest = call;
        }
        out.push_str(rest);
        out.push('\n');
    }
    shorten(&out).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::super::contract::tests::contract;
    use super::*;

    #[test]
    fn a_hook_is_a_method_of_a_variable() {
        let directory = tempfile::tempdir().unwrap();
        let contract = contract(directory.path(), r#"["request", "complete"]"#).unwrap();
        let files = files(&contract).unwrap();
        let text = |name: &str| {
            let (_, content) = files.iter().find(|(path, _)| path == name).unwrap();
            String::from_utf8(content.clone()).unwrap()
        };
        let exports = text("exports/wit_exports.go");
        for line in ["Lifecycle.Configure(value)", "Request.OnRequest(", "Complete.OnComplete("] {
            assert!(exports.contains(line), "{line}: {exports}");
        }
        assert!(!exports.contains("\"wit_component"), "{exports}");
        assert!(exports.contains("//go:wasmexport wasmgate:plugin/request@0.1.0#on-request"));
        assert!(text("exchange/wit_bindings.go").contains("package exchange"));
        assert_eq!(pascal("request_body"), "RequestBody");
    }
}
