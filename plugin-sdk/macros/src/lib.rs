//! The attribute `#[plugin_sdk::export]`.

mod glue;
mod manifest;

use proc_macro::TokenStream;

/// Makes a plugin of the crate that it stands in.
///
/// It goes on the `impl Plugin for …` block, leaves the block as it is, and in a
/// Wasm build adds the exports of the component: `lifecycle`, and exactly those
/// of `on_request`, `on_request_body`, `on_response`, `on_response_body`, `on_complete`,
/// `on_pick` and `on_tick` that the block contains. A
/// native build gets the block alone. A crate exports one plugin.
///
/// It also embeds the plugin's manifest. A plugin with a configuration of its own
/// needs the build script that `wasmgate-plugin-sdk-build` describes;
/// `#[export(no_schema)]` does without, at the price that operators are told
/// nothing about its keys.
#[proc_macro_attribute]
pub fn export(arguments: TokenStream, item: TokenStream) -> TokenStream {
    // On a mistake the block is left out: the compiler's own view of the same
    // mistake would only repeat it.
    let block: proc_macro2::TokenStream = item.into();
    let expanded = glue::expand(arguments.into(), block.clone());
    let tokens =
        expanded.map_or_else(syn::Error::into_compile_error, |glue| quote::quote!(#block #glue));
    tokens.into()
}
