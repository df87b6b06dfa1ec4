use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn load(rules: &Value) -> std::result::Result<Loaded<Rewrite>, String> {
    Loaded::new(&json!({ "rules": rules }).to_string())
}

fn error(rule: &Value) -> String {
    match load(&json!([rule])) {
        Ok(_) => panic!("{rule} was accepted"),
        Err(error) => error,
    }
}

fn run(rules: &Value, mut exchange: Exchange) -> (Verdict, Exchange) {
    let rewrite = load(rules).unwrap_or_else(|e| panic!("{rules}: {e}"));
    let verdict = rewrite.on_request(&mut exchange);
    (verdict, exchange)
}

/// The target that the endpoint sees.
fn target(rules: &Value, target: &str) -> String {
    let (verdict, exchange) = run(rules, Exchange::get(target));
    assert_eq!(verdict, Verdict::Continue);
    exchange.target().to_owned()
}

/// Where the client is sent.
fn location(to: &str, matching: &str, exchange: Exchange) -> String {
    let rules = json!([{ "match": { "path_regex": matching }, "redirect": { "to": to } }]);
    let (verdict, exchange) = run(&rules, exchange);
    assert_eq!(verdict, Verdict::Respond, "{to}");
    exchange.response_header("location").expect("a redirect has one")
}

