//! Every kind of mistake, its place and its remedy.

use super::*;

/// The one error of the least configuration with this added at its end, in the
/// `[[route]]` table that begins at line 8.
#[track_caller]
fn error(added: &str) -> String {
    let errors = errors(&format!("{LEAST}{added}"));
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    error.clone()
}

#[test]
fn three_mistakes_are_reported_at_once() {
    let text = "[[listener]]\nlisten = \"127.0.0.1:8080\"\n\n[cluster.app]\nendpoints = [\"http://127.0.0.1:3000\"]\nbalnce = \"random\"\n\n[timeouts]\nheader = 10\n\n[[route]]\ncluster = \"ap\"\n";
    let report = bad(text);
    assert_eq!(
        remarks(&report, Severity::Error),
        [
            "6:1 unknown key `balnce` in `[cluster.app]` (did you mean `balance`?)",
            "9:10 `timeouts.header` must be a duration such as \"10s\", not an integer",
            "12:11 `route.cluster`: there is no cluster `ap` (did you mean `app`?)",
        ]
    );
    let shown = report.to_string();
    assert!(
        shown.contains("wasmgate.toml:6:1\n  |\n6 | balnce = \"random\"\n  | ^^^^^^\n"),
        "{shown}"
    );
    assert!(shown.contains("3 errors in "), "{shown}");
}

#[test]
fn syntax_ends_at_its_first_error() {
    assert_eq!(
        errors("a = \nb = [1,\n"),
        ["1:5 not TOML: string values must be quoted, expected literal string"]
    );
    assert_eq!(errors("a = 1\na = 2\n"), ["2:1 not TOML: duplicate key"]);
}

#[test]
fn keys_that_are_not_there() {
    assert_eq!(
        error("zzzz = 1\n"),
        "10:1 unknown key `zzzz` in `[[route]]` (keys here: `name`, `host`, `path`, `path_regex`, `method`, `headers`, `query`, `plugins`, `cluster`, `body_bytes`, `response_timeout`)"
    );
    assert_eq!(
        error("upstream = 1\n"),
        "10:1 unknown key `upstream` in `[[route]]` (did you mean `cluster`?)"
    );
    assert_eq!(
        error("workers = 1\n"),
        "10:1 unknown key `workers` in `[[route]]` (`workers` belongs to the top of the file, before the first [heading])"
    );
    assert_eq!(
        error("[listner]\n"),
        "10:2 unknown key `listner` in the file (did you mean `listener`?)"
    );
    assert_eq!(
        error("\"a\\u001b\" = 1\n").split(" (").next(),
        Some("10:1 unknown key `a\\u{1b}` in `[[route]]`")
    );
    assert_eq!(
        errors("[[listener]]\n[cluster.app]\n[[route]]\n[plugin.p]\n[[listener.tls]]\n"),
        [
            "1:1 `[[listener]]` has no `listen` (write, for example, `listen = \"0.0.0.0:8080\"`)",
            "2:1 `[cluster.app]` has no `endpoints` (write, for example, `endpoints = [\"http://127.0.0.1:3000\"]`)",
            "3:1 `[[route]]` has no `cluster` (say where the requests go: `cluster = \"NAME\"`)",
            "4:1 `[plugin.p]` has no `source` (write `source = \"builtin:NAME\"` or `source = \"FILE.wasm\"`)",
            "5:1 `[[listener.tls]]` has no `certificate` (write `certificate = \"FILE\"`: the chain in PEM, the server's own first)",
            "5:1 `[[listener.tls]]` has no `key` (write `key = \"FILE\"`: the certificate's private key in PEM)",
        ]
    );
    assert_eq!(
        errors("[cluster.app]\nendpoints = [\"http://a\"]\n[[route]]\ncluster = \"app\"\n"),
        [
            "there is no listener: nothing would be served (add [[listener]] with, for example, `listen = \"0.0.0.0:8080\"`)"
        ]
    );
}

