//! Imports a capability, with which nothing more is tried than to be loaded.

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
            interface counter {
                get: func(name: string) -> s64;
            }
            world guest {
                import counter;
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
        let _ = bindings::wasmgate::plugin::counter::get(&config);
        Ok(Subscription { request_headers: Vec::new(), response_headers: Vec::new() })
    }
}
