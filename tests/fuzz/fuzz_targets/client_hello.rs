//! The first octets of a TLS connection: never a panic, and a fingerprint of the
//! one shape that there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmgate::exchange::ClientHello;

fuzz_target!(|records: &[u8]| {
    let Some(hello) = ClientHello::read(records) else { return };
    let parts: Vec<usize> = hello.ja4().split('_').map(str::len).collect();
    assert_eq!(parts, [10, 12, 12], "{}", hello.ja4());
});
