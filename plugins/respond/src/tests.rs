use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const README: &str = include_str!("../README.md");

fn load(config: &Value) -> std::result::Result<Loaded<Respond>, String> {
    Loaded::new(&config.to_string())
}

fn good(config: &Value) -> Loaded<Respond> {
    load(config).unwrap_or_else(|e| panic!("{config}: {e}"))
}

/// Status and location, if the plugin answers.
fn answer(plugin: &Loaded<Respond>, exchange: Exchange) -> Option<(u16, Option<String>)> {
    let mut exchange = exchange;
    match plugin.on_request(&mut exchange) {
        Verdict::Continue => None,
        Verdict::Respond => Some((exchange.status()?, exchange.response_header("location"))),
        Verdict::Fail(why) => panic!("{why}"),
    }
}

fn location(plugin: &Loaded<Respond>, target: &str) -> Option<String> {
    answer(plugin, Exchange::get(target)).and_then(|(_, location)| location)
}

fn body(config: &Value, exchange: Exchange) -> Exchange {
    let mut exchange = exchange;
    assert_eq!(good(config).on_request(&mut exchange), Verdict::Respond);
    exchange
}

/// A file of this test's own.
fn file(name: &str, content: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("wasmgate-respond-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a directory");
    let path = folder.join(name);
    fs::write(&path, content).expect("a file");
    path
}

#[test]
fn the_readme_has_every_key() {
    let table = plugin_sdk_build::table::<Config>();
    assert!(README.contains(&table), "the README must contain:\n{table}");
}

