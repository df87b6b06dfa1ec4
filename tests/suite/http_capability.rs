//! Requests of plugins' own: what they reach, what they do not, and what they cost
//! the exchanges beside them.

use harness::{
    Answer, Authority, Connection, Origin, Proxy, Setup, body, empty, eventually, guest,
};
use http::{HeaderValue, Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

/// A route whose plugin sends what it is told to, with this grant, and one for `/bare`
/// without any. One worker, so that what one exchange does to another would show.
fn calling(origin: &Origin, grant: &str, keys: &str) -> Setup {
    Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\n{keys}\ncapabilities = {{ http = {grant} }}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n\
         [[route]]\npath = \"/bare\"\ncluster = \"app\"\n",
        origin.url(),
        guest::CALLER
    ))
}

/// A grant of one origin's address.
fn only(origin: &Origin) -> String {
    format!("[\"{}\"]", origin.address())
}

fn asking(call: &Value) -> Request<harness::Body> {
    let call = HeaderValue::from_bytes(call.to_string().as_bytes()).expect("JSON is one line");
    Request::get("/").header("x-call", call).body(empty()).unwrap()
}

/// What came of the plugin's requests, one for each.
fn outcomes(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

async fn call_all(proxy: &Proxy, call: Value) -> Vec<Value> {
    outcomes(&proxy.client().await.send(asking(&call)).await)
}

async fn call(proxy: &Proxy, call: Value) -> Value {
    call_all(proxy, call).await.remove(0)
}

/// The word for an error, else the status.
fn word(outcome: &Value) -> String {
    match &outcome["error"] {
        Value::String(word) => word.clone(),
        _ => outcome["status"].to_string(),
    }
}

#[tokio::test]
async fn a_plugin_asks_another_host_and_gets_its_answer() {
    let app = Origin::http1().start().await;
    let other = Origin::http1().named("other").start().await;
    let proxy = calling(&app, &only(&other), "").start().await;

    let outcome = call(
        &proxy,
        json!({
            "method": "POST",
            "url": format!("http://{}/check?who=me", other.address()),
            "headers": [["X-One", "1"], ["x-one", "2"]],
            "body": "a question",
        }),
    )
    .await;

    assert_eq!(outcome["status"], 200, "{outcome}");
    let seen: Value = serde_json::from_str(outcome["body"].as_str().unwrap()).unwrap();
    assert_eq!((&seen["method"], &seen["target"]), (&json!("POST"), &json!("/check?who=me")));
    assert_eq!(seen["body"], "a question");
    let mut fields: Vec<_> = seen["headers"].as_array().unwrap().clone();
    fields.sort_by_key(ToString::to_string);
    assert_eq!(
        fields,
        [
            json!(["content-length", "10"]),
            json!(["host", other.address().to_string()]),
            json!(["x-one", "1"]),
            json!(["x-one", "2"]),
        ],
        "nothing is added but what frames the message"
    );
    assert!(outcome["headers"].as_array().unwrap().contains(&json!(["x-origin", "other"])));
    assert_eq!(app.request_count(), 0);
}

#[tokio::test]
async fn what_is_not_granted_is_not_reached() {
    let (app, granted, secret) = (
        Origin::http1().start().await,
        Origin::http1().start().await,
        Origin::http1().start().await,
    );
    let (at, port) = (granted.address(), secret.address().port());
    let proxy = calling(&app, &format!("[\"{at}\", \"good.example:{port}\"]"), "").start().await;

    for (url, expected) in [
        (format!("http://{}/", secret.address()), "denied"),
        (format!("http://localhost:{port}/"), "denied"),
        (format!("http://[::1]:{port}/"), "denied"),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), "denied"),
        (format!("http://[::ffff:7f00:1]:{port}/"), "denied"),
        (format!("http://[::7f00:1]:{port}/"), "denied"),
        (format!("http://[64:ff9b::7f00:1]:{port}/"), "denied"),
        (format!("http://0.0.0.0:{port}/"), "denied"),
        (format!("http://127.0.0.2:{port}/"), "denied"),
        (format!("http://bad.good.example:{port}/"), "denied"),
        (format!("https://{}/", secret.address()), "denied"),
        (format!("http://good.example:{}/", at.port()), "denied"),
        (format!("http://{at}@{}/", secret.address()), "illegal"),
        (format!("http://good.example:{port}@127.0.0.1:{port}/"), "illegal"),
        (format!("http://@127.0.0.1:{port}/"), "illegal"),
        (format!("http://{at}\\@127.0.0.1:{port}/"), "illegal"),
        (format!("http://{at}#@127.0.0.1:{port}/"), "illegal"),
        (format!("http://2130706433:{port}/"), "illegal"),
        (format!("http://0x7f.0.0.1:{port}/"), "illegal"),
        (format!("http://0x7f000001:{port}/"), "illegal"),
        (format!("http://0177.0.0.1:{port}/"), "illegal"),
        (format!("http://127.1:{port}/"), "illegal"),
        (format!("http://127.0.0.1.:{port}/"), "illegal"),
        (format!("http://good.example.:{port}/"), "illegal"),
        (format!("http://127.0.0.1%3a{port}/"), "illegal"),
        (format!("http://%31%32%37.0.0.1:{port}/"), "illegal"),
        (format!("http://１２７.0.0.1:{port}/"), "illegal"),
        (format!("http://127.0.0.1 :{port}/"), "illegal"),
        (format!("http://127.0.0.1:{port}\r\n/"), "illegal"),
        (format!("http://{at}/\r\nhost: {}", secret.address()), "illegal"),
        (format!("http://{at}/ HTTP/1.1\r\nhost: a\r\n\r\nGET /"), "illegal"),
        (format!("http://{at}:0/"), "illegal"),
        (format!("//127.0.0.1:{port}/"), "illegal"),
        ("/relative".to_owned(), "illegal"),
        ("file:///etc/passwd".to_owned(), "illegal"),
        ("unix:///run/secret.sock".to_owned(), "illegal"),
        (format!("ftp://127.0.0.1:{port}/"), "illegal"),
        (format!("gopher://127.0.0.1:{port}/"), "illegal"),
        (format!("h2c://{at}/"), "illegal"),
        (String::new(), "illegal"),
    ] {
        let outcome = call(&proxy, json!({ "url": url })).await;
        assert_eq!(word(&outcome), expected, "{url:?}: {outcome}");
    }

    assert_eq!((secret.connection_count(), granted.connection_count()), (0, 0));
    proxy.await_stderr(&["a request was denied", "is not among the granted hosts"]).await;
}

