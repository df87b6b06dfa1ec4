use proptest::prelude::*;

use super::*;

fn trusted() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec()
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The client as `address port scheme`, of a request from a trusted peer.
fn find(lines: &[(&'static str, &str)]) -> String {
    show(&ClientAddress::find("10.0.0.1:999".parse().unwrap(), &trusted(), &headers(lines)))
}

fn show(found: &ClientAddress) -> String {
    let port = found.port.map_or("-".to_owned(), |port| port.to_string());
    let scheme = found.scheme.map_or("-".to_owned(), |scheme| format!("{scheme:?}"));
    format!("{} {port} {scheme}", found.ip)
}

#[test]
fn client_of_its_own_is_not_believed() {
    let headers = headers(&[
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1;proto=https"),
        ("x-forwarded-proto", "https"),
    ]);
    for (peer, shown) in [
        ("203.0.113.9:40", "203.0.113.9 40 -"),
        ("[2001:db8::1]:40", "2001:db8::1 40 -"),
        ("[::ffff:203.0.113.9]:40", "203.0.113.9 40 -"),
    ] {
        let peer = peer.parse().unwrap();
        assert_eq!(show(&ClientAddress::find(peer, &trusted(), &headers)), shown);
        assert_eq!(show(&ClientAddress::find(peer, &[], &headers)), shown);
    }
}

#[test]
fn x_forwarded_for_is_walked_from_the_right() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "192.0.2.1")], "192.0.2.1 - -"),
        // What the client claimed stands left of what the proxy saw.
        (&[("x-forwarded-for", "198.51.100.7, 192.0.2.1, 10.2.2.2")], "192.0.2.1 - -"),
        (&[("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1 - -"),
        (
            &[("x-forwarded-for", "192.0.2.1,10.3.3.3"), ("x-forwarded-for", "fd00::1 , ")],
            "192.0.2.1 - -",
        ),
        (&[("x-forwarded-for", "10.9.9.9, 10.2.2.2")], "10.9.9.9 - -"),
        (&[("x-forwarded-for", "192.0.2.1:8080")], "192.0.2.1 8080 -"),
        (&[("x-forwarded-for", "2001:db8::1")], "2001:db8::1 - -"),
        (&[("x-forwarded-for", "[2001:db8::1]")], "2001:db8::1 - -"),
        (&[("x-forwarded-for", "[2001:db8::1]:443")], "2001:db8::1 443 -"),
        (&[("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1 - -"),
        (&[("x-forwarded-for", "192.0.2.1, ::ffff:10.0.0.7")], "192.0.2.1 - -"),
        // The trail ends at the last proxy that is known.
        (&[("x-forwarded-for", "192.0.2.1, garbage")], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "192.0.2.1, unknown, 10.2.2.2")], "10.2.2.2 - -"),
        (&[("x-forwarded-for", "192.0.2.1, \u{e9}, 10.2.2.2")], "10.2.2.2 - -"),
        (&[("x-forwarded-for", "")], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "192.0.2.1:+80")], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "192.0.2.1:65536")], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "[192.0.2.1]")], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "[2001:db8::1]443")], "10.0.0.1 999 -"),
        (&[("x-forwarded-for", "192.0.2")], "10.0.0.1 999 -"),
    ];
    for (lines, shown) in cases {
        assert_eq!(find(lines), *shown, "{lines:?}");
    }
}

#[test]
fn scheme_is_what_the_nearest_proxy_says() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("x-forwarded-proto", "https")], "10.0.0.1 999 Https"),
        (&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "HTTP")], "192.0.2.1 - Http"),
        (&[("x-forwarded-proto", "https, http")], "10.0.0.1 999 Http"),
        (&[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], "10.0.0.1 999 Http"),
        (&[("x-forwarded-proto", "gopher")], "10.0.0.1 999 -"),
        (&[("x-forwarded-proto", "\u{e9}")], "10.0.0.1 999 -"),
    ];
    for (lines, shown) in cases {
        assert_eq!(find(lines), *shown, "{lines:?}");
    }
}

