use plugin_sdk::testing::{Cluster, Exchange, Loaded};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn load(config: &Value) -> Loaded<BoundedHash> {
    Loaded::new(&config.to_string()).unwrap_or_else(|e| panic!("{config}: {e}"))
}

fn cluster(endpoints: usize) -> Cluster {
    Cluster::new("app", (0..endpoints).map(|n| format!("http://10.0.0.{n}:3000")))
}

/// A plugin that knows the cluster and goes by the cluster's key.
fn by_hash(cluster: &Cluster, load_factor: f64) -> Loaded<BoundedHash> {
    let plugin = load(&json!({ "load": load_factor }));
    plugin.on_endpoints(cluster);
    plugin
}

fn pick(plugin: &Loaded<BoundedHash>, cluster: &Cluster) -> Option<u32> {
    plugin.on_pick(&Exchange::get("/"), cluster).expect("it picks what it was offered")
}

/// What an endpoint may have of so many exchanges.
fn bound(load_factor: f64, exchanges: u32, weight: u32, weights: u32) -> u32 {
    let hundredths = (load_factor * 100.0).round() as u64;
    let most =
        (hundredths * u64::from(exchanges) * u64::from(weight)).div_ceil(100 * u64::from(weights));
    most as u32
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn a_key_goes_to_one_endpoint_and_returns_to_it() {
    let cluster = cluster(5);
    let plugin = by_hash(&cluster, 1.25);
    for key in 0..50 {
        let own = pick(&plugin, &cluster.clone().key(key)).expect("an endpoint");
        let without = cluster.clone().without(own);
        let next = pick(&plugin, &without.clone().key(key)).expect("another one");
        assert_ne!(next, own);
        let full = cluster.clone().in_flight(own, 3).key(key);
        assert_eq!(pick(&plugin, &full), Some(next), "the same one as if its own were gone");
        assert_eq!(pick(&plugin, &cluster.clone().key(key)), Some(own));
    }
}

#[test]
fn the_first_key_that_there_is_counts() {
    let cluster = cluster(16);
    let plugin = load(&json!({ "key": ["header:X-User", "cookie:sid", "hash"] }));
    plugin.on_endpoints(&cluster);
    assert_eq!(plugin.subscription().pick_headers(), ["x-user", "cookie"]);
    let pick = |exchange: &Exchange, cluster: &Cluster| plugin.on_pick(exchange, cluster).unwrap();
    let of = |exchange: Exchange| pick(&exchange, &cluster);
    let alice = of(Exchange::get("/").header("x-user", "alice"));
    assert!(alice.is_some());
    assert_eq!(of(Exchange::get("/").header("x-user", "alice").header("cookie", "sid=1")), alice);
    assert_eq!(
        of(Exchange::get("/a").header("cookie", "x=y; sid=alice")),
        alice,
        "the value counts"
    );
    assert_eq!(of(Exchange::get("/").header("x-user", "").header("cookie", "sid=alice")), alice);
    let users = (0..40).map(|n| of(Exchange::get("/").header("x-user", n.to_string())));
    assert!(users.collect::<std::collections::BTreeSet<_>>().len() > 8);
    assert!(pick(&Exchange::get("/"), &cluster.clone().key(7)).is_some());
    assert_eq!(
        of(Exchange::get("/").header("cookie", "sid2=alice")),
        None,
        "least-request chooses"
    );
}

#[test]
fn an_endpoint_that_is_not_offered_is_not_picked() {
    let plugin = by_hash(&cluster(1), 1.25);
    assert_eq!(pick(&plugin, &cluster(1).without(0).key(1)), None);
    assert_eq!(pick(&load(&json!({})), &cluster(3).key(1)), None, "no endpoints were told");
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (config, expected) in [
        (json!({ "load": 1.0 }), "load: 1 is not from 1.01 to 100"),
        (json!({ "key": [] }), "key: no key"),
        (
            json!({ "key": ["hash", "address"] }),
            "key[1]: `address` is none of `header:NAME`, `cookie:NAME` and `hash`",
        ),
    ] {
        assert_eq!(
            Loaded::<BoundedHash>::new(&config.to_string()).err().as_deref(),
            Some(expected)
        );
    }
}

proptest! {
    /// However keys come and exchanges end, no endpoint is given more than its bound,
    /// and none is idle while every other one is full.
    #[test]
    fn no_endpoint_has_more_than_its_share(
        weights in proptest::collection::vec(1u32..4, 1..9),
        load_factor in prop::sample::select(vec![1.01, 1.1, 1.25, 2.0]),
        // A key, or the end of one of the exchanges under way.
        events in proptest::collection::vec((prop::option::weighted(0.7, 0u64..6), any::<prop::sample::Index>()), 1..120),
    ) {
        let total: u32 = weights.iter().sum();
        let told = (0..).zip(&weights).fold(cluster(weights.len()), |c, (id, w)| c.weight(id, *w));
        let plugin = by_hash(&told, load_factor);
        let mut under_way: Vec<u32> = Vec::new();
        for (key, which) in events {
            let Some(key) = key else {
                if !under_way.is_empty() {
                    under_way.swap_remove(which.index(under_way.len()));
                }
                continue;
            };
            let has = |id: u32| under_way.iter().filter(|other| **other == id).count() as u32;
            let now = (0..weights.len() as u32).fold(told.clone(), |c, id| c.in_flight(id, has(id)));
            let picked = pick(&plugin, &now.key(key)).expect("there is always room");
            let after = has(picked) + 1;
            let exchanges = under_way.len() as u32 + 1;
            let most = bound(load_factor, exchanges, weights[picked as usize], total);
            prop_assert!(after <= most, "{after} of {exchanges}, at most {most}");
            under_way.push(picked);
        }
    }

    /// While nobody is full, an endpoint that goes moves its own keys alone.
    #[test]
    fn an_endpoint_that_goes_moves_no_other_key(
        endpoints in 2usize..12,
        gone in any::<prop::sample::Index>(),
        keys in proptest::collection::vec(any::<u64>(), 1..40),
    ) {
        let told = cluster(endpoints);
        let plugin = by_hash(&told, 1.25);
        let gone = gone.index(endpoints) as u32;
        for key in keys {
            let before = pick(&plugin, &told.clone().key(key));
            let after = pick(&plugin, &told.clone().without(gone).key(key));
            prop_assert!(before == Some(gone) || before == after);
        }
    }

    /// Of the keys whose endpoint is full each goes on to one endpoint, and the keys of
    /// the others stay.
    #[test]
    fn a_full_endpoint_moves_no_other_key(key in any::<u64>(), full in 0u32..5, load in 3u32..20) {
        let told = cluster(5);
        let plugin = by_hash(&told, 1.25);
        let own = pick(&plugin, &told.clone().key(key));
        let busy = told.in_flight(full, load).key(key);
        let picked = pick(&plugin, &busy);
        prop_assert!(own == Some(full) || picked == own);
        prop_assert_ne!(picked, Some(full));
    }

    #[test]
    fn no_request_makes_the_plugin_fail(field in proptest::collection::vec(any::<u8>(), 0..64)) {
        let cluster = cluster(3);
        let plugin = load(&json!({ "key": ["cookie:a", "header:x"] }));
        plugin.on_endpoints(&cluster);
        let exchange = Exchange::get("/").header("cookie", field.clone()).header("x", field);
        prop_assert!(plugin.on_pick(&exchange, &cluster).is_ok());
    }
}