#[tokio::test]
async fn a_granted_name_that_leads_to_this_machine_needs_a_grant_for_that() {
    let app = Origin::http1().start().await;
    let origin = Origin::http1().start().await;
    let name = format!("localhost:{}", origin.address().port());
    for (private, expected) in [
        ("", "denied"),
        (", private = false", "denied"),
        (", private = true", "denied"),
        (", private = [\"10.0.0.0/8\"]", "denied"),
        (", private = [\"127.0.0.0/8\"]", "200"),
    ] {
        let grant = format!("{{ hosts = [{name:?}]{private}, timeout = \"20s\" }}");
        let proxy = calling(&app, &grant, "").start().await;

        let outcome = call(&proxy, json!({ "url": format!("http://{name}/") })).await;

        assert_eq!(word(&outcome), expected, "{private}: {outcome}");
        if expected == "denied" {
            assert_eq!(origin.connection_count(), 0);
            proxy.await_stderr(&["a request was denied", "loopback"]).await;
        }
    }
    let seen = &origin.requests()[0];
    assert_eq!(seen.authority, name, "the host is the name, not the address");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let app = Origin::http1().start().await;
    let secret = Origin::http1().start().await;
    let target = format!("http://{}/secret", secret.address());
    let moved = Origin::http1()
        .answer("/", move |_| {
            let target = target.clone();
            async move {
                Response::builder().status(307).header("location", target).body(empty()).unwrap()
            }
        })
        .start()
        .await;
    // Even a granted host is not followed to.
    let grant = format!("[\"{}\", \"{}\"]", moved.address(), secret.address());
    let proxy = calling(&app, &grant, "").start().await;

    let outcome = call(&proxy, json!({ "url": format!("http://{}/", moved.address()) })).await;

    assert_eq!(outcome["status"], 307, "{outcome}");
    assert_eq!((moved.request_count(), secret.connection_count()), (1, 0));
}

