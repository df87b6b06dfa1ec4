use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn fixture(name: &str) -> String {
    format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn databases() -> Value {
    json!({ "country": fixture("country.mmdb"), "asn": fixture("asn.mmdb") })
}

fn load(config: &Value) -> Loaded<Access> {
    Loaded::new(&config.to_string()).unwrap_or_else(|e| panic!("{config}: {e}"))
}

fn error(config: &Value) -> String {
    match Loaded::<Access>::new(&config.to_string()) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    }
}

fn from(address: &str) -> Exchange {
    Exchange::get("/").client_address(address)
}

fn passes(plugin: &Loaded<Access>, mut exchange: Exchange) -> bool {
    match plugin.on_request(&mut exchange) {
        Verdict::Continue => true,
        Verdict::Respond => false,
        Verdict::Fail(reason) => panic!("{reason}"),
    }
}

/// The addresses that pass.
fn passing<'a>(plugin: &Loaded<Access>, addresses: &[&'a str]) -> Vec<&'a str> {
    addresses.iter().filter(|address| passes(plugin, from(address))).copied().collect()
}

fn annotations(exchange: &Exchange) -> Vec<(&str, &str)> {
    exchange.annotations().iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let config = json!({
        "rules": [
            { "name": "bad", "action": "deny", "networks": ["10.6.6.0/24", "2001:db8:bad::/48"] },
            { "name": "ours", "action": "allow", "networks": ["10.0.0.0/8", "2001:db8::/32"] },
            { "name": "never", "action": "deny", "networks": ["10.0.0.1"] },
        ],
        "default": "deny",
    });
    let addresses = ["10.0.0.1", "10.6.6.1", "192.0.2.1", "2001:db8::1", "2001:db8:bad::1", "::1"];
    assert_eq!(passing(&load(&config), &addresses), ["10.0.0.1", "2001:db8::1"]);
}

#[test]
fn without_rules_the_default_decides() {
    assert!(passes(&load(&json!({ "default": "allow" })), from("192.0.2.1")));
    assert!(!passes(&load(&json!({ "default": "deny" })), from("192.0.2.1")));
}

#[test]
fn what_a_client_says_of_its_address_does_not_count() {
    let plugin = load(&json!({
        "rules": [{ "name": "ours", "action": "allow", "networks": ["10.0.0.0/8"] }],
        "default": "deny",
    }));
    for field in ["x-forwarded-for", "x-real-ip", "client-ip", "true-client-ip", "cf-connecting-ip"]
    {
        assert!(!passes(&plugin, from("192.0.2.1").header(field, "10.0.0.1")), "{field}");
    }
    assert!(!passes(&plugin, from("192.0.2.1").header("forwarded", "for=10.0.0.1")));
}

#[test]
fn an_ipv4_address_in_an_ipv6_one_is_that_address() {
    let plugin = load(&json!({
        "rules": [{ "name": "bad", "action": "deny", "networks": ["192.0.2.0/24"] }],
        "default": "allow",
    }));
    assert!(!passes(&plugin, from("::ffff:192.0.2.1")));
    assert!(!passes(&plugin, from("::ffff:c000:201")));
    assert!(passes(&plugin, from("::ffff:198.51.100.1")));
}

#[test]
fn an_address_that_is_none_is_in_no_network() {
    let rules = json!([{ "name": "all", "action": "allow", "networks": ["0.0.0.0/0", "::/0"] }]);
    let plugin = load(&json!({ "rules": rules, "default": "deny" }));
    assert!(passes(&plugin, from("192.0.2.1")) && passes(&plugin, from("2001:db8::1")));
    for address in ["", "unknown", "_hidden", "192.0.2", "192.0.2.1:80"] {
        assert!(!passes(&plugin, from(address)), "{address}");
    }
}

#[test]
fn lists_of_ten_thousand_networks_are_searched() {
    let list: String = (0..10_000).map(|n| format!("10.{}.{}.0/25\n", n / 256, n % 256)).collect();
    let plugin = load(&json!({
        "rules": [{ "name": "list", "action": "deny", "networks": [list] }],
        "default": "allow",
    }));
    let addresses =
        ["10.0.0.1", "10.0.0.129", "10.20.30.127", "10.20.30.128", "10.39.15.1", "10.39.16.1"];
    assert_eq!(passing(&plugin, &addresses), ["10.0.0.129", "10.20.30.128", "10.39.16.1"]);
}

