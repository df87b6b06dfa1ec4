//! What wit-bindgen makes of `../wit`; nothing outside `export` and `host` uses
//! it, save the plain records that other modules give out again.
//!
//! Each exported interface has a world of its own, so that `#[export]` can pick:
//! a component that exported a hook which its plugin does not implement would be
//! called for nothing on every exchange.
#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    clippy::use_self,
    reason = "generated"
)]

pub mod imports {
    wit_bindgen::generate!({
        path: "../wit",
        world: "imports",
        generate_unused_types: true,
        pub_export_macro: true,
    });
}

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-lifecycle;
            world lifecycle-hook { export wasmgate:plugin/lifecycle@0.1.0; }
        ",
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::lifecycle",
    });
    pub use exports::wasmgate::plugin::lifecycle::{Guest, Subscription};
}

pub mod request {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-request;
            world request-hook { export wasmgate:plugin/request@0.1.0; }
        ",
        with: {
            "wasmgate:plugin/types@0.1.0": crate::bindings::imports::wasmgate::plugin::types,
        },
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::request",
    });
    pub use exports::wasmgate::plugin::request::{Decision, Guest};
}

pub mod response {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-response;
            world response-hook { export wasmgate:plugin/response@0.1.0; }
        ",
        with: {
            "wasmgate:plugin/types@0.1.0": crate::bindings::imports::wasmgate::plugin::types,
        },
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::response",
    });
    pub use exports::wasmgate::plugin::response::{Decision, Guest};
}

pub mod request_body {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-request-body;
            world request-body-hook { export wasmgate:plugin/request-body@0.1.0; }
        ",
        with: {
            "wasmgate:plugin/types@0.1.0": crate::bindings::imports::wasmgate::plugin::types,
        },
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::request_body",
    });
    pub use exports::wasmgate::plugin::request_body::{Decision, Edits, Guest};
}

pub mod response_body {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-response-body;
            world response-body-hook { export wasmgate:plugin/response-body@0.1.0; }
        ",
        with: {
            "wasmgate:plugin/types@0.1.0": crate::bindings::imports::wasmgate::plugin::types,
        },
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::response_body",
    });
    pub use exports::wasmgate::plugin::response_body::{Decision, Edits, Guest};
}

pub mod balance {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-balance;
            world balance-hook { export wasmgate:plugin/balance@0.1.0; }
        ",
        with: {
            "wasmgate:plugin/types@0.1.0": crate::bindings::imports::wasmgate::plugin::types,
        },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::balance",
    });
    pub use exports::wasmgate::plugin::balance::{Attempt, Endpoint, Guest, Load};
}

pub mod tick {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-tick;
            world tick-hook { export wasmgate:plugin/tick@0.1.0; }
        ",
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::tick",
    });
    pub use exports::wasmgate::plugin::tick::Guest;
}

pub mod complete {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package wasmgate:sdk-complete;
            world complete-hook { export wasmgate:plugin/complete@0.1.0; }
        ",
        pub_export_macro: true,
        default_bindings_module: "plugin_sdk::__private::complete",
    });
    pub use exports::wasmgate::plugin::complete::{Guest, Outcome};
}
