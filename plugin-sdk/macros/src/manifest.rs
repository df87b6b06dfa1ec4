//! The bytes of the `wasmgate:plugin` section.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, Result, Type};

/// Set by `plugin_sdk_build::manifest` to the file that it wrote.
const MANIFEST: &str = "WASMGATE_PLUGIN_MANIFEST";

/// An expression of type `&[u8; N]`: the manifest.
pub(crate) fn bytes(config: &Type, no_schema: bool) -> Result<TokenStream> {
    // Cargo passes what a build script sets to the compiler, hence to this macro.
    // `include_bytes!` makes the compiler watch the file itself.
    if let Ok(path) = std::env::var(MANIFEST) {
        return Ok(quote!(::core::include_bytes!(#path)));
    }
    let schema = if is_no_config(config) {
        serde_json::json!({ "type": "object", "additionalProperties": false })
    } else if no_schema {
        serde_json::Value::Null
    } else {
        return Err(Error::new(
            config.span(),
            "the schema of this configuration is unknown: add a build script that calls \
             `plugin_sdk_build::manifest::<Config>()` (see the crate `wasmgate-plugin-sdk-build`), \
             use `NoConfig`, or say `#[plugin_sdk::export(no_schema)]`",
        ));
    };
    let package = |name: &str| std::env::var(name).unwrap_or_default();
    let manifest = serde_json::json!({
        "name": package("CARGO_PKG_NAME"),
        "version": package("CARGO_PKG_VERSION"),
        "description": package("CARGO_PKG_DESCRIPTION"),
        "schema": schema,
    });
    let mut literal = Literal::byte_string(manifest.to_string().as_bytes());
    literal.set_span(Span::call_site());
    Ok(quote!(#literal))
}

fn is_no_config(config: &Type) -> bool {
    let Type::Path(path) = config else {
        return false;
    };
    path.path.segments.last().is_some_and(|s| s.ident == "NoConfig")
}