#[tokio::test]
async fn what_would_change_the_messages_framing_is_not_sent() {
    let app = Origin::http1().start().await;
    let origin = Origin::http1().start().await;
    let proxy = calling(&app, &only(&origin), "").start().await;
    let url = format!("http://{}/", origin.address());
    for (method, name, value) in [
        ("CONNECT", "x-a", "1"),
        ("TRACE", "x-a", "1"),
        ("GET / HTTP/1.1\r\nx:", "x-a", "1"),
        ("", "x-a", "1"),
        ("POST", "host", "other.example"),
        ("POST", "Content-Length", "1000"),
        ("POST", "transfer-encoding", "chunked"),
        ("POST", "connection", "x-a"),
        ("POST", "upgrade", "websocket"),
        ("POST", "te", "trailers"),
        ("POST", "trailer", "x-a"),
        ("POST", "expect", "100-continue"),
        ("POST", ":authority", "other.example"),
        ("POST", "x-a", "1\r\nx-b: 2"),
        ("POST", "x-a", "1\nx-b: 2"),
        ("POST", "x-a", "1\0"),
        ("POST", "x-a\r\nx-b", "1"),
        ("POST", "", "1"),
    ] {
        let asked = json!({ "method": method, "url": url, "headers": [[name, value]] });
        let outcome = call(&proxy, asked).await;
        assert_eq!(word(&outcome), "illegal", "{method:?} {name:?} {value:?}: {outcome}");
    }
    assert_eq!(origin.connection_count(), 0);
}

