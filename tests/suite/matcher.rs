//! The capability `matcher`: sets of patterns, compiled and searched by the host.

use harness::{Answer, Origin, Proxy, Setup, body, empty, eventually, guest};
use http::Request;

const GRANTED: &str = "capabilities = { matcher = true }";

fn matching(origin: &Origin, keys: &str, config: &str) -> Setup {
    Proxy::with(format!(
        "workers = 2\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\n{keys}\nconfig = {{ {config} }}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::MATCHER,
    ))
}

async fn ask(proxy: &Proxy, target: &str, fields: &[(&str, &str)]) -> Answer {
    let request = fields
        .iter()
        .fold(Request::get(target), |request, (name, value)| request.header(*name, *value));
    proxy.client().await.send(request.body(empty()).unwrap()).await
}

#[tokio::test]
async fn what_the_host_holds_is_matched_where_it_is() {
    let origin = Origin::http1().start().await;
    let agents = [("user-agent", "SQLMap/1.0 of a scanner"), ("x-list", "10.1.2.3")];
    for (subject, expected) in [
        ("path", "[[1],[],[]]"),
        ("query", "[[0],[0],[]]"),
        ("request:user-agent", "[[0],[1],[]]"),
        ("request:User-Agent", "[[0],[1],[]]"),
        ("request:x-list", "[[],[],[1]]"),
        ("request:x-absent", "[[],[],[]]"),
        ("request:no name", "[[],[],[]]"),
        ("request:host", "[[],[],[]]"),
        ("response:server", "[[],[],[]]"),
        ("client-address", "[[],[],[0,2]]"),
        ("/etc/passwd", "[[1],[],[]]"),
    ] {
        let config = format!(
            "regexes = [\"sqlmap\", \"^/etc\"], literals = [\"=sqlmap\", \"scanner\"], \
             networks = [\"127.0.0.0/8\", \"10.0.0.0/8\", \"::ffff:127.0.0.1\", \"127.0.0.1\"], \
             subject = {subject:?}"
        );
        let config = config.replace("\"::ffff:127.0.0.1\", ", "");
        let proxy = matching(&origin, GRANTED, &config).start().await;
        let answer = ask(&proxy, "/etc/passwd?q=sqlmap", &agents).await;
        assert_eq!((answer.status, answer.text()), (200, expected), "{subject}");
    }
}

#[tokio::test]
async fn several_lines_of_a_field_are_matched_as_one() {
    let origin = Origin::http1().start().await;
    let config = "regexes = [\"^a, b$\"], literals = [\"a, b\"], subject = \"request:x-many\"";
    let proxy = matching(&origin, GRANTED, config).start().await;

    let answer = ask(&proxy, "/", &[("x-many", "a"), ("x-many", "b")]).await;

    assert_eq!(answer.text(), "[[0],[0],[]]");
}

#[tokio::test]
async fn response_fields_are_matched_when_there_is_a_response() {
    let origin = Origin::http1().start().await;
    let config = "regexes = [\"json\"], subject = \"response:content-type\", act = \"response\"";
    let proxy = matching(&origin, GRANTED, config).start().await;

    assert_eq!(ask(&proxy, "/", &[]).await.header("x-found"), Some("[[0],[],[]]"));
}

#[tokio::test]
async fn a_body_is_matched_where_it_is_in_a_body_hook_alone() {
    let origin = Origin::http1().start().await;
    let sets = "regexes = [\"union\\\\s+select\", \"^a\"], literals = [\"1;\"], subject = \"body\"";
    let keys = format!("{GRANTED}\nbody_limit = \"4MiB\"");
    let proxy = matching(&origin, &keys, &format!("{sets}, act = \"body\"")).start().await;
    let post = |octets: Vec<u8>| Request::post("/").body(body(octets)).unwrap();

    let answer = proxy.client().await.send(post(b"id=1; UNION  SELECT".to_vec())).await;
    assert_eq!((answer.status, answer.text()), (200, "[[0],[0],[]]"));

    let answer = proxy.client().await.send(post(vec![b'a'; (1 << 20) + 1])).await;
    assert_eq!(answer.status, 503);
    proxy.await_stderr(&["1048577 octets at once are too many to be matched"]).await;

    let before = matching(&origin, GRANTED, sets).start().await;
    let answer = before.client().await.send(post(b"union select".to_vec())).await;
    assert_eq!(answer.text(), "[[],[],[]]", "there is no body yet");
}

#[tokio::test]
async fn a_plugin_that_was_not_granted_it_is_told_the_line() {
    let origin = Origin::http1().start().await;
    let checked = matching(&origin, "", "subject = \"path\"").check().await;
    assert_eq!(checked.code, Some(1));
    assert!(checked.stderr.contains("capabilities = { matcher = true }"), "{}", checked.stderr);
}

#[tokio::test]
async fn a_wrong_member_is_told_when_the_plugin_is_loaded() {
    let origin = Origin::http1().start().await;
    for (config, told) in [
        ("regexes = [\"a\", \"(b\"], subject = \"path\"", "pattern 1, `(b`: unclosed group"),
        ("networks = [\"10.0.0.0/33\"], subject = \"path\"", "network 0, `10.0.0.0/33`"),
        ("literals = [\"\"], subject = \"path\"", "literal 0"),
    ] {
        let checked = matching(&origin, GRANTED, config).check().await;
        assert_eq!(checked.code, Some(1), "{config}");
        assert!(checked.stderr.contains(told), "{config}: {}", checked.stderr);
    }
}

#[tokio::test]
async fn nothing_is_compiled_for_an_exchange() {
    let origin = Origin::http1().start().await;
    let config = "subject = \"path\", act = \"ask-late\"";
    let proxy = matching(&origin, GRANTED, config).start().await;

    assert_eq!(ask(&proxy, "/", &[]).await.status, 503);

    proxy.await_stderr(&["every instance has to ask for the same"]).await;
}

#[tokio::test]
async fn too_much_at_once_ends_the_instance_and_the_log_says_why() {
    let origin = Origin::http1().start().await;
    let config = "subject = \"path\", act = \"too-much\"";
    let proxy = matching(&origin, GRANTED, config).start().await;

    assert_eq!(ask(&proxy, "/", &[]).await.status, 503);

    proxy.await_stderr(&["1048577 octets at once are too many to be matched"]).await;
}

#[tokio::test]
async fn a_fresh_instance_for_each_exchange_finds_its_sets() {
    let origin = Origin::http1().start().await;
    let keys = format!("{GRANTED}\nisolation = \"exchange\"");
    let config = "regexes = [\"^/a\"], subject = \"path\"";
    let mut proxy = matching(&origin, &keys, config).start().await;
    for _ in 0..3 {
        assert_eq!(ask(&proxy, "/a", &[]).await.text(), "[[0],[],[]]");
    }
    let changed = matching(&origin, &keys, "regexes = [\"^/b\"], subject = \"path\"").text();
    let changed = changed.split_once("[plugin.p]").unwrap().1.to_owned();
    let listener = format!(
        "workers = 2\n[[listener]]\nlisten = \"@http\"\n[cluster.app]\nendpoints = [{:?}]\n",
        origin.url()
    );
    proxy.configure(&format!("{listener}[plugin.p]{changed}"));
    eventually!(ask(&proxy, "/b", &[]).await.text() == "[[0],[],[]]");
}
