//! From the `impl` block to the exports.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, ImplItem, ItemImpl, Result, Type};

use crate::manifest;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let no_schema = parse_arguments(arguments)?;
    let block: ItemImpl = syn::parse2(item).map_err(|e| {
        Error::new(e.span(), "`#[plugin_sdk::export]` goes on an `impl Plugin for …` block")
    })?;
    check_head(&block)?;
    let methods = Methods::of(&block)?;
    let plugin = &block.self_ty;
    let hooks = hooks(&methods);
    // A native build, its tests and doc tests among them, embeds nothing and so
    // needs no manifest.
    let manifest = match manifest::bytes(methods.config, no_schema) {
        Ok(bytes) => quote! {
            #[unsafe(link_section = "wasmgate:plugin")]
            static MANIFEST: [u8; { const BYTES: &[u8] = #bytes; BYTES.len() }] = *#bytes;
        },
        Err(error) => error.into_compile_error(),
    };
    Ok(quote! {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::all, reason = "generated: the component's ABI")]
        const _: () = {
            ::std::thread_local! {
                static SLOT: ::plugin_sdk::__private::Slot<#plugin> =
                    const { ::plugin_sdk::__private::Slot::new() };
            }
            struct Exports;
            #manifest
            impl ::plugin_sdk::__private::lifecycle::Guest for Exports {
                fn configure(
                    config: ::std::string::String,
                ) -> ::core::result::Result<
                    ::plugin_sdk::__private::lifecycle::Subscription,
                    ::std::string::String,
                > {
                    SLOT.with(|slot| slot.configure(&config))
                }
            }
            ::plugin_sdk::__private::lifecycle::export!(
                Exports with_types_in ::plugin_sdk::__private::lifecycle
            );
            #hooks
        };
        // Natively nothing calls the plugin but its tests; it is no dead code.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() = ::plugin_sdk::__private::used::<#plugin>;
    })
}

fn parse_arguments(arguments: TokenStream) -> Result<bool> {
    if arguments.is_empty() {
        return Ok(false);
    }
    let word: syn::Ident = syn::parse2(arguments)
        .map_err(|e| Error::new(e.span(), "the one thing to say here is `no_schema`"))?;
    if word == "no_schema" {
        return Ok(true);
    }
    Err(Error::new(word.span(), "the one thing to say here is `no_schema`"))
}

fn check_head(block: &ItemImpl) -> Result<()> {
    let is_plugin = match &block.trait_ {
        Some((None, path, _)) => path.segments.last().is_some_and(|s| s.ident == "Plugin"),
        _ => false,
    };
    if !is_plugin {
        let head =
            block.trait_.as_ref().map_or_else(|| block.self_ty.span(), |(_, path, _)| path.span());
        return Err(Error::new(
            head,
            "`#[plugin_sdk::export]` goes on an `impl Plugin for …` block",
        ));
    }
    if !block.generics.params.is_empty() {
        return Err(Error::new(
            block.generics.params.span(),
            "a component holds one plugin: `#[plugin_sdk::export]` needs a type without parameters",
        ));
    }
    Ok(())
}

/// What the block contains, as far as exports are concerned.
struct Methods<'a> {
    config: &'a Type,
    request: Option<Hook<'a>>,
    response: Option<Hook<'a>>,
    request_body: Option<Hook<'a>>,
    response_body: Option<Hook<'a>>,
    complete: Option<Hook<'a>>,
    pick: Option<Hook<'a>>,
    tick: Option<Hook<'a>>,
}

/// A hook's method, and whether it is compiled at all.
struct Hook<'a>(&'a syn::Ident, Vec<&'a Attribute>);