#[test]
fn countries_and_networks_are_those_of_the_databases() {
    let rule = |keys: Value| {
        let mut rule = json!({ "name": "r", "action": "allow" });
        rule.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        load(&json!({ "rules": [rule], "default": "deny", "databases": databases() }))
    };
    // NL, DE, registered in FR, nowhere known, not in the database, NL.
    let addresses = [
        "192.0.2.1",
        "198.51.100.200",
        "203.0.113.1",
        "203.0.113.200",
        "100.64.0.1",
        "2001:db8::1",
    ];
    for (keys, expected) in [
        (json!({ "countries": ["NL", "fr"] }), vec!["192.0.2.1", "203.0.113.1", "2001:db8::1"]),
        (json!({ "countries": ["unknown"] }), vec!["203.0.113.200", "100.64.0.1"]),
        (json!({ "asns": [64512] }), vec!["192.0.2.1", "2001:db8::1"]),
        (
            json!({ "asns": [0] }),
            vec!["198.51.100.200", "203.0.113.1", "203.0.113.200", "100.64.0.1"],
        ),
        (json!({ "countries": ["NL"], "networks": ["2001:db8::/32"] }), vec!["2001:db8::1"]),
        (json!({ "countries": ["DE"], "asns": [64512] }), vec![]),
    ] {
        let plugin = rule(keys.clone());
        assert_eq!(passing(&plugin, &addresses), expected, "{keys}");
        assert_eq!(passing(&plugin, &addresses), expected, "{keys}, from what is kept");
    }
    assert!(passes(&rule(json!({ "countries": ["NL"] })), from("::ffff:192.0.2.1")));
    assert!(passes(&rule(json!({ "asns": [4_200_000_000_u32] })), from("198.51.100.1")));
}

#[test]
fn what_is_kept_of_many_addresses_is_never_another_ones() {
    let plugin = load(&json!({
        "rules": [{ "name": "nl", "action": "allow", "countries": ["NL"] }],
        "default": "deny",
        "databases": databases(),
    }));
    for n in 0..20_000_u32 {
        let [_, _, high, low] = n.to_be_bytes();
        assert!(!passes(&plugin, from(&format!("100.64.{high}.{low}"))));
        assert!(passes(&plugin, from(&format!("192.0.2.{low}"))), "after {n}");
    }
}

#[test]
fn methods_and_times_narrow_a_rule() {
    let plugin = load(&json!({
        "rules": [
            { "name": "read", "action": "allow", "methods": ["GET", "HEAD"] },
            { "name": "office", "action": "allow", "methods": ["POST"], "networks": ["10.0.0.0/8"] },
        ],
        "default": "deny",
    }));
    let may = |method: &str, address: &str| {
        passes(&plugin, Exchange::new(method, "/").client_address(address))
    };
    assert!(may("GET", "192.0.2.1") && may("POST", "10.0.0.1"));
    assert!(!may("POST", "192.0.2.1") && !may("DELETE", "10.0.0.1") && !may("get", "192.0.2.1"));

    let now = |days: Value| {
        let rule =
            json!({ "name": "r", "action": "allow", "times": [{ "days": days, "zone": "UTC" }] });
        load(&json!({ "rules": [rule], "default": "deny" }))
    };
    let week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    assert!(passes(&now(json!(week)), from("192.0.2.1")));
    // Midnight may lie between two of them; then two days pass.
    let days: Vec<&str> =
        week.into_iter().filter(|day| passes(&now(json!([day])), from("192.0.2.1"))).collect();
    assert!((1..=2).contains(&days.len()), "{days:?}");
}

#[test]
fn a_refusal_is_annotated_and_is_what_the_operator_says() {
    let refusal = json!({ "status": 451, "body": "{}", "content_type": "application/json" });
    let config = |dry_run: bool| {
        json!({
            "rules": [{ "name": "not there", "action": "deny", "countries": ["NL"] }],
            "default": "deny",
            "databases": databases(),
            "refusal": refusal,
            "dry_run": dry_run,
        })
    };
    let plugin = load(&config(false));
    let mut refused = from("192.0.2.1");
    assert_eq!(plugin.on_request(&mut refused), Verdict::Respond);
    assert_eq!((refused.status(), refused.body()), (Some(451), b"{}".as_slice()));
    assert_eq!(refused.response_header("content-type").as_deref(), Some("application/json"));
    assert_eq!(
        annotations(&refused),
        [("refused", "not there"), ("country", "NL"), ("asn", "64512")]
    );
    let mut other = from("100.64.0.1");
    assert_eq!(plugin.on_request(&mut other), Verdict::Respond);
    assert_eq!(annotations(&other), [("refused", "default")]);

    let mut trial = from("192.0.2.1");
    assert_eq!(load(&config(true)).on_request(&mut trial), Verdict::Continue);
    assert_eq!(annotations(&trial)[0], ("would_refuse", "not there"));
}