#[test]
fn a_text_is_answered_as_what_its_path_says() {
    let config = json!({ "responses": [{
        "from": "/robots.txt", "body": "User-agent: *\n", "headers": { "Cache-Control": "no-cache" },
    }]});
    let exchange = body(&config, Exchange::get("/robots.txt?x"));
    assert_eq!((exchange.status(), exchange.body()), (Some(200), b"User-agent: *\n".as_slice()));
    assert_eq!(
        exchange.response_header("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(exchange.response_header("cache-control").as_deref(), Some("no-cache"));
    assert_eq!(exchange.annotations(), [("respond".to_owned(), "response".to_owned())]);
    for other in ["/robots.txt/", "/Robots.txt", "/robots.txt%2F", "/"] {
        assert_eq!(answer(&good(&config), Exchange::get(other)), None, "{other}");
    }
}

#[test]
fn a_body_comes_from_a_file() {
    let icon = file("favicon.ico", "icon");
    let config = json!({ "responses": [
        { "from": "/favicon.ico", "file": icon },
        { "from": "/typed", "file": icon, "content_type": "image/png" },
    ]});
    let exchange = body(&config, Exchange::get("/favicon.ico"));
    assert_eq!(exchange.body(), b"icon");
    assert_eq!(exchange.response_header("content-type").as_deref(), Some("image/x-icon"));
    let exchange = body(&config, Exchange::get("/typed"));
    assert_eq!(exchange.response_header("content-type").as_deref(), Some("image/png"));
}

#[test]
fn who_has_a_body_already_is_told_so() {
    let config = json!({ "responses": [
        { "from": "/a.txt", "body": "a", "headers": { "cache-control": "max-age=60" } },
        { "from": "/own.txt", "body": "a", "headers": { "etag": "\"1\"" } },
        { "from": "/gone", "status": 410, "body": "a" },
    ]});
    let first = body(&config, Exchange::get("/a.txt"));
    let etag = first.response_header("etag").expect("a tag");
    assert!(etag.len() == 34 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    for value in [etag.clone(), format!("\"b\", W/{etag}"), "*".to_owned()] {
        let exchange = Exchange::get("/a.txt").header("if-none-match", value.as_str());
        let exchange = body(&config, exchange);
        assert_eq!((exchange.status(), exchange.body()), (Some(304), b"".as_slice()), "{value}");
        assert_eq!(exchange.response_header("etag").as_ref(), Some(&etag));
        assert_eq!(exchange.response_header("cache-control").as_deref(), Some("max-age=60"));
        assert_eq!(exchange.response_header("content-type"), None);
    }
    for value in ["\"b\"", "", &etag[1..], &etag[..33]] {
        let exchange = Exchange::get("/a.txt").header("if-none-match", value);
        assert_eq!(body(&config, exchange).status(), Some(200), "{value}");
    }
    let own = body(&config, Exchange::get("/own.txt"));
    assert_eq!(own.response_header("etag").as_deref(), Some("\"1\""));
    assert_eq!(body(&config, Exchange::get("/gone")).response_header("etag"), None);
}

#[test]
fn a_body_is_for_reading_and_a_status_for_everything() {
    let plugin = good(&json!({ "responses": [
        { "from": "/a", "body": "a" },
        { "from": "/v1/*", "status": 410, "body": "use v2\n" },
        { "from": "/nothing", "status": 204 },
    ]}));
    let with = |method: &str, target: &str| {
        answer(&plugin, Exchange::new(method, target)).map(|(status, _)| status)
    };
    assert_eq!(with("HEAD", "/a"), Some(200));
    assert_eq!(with("POST", "/a"), Some(405));
    assert_eq!(with("POST", "/v1/users"), Some(410));
    assert_eq!(with("GET", "/v1"), Some(410));
    assert_eq!(with("GET", "/v10"), None);
    assert_eq!(with("DELETE", "/nothing"), Some(204));
}

#[test]
fn the_more_exact_entry_wins() {
    let plugin = good(&json!({ "redirects": [
        { "from": "/*", "to": "https://all.example/*" },
        { "from": "/a/*", "to": "/short/*" },
        { "from": "/a/b/*", "to": "/long/*" },
        { "from": "/a/b/c", "to": "/exact", "status": 302 },
        { "from": "shop.example/a/b/*", "to": "/shop/*" },
        { "from": "shop.example/a/b/c", "to": "/shop-exact" },
        { "from": "/short/*", "to": "https://s.example/" },
        { "from": "/long/*", "to": "https://l.example/" },
    ]}));
    for (target, expected) in [
        ("/", "https://all.example/"),
        ("/x/y", "https://all.example/x/y"),
        ("/ab", "https://all.example/ab"),
        ("/a", "/short"),
        ("/a/x", "/short/x"),
        ("/a/b", "/long"),
        ("/a/b/", "/long/"),
        ("/a/b/x/y", "/long/x/y"),
        ("/a/b/c", "/exact"),
        ("/a/b/c/d", "/long/c/d"),
        ("//a", "https://all.example//a"),
    ] {
        assert_eq!(location(&plugin, target).as_deref(), Some(expected), "{target}");
    }
    let shop = |target: &str| {
        let exchange = Exchange::get(target).authority("Shop.example:8080");
        answer(&plugin, exchange).and_then(|(_, location)| location)
    };
    assert_eq!(shop("/a/b/x").as_deref(), Some("/shop/x"));
    assert_eq!(shop("/a/b/c").as_deref(), Some("/shop-exact"));
    assert_eq!(shop("/a/x").as_deref(), Some("/short/x"));
    assert_eq!(answer(&plugin, Exchange::get("/a/b/c")).map(|(status, _)| status), Some(302));
}

#[test]
fn the_query_is_kept_unless_the_target_has_one() {
    let redirects = json!([
        { "from": "/a", "to": "/b" },
        { "from": "/c", "to": "/d?e=1#f" },
        { "from": "/g/*", "to": "https://h.example/i/*" },
    ]);
    let keeps = good(&json!({ "redirects": redirects }));
    assert_eq!(location(&keeps, "/a?x=//y").as_deref(), Some("/b?x=//y"));
    assert_eq!(location(&keeps, "/c?x").as_deref(), Some("/d?e=1#f"));
    assert_eq!(location(&keeps, "/g/j?x").as_deref(), Some("https://h.example/i/j?x"));
    let drops = good(&json!({ "redirects": redirects, "keep_query": false }));
    assert_eq!(location(&drops, "/a?x").as_deref(), Some("/b"));
}

#[test]
fn no_path_leads_to_another_host() {
    let plugin = good(&json!({ "redirects": [
        { "from": "/out/*", "to": "/*" },
        { "from": "/in/*", "to": "https://new.example/*" },
    ]}));
    for rest in ["//evil.example", "/\\evil.example", "///evil.example", "/%2F/evil.example"] {
        let path = location(&plugin, &format!("/out{rest}")).expect("a redirect");
        assert!(!path[1..].starts_with(['/', '\\']), "{rest}: {path}");
    }
    for rest in ["/@evil.example", "//evil.example", "/.evil.example", "?@evil.example"] {
        let url = location(&plugin, &format!("/in{rest}")).expect("a redirect");
        let after = url.strip_prefix("https://new.example").expect("the host stays");
        assert!(after.starts_with(['/', '?']), "{rest}: {url}");
    }
}

#[test]
fn a_file_of_lines_is_read() {
    let path = file(
        "lines.csv",
        "from,to,status\n# moved in 2024\n/a,/b\n\"/c,d\",/e,301\n/old/*, /new/* ,\n\
         shop.example/x,https://y.example/,302\n/\u{fc}ber uns,/about\n",
    );
    let plugin = good(&json!({ "redirect_files": [path] }));
    for (target, status, to) in [
        ("/a", 308, "/b"),
        ("/c,d", 301, "/e"),
        ("/old/x", 308, "/new/x"),
        ("/%C3%BCber%20uns", 308, "/about"),
    ] {
        assert_eq!(answer(&plugin, Exchange::get(target)), Some((status, Some(to.to_owned()))));
    }
    assert_eq!(location(&plugin, "/x"), None);
    let shop = Exchange::get("/x").authority("shop.example");
    assert_eq!(answer(&plugin, shop), Some((302, Some("https://y.example/".to_owned()))));
}

#[test]
fn a_changed_file_is_read_again_and_a_broken_one_changes_nothing() {
    let config = |path: &PathBuf| Config {
        redirect_files: vec![path.to_str().expect("a text").to_owned()],
        ..Config::default()
    };
    let path = file("changing.csv", "/a,/b\n");
    let mut plugin = Respond::new(config(&path)).expect("a good file");
    let mut look = |text: &str| {
        fs::write(&path, text).expect("a file");
        // As if the last look had been long ago.
        plugin.looked = Instant::now().checked_sub(REFRESH);
        plugin.refresh();
        let found = plugin.table.find("", "/a").map(|found| match found.action {
            Action::Redirect(redirect) => redirect.path(""),
            Action::Answer(_) => None,
        });
        found.flatten()
    };
    assert_eq!(look("/a,/longer\n").as_deref(), Some("/longer"));
    assert_eq!(look("/a,no path, nor a URL\n").as_deref(), Some("/longer"));
    assert_eq!(look("").as_deref(), Some("/longer"));
    // Too much to be read while a request waits.
    let long = format!("/a,/much\n# {}\n", "x".repeat(64 * 1024));
    assert_eq!(look(&long).as_deref(), Some("/longer"));
    assert_eq!(look("/other,/b\n"), None);
}

#[test]
fn a_toml_file_is_read() {
    let path = file("list.toml", "[[redirects]]\nfrom = \"/a\"\nto = \"/b\"\nstatus = 301\n");
    let plugin = good(&json!({ "redirect_files": [path] }));
    assert_eq!(answer(&plugin, Exchange::get("/a")), Some((301, Some("/b".to_owned()))));
}

#[test]
fn tens_of_thousands_are_all_found() {
    let mut lines = String::new();
    for number in 0..50_000 {
        writeln!(lines, "/old/page-{number},/new/{number}").expect("a string takes it");
        if number % 10 == 0 {
            writeln!(lines, "/section-{number}/*,/s/{number}/*").expect("a string takes it");
        }
    }
    let plugin = good(&json!({ "redirect_files": [file("many.csv", &lines)] }));
    for number in (0..50_000).step_by(997) {
        let to = location(&plugin, &format!("/old/page-{number}"));
        assert_eq!(to, Some(format!("/new/{number}")));
    }
    assert_eq!(location(&plugin, "/section-40000/a/b").as_deref(), Some("/s/40000/a/b"));
    assert_eq!(location(&plugin, "/old/page-50000"), None);
}

#[test]
fn mistakes_name_the_place_and_the_remedy() {
    let redirect = |from: &str, to: &str| json!({ "redirects": [{ "from": from, "to": to }] });
    let response = |entry: Value| json!({ "responses": [entry] });
    let bad_file = |name, text| json!({ "redirect_files": [file(name, text)] });
    for (config, expected) in [
        (json!({}), "there is no entry: write `responses`, `redirects` or `redirect_files`"),
        (redirect("a", "/b"), "redirects[0]: from: `a` is no path"),
        (redirect("/a", "//b"), "redirects[0]: to: `//b` begins with two slashes"),
        (redirect("/a", "javascript:x"), "redirects[0]: to: `javascript:x` is neither"),
        (redirect("/a", "/b/*"), "redirects[0]: to: `/b/*` ends with `*`, but `from` does not"),
        (redirect("/a", "/a?b"), "the redirect of `/a` leads back to itself"),
        (redirect("/a/*", "/a/b/*"), "the redirect of `/a` leads back to itself"),
        (
            json!({ "redirects": [{ "from": "/a", "to": "/b" }, { "from": "/%61", "to": "/c" }] }),
            "redirects[1]: from: there is an entry of this path already",
        ),
        (
            json!({ "redirects": [{ "from": "/a", "to": "/b", "status": 200 }] }),
            "redirects[0]: status: 200 is none of 301, 302, 303, 307 and 308",
        ),
        (json!({ "redirect_status": 200 }), "redirect_status: status: 200 is none of"),
        (
            response(json!({ "from": "/a", "body": "", "file": "/b" })),
            "responses[0]: `body` and `file` exclude each other",
        ),
        (
            response(json!({ "from": "/a", "file": "/nowhere/b" })),
            "responses[0]: file: `/nowhere/b` cannot be read; grant",
        ),
        (
            response(json!({ "from": "/a", "status": 204, "body": "b" })),
            "responses[0]: status: a response with 204 has no body",
        ),
        (response(json!({ "from": "/a", "status": 101 })), "status: 101 is not from 200 to 599"),
        (
            response(json!({ "from": "/a", "content_type": "a/b" })),
            "content_type: there is no body that has it",
        ),
        (
            response(json!({ "from": "/a", "headers": { "Content-Length": "1" } })),
            "headers.Content-Length: it belongs to the connection",
        ),
        (response(json!({ "from": "/a", "headers": { "x": "a\nb" } })), "headers.x: control"),
        (json!({ "redirect_files": ["/nowhere/a.csv"] }), "grant its directory with"),
        (bad_file("bad.txt", ""), "is neither a `.csv` nor a `.toml` file"),
        (bad_file("three.csv", "/a,/b\n/c\n"), "line 2: a line has `from,to` or"),
        (bad_file("status.csv", "/a,/b,x\n"), "line 1: status: `x` is no number"),
        (bad_file("twice.csv", "/a,/b\n/a,/c\n"), "line 2: from: there is an entry"),
        (bad_file("key.toml", "[[redirects]]\nform = \"/a\"\n"), "unknown field `form`"),
        (
            bad_file("to.toml", "[[redirects]]\nfrom = \"/a\"\nto = \"b\"\n"),
            "redirects[0]: to: `b` is neither a path nor a URL",
        ),
    ] {
        let error = load(&config).err().unwrap_or_else(|| panic!("{config} was accepted"));
        assert!(error.contains(expected), "{config}: {error}");
    }
}

proptest! {
    /// What a search finds is what looking at every entry finds.
    #[test]
    fn the_longest_prefix_is_found(
        prefixes in proptest::collection::btree_set("(/[ab]{1,2}){1,4}", 1..8),
        path in "(/[ab]{1,2}){1,5}/?",
    ) {
        let list: Vec<Value> = prefixes
            .iter()
            .map(|p| json!({ "from": format!("{p}/*"), "to": format!("https://x.example{p}") }))
            .collect();
        let plugin = good(&json!({ "redirects": list }));
        let below = |p: &&String| path == **p || path.starts_with(&format!("{p}/"));
        let longest = prefixes.iter().filter(below).max_by_key(|p| p.len());
        let expected = longest.map(|p| format!("https://x.example{p}"));
        prop_assert_eq!(location(&plugin, &path), expected);
    }
}