impl<'a> Methods<'a> {
    fn of(block: &'a ItemImpl) -> Result<Self> {
        let (mut config, mut new) = (None, false);
        let (mut request, mut response, mut complete) = (None, None, None);
        let (mut request_body, mut response_body) = (None, None);
        let mut modes = Vec::new();
        let (mut pick, mut tick) = (None, None);
        // Called only beside another one, and the first of them.
        let mut beside: Vec<(&syn::Ident, &str)> = Vec::new();
        for item in &block.items {
            match item {
                ImplItem::Type(alias) if alias.ident == "Config" => config = Some(&alias.ty),
                ImplItem::Fn(method) => {
                    let name = &method.sig.ident;
                    let cfg = method.attrs.iter().filter(|a| a.path().is_ident("cfg"));
                    let hook = Hook(name, cfg.collect());
                    match name.to_string().as_str() {
                        "new" => new = true,
                        "subscription" => {}
                        "on_request" => request = Some(hook),
                        "on_response" => response = Some(hook),
                        "request_body" | "response_body" => modes.push(name.to_string()),
                        "on_request_body" => request_body = Some(hook),
                        "on_response_body" => response_body = Some(hook),
                        "on_complete" => complete = Some(hook),
                        "on_pick" => pick = Some(hook),
                        "on_endpoints" | "on_attempt" => beside.push((name, "on_pick")),
                        "on_tick" => tick = Some(hook),
                        "tick_interval" => beside.push((name, "on_tick")),
                        _ => return Err(unknown_method(name)),
                    }
                }
                ImplItem::Macro(call) => {
                    return Err(Error::new(
                        call.span(),
                        "write the hooks out: `#[plugin_sdk::export]` cannot see into a macro",
                    ));
                }
                _ => {}
            }
        }
        let Some(config) = config else {
            return Err(Error::new(
                block.self_ty.span(),
                "a plugin needs `type Config`: `NoConfig` if there is nothing to configure",
            ));
        };
        if !new {
            return Err(Error::new(
                block.self_ty.span(),
                "a plugin needs `fn new(config: Self::Config) -> Result<Self>`",
            ));
        }
        for (hook, mode) in [(&request_body, "request_body"), (&response_body, "response_body")] {
            if let Some(Hook(name, _)) = hook
                && !modes.iter().any(|given| given == mode)
            {
                return Err(Error::new(
                    name.span(),
                    format!(
                        "`{name}` needs `fn {mode}(&self) -> BodyMode`, which says how much of \
                         the body it wants to see"
                    ),
                ));
            }
        }
        for (name, other) in beside {
            let there = if other == "on_pick" { &pick } else { &tick };
            if there.is_none() {
                let message = format!("`{name}` is not called without `{other}`: add that");
                return Err(Error::new(name.span(), message));
            }
        }
        Ok(Self { config, request, response, request_body, response_body, complete, pick, tick })
    }
}

fn unknown_method(name: &syn::Ident) -> Error {
    Error::new(
        name.span(),
        format!(
            "`{name}` is no hook: a plugin has `on_request`, `on_request_body`, `on_response`, \
             `on_response_body`, `on_complete`, `on_pick` (with `on_endpoints` and `on_attempt`) \
             and `on_tick` (with `tick_interval`), and beside them `new`, `subscription`, \
             `request_body` and `response_body`"
        ),
    )
}