#[test]
fn only_the_address_is_asked_for() {
    let plugin = load(&json!({
        "rules": [
            { "name": "a", "action": "deny", "networks": ["10.0.0.0/8"] },
            { "name": "b", "action": "deny", "countries": ["DE"] },
        ],
        "default": "allow",
        "databases": databases(),
    }));
    let mut exchange = from("192.0.2.1");
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.pulls(), 1);
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    let rule = |keys: Value| {
        let mut rule = json!({ "name": "r", "action": "deny" });
        rule.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        json!({ "rules": [rule], "default": "allow" })
    };
    for (config, expected) in [
        (
            rule(json!({})),
            "rules[0]: a rule without a condition matches everything; say so by `default`",
        ),
        (
            rule(json!({ "networks": ["10.0.0.0/8", "10.0.0.0/40"] })),
            "rules[0]: networks: `10.0.0.0/40` is no network such as `10.0.0.0/8` or `2001:db8::/32`, and no address",
        ),
        (rule(json!({ "countries": ["NL"] })), "rules[0]: countries: set `databases.country`"),
        (rule(json!({ "asns": [1] })), "rules[0]: asns: set `databases.asn`"),
        (
            rule(json!({ "countries": ["Netherlands"] })),
            "rules[0]: countries: `Netherlands` is neither a code of two letters such as `NL` nor `unknown`",
        ),
        (
            rule(json!({ "times": [{ "from": "8", "zone": "UTC" }] })),
            "rules[0]: times[0]: from: `8` is no time of the day such as `08:30`",
        ),
        (
            rule(json!({ "times": [{ "zone": "Amsterdam" }] })),
            "rules[0]: times[0]: zone: `Amsterdam` is neither `UTC`, nor an offset such as `+01:00`, nor a \
             zone of the IANA database such as `Europe/Amsterdam`",
        ),
        (
            rule(json!({ "network_files": ["missing.txt"] })),
            "rules[0]: network_files: there is no file `missing.txt`: grant its directory, with \
             `capabilities = { files = [\"DIRECTORY\"] }`",
        ),
        (rule(json!({ "methods": ["G T"] })), "rules[0]: methods: `G T` is no method"),
        (
            json!({ "default": "allow", "refusal": { "status": 200 } }),
            "refusal.status: 200 is not from 400 to 599",
        ),
    ] {
        assert_eq!(error(&config), expected);
    }
    assert!(error(&json!({})).contains("missing field `default`"));
    let text = fixture("make.py");
    let no_database = error(&json!({ "default": "allow", "databases": { "asn": text } }));
    assert!(no_database.starts_with("databases.asn: "), "{no_database}");
    let other =
        error(&json!({ "default": "allow", "databases": { "asn": fixture("country.mmdb") } }));
    assert!(other.ends_with("not one of ASN, ISP, Enterprise"), "{other}");
}

proptest! {
    /// A file that was cut or damaged is refused, or knows less: nothing else.
    #[test]
    fn a_damaged_database_never_ends_the_plugin(
        at in 0usize..3000,
        octet in any::<u8>(),
        cut in 0usize..3000,
        address in any::<u32>(),
    ) {
        let mut octets = std::fs::read(fixture("country.mmdb")).expect("the fixture");
        let length = octets.len();
        octets[at % length] = octet;
        octets.truncate(length - cut % length);
        let path = std::env::temp_dir().join(format!("wasmgate-damaged-{}.mmdb", std::process::id()));
        std::fs::write(&path, &octets).expect("a writable directory");
        let config = json!({
            "rules": [{ "name": "nl", "action": "deny", "countries": ["NL"] }],
            "default": "allow",
            "databases": { "country": path },
        });
        if let Ok(plugin) = Loaded::<Access>::new(&config.to_string()) {
            for address in [address, 0xc000_0201] {
                let mut exchange = from(&std::net::Ipv4Addr::from(address).to_string());
                prop_assert!(!matches!(plugin.on_request(&mut exchange), Verdict::Fail(_)));
            }
        }
    }
}
