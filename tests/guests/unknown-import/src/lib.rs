//! Imports a capability that no host has: `wasmgate:plugin/teleport`.

#[allow(
    unsafe_code,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    unused_qualifications,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package wasmgate:plugin@0.1.0;
            interface lifecycle {
                record subscription {
                    request-headers: list<string>,
                    response-headers: list<string>,
                }
                configure: func(config: string) -> result<subscription, string>;
            }
            interface teleport {
                get: func(key: string) -> option<list<u8>>;
            }
            world guest {
                import teleport;
                export lifecycle;
            }
        ",
        world: "guest",
    });
    use super::Guest;
    export!(Guest);
}

use bindings::exports::wasmgate::plugin::lifecycle::Subscription;

struct Guest;

impl bindings::exports::wasmgate::plugin::lifecycle::Guest for Guest {
    fn configure(config: String) -> Result<Subscription, String> {
        let _ = bindings::wasmgate::plugin::teleport::get(&config);
        Ok(Subscription { request_headers: Vec::new(), response_headers: Vec::new() })
    }
}
