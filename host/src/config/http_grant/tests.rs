//! What a grant covers, entry by entry and address by address.

use super::*;

fn grant(hosts: &[&str], private: &[&str]) -> HttpGrant {
    let mut grant =
        HttpGrant::to(hosts.iter().map(|text| Destination::parse(text).expect(text)).collect());
    grant.private = private.iter().map(|text| text.parse().expect(text)).collect();
    grant
}

fn host(text: &str) -> Host {
    Host::parse(text).expect(text)
}

#[test]
fn an_entry_covers_its_scheme_host_and_port_alone() {
    use Scheme::{Http, Https};
    for (entry, scheme, name, port, expected) in [
        ("auth.internal:8443", Http, "auth.internal", 8443, true),
        ("auth.internal:8443", Https, "AUTH.internal", 8443, true),
        ("auth.internal:8443", Https, "auth.internal", 443, false),
        ("auth.internal:8443", Https, "x.auth.internal", 8443, false),
        ("auth.internal:8443", Https, "auth.internal.evil", 8443, false),
        ("https://api.example.com", Https, "api.example.com", 443, true),
        ("https://api.example.com/", Https, "api.example.com", 443, true),
        ("https://api.example.com", Http, "api.example.com", 443, false),
        ("https://api.example.com", Https, "api.example.com", 8443, false),
        ("http://api.example.com", Http, "api.example.com", 80, true),
        ("HTTPS://Api.Example.com:444", Https, "api.example.com", 444, true),
        ("*.example.com:443", Https, "a.example.com", 443, true),
        ("*.example.com:443", Https, "b.a.example.com", 443, true),
        ("*.example.com:443", Https, "example.com", 443, false),
        ("*.example.com:443", Https, "aexample.com", 443, false),
        ("*.example.com:443", Https, "a.example.com.evil", 443, false),
        ("https://*.example.com", Http, "a.example.com", 443, false),
        ("10.0.0.5:80", Http, "10.0.0.5", 80, true),
        ("10.0.0.5:80", Http, "[::ffff:10.0.0.5]", 80, true),
        ("10.0.0.5:80", Http, "10.0.0.6", 80, false),
        ("[::1]:80", Http, "[0:0::1]", 80, true),
        ("*.example.com:80", Http, "10.0.0.5", 80, false),
    ] {
        let allowed = grant(&[entry], &[]).allows(scheme, &host(name), port);
        assert_eq!(allowed.is_some(), expected, "{entry} {scheme:?} {name} {port}");
    }
}