#[test]
fn values_of_another_type() {
    assert_eq!(error("cluster.x = 1\n").split(": ").next(), Some("10:1 not TOML"));
    for (added, message) in [
        ("host = 1\n", "10:8 `route.host` must be a string, not an integer"),
        ("plugins = 1.5\n", "10:11 `route.plugins` must be a list such as [\"waf\"], not a float"),
        (
            "plugins = [[]]\n",
            "10:12 `route.plugins[0]` must be a plugin's name or { use = \"PLUGIN\", config = { … } }, not a list",
        ),
        (
            "method = true\n",
            "10:10 `route.method` must be a method or a list of methods, not a boolean",
        ),
        (
            "headers = 1979-05-27\n",
            "10:11 `route.headers` must be a table: { NAME = \"VALUE\" }, not a date",
        ),
        (
            "headers = { a = 1 }\n",
            "10:17 `route.headers.a` must be a string: a value, \"*\" for any, or \"~REGEX\", not an integer",
        ),
        ("[[admin]]\n", "10:1 `admin` must be a table: [admin], not a list"),
        (
            "[limits]\nconnections = \"1\"\n",
            "11:15 `limits.connections` must be an integer, not a string",
        ),
        ("[cluster]\nb = 1\n", "11:5 `cluster.b` must be a table: [cluster.b], not an integer"),
    ] {
        assert_eq!(error(added), message);
    }
    assert_eq!(
        errors("listener = { listen = \"127.0.0.1:1\" }\n"),
        ["1:12 `listener` must be a list of tables: [[listener]], not a table"]
    );
}

#[test]
fn numbers_out_of_range() {
    for (added, message) in [
        (
            "[limits]\nconnections = 0\n",
            "11:15 `limits.connections`: 0 is not between 1 and 1000000000",
        ),
        (
            "[limits]\nhttp2_streams = -1\n",
            "11:17 `limits.http2_streams`: -1 is not between 1 and 65536",
        ),
        (
            "[limits]\nheader_count = 99999999999999999999999999999999999999999\n",
            "11:16 `limits.header_count`: 99999999999999999999999999999999999999999 is not between 1 and 10000",
        ),
        (
            "[limits]\nheader_bytes = \"4KiB\"\n",
            "11:16 `limits.header_bytes`: 4KiB is not between 8KiB and 16MiB",
        ),
        (
            "[limits]\ntarget_bytes = 8\n",
            "11:16 `limits.target_bytes` must be a size such as \"64KiB\", not an integer",
        ),
        ("[timeouts]\nidle = \"0s\"\n", "11:8 `timeouts.idle`: 0s is not between 1ms and 168h"),
        (
            "[timeouts]\nidle = \"1\"\n",
            "11:8 `timeouts.idle`: `1` is not a duration: it has no unit (write a whole number and one of the units ms, s, m or h, such as \"1500ms\")",
        ),
        (
            "[limits]\nbody_bytes = \"1MB\"\n",
            "11:14 `limits.body_bytes`: `1MB` is not a size: `MB` is not a unit here (write a whole number and one of the units B, KiB, MiB, GiB or TiB, such as \"64KiB\")",
        ),
    ] {
        assert_eq!(error(added), message);
    }
    assert_eq!(
        errors(&format!("workers = 0\n{LEAST}")),
        ["1:11 `workers`: 0 is not between 1 and 1024"]
    );
}

