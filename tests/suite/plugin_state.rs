//! What plugins keep for an exchange and say about it: values, annotations, lines
//! in the log, and the account at its end.

use harness::{Origin, Proxy, Setup, body, eventually, guest};
use http::Request;
use serde_json::json;

/// A chain of `values` guests, each by name and with its configuration.
fn keeping(origin: &Origin, plugins: &[(&str, &str)]) -> Setup {
    let tables: String = plugins
        .iter()
        .map(|(name, config)| {
            format!("[plugin.{name}]\nsource = {:?}\nconfig = {{ {config} }}\n", guest::VALUES)
        })
        .collect();
    let names: Vec<&str> = plugins.iter().map(|(name, _)| *name).collect();
    Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         {tables}\
         [[route]]\nplugins = {names:?}\ncluster = \"app\"\n",
        origin.url()
    ))
}

#[tokio::test]
async fn a_value_lasts_from_the_request_to_the_response_and_no_longer() {
    let origin = Origin::http1().start().await;
    let first = [("keeps", "own = { colour = \"red\" }")];
    let proxy = keeping(&origin, &first).start().await;
    assert_eq!(proxy.get("/").await.header_lines("x-own"), ["colour=red"]);

    let reads =
        [("reads", "read = [[\"keeps\", \"colour\"]]"), ("keeps", "later = { colour = \"red\" }")];
    let proxy = keeping(&origin, &reads).start().await;
    for _ in 0..3 {
        let answer = proxy.get("/").await;
        assert_eq!(
            answer.header_lines("x-read"),
            ["keeps.colour=-"],
            "not even of the exchange before"
        );
    }
}

#[tokio::test]
async fn later_plugins_read_what_they_may() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(
        &origin,
        &[
            ("first", "own = { secret = \"s\" }, later = { user = \"u\" }"),
            ("second", "read = [[\"first\", \"secret\"], [\"first\", \"user\"], [\"first\", \"none\"], [\"third\", \"user\"]]"),
            ("third", "later = { user = \"t\" }"),
        ],
    )
    .start()
    .await;

    let answer = proxy.get("/").await;

    assert_eq!(
        answer.header_lines("x-read"),
        ["first.secret=-", "first.user=u", "first.none=-", "third.user=-"]
    );
}

#[tokio::test]
async fn values_are_bounded() {
    let origin = Origin::http1().start().await;

    let fits = keeping(&origin, &[("keeps", "octets = 60000")]).start().await;
    assert_eq!(fits.get("/").await.header("x-refused"), None);

    let proxy = keeping(&origin, &[("keeps", "octets = 70000")]).start().await;
    let answer = proxy.get("/").await;
    assert_eq!(answer.status, 200, "the plugin is told, and may go on");
    assert!(answer.header("x-refused").is_some());
}

#[tokio::test]
async fn annotations_are_in_the_access_log() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(
        &origin,
        &[
            ("one", "annotate = { score = \"7\", note = \"a \\\"b\\\"\\n\" }"),
            ("two", "annotate = { score = \"8\" }"),
        ],
    )
    .start()
    .await;

    proxy.get("/").await;

    let entry = proxy.await_log_of("/").await;
    assert_eq!(
        entry["annotations"],
        json!({"one": {"score": "7", "note": "a \"b\"\n"}, "two": {"score": "8"}})
    );
}

#[tokio::test]
async fn annotations_are_bounded() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(&origin, &[("many", "annotations = 1000")]).start().await;

    let answer = proxy.get("/").await;

    assert!(answer.header("x-refused").is_some());
    let entry = proxy.await_log_of("/").await;
    assert_eq!(entry["annotations"]["many"].as_object().unwrap().len(), 32);
}