#[test]
fn forwarded_is_walked_from_the_right() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("forwarded", "for=192.0.2.1;proto=https")], "192.0.2.1 - Https"),
        (
            &[
                ("forwarded", "for=198.51.100.7;proto=http, for=\"192.0.2.1:81\";proto=https"),
                ("forwarded", "for=10.2.2.2;proto=http"),
            ],
            "192.0.2.1 81 Https",
        ),
        (&[("forwarded", "for=192.0.2.1, for=_x;proto=https")], "10.0.0.1 999 Https"),
        (&[("forwarded", "for=192.0.2.1, proto=https")], "10.0.0.1 999 Https"),
        (&[("forwarded", "for=192.0.2.1, for=\"10.2.2.2")], "10.0.0.1 999 -"),
        (&[("forwarded", "for=\"10.2.2.2"), ("forwarded", "for=10.3.3.3")], "10.3.3.3 - -"),
        (&[("forwarded", "")], "10.0.0.1 999 -"),
        // Both: see the module.
        (&[("forwarded", "for=198.51.100.7"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1 - -"),
    ];
    for (lines, shown) in cases {
        assert_eq!(find(lines), *shown, "{lines:?}");
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c])),
        any::<u128>().prop_map(|ip| IpAddr::V6(ip.into())),
    ]
}

proptest! {
    #[test]
    fn client_is_the_rightmost_untrusted_address_whichever_field_says_it(
        hops in prop::collection::vec(address(), 1..8),
        breaks in prop::collection::vec(any::<bool>(), 8),
    ) {
        let trusted = trusted();
        let expected = hops
            .iter()
            .rev()
            .find(|ip| !is_trusted(ip.to_canonical(), &trusted))
            .unwrap_or(&hops[0])
            .to_canonical();
        let peer = "10.0.0.1:1".parse().unwrap();
        let write = |name: &'static str, entry: &dyn Fn(&IpAddr) -> String| {
            let mut lines = vec![String::new()];
            for (hop, new_line) in hops.iter().zip(&breaks) {
                let last = lines.last_mut().unwrap();
                if !last.is_empty() && *new_line {
                    lines.push(entry(hop));
                } else {
                    let comma = if last.is_empty() { "" } else { ", " };
                    *last += &(comma.to_owned() + &entry(hop));
                }
            }
            let lines: Vec<_> = lines.iter().map(|line| (name, line.as_str())).collect();
            headers(&lines)
        };
        let plain = write("x-forwarded-for", &ToString::to_string);
        prop_assert_eq!(ClientAddress::find(peer, &trusted, &plain).ip, expected);
        let standard = write("forwarded", &|ip| match ip {
            IpAddr::V4(ip) => format!("for={ip};proto=http"),
            IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
        });
        prop_assert_eq!(ClientAddress::find(peer, &trusted, &standard).ip, expected);
    }

    #[test]
    fn garbage_is_never_a_panic_and_never_another_untrusted_address(
        lines in prop::collection::vec(
            (
                prop::sample::select(&["x-forwarded-for", "forwarded", "x-forwarded-proto"]),
                prop_oneof!["[ -~]{0,40}", "(for|proto|=|;|,|\"|\\\\|10\\.0\\.0\\.2|http|\\[|\\]|:){0,14}"],
            ),
            0..5,
        ),
    ) {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let headers = headers(&lines);
        let peer: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let found = ClientAddress::find(peer, &trusted(), &headers);
        let text: String = lines.iter().map(|(_, value)| *value).collect();
        // An address is found where it was written, or it is the peer's.
        let written = text.contains(&found.ip.to_string()) || text.contains(':');
        prop_assert!(found.ip == peer.ip() || written);
        let stranger = "203.0.113.9:40".parse().unwrap();
        prop_assert_eq!(
            ClientAddress::find(stranger, &trusted(), &headers),
            ClientAddress { ip: stranger.ip(), port: Some(40), scheme: None }
        );
    }
}