fn matches(condition: &Value, exchange: Exchange) -> bool {
    let rules = json!([{ "match": condition, "cluster": "chosen" }]);
    run(&rules, exchange).1.cluster() == Some("chosen")
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn prefixes_are_whole_segments() {
    let strip = json!([{ "strip_prefix": "/api/" }]);
    assert_eq!(target(&strip, "/api/users?a=1"), "/users?a=1");
    assert_eq!(target(&strip, "/api"), "/");
    assert_eq!(target(&strip, "/apiary"), "/apiary");
    assert_eq!(target(&strip, "/api//evil.example"), "/evil.example");

    let replace = json!([{ "replace_prefix": { "from": "/v1", "to": "/v2/" } }]);
    assert_eq!(target(&replace, "/v1/a"), "/v2/a");
    assert_eq!(target(&replace, "/v1"), "/v2");
    assert_eq!(target(&replace, "/v10/a"), "/v10/a");
    let everything = json!([{ "replace_prefix": { "from": "/", "to": "/all" } }]);
    assert_eq!(target(&everything, "/a"), "/all/a");

    assert_eq!(target(&json!([{ "add_prefix": "/site/" }]), "/a?b"), "/site/a?b");
}

#[test]
fn a_path_is_made_of_groups() {
    let rules = json!([{ "replace_path": {
        "regex": "^/users/(?<id>[0-9]+)/(.*)$", "with": "/u/${id}/$2${header:x-suffix}",
    }}]);
    assert_eq!(target(&rules, "/users/17/posts?page=2"), "/u/17/posts?page=2");
    assert_eq!(target(&rules, "/users/x/posts"), "/users/x/posts");
    let exchange = Exchange::get("/users/17/p").header("x-suffix", "/../?a#b");
    let (_, exchange) = run(&rules, exchange);
    assert_eq!(exchange.target(), "/u/17/p%2F..%2F%3Fa%23b");
}

#[test]
fn queries_are_edited_parameter_by_parameter() {
    let query = |edits: Value, given| target(&json!([{ "query": edits }]), given);
    assert_eq!(query(json!({ "remove": ["b", "c d"] }), "/?a=%7e&b=1&c+d=2&b"), "/?a=%7e");
    assert_eq!(query(json!({ "keep": ["a"] }), "/?b=1&a=2&&a"), "/?a=2&a");
    assert_eq!(query(json!({ "keep": [] }), "/x?b=1"), "/x");
    assert_eq!(query(json!({ "set": { "a": "1 &2" } }), "/?a=0&b&a=3"), "/?b&a=1+%262");
    assert_eq!(query(json!({ "add": { "via": "${host}" } }), "/"), "/?via=example.com");
}

#[test]
fn rules_see_what_earlier_rules_made_until_one_stops() {
    let rules = json!([
        { "match": { "path_prefix": "/old" }, "replace_prefix": { "from": "/old", "to": "/new" } },
        { "match": { "path_prefix": "/new" }, "query": { "set": { "seen": "${path}" } }, "stop": true },
        { "add_prefix": "/never" },
    ]);
    assert_eq!(target(&rules, "/old/a"), "/new/a?seen=%2Fnew%2Fa");
    assert_eq!(target(&rules, "/other"), "/never/other");
}

#[test]
fn hosts_clusters_and_routes_are_chosen() {
    let rules = json!([
        { "match": { "headers": { "x-canary": { "equals": "yes" } } }, "cluster": "canary" },
        { "match": { "cookies": { "beta": { "present": true } } }, "route": "beta" },
        { "match": { "path_prefix": "/in" }, "host": "${header:x-tenant}.internal:8080" },
    ]);
    let (_, exchange) = run(&rules, Exchange::get("/").header("x-canary", "yes"));
    assert_eq!(exchange.cluster(), Some("canary"));
    let (_, exchange) = run(&rules, Exchange::get("/").header("cookie", "beta=1"));
    assert_eq!((exchange.cluster(), exchange.route()), (None, "beta"));
    let (_, exchange) = run(&rules, Exchange::get("/in").header("x-tenant", "blue"));
    assert_eq!(exchange.sent_authority(), "blue.internal:8080");

    let (verdict, exchange) = run(&rules, Exchange::get("/in").header("x-tenant", "a/b"));
    assert_eq!((verdict, exchange.status()), (Verdict::Respond, Some(400)));
}

#[test]
fn conditions_must_all_hold() {
    let get = Exchange::get;
    for (condition, exchange, expected) in [
        (json!({}), get("/"), true),
        (json!({ "method": ["POST", "PUT"] }), get("/"), false),
        (json!({ "method": ["GET"], "path_prefix": "/a" }), get("/a/b"), true),
        (json!({ "method": ["GET"], "path_prefix": "/a" }), get("/b"), false),
        (json!({ "path_regex": "^/[0-9]+$" }), get("/12"), true),
        (json!({ "path_regex": "^/[0-9]+$" }), get("/12a"), false),
        (json!({ "host": ["a.example"] }), get("/").authority("A.Example:8080"), true),
        (json!({ "host": ["a.example"] }), get("/").authority("b.example"), false),
        (json!({ "host": ["*.example"] }), get("/").authority("a.b.example"), true),
        (json!({ "host": ["*.example"] }), get("/").authority("example"), false),
        (json!({ "host": ["*.example"] }), get("/").authority(".example"), false),
        (json!({ "host": ["*.example"] }), get("/").authority("aexample"), false),
        (json!({ "headers": { "X-A": { "prefix": "b" } } }), get("/").header("x-a", "bc"), true),
        (json!({ "headers": { "x-a": { "prefix": "b" } } }), get("/"), false),
        (json!({ "headers": { "x-a": { "present": false } } }), get("/"), true),
        (json!({ "headers": { "x-a": { "regex": "^b+$" } } }), get("/").header("x-a", "bb"), true),
        (json!({ "query": { "q": { "equals": "a b" } } }), get("/?q=a%20b"), true),
        (json!({ "query": { "q": { "equals": "a" } } }), get("/?r=a"), false),
        (
            json!({ "cookies": { "c": { "equals": "1" } } }),
            get("/").header("cookie", "b=2; c=1"),
            true,
        ),
    ] {
        assert_eq!(matches(&condition, exchange.clone()), expected, "{condition} {exchange:?}");
    }
}

#[test]
fn exactly_the_fields_that_are_read_are_subscribed_to() {
    let rewrite = load(&json!([
        { "match": { "headers": { "X-A": { "present": true } }, "share": { "percent": 5, "by": "cookie:id" } } },
        { "redirect": { "to": "/${header:x-b}" } },
        { "query": { "add": { "c": "${header:X-C}" } } },
    ]));
    let rewrite = rewrite.expect("a good configuration");
    let mut subscribed = rewrite.subscription().request_headers().to_vec();
    subscribed.sort();
    assert_eq!(subscribed, ["cookie", "x-a", "x-b", "x-c"]);
}

#[test]
fn a_share_of_users_is_fair_sticky_and_grows_only() {
    let in_share = |percent: f64, seed: &str, user: u32| {
        let share = json!({ "percent": percent, "by": "cookie:id", "seed": seed });
        matches(
            &json!({ "share": share }),
            Exchange::get("/").header("cookie", format!("id=user-{user}")),
        )
    };
    let of = |percent, seed: &str| -> Vec<u32> {
        (0..2000).filter(|user| in_share(percent, seed, *user)).collect()
    };
    let (ten, again, twenty) = (of(10.0, ""), of(10.0, ""), of(20.0, ""));
    assert_eq!(ten, again);
    assert!((140..=260).contains(&ten.len()), "{} of 2000 are no tenth", ten.len());
    assert!(ten.iter().all(|user| twenty.contains(user)));
    assert_ne!(ten, of(10.0, "other"));
    assert_eq!(of(0.0, "").len(), 0);
    assert_eq!(of(100.0, "").len(), 2000);
}

#[test]
fn redirects_carry_groups_variables_and_the_query() {
    let https = Exchange::get("/a?b=c").authority("example.com");
    assert_eq!(
        location("https://${host}${target}", "", https.clone()),
        "https://example.com/a?b=c"
    );
    assert_eq!(location("https://${host}${path}", "", https), "https://example.com/a?b=c");
    let old = || Exchange::get("/old/x?page=2");
    assert_eq!(location("/new/$1", "^/old/(.*)$", old()), "/new/x?page=2");
    assert_eq!(location("/new/$1#top", "^/old/(.*)$", old()), "/new/x?page=2#top");
    assert_eq!(location("/new?from=$1", "^/old/(.*)$", old()), "/new?from=x");
    assert_eq!(
        location("${scheme}://www.${host}/$1", "^/old/(.*)$", old()),
        "http://www.example.com/x?page=2"
    );

    let rules = json!([{ "redirect": { "to": "/", "status": 308, "keep_query": false } }]);
    let (_, exchange) = run(&rules, Exchange::get("/a?b"));
    assert_eq!(exchange.status(), Some(308));
    assert_eq!(exchange.response_header("location").as_deref(), Some("/"));
}

#[test]
fn no_path_makes_a_redirect_leave_the_site() {
    for path in ["//evil.example", "/\\evil.example", "///evil.example/", "//evil.example//a"] {
        for to in ["${path}", "${target}", "/$1"] {
            let location = location(to, "^/(.*)$", Exchange::get(path));
            let rest = location.strip_prefix('/').expect("a path");
            assert!(!rest.starts_with(['/', '\\']), "{path} with {to} leads to {location}");
        }
    }
    for to in [
        "https://example.com$1",
        "https://example.com${query:x}/",
        "https://${header:x}/",
        "//evil.example/",
        "$1",
        "${query:next}",
        "${header:referer}",
        "https://user@example.com/",
        "https:///a",
        "https://${path}",
    ] {
        let rule = json!({ "match": { "path_regex": "(.*)" }, "redirect": { "to": to } });
        assert!(error(&rule).starts_with("rules[0]: redirect: to: "), "{to}: {}", error(&rule));
    }
}

#[test]
fn mistakes_name_the_key_and_the_remedy() {
    for (rule, expected) in [
        (
            json!({ "cluster": "a", "route": "b" }),
            "rules[0]: `cluster` and `route` exclude each other",
        ),
        (
            json!({ "strip_prefix": "api" }),
            "rules[0]: strip_prefix: `api` is no path prefix: it starts with one `/` and holds no `?` or `#`",
        ),
        (
            json!({ "redirect": { "to": "/", "status": 303 } }),
            "rules[0]: redirect: status: 303 is none of 301, 302, 307 and 308",
        ),
        (
            json!({ "redirect": { "to": "/$2" }, "match": { "path_regex": "(a)" } }),
            "rules[0]: redirect: to: `$2` refers to a group that the regular expression lacks",
        ),
        (
            json!({ "replace_path": { "regex": "a", "with": "/a?b" } }),
            "rules[0]: replace_path: with: this is a path and holds no query; use the key `query`",
        ),
        (
            json!({ "match": { "share": { "percent": 101 } } }),
            "rules[0]: match: share: percent: 101 is not from 0 to 100",
        ),
        (
            json!({ "match": { "share": { "percent": 1, "by": "cookie" } } }),
            "rules[0]: match: share: by: `cookie` is none of `client_address`, `cookie:NAME` and `header:NAME`",
        ),
        (
            json!({ "match": { "host": ["a/b"] } }),
            "rules[0]: match: host: `a/b` is neither a host nor `*.` and a host",
        ),
        (
            json!({ "match": { "headers": { "x": { "equal": "a" } } } }),
            "rules[0].match.headers.x: unknown variant `equal`, expected one of `equals`, `prefix`, `regex`, `present`",
        ),
    ] {
        assert_eq!(error(&rule), expected);
    }
    let bad_regex = error(&json!({ "match": { "path_regex": "(" } }));
    assert!(bad_regex.starts_with("rules[0]: match: path_regex: regex parse error"), "{bad_regex}");
}

proptest! {
    /// What a client sends never makes the host refuse what the rules come to,
    /// and a redirect to a path stays on the site.
    #[test]
    fn no_request_makes_the_plugin_fail(
        path in "/[!-~&&[^#?]]{0,16}",
        query in "[!-~&&[^#]]{0,24}",
        field in proptest::collection::vec(any::<u8>(), 0..16),
    ) {
        let edits = json!([
            { "strip_prefix": "/a" },
            { "replace_path": { "regex": "^/(.*?)[a-m](.*)$", "with": "$2/$1${header:x-in}" } },
            { "query": { "set": { "x": "${header:x-in}" }, "remove": ["b"] }, "add_prefix": "/p" },
        ]);
        let exchange = || Exchange::get(format!("{path}?{query}")).header("x-in", field.clone());
        let (verdict, edited) = run(&edits, exchange());
        prop_assert_eq!(verdict, Verdict::Continue);
        prop_assert!(edited.target().starts_with("/p/"));

        let redirect = json!([{
            "match": { "path_regex": "^/(.*)$" },
            "redirect": { "to": "/$1${header:x-in}?y=${query:x}" },
        }]);
        let (verdict, redirected) = run(&redirect, exchange());
        prop_assert_eq!(verdict, Verdict::Respond);
        let location = redirected.response_header("location").unwrap_or_default();
        prop_assert!(location.starts_with('/') && !location.starts_with("//"));
    }

    #[test]
    fn stripping_what_was_added_gives_the_path_back(path in "(/[a-z]{1,4}){1,4}") {
        let rules = json!([{ "add_prefix": "/p/q" }, { "strip_prefix": "/p/q" }]);
        prop_assert_eq!(target(&rules, &path), path);
    }
}