#[tokio::test]
async fn a_plugins_lines_carry_its_name_and_the_request_id() {
    let origin = Origin::http1().start().await;
    let proxy = keeping(
        &origin,
        &[("talks", "log = { warn = \"a warning\", info = \"a remark\", trace = \"a whisper\" }")],
    )
    .start()
    .await;

    proxy.get("/").await;

    let id = origin.only_request().header("x-request-id").unwrap().to_owned();
    proxy.await_stderr(&["WARN", "talks", &id, "a warning"]).await;
    proxy.await_stderr(&["INFO", "talks", &id, "a remark"]).await;
    assert!(!proxy.stderr().text().contains("a whisper"), "not at the default level");
}

#[tokio::test]
async fn a_flood_of_lines_is_cut_and_counted() {
    const LINES: usize = 2_000;
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.floods]\nsource = {:?}\ndeadline = \"20s\"\nconfig = {{ lines = {LINES}, length = 100 }}\n\
         [[route]]\nplugins = [\"floods\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::LOG_FLOOD
    ))
    .start()
    .await;

    assert_eq!(proxy.get("/").await.status, 200);

    proxy.await_stderr(&["floods", "line 0"]).await;
    // It says how many are missing as soon as lines may be written again, also if
    // that is to standard error.
    let mut asked = 1;
    eventually!({
        proxy.get("/again").await;
        asked += 1;
        proxy.stderr().text().contains("dropped")
    });
    let text = proxy.stop().await.stderr;
    let written = text.matches("line ").count() + text.matches("standard error ").count();
    assert!(written < asked * LINES, "far from all of the {} lines: {written}", asked * 2 * LINES);
    assert!(!text.contains("\u{1b}[31m"), "control characters are escaped");
}

#[tokio::test]
async fn standard_output_of_a_plugin_is_not_the_access_log() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.floods]\nsource = {:?}\nconfig = {{ lines = 1 }}\n\
         [[route]]\nplugins = [\"floods\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::LOG_FLOOD
    ))
    .start()
    .await;

    assert_eq!(proxy.get("/").await.status, 200);

    proxy.await_stderr(&["floods", "standard error 0"]).await;
    proxy.await_log_of("/").await;
}

#[tokio::test]
async fn a_plugin_learns_how_each_exchange_ended() {
    let origin = Origin::http1().say("/shop", 201, "twelve bytes").start().await;
    let silent = Origin::silent().await;
    let cut = Origin::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [cluster.cut]\nendpoints = [{:?}]\n\
         [cluster.silent]\nendpoints = [{:?}]\nresponse_timeout = \"200ms\"\n\
         [plugin.tells]\nsource = {:?}\n\
         [[route]]\nplugins = [\"tells\"]\ncluster = \"app\"\n\
         [[route]]\npath = \"/cut\"\nplugins = [\"tells\"]\ncluster = \"cut\"\n\
         [[route]]\npath = \"/silent\"\nplugins = [\"tells\"]\ncluster = \"silent\"\n",
        origin.url(),
        cut.url(),
        silent.url(),
        guest::COMPLETE
    ))
    .start()
    .await;

    let request = Request::post("/shop").body(body("seven b")).unwrap();
    proxy.client().await.send(request).await;
    proxy
        .await_stderr(&[
            "tells",
            "complete target=/shop status=201 in=7 out=12 upstream=true error=-",
            &format!("endpoint={} timed=true", origin.url()),
        ])
        .await;

    proxy.get("/silent/late").await;
    proxy
        .await_stderr(&[
            "complete target=/silent/late status=504",
            "upstream=false error=response_timeout endpoint=- timed=true",
        ])
        .await;

    // The head was there, so the status is what it said; the end was not.
    let mut raw = proxy.raw().await;
    raw.write("GET /cut HTTP/1.1\r\nhost: a\r\n\r\n").await;
    proxy
        .await_stderr(&[
            "complete target=/cut status=200 in=0 out=9 upstream=true error=upstream_closed",
            &format!("endpoint={} timed=true", cut.url()),
        ])
        .await;

    let mut raw = proxy.raw().await;
    raw.write("GET /silent/left HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually!(silent.request_count() == 2);
    drop(raw);
    proxy.await_stderr(&["complete target=/silent/left status=0", "error=client_closed"]).await;
}