#[test]
fn listeners_that_collide_or_are_incomplete() {
    assert_eq!(
        error("[[listener]]\nlisten = \"127.0.0.1:8080\"\n"),
        "11:10 `listener.listen`: another listener is on 127.0.0.1:8080 already"
    );
    assert_eq!(
        error("[[listener]]\nlisten = \"127.0.0.1:1\"\nname = \"127.0.0.1:8080\"\n"),
        "11:10 another listener is named `127.0.0.1:8080` already"
    );
    assert_eq!(
        error("[admin]\nlisten = \"0.0.0.0:8080\"\n"),
        "11:10 `admin.listen`: 0.0.0.0:8080 is taken by the listener on 127.0.0.1:8080 (choose another port)"
    );
    assert_eq!(
        error("[admin]\nlisten = \"localhost:1\"\n"),
        "11:10 `admin.listen`: `localhost:1` is not an address and port (write \"127.0.0.1:1\")"
    );
    assert!(
        error("[[listener]]\nlisten = \"127.0.0.1:1\"\ntls = [{ certificate = \"site.pem\" }]\n")
            .contains("has no `key`")
    );
    let tls = "tls = [{ certificate = \"site.pem\", key = \"site.key\" }]\n";
    let listener = "[[listener]]\nlisten = \"127.0.0.1:1\"\n";
    assert_eq!(
        error(&format!("{listener}client_auth = \"optional\"\n{tls}")),
        "12:15 `listener.client_auth`: it needs `client_ca` (add `client_ca = \"FILE\"`: the authorities that sign clients' certificates)"
    );
    assert!(
        error(&format!("{listener}client_ca = \"ca.pem\"\n")).contains("on TLS listeners only")
    );
    assert!(
        error(&format!("{listener}client_ca = \"ca.pem\"\nclient_auth = \"no\"\n{tls}"))
            .contains("none of \"required\", \"optional\"")
    );
    let zero = "[[listener]]\nlisten = \"127.0.0.1:0\"\nname = ";
    assert_eq!(good(&format!("{LEAST}{zero}\"a\"\n{zero}\"b\"\n")).config.listeners.len(), 3);
}

#[test]
fn files_that_are_not_there() {
    for (added, message) in [
        (
            "[[listener]]\nlisten = \"127.0.0.1:1\"\ntls = [{ certificate = \"no.pem\", key = \"site.key\" }]\n",
            "no such file",
        ),
        (
            "[[listener]]\nlisten = \"127.0.0.1:1\"\ntls = [{ certificate = \"site.pem\", key = \"plugins\" }]\n",
            "is not a file",
        ),
        ("[plugin.p]\nsource = \"no.wasm\"\n", "no such file"),
        (
            "[plugin.p]\nsource = \"auth.wasm\"\ncapabilities = { files = [\"no\"] }\n",
            "no such file",
        ),
        (
            "[plugin.p]\nsource = \"auth.wasm\"\ncapabilities = { files = [\"secret\"] }\n",
            "not a directory",
        ),
        ("[plugin.p]\nsource = \"\"\n", "is not a source"),
        ("[access_log]\npath = \"no/log\"\n", "does not exist"),
        ("[access_log]\npath = \"plugins\"\n", "is a directory"),
        ("[access_log]\npath = \"\"\n", "empty"),
        ("[cluster.b]\nendpoints = [\"https://b\"]\nca = \"no.pem\"\n", "no such file"),
    ] {
        let error = error(added);
        assert!(error.contains(message), "{added}: {error}");
    }
    for (first, message) in [
        ("plugin_dir = \"no\"", "no such file"),
        ("plugin_dir = \"secret\"", "not a directory"),
        ("cache_dir = \"secret\"", "is not a directory"),
    ] {
        let errors = errors(&format!("{first}\n{LEAST}"));
        assert!(errors.len() == 1 && errors[0].contains(message), "{errors:?}");
    }
}

