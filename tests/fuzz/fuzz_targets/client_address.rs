//! Forwarding fields: never a panic, and nothing is believed of a stranger.
#![no_main]

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use wasmgate::http::client_address::ClientAddress;

// Lines; the first octet of each says which field it is of.
fuzz_target!(|input: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in input.split(|&octet| octet == b'\n') {
        let Some((&kind, value)) = line.split_first() else { continue };
        let name = ["x-forwarded-for", "forwarded", "x-forwarded-proto"][usize::from(kind) % 3];
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let network: IpNet = "10.0.0.0/8".parse().expect("a network");
    let stranger: SocketAddr = "203.0.113.9:40".parse().expect("an address");
    let proxy: SocketAddr = "10.0.0.1:40".parse().expect("an address");

    let direct = ClientAddress { ip: stranger.ip(), port: Some(40), scheme: None };
    assert_eq!(ClientAddress::find(stranger, &[network], &headers), direct);

    let found = ClientAddress::find(proxy, &[network], &headers);
    assert_eq!(found.ip, found.ip.to_canonical());
});
