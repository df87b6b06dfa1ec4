#![allow(unused_imports, unused_macros)]

#[plugin_sdk::export]
struct Guard;

fn main() {}