#[test]
fn clusters_that_cannot_work() {
    let with = |keys: &str| error(&format!("[cluster.b]\n{keys}\n"));
    let rest = "endpoints = [\"http://b\"]\n";
    assert_eq!(
        with("endpoints = []"),
        "11:13 `cluster.b.endpoints`: a cluster needs at least one endpoint"
    );
    assert_eq!(
        with("endpoints = [\"b:80\"]"),
        "11:14 `cluster.b.endpoints[0]`: `b:80` is not an endpoint: it has no scheme (write \"http://b:80\")"
    );
    assert_eq!(
        with("endpoints = [{ url = \"http://b\", weight = 1001 }]"),
        "11:43 `cluster.b.endpoints[0].weight`: 1001 is not between 1 and 1000"
    );
    assert!(with("endpoints = [{ weight = 1 }]").contains("`endpoints` has no `url`"));
    assert!(with("endpoints = [1]").contains("must be a URL or {"));
    assert_eq!(
        with(&format!("{rest}balance = \"least-requests\"")),
        "12:11 `cluster.b.balance`: `least-requests` is none of \"round-robin\", \"least-request\", \"random\", \"hash\", \"peak-ewma\", \"plugin:NAME\" (did you mean \"least-request\"?)"
    );
    assert_eq!(
        with(&format!("{rest}balance = \"plugin:mine\"")),
        "12:11 `cluster.b.balance`: there is no plugin `mine` (there are no plugins in this file)"
    );
    assert_eq!(
        with(&format!("{rest}balance = \"plugin:stiky\"\n[plugin.sticky]\nsource = \"auth.wasm\"")),
        "12:11 `cluster.b.balance`: there is no plugin `stiky` (did you mean `sticky`?)"
    );
    assert!(with(&format!("{rest}balance = \"hash\"")).contains("needs to know what to hash"));
    assert!(
        with(&format!("{rest}balance = \"random\"\nhash = \"path\""))
            .contains("13:8 `cluster.b.hash`: this has no effect")
    );
    assert!(
        with(&format!("{rest}hash = \"path\""))
            .contains("12:8 `cluster.b.hash`: this has no effect")
    );
    assert!(
        with(&format!("{rest}balance = \"hash\"\nhash = \"query:x\""))
            .contains("nothing that can be hashed")
    );
    assert!(with(&format!("{rest}host = \"http://x\"")).contains("is not a host"));
    assert!(
        error("[cluster.\"a b\"]\nendpoints = [\"http://b\"]\n")
            .contains("10:10 `cluster`: `a b` is not a good name")
    );
}

#[test]
fn plugins_that_cannot_work() {
    let with = |keys: &str| error(&format!("[plugin.p]\nsource = \"auth.wasm\"\n{keys}\n"));
    assert_eq!(
        error("[plugin.p]\nsource = \"oci://x/y\"\n"),
        "11:10 `plugin.p.source`: sources of the kind `oci://` are not available in this version (available: \"builtin:NAME\", or the path of a .wasm file)"
    );
    assert!(error("[plugin.p]\nsource = \"builtin:\"\n").contains("is not a good name"));
    assert_eq!(
        with("on_failure = \"close\""),
        "12:14 `plugin.p.on_failure`: `close` is none of \"closed\", \"open\" (did you mean \"closed\"?)"
    );
    assert!(with("isolation = \"none\"").contains("none of \"shared\", \"exchange\""));
    assert!(with("deadline = \"2m\"").contains("not between 1ms and 1m"));
    assert!(with("memory = \"1KiB\"").contains("not between 64KiB and 4GiB"));
    assert_eq!(
        with("capabilities = { counter = 1 }"),
        "12:28 `plugin.p.capabilities.counter` must be true or false, not an integer"
    );
    assert!(with("capabilities = { counter = { names = 0 } }").contains("0 is not between 1 and"));
    assert!(with("capabilities = { counter = { name = 1 } }").contains("did you mean `names`?"));
    assert_eq!(
        with("capabilities = { file = [] }"),
        "12:18 capability `file` is not available in this version (did you mean `files`?)"
    );
    assert_eq!(
        with("capabilities = { teleport = true }"),
        "12:18 capability `teleport` is not available in this version (capabilities that can be granted: `files`, `counter`, `http`, `kv`, `matcher`, `metrics`, `rate_limit`, `secrets`)"
    );
    assert_eq!(
        with("config = { a = { env = \"WASMGATE_TEST_UNSET\" } }"),
        "12:16 `plugin.p.config.a`: the environment variable `WASMGATE_TEST_UNSET` is not set (set `WASMGATE_TEST_UNSET` where wasmgate is started)"
    );
    assert!(
        with("config = { a = { env = \"A=B\" } }")
            .contains("not the name of an environment variable")
    );
    assert!(
        with("config = { a = [{ file = \"no\" }] }")
            .contains("`plugin.p.config.a[0]`: cannot read the secret")
    );
    assert!(
        with("config = { a = { file = \"plugins\" } }").contains("not a file of at most 1 MiB")
    );
    assert!(with("config = { a = inf }").contains("not a number in JSON"));
    assert!(with("config = 1").contains("must be a table"));
}