#[tokio::test]
async fn a_body_over_the_bound_is_not_kept() {
    let app = Origin::http1().start().await;
    let origin = Origin::http1()
        .answer("/announced", |_| async { Response::new(body("x".repeat(1025))) })
        .answer("/streamed", |_| async {
            let (mut sender, body) = harness::channel();
            tokio::spawn(async move {
                for _ in 0..1000 {
                    if sender.send_data("x".repeat(1000).into()).await.is_err() {
                        return;
                    }
                }
            });
            Response::new(body)
        })
        .answer("/fits", |_| async { Response::new(body("x".repeat(1024))) })
        .start()
        .await;
    let grant = format!("{{ hosts = [\"{}\"], body = \"1KiB\" }}", origin.address());
    let proxy = calling(&app, &grant, "").start().await;
    for (path, expected) in [("announced", "too-large"), ("streamed", "too-large"), ("fits", "200")]
    {
        let url = format!("http://{}/{path}", origin.address());
        assert_eq!(word(&call(&proxy, json!({ "url": url })).await), expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_and_no_crash() {
    let app = Origin::http1().start().await;
    let junk = Origin::saying("SSH-2.0-OpenSSH\r\n").await;
    let short = Origin::saying("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").await;
    let switched =
        Origin::saying("HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    let closed = Origin::refusing();
    let nobody = closed.strip_prefix("http://").unwrap();
    let addresses = [junk.address(), short.address(), switched.address(), nobody.parse().unwrap()];
    let grant = format!("{:?}", addresses.map(|address| address.to_string()));
    let proxy = calling(&app, &grant, "").start().await;
    for address in addresses {
        let outcome = call(&proxy, json!({ "url": format!("http://{address}/") })).await;
        assert_eq!(word(&outcome), "unreachable", "{address}: {outcome}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_speak_tls_is_not_spoken_to_without() {
    let app = Origin::http1().start().await;
    let plain = Origin::http1().start().await;
    let proxy = calling(&app, &only(&plain), "").start().await;

    let outcome = call(&proxy, json!({ "url": format!("https://{}/", plain.address()) })).await;

    assert_eq!(word(&outcome), "unreachable", "{outcome}");
    assert_eq!(plain.request_count(), 0);
}

#[tokio::test]
async fn requests_end_with_their_time_and_with_that_of_the_hook() {
    let app = Origin::http1().start().await;
    let silent = Origin::silent().await;
    let url = format!("http://{}/", silent.address());
    let grant = format!(
        "{{ hosts = [\"{}\", \"{}\"], timeout = \"3s\" }}",
        silent.address(),
        app.address()
    );
    let proxy = calling(&app, &grant, "").start().await;

    let outcome = call(&proxy, json!({ "url": url, "timeout_ms": 20 })).await;
    assert_eq!(word(&outcome), "timeout");

    // The first of them takes all the time that the hook has.
    let before = silent.request_count();
    let outcomes = call_all(&proxy, json!({ "url": url, "times": 5 })).await;
    assert_eq!(outcomes.iter().map(word).collect::<Vec<_>>(), ["timeout"; 5]);
    assert!(silent.request_count() <= before + 1, "the others were not sent");

    // The next hook has its own.
    let answered = json!({ "url": format!("http://{}/", app.address()) });
    assert_eq!(word(&call(&proxy, answered).await), "200");
    eventually!(silent.open_connections() == 0);
}

/// An origin that answers when it is told to, and the means to tell it.
async fn held() -> (Origin, watch::Sender<bool>) {
    let (tell, told) = watch::channel(false);
    let origin = Origin::http1()
        .answer("/held", move |_| {
            let mut told = told.clone();
            async move {
                let _ = told.wait_for(|told| *told).await;
                Response::new(body("at last"))
            }
        })
        .start()
        .await;
    (origin, tell)
}

#[tokio::test]
async fn a_hook_that_waits_for_an_answer_keeps_the_worker_from_nothing() {
    let app = Origin::http1().start().await;
    let (origin, tell) = held().await;
    let grant = format!("{{ hosts = [\"{}\"], timeout = \"60s\" }}", origin.address());
    let proxy = calling(&app, &grant, "deadline = \"5ms\"\n").start().await;
    let url = format!("http://{}/held", origin.address());
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut client = proxy.client().await;
        let request = asking(&json!({ "url": url }));
        waiting.push(tokio::spawn(async move { client.send(request).await }));
    }
    eventually!(origin.request_count() == 20);

    for n in 0..20 {
        assert_eq!(proxy.get(&format!("/bare/{n}")).await.status, 200);
        assert_eq!(proxy.get(&format!("/through/{n}")).await.status, 200, "the plugin too");
    }
    assert!(waiting.iter().all(|exchange| !exchange.is_finished()), "they still wait");

    tell.send_replace(true);
    for exchange in waiting {
        let answer = exchange.await.unwrap();
        assert_eq!(outcomes(&answer)[0]["body"], "at last");
    }
}

#[tokio::test]
async fn more_requests_than_granted_are_refused_at_once() {
    let app = Origin::http1().start().await;
    let (origin, tell) = held().await;
    let grant =
        format!("{{ hosts = [\"{}\"], timeout = \"60s\", in_flight = 2 }}", origin.address());
    let proxy = calling(&app, &grant, "").start().await;
    let url = format!("http://{}/held", origin.address());
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = proxy.client().await;
        let request = asking(&json!({ "url": url }));
        clients.push(tokio::spawn(async move { client.send(request).await }));
    }
    eventually!(origin.request_count() == 2);

    assert_eq!(word(&call(&proxy, json!({ "url": url })).await), "busy");

    // A client that leaves gives its place back, and its connection.
    clients.pop().unwrap().abort();
    eventually!(origin.open_connections() == 1);
    let other = format!("http://{}/", origin.address());
    assert_eq!(word(&call(&proxy, json!({ "url": other })).await), "200");
    tell.send_replace(true);
    let answer = clients.pop().unwrap().await.unwrap();
    assert_eq!(outcomes(&answer)[0]["status"], 200);
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let app = Origin::http1().start().await;
    let origin = Origin::http1().start().await;
    let proxy = calling(&app, &only(&origin), "").start().await;
    let url = format!("http://{}/", origin.address());

    let outcomes = call_all(&proxy, json!({ "url": url, "times": 3 })).await;
    assert_eq!(outcomes.iter().map(word).collect::<Vec<_>>(), ["200"; 3]);
    assert_eq!(word(&call(&proxy, json!({ "url": url })).await), "200");

    assert_eq!((origin.request_count(), origin.connection_count()), (4, 1));
}

/// Answers the first request on each connection, and closes at the second.
async fn one_each(mut connection: Connection) {
    if connection.read_request().await.is_some() {
        connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let _ = connection.read_request().await;
    }
}

#[tokio::test]
async fn a_kept_connection_that_turns_out_closed_costs_only_what_is_not_safe_to_repeat() {
    for (method, body, expected, seen) in [
        ("GET", "", ["200", "200"], 3),
        ("HEAD", "", ["200", "200"], 3),
        ("POST", "", ["200", "unreachable"], 2),
        ("PUT", "all of it", ["200", "unreachable"], 2),
    ] {
        let app = Origin::http1().start().await;
        let origin = Origin::raw(one_each).await;
        let proxy = calling(&app, &only(&origin), "").start().await;
        let url = format!("http://{}/", origin.address());

        let asked = json!({ "method": method, "url": url, "body": body, "times": 2 });
        let outcomes = call_all(&proxy, asked).await;

        assert_eq!(outcomes.iter().map(word).collect::<Vec<_>>(), expected, "{method}");
        assert_eq!(origin.request_count(), seen, "{method}");
    }
}

#[tokio::test]
async fn a_host_is_verified_by_its_name() {
    let authority = Authority::new();
    let app = Origin::http1().start().await;
    for (name, expected) in [("localhost", "200"), ("other.example", "unreachable")] {
        let identity = authority.issue(&[name]);
        for protocols in [&["http/1.1"][..], &["h2", "http/1.1"]] {
            let origin = Origin::http1().tls(&identity, protocols).start().await;
            let entry = format!("https://localhost:{}", origin.address().port());
            let grant = format!(
                "{{ hosts = [{entry:?}], private = [\"127.0.0.1\"], ca = \"ca.pem\", \
                 timeout = \"20s\" }}"
            );
            let proxy = calling(&app, &grant, "").file("ca.pem", authority.pem()).start().await;

            let asked = json!({ "url": format!("{entry}/"), "times": 2 });
            let outcomes = call_all(&proxy, asked).await;

            assert_eq!(outcomes.iter().map(word).collect::<Vec<_>>(), [expected; 2], "{name}");
            if expected == "200" {
                assert_eq!(origin.connection_count(), 1, "{protocols:?}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_while_a_plugin_is_made() {
    let app = Origin::http1().start().await;
    let origin = Origin::http1().start().await;
    let keys = format!("config = {{ at = \"new\", url = \"http://{}/\" }}", origin.address());

    let finished = calling(&app, &only(&origin), &keys).fail().await;

    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("from hooks only"), "{}", finished.stderr);
    assert_eq!(origin.connection_count(), 0);
}

#[tokio::test]
async fn exchanges_that_wait_for_an_answer_are_cheap() {
    const FIRST: usize = 50;
    const COUNT: usize = 200;
    let app = Origin::http1().start().await;
    let (origin, tell) = held().await;
    let grant = format!(
        "{{ hosts = [\"{}\"], timeout = \"60s\", in_flight = {} }}",
        origin.address(),
        FIRST + COUNT
    );
    let keys = format!("config = {{ url = \"http://{}/held\" }}", origin.address());
    let proxy = calling(&app, &grant, &keys).start().await;
    let mut waiting = Vec::new();
    let mut before = 0;
    for n in 0..FIRST + COUNT {
        if n == FIRST {
            // What is allocated once is allocated before the measurement.
            eventually!(origin.request_count() == FIRST);
            before = proxy.memory("RssAnon");
        }
        let mut client = proxy.client().await;
        waiting.push(tokio::spawn(async move { client.get("/").await.status }));
    }
    eventually!(origin.request_count() == FIRST + COUNT);

    // Without the plugin's initial data, of which all instances map the one copy.
    let grown = proxy.memory("RssAnon").saturating_sub(before);
    // Twice the promise, since an unoptimized build is under test here; the
    // benchmark `waiting` holds the promise itself.
    assert!(grown <= COUNT as u64 * 128, "{grown} KiB for {COUNT} exchanges that wait");
    tell.send_replace(true);
    for exchange in waiting {
        assert_eq!(exchange.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn the_log_counts_what_a_plugin_waited_for() {
    let app = Origin::http1().start().await;
    let (origin, tell) = held().await;
    let grant = format!("{{ hosts = [\"{}\"], timeout = \"60s\" }}", origin.address());
    let keys = format!("config = {{ url = \"http://{}/held\" }}", origin.address());
    let proxy = calling(&app, &grant, &keys).start().await;
    let mut client = proxy.client().await;
    let began = std::time::Instant::now();
    let exchange = tokio::spawn(async move { client.get("/waited").await });
    eventually!(origin.request_count() == 1);
    let waited = std::time::Instant::now();
    // Something else goes on meanwhile, and takes a while that is known.
    assert_eq!(proxy.get("/bare").await.status, 200);
    let waited = waited.elapsed();
    tell.send_replace(true);
    assert_eq!(exchange.await.unwrap().status, 200);

    let entry = proxy.await_log_of("/waited").await;
    let logged = entry["plugins"][0]["us"].as_f64().unwrap_or_else(|| panic!("{entry}"));
    assert!(logged >= waited.as_secs_f64() * 1e6, "{entry}");
    assert!(logged <= began.elapsed().as_secs_f64() * 1e6, "{entry}");
}