fn hooks(methods: &Methods<'_>) -> TokenStream {
    let bytes = quote!(::core::option::Option<::std::vec::Vec<u8>>);
    let request = methods.request.as_ref().map(|Hook(name, cfg)| {
        quote_spanned! { name.span() =>
            #(#cfg)*
            const _: () = {
                impl ::plugin_sdk::__private::request::Guest for Exports {
                    fn on_request(asked: #bytes) -> ::plugin_sdk::__private::request::Decision {
                        SLOT.with(|slot| slot.on_request(asked))
                    }
                }
                ::plugin_sdk::__private::request::export!(
                    Exports with_types_in ::plugin_sdk::__private::request
                );
            };
        }
    });
    let response = methods.response.as_ref().map(|Hook(name, cfg)| {
        quote_spanned! { name.span() =>
            #(#cfg)*
            const _: () = {
                impl ::plugin_sdk::__private::response::Guest for Exports {
                    fn on_response(
                        status: u16,
                        asked: #bytes,
                    ) -> ::plugin_sdk::__private::response::Decision {
                        SLOT.with(|slot| slot.on_response(status, asked))
                    }
                }
                ::plugin_sdk::__private::response::export!(
                    Exports with_types_in ::plugin_sdk::__private::response
                );
            };
        }
    });
    let request_body = methods.request_body.as_ref().map(|Hook(name, cfg)| {
        quote_spanned! { name.span() =>
            #(#cfg)*
            const _: () = {
                impl ::plugin_sdk::__private::request_body::Guest for Exports {
                    fn mode() -> ::plugin_sdk::__private::types::BodyMode {
                        SLOT.with(|slot| slot.request_body_mode())
                    }
                    fn on_request_body(
                        octets: ::std::vec::Vec<u8>,
                        part: ::plugin_sdk::__private::types::BodyPart,
                    ) -> ::plugin_sdk::__private::request_body::Decision {
                        SLOT.with(|slot| slot.on_request_body(octets, part))
                    }
                }
                ::plugin_sdk::__private::request_body::export!(
                    Exports with_types_in ::plugin_sdk::__private::request_body
                );
            };
        }
    });
    let response_body = methods.response_body.as_ref().map(|Hook(name, cfg)| {
        quote_spanned! { name.span() =>
            #(#cfg)*
            const _: () = {
                impl ::plugin_sdk::__private::response_body::Guest for Exports {
                    fn mode() -> ::plugin_sdk::__private::types::BodyMode {
                        SLOT.with(|slot| slot.response_body_mode())
                    }
                    fn on_response_body(
                        octets: ::std::vec::Vec<u8>,
                        part: ::plugin_sdk::__private::types::BodyPart,
                    ) -> ::plugin_sdk::__private::response_body::Decision {
                        SLOT.with(|slot| slot.on_response_body(octets, part))
                    }
                }
                ::plugin_sdk::__private::response_body::export!(
                    Exports with_types_in ::plugin_sdk::__private::response_body
                );
            };
        }
    });
    let complete = methods.complete.as_ref().map(|Hook(name, cfg)| {
        quote_spanned! { name.span() =>
            #(#cfg)*
            const _: () = {
                impl ::plugin_sdk::__private::complete::Guest for Exports {
                    fn on_complete(outcome: ::plugin_sdk::__private::complete::Outcome) {
                        SLOT.with(|slot| slot.on_complete(outcome))
                    }
                }
                ::plugin_sdk::__private::complete::export!(
                    Exports with_types_in ::plugin_sdk::__private::complete
                );
            };
        }
    });
    let balance = methods.pick.as_ref().map(|hook| balance(hook, &bytes));
    let tick = methods.tick.as_ref().map(tick);
    quote!(#request #request_body #response #response_body #complete #balance #tick)
}

fn balance(Hook(name, cfg): &Hook<'_>, bytes: &TokenStream) -> TokenStream {
    quote_spanned! { name.span() =>
        #(#cfg)*
        const _: () = {
            impl ::plugin_sdk::__private::balance::Guest for Exports {
                fn asked() -> ::std::vec::Vec<::std::string::String> {
                    SLOT.with(|slot| slot.asked())
                }
                fn on_endpoints(
                    cluster: ::std::string::String,
                    endpoints: ::std::vec::Vec<::plugin_sdk::__private::balance::Endpoint>,
                ) {
                    SLOT.with(|slot| slot.on_endpoints(&cluster, &endpoints))
                }
                fn pick(
                    asked: #bytes,
                    key: ::core::option::Option<u64>,
                    loads: ::std::vec::Vec<::plugin_sdk::__private::balance::Load>,
                ) -> ::core::option::Option<u32> {
                    SLOT.with(|slot| slot.on_pick(asked, key, loads))
                }
                fn on_attempt(attempt: ::plugin_sdk::__private::balance::Attempt) {
                    SLOT.with(|slot| slot.on_attempt(&attempt))
                }
            }
            ::plugin_sdk::__private::balance::export!(
                Exports with_types_in ::plugin_sdk::__private::balance
            );
        };
    }
}

fn tick(Hook(name, cfg): &Hook<'_>) -> TokenStream {
    quote_spanned! { name.span() =>
        #(#cfg)*
        const _: () = {
            impl ::plugin_sdk::__private::tick::Guest for Exports {
                fn interval() -> u32 {
                    SLOT.with(|slot| slot.tick_interval())
                }
                fn on_tick() {
                    SLOT.with(|slot| slot.on_tick())
                }
            }
            ::plugin_sdk::__private::tick::export!(
                Exports with_types_in ::plugin_sdk::__private::tick
            );
        };
    }
}