#[test]
fn an_entry_that_is_none_says_what_to_write() {
    for (text, why) in [
        ("api.example.com", "neither a port nor a scheme"),
        ("*.example.com", "neither a port nor a scheme"),
        ("", "neither a port nor a scheme"),
        ("ftp://a", "http:// and https:// alone"),
        ("h2c://a:1", "http:// and https:// alone"),
        ("https://user:secret@a", "user name"),
        ("https://a/path", "goes on"),
        ("https://a?x", "goes on"),
        ("a:0", "port"),
        ("a:", "port"),
        ("a:65536", "port"),
        ("*:443", "neither a name nor an address"),
        ("*.*.a:443", "neither a name nor an address"),
        ("a.*.b:443", "neither a name nor an address"),
        ("*.10.0.0.1:443", "no names below"),
        ("a.:443", "ends with a dot"),
        ("ä.example:443", "xn--"),
        ("127.1:80", "ends in a number"),
        ("0.0.0.0:80", "unspecified"),
        ("224.0.0.1:80", "multicast"),
        ("[::]:80", "unspecified"),
        ("[ff02::1]:80", "multicast"),
        ("255.255.255.255:80", "reserved"),
    ] {
        let error = Destination::parse(text).expect_err(text);
        assert!(error.message.contains(why), "{text}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_host_has_one_meaning_or_none() {
    for (text, expected) in [
        ("Example.COM", Host::Name("example.com".to_owned())),
        ("xn--bcher-kva.example", Host::Name("xn--bcher-kva.example".to_owned())),
        ("_grpc.a", Host::Name("_grpc.a".to_owned())),
        ("1.example", Host::Name("1.example".to_owned())),
        ("a.0xg", Host::Name("a.0xg".to_owned())),
        ("127.0.0.1", Host::Address([127, 0, 0, 1].into())),
        ("[::FFFF:127.0.0.1]", Host::Address([127, 0, 0, 1].into())),
        ("[::ffff:7f00:1]", Host::Address([127, 0, 0, 1].into())),
        ("[0:0:0:0:0:0:0:1]", Host::Address(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST))),
    ] {
        assert_eq!(Host::parse(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        ".",
        "a.",
        "a..b",
        ".a",
        "-a",
        "a b",
        "a%41",
        "%31",
        "ä",
        "１２７.0.0.1",
        "a\0",
        "a\n",
        "a\\b",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0X7F000001",
        "0x",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.5",
        "1.2.3.256",
        "a.1",
        "a.0x1",
        "[::1",
        "::1",
        "[::1%lo]",
        "[127.0.0.1]",
        "[]",
        "[v1.a]",
        "a@b",
        "a:1",
        "a/b",
    ] {
        assert!(Host::parse(text).is_err(), "{text}");
    }
}

/// Addresses, and the network that has to be granted before they are reached; the
/// empty one = none, `never` = no grant helps.
const ADDRESSES: &[(&str, &str)] = &[
    ("1.1.1.1", ""),
    ("9.255.255.255", ""),
    ("11.0.0.0", ""),
    ("172.15.255.255", ""),
    ("172.32.0.0", ""),
    ("100.63.255.255", ""),
    ("100.128.0.0", ""),
    ("2606:4700::1111", ""),
    ("2001:200::1", ""),
    ("10.0.0.1", "10.0.0.0/8"),
    ("172.16.0.1", "172.16.0.0/12"),
    ("172.31.255.255", "172.16.0.0/12"),
    ("192.168.1.1", "192.168.0.0/16"),
    ("100.64.0.1", "100.64.0.0/10"),
    ("127.0.0.1", "127.0.0.0/8"),
    ("127.255.255.254", "127.0.0.0/8"),
    ("169.254.169.254", "169.254.0.0/16"),
    ("192.0.0.8", "192.0.0.0/24"),
    ("192.0.2.1", "192.0.2.0/24"),
    ("198.18.0.1", "198.18.0.0/15"),
    ("::1", "::1/128"),
    ("fc00::1", "fc00::/7"),
    ("fdff::1", "fc00::/7"),
    ("fe80::1", "fe80::/10"),
    ("fec0::1", "fec0::/10"),
    ("2001:db8::1", "2001:db8::/32"),
    ("2001::1", "2001::/32"),
    ("3fff::1", "3fff::/20"),
    ("100::1", "100::/64"),
    ("5f00::1", "5f00::/16"),
    ("4000::1", "4000::/3"),
    ("64:ff9b:1::a00:1", "64:ff9b:1::/48"),
    // What wraps an IPv4 address is as good as that.
    ("::ffff:1.1.1.1", ""),
    ("::ffff:10.0.0.1", "10.0.0.0/8"),
    ("::ffff:127.0.0.1", "127.0.0.0/8"),
    ("64:ff9b::101:101", ""),
    ("64:ff9b::a00:1", "10.0.0.0/8"),
    ("64:ff9b::7f00:1", "127.0.0.0/8"),
    ("64:ff9b::a9fe:a9fe", "169.254.0.0/16"),
    ("2002:101:101::1", ""),
    ("2002:a00:1::1", "10.0.0.0/8"),
    ("2002:7f00:1::", "127.0.0.0/8"),
    ("2606:4700::5efe:c0a8:101", "192.168.0.0/16"),
    ("2606:4700::200:5efe:7f00:1", "127.0.0.0/8"),
    ("0.0.0.0", "never"),
    ("0.1.2.3", "never"),
    ("224.0.0.1", "never"),
    ("239.255.255.255", "never"),
    ("240.0.0.1", "never"),
    ("255.255.255.255", "never"),
    ("::", "never"),
    ("::7f00:1", "never"),
    ("::a00:1", "never"),
    ("::ffff:0.0.0.0", "never"),
    ("64:ff9b::", "never"),
    ("2002::1", "never"),
    ("2002:e000:1::", "never"),
    ("ff02::1", "never"),
];

#[test]
fn a_special_address_is_reached_only_with_its_network_granted() {
    let everything = ["0.0.0.0/0", "::/0"];
    for (text, network) in ADDRESSES {
        let address: IpAddr = text.parse().expect(text);
        let reached =
            |private: &[&str]| grant(&["a:1"], private).reaches(Allowed::ByName, address).is_ok();
        assert_eq!(reached(&[]), network.is_empty(), "{text} without a grant");
        assert_eq!(reached(&everything), *network != "never", "{text} with all granted");
        if !matches!(*network, "" | "never") {
            assert!(reached(&[network]), "{text} with {network} granted");
            assert!(!reached(&["8.8.8.0/24", "2a00::/16"]), "{text} with another granted");
        }
    }
}

#[test]
fn private_as_a_whole_is_neither_this_machine_nor_its_link() {
    let mut grant = grant(&["a:1"], &[]);
    grant.private = private_use();
    for (text, expected) in [
        ("10.0.0.1", true),
        ("172.16.0.1", true),
        ("192.168.0.1", true),
        ("100.64.0.1", true),
        ("fd00::1", true),
        ("127.0.0.1", false),
        ("::1", false),
        ("169.254.169.254", false),
        ("fe80::1", false),
    ] {
        let reached = grant.reaches(Allowed::ByName, text.parse().expect(text));
        assert_eq!(reached.is_ok(), expected, "{text}");
    }
}

#[test]
fn an_address_that_the_operator_wrote_is_granted_for_itself() {
    let grant = grant(&["127.0.0.1:80"], &[]);
    let address = [127, 0, 0, 1].into();
    let allowed = grant.allows(Scheme::Http, &Host::Address(address), 80);
    assert_eq!(allowed, Some(Allowed::ByAddress));
    assert_eq!(grant.reaches(Allowed::ByAddress, address), Ok(address));
    assert!(grant.reaches(Allowed::ByName, address).is_err(), "not for a name that has it");
}

#[test]
fn a_wrapped_address_is_connected_to_as_what_it_is() {
    let grant = grant(&["a:1"], &[]);
    let wrapped = "::ffff:1.1.1.1".parse().expect("an address");
    assert_eq!(grant.reaches(Allowed::ByName, wrapped), Ok([1, 1, 1, 1].into()));
}