#[test]
fn routes_that_cannot_work() {
    for (added, message) in [
        (
            "plugins = [\"p\"]\n",
            "10:12 `route.plugins[0]`: there is no plugin `p` (there are no plugins in this file)",
        ),
        (
            "plugins = [\"builtin:waf\"]\n",
            "10:12 `route.plugins[0]`: there is no plugin `builtin:waf` (add [plugin.waf] with `source = \"builtin:waf\"`, and use \"waf\" here)",
        ),
        (
            "plugins = [\"q\"]\n[plugin.p]\nsource = \"auth.wasm\"\n",
            "10:12 `route.plugins[0]`: there is no plugin `q` (did you mean `p`?)",
        ),
        (
            "plugins = [{ config = {} }]\n",
            "10:12 `plugins` has no `use` (write { use = \"PLUGIN\", config = { … } })",
        ),
        (
            "path = \"/a\"\npath_regex = \"/b\"\n",
            "11:14 `route.path_regex`: a route has either `path` or `path_regex` (write two routes, or put the prefix into the expression)",
        ),
        (
            "path_regex = \"(\"\n",
            "10:14 `route.path_regex`: not a regular expression: unclosed group",
        ),
        (
            "path = \"a\"\n",
            "10:8 `route.path`: `a` is not a path: it does not begin with `/` (write \"/a\")",
        ),
        (
            "host = \"*\"\n",
            "10:8 `route.host`: `*` is not a host pattern (leave `host` out to match any)",
        ),
        (
            "method = []\n",
            "10:10 `route.method`: an empty list would match nothing (leave it out to match any)",
        ),
        (
            "method = [\"GET\", \"B D\"]\n",
            "10:18 `route.method[1]`: `B D` is not a method (write one such as \"GET\", or a list such as [\"GET\", \"HEAD\"])",
        ),
        (
            "headers = { \"a b\" = \"c\" }\n",
            "10:21 `route.headers.a b`: `a b` is not the name of a header",
        ),
        (
            "headers = { A = \"1\", a = \"2\" }\n",
            "10:26 `route.headers.a`: the header `a` is here already",
        ),
        (
            "headers = { host = \"a\" }\n",
            "10:20 `route.headers.host`: hosts are matched otherwise (write `host = \"…\"` in the route)",
        ),
        (
            "query = { a = \"~(\" }\n",
            "10:15 `route.query.a`: not a regular expression: unclosed group",
        ),
        (
            "name = \"r\"\n[[route]]\nname = \"r\"\npath = \"/x\"\ncluster = \"app\"\n",
            "11:1 another route is named `r` already",
        ),
        (
            "name = \"\"\n",
            "10:8 `route.name`: `` is not a good name (use one line of 1 to 256 octets)",
        ),
    ] {
        assert_eq!(error(added), message);
    }
}

#[test]
fn a_store_is_a_file_or_a_redis() {
    for (added, message) in [
        (
            "[store]\n",
            "10:1 [store] has neither `path` nor `url` (write `path = \"state.redb\"` for a file, or `url = \"redis://HOST\"` for a Redis)",
        ),
        (
            "[store]\npath = \"s\"\nurl = \"redis://h\"\n",
            "12:7 `store.url`: a store is a file (`path`) or a Redis (`url`), not both",
        ),
        (
            "[store]\npath = \"s\"\ntimeout = \"1s\"\n",
            "12:11 `store.timeout`: it is for a Redis (`url`), and the store is a file (`path`)",
        ),
        (
            "[store]\nurl = \"redis://:one@h\"\npassword = \"two\"\n",
            "12:12 `store.password`: there is a password in `url` already",
        ),
        (
            "[store]\nurl = \"redis://h\"\nprefix = \"a b\"\n",
            "12:10 `store.prefix`: `a b` is not a good prefix (use up to 64 printable ASCII characters, such as \"shop:\")",
        ),
        (
            "[store]\nurl = { env = \"WASMGATE_TEST_NOT_SET\" }\n",
            "11:7 `store.url`: the environment variable `WASMGATE_TEST_NOT_SET` is not set (set `WASMGATE_TEST_NOT_SET` where wasmgate is started)",
        ),
    ] {
        assert_eq!(error(added), message);
    }
    let message = error("[store]\nurl = \"redis://:hidden@h:x\"\n");
    assert!(
        message.contains("its port is not a number") && !message.contains("hidden"),
        "{message}"
    );
}
