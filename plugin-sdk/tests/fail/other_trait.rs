#![allow(unused_imports, unused_macros)]

struct Guard;

#[plugin_sdk::export]
impl Default for Guard {
    fn default() -> Self {
        Self
    }
}

fn main() {}
