//! Plugins that see bodies: what they are shown, what comes of what they decide,
//! and that the wire always agrees with itself, through every pair of protocols.

use bytes::Bytes;
use harness::{
    Answer, Client, Origin, Proxy, Raw, Script, Setup, body, channel, empty, guest, payload,
    with_trailers, within,
};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};

/// A route whose only plugin is the guest, configured like this.
fn seeing(origin: &Origin, config: &str, keys: &str) -> Setup {
    Proxy::with(format!(
        "workers = 1\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.sees]\nsource = {:?}\nconfig = {{ {config} }}\n{keys}\n\
         [[route]]\nplugins = [\"sees\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::BODY,
    ))
}

async fn both(script: impl Fn(Script) -> Script) -> [Origin; 2] {
    [script(Origin::http1()).start().await, script(Origin::http2()).start().await]
}

async fn clients(proxy: &Proxy) -> [Client; 2] {
    [proxy.client().await, Client::http2(proxy.http()).await]
}

/// Octets in pieces, of which nobody says how long they are.
fn pieces(pieces: &[&'static str]) -> harness::Body {
    let frames: Vec<_> =
        pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

async fn post(client: &mut Client, target: &str, body: harness::Body) -> Answer {
    client.send(Request::post(target).body(body).unwrap()).await
}

/// What the endpoint says it got.
fn echo(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let echo: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(echo["body_complete"], true);
    echo
}

fn field<'a>(echo: &'a Value, name: &str) -> Option<&'a str> {
    let lines = echo["headers"].as_array().unwrap();
    lines.iter().find(|line| line[0] == name).and_then(|line| line[1].as_str())
}

async fn note(proxy: &Proxy, target: &str, name: &str) -> Value {
    proxy.await_log_of(target).await["annotations"]["sees"][name].clone()
}

#[tokio::test]
async fn a_whole_request_is_changed_with_its_length_and_its_head() {
    for origin in both(|script| script).await {
        let config =
            "request = { mode = \"whole\", octets = 100, act = \"prepend\", text = \"more \" }";
        let proxy = seeing(&origin, config, "").start().await;
        for mut client in clients(&proxy).await {
            for sent in [body("payload"), pieces(&["pay", "", "load"])] {
                let answer = post(&mut client, "/whole", sent).await;
                let echo = echo(&answer);
                assert_eq!(
                    echo["body"],
                    "more payload",
                    "{:?} to {}",
                    answer.version,
                    origin.url()
                );
                assert_eq!(field(&echo, "content-length"), Some("12"));
                assert_eq!(field(&echo, "transfer-encoding"), None);
            }
        }
        let entry = proxy.await_log_of("/whole").await;
        assert_eq!(entry["plugins"][0]["request_body"], "forward");
        assert_eq!(entry["bytes_in"], 7);
        assert_eq!(entry["annotations"]["sees"]["request_calls"], "1");
        assert_eq!(entry["annotations"]["sees"]["request_part"], "Last");
    }
}

#[tokio::test]
async fn a_head_changes_after_the_body_was_seen() {
    let origin = Origin::http1().start().await;
    let config = "request = { mode = \"whole\", octets = 100, act = \"head\", text = \"d\" }";
    let proxy = seeing(&origin, config, "").start().await;
    let answer = post(&mut proxy.client().await, "/", body("payload")).await;
    assert_eq!(field(&echo(&answer), "x-length"), Some("7"));
    assert_eq!(answer.header("x-deferred"), Some("d"));

    let config =
        "request = { mode = \"first\", octets = 3, act = \"target\", text = \"/b/../new?x\" }";
    let proxy = seeing(&origin, config, "").start().await;
    let answer = post(&mut proxy.client().await, "/old", body("payload")).await;
    let echo = echo(&answer);
    assert_eq!((&echo["target"], &echo["body"]), (&json!("/new?x"), &json!("payload")));
    assert_eq!(field(&echo, "content-length"), Some("7"));
    assert_eq!(note(&proxy, "/old", "request_most").await, "3");
    assert_eq!(note(&proxy, "/old", "request_part").await, "Cut");
}

#[tokio::test]
async fn a_head_cannot_change_once_octets_have_passed() {
    let origin = Origin::http1().start().await;
    let config = "request = { mode = \"chunks\", act = \"head\", at = 2 }";
    let proxy = seeing(&origin, config, "").start().await;
    let (mut sender, sent) = channel();
    let mut client = proxy.client().await;
    let exchange = post(&mut client, "/late", sent);
    let feed = async {
        sender.send_data("one".into()).await.unwrap();
        // The first piece has to have passed before the next one comes.
        within("the request", async {
            while origin.request_count() == 0 {
                harness::poll_again().await;
            }
        })
        .await;
        let _ = sender.send_data("two".into()).await;
        sender
    };
    let (answer, _sender) = tokio::join!(exchange, feed);
    assert_eq!(answer.status, 503);
    let entry = proxy.await_log_of("/late").await;
    assert_eq!(entry["plugins"][0]["request_body"], "illegal");
    proxy.await_stderr(&["change the head after"]).await;
}

#[tokio::test]
async fn chunks_are_changed_one_by_one_without_a_length() {
    for origin in both(|script| script).await {
        let config = "request = { mode = \"chunks\", act = \"upper\" }, \
                      response = { mode = \"chunks\", act = \"upper\" }";
        let proxy = seeing(&origin, config, "").start().await;
        for mut client in clients(&proxy).await {
            let answer = post(&mut client, "/chunks", pieces(&["one ", "two ", "three"])).await;
            let through = format!("{:?} to {}", answer.version, origin.url());
            assert_eq!(answer.status, 200, "{through}");
            assert!(answer.text().contains("\"BODY\":\"ONE TWO THREE\""), "{through}");
        }
    }
}

#[tokio::test]
async fn a_watched_body_keeps_its_length() {
    let long = "0123456789".repeat(40_000);
    for origin in both(|script| script).await {
        let config = "request = { mode = \"watch\" }, response = { mode = \"watch\" }";
        let proxy = seeing(&origin, config, "").start().await;
        for mut client in clients(&proxy).await {
            let answer = post(&mut client, "/watched", body(long.clone())).await;
            let echo = echo(&answer);
            assert_eq!(echo["body_length"], 400_000);
            assert_eq!(field(&echo, "content-length"), Some("400000"));
            assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
        }
        assert_eq!(note(&proxy, "/watched", "request_part").await, "Last");
        let entry = proxy.await_log_of("/watched").await;
        assert_eq!(entry.get("error"), None, "{entry}");
        assert_eq!(entry["plugins"][0]["response_body"], "continue");

        let config = "request = { mode = \"watch\", act = \"upper\" }";
        let proxy = seeing(&origin, config, "").start().await;
        let answer = post(&mut proxy.client().await, "/changed", body("payload")).await;
        assert_eq!(answer.status, 503, "what only watches cannot change");
    }
}

#[tokio::test]
async fn octets_are_held_until_there_are_enough() {
    let origin = Origin::http1().start().await;
    let config = "request = { mode = \"chunks\", octets = 100, act = \"hold\", number = 6 }";
    let proxy = seeing(&origin, config, "").start().await;
    let answer = post(&mut proxy.client().await, "/held", pieces(&["ab", "cd", "ef", "gh"])).await;
    assert_eq!(echo(&answer)["body"], "abcdefgh");
    assert_eq!(proxy.await_log_of("/held").await["plugins"][0]["request_body"], "hold");

    let config = "request = { mode = \"chunks\", octets = 100, act = \"lines\" }";
    let proxy = seeing(&origin, config, "").start().await;
    let sent = pieces(&["one\ntw", "o", "\nthr", "ee\nrest"]);
    let answer = post(&mut proxy.client().await, "/lines", sent).await;
    assert_eq!(echo(&answer)["body"], "ONE\nTWO\nTHREE\nrest");

    let config = "request = { mode = \"chunks\", octets = 10, act = \"hold-always\", number = 9 }";
    let proxy = seeing(&origin, config, "").start().await;
    let answer = post(&mut proxy.client().await, "/much", pieces(&["ab", "cd"])).await;
    assert_eq!(answer.status, 503);
    proxy.await_stderr(&["its mode allows 10"]).await;
}

#[tokio::test]
async fn a_body_is_dropped_or_ended_early() {
    for origin in both(|script| script).await {
        let config = "request = { mode = \"chunks\", act = \"drop\" }";
        let proxy = seeing(&origin, config, "").start().await;
        for mut client in clients(&proxy).await {
            let answer = post(&mut client, "/dropped", pieces(&["one", "two"])).await;
            let echo = echo(&answer);
            assert_eq!((&echo["body"], field(&echo, "content-length")), (&json!(""), Some("0")));
        }

        let config = "request = { mode = \"chunks\", act = \"end\", text = \"short\" }, \
                      response = { mode = \"chunks\", act = \"upper\" }";
        let proxy = seeing(&origin, config, "").start().await;
        for mut client in clients(&proxy).await {
            // More than what is read of it at once, less than what is read in all.
            let answer = post(&mut client, "/ended", payload::stream(600_000)).await;
            assert!(answer.text().contains("\"BODY\":\"SHORT\""), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn trailers_are_read_and_changed() {
    let origins = both(|script| {
        script.answer("/trailers", |_| async {
            Response::builder()
                .header("trailer", "x-sum, x-added")
                .body(with_trailers("payload", &[("x-sum", "42")]))
                .unwrap()
        })
    })
    .await;
    for origin in origins {
        for mode in ["chunks", "whole"] {
            let sight = format!(
                "{{ mode = \"{mode}\", octets = 9999, act = \"trailer\", text = \"yes\" }}"
            );
            let config = format!("request = {sight}, response = {sight}");
            let proxy = seeing(&origin, &config, "").start().await;
            for mut client in clients(&proxy).await {
                let request = Request::post("/sent").header("trailer", "x-sum, x-added");
                let sent = with_trailers("payload", &[("x-sum", "42")]);
                let answer = client.send(request.body(sent).unwrap()).await;
                let through = format!("{mode}: {:?} to {}", answer.version, origin.url());
                let expected = json!([["x-sum", "42"], ["x-added", "yes"]]);
                assert_eq!(echo(&answer)["trailers"], expected, "{through}");

                let request = Request::get("/trailers").header("te", "trailers");
                let answer = client.send(request.body(empty()).unwrap()).await;
                assert_eq!(answer.text(), "payload", "{through}");
                assert_eq!(answer.trailers["x-sum"], "42", "{through}");
                assert_eq!(answer.trailers["x-added"], "yes", "{through}");
            }
            assert_eq!(note(&proxy, "/sent", "request_x-sum").await, "42");
            assert_eq!(note(&proxy, "/trailers", "response_x-sum").await, "42");
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_unseen_or_cut() {
    let origin = Origin::http1().say("/large", 200, "a large response").start().await;
    let config = "request = { mode = \"whole\", octets = 100, act = \"upper\" }, \
                  response = { mode = \"whole\", octets = 100, act = \"upper\" }";
    let keys = |choice: &str| format!("body_limit = \"8B\"\nbody_over_limit = {choice:?}\n");

    let proxy = seeing(&origin, config, &keys("refuse")).start().await;
    proxy.await_stderr(&["body_limit", "sees"]).await;
    for mut client in clients(&proxy).await {
        let known = post(&mut client, "/known", body("more than eight")).await;
        let unknown = post(&mut client, "/unknown", pieces(&["more than", " eight"])).await;
        assert_eq!((known.status, unknown.status), (413, 413));
    }
    assert_eq!(origin.request_count(), 0);
    let entry = proxy.await_log_of("/known").await;
    assert_eq!(entry["plugins"][0]["request_body"], "refused");
    assert_eq!(entry["error"]["kind"], "body_too_large");
    let refused = proxy.get("/large").await;
    assert_eq!(refused.status, 502);
    assert!(!refused.text().contains("large response"));
    assert_eq!(proxy.await_log_of("/large").await["error"]["kind"], "response_too_large");

    let config = "request = { mode = \"whole\", octets = 100, act = \"upper\" }";
    let proxy = seeing(&origin, config, &keys("pass")).start().await;
    let answer = post(&mut proxy.client().await, "/passed", pieces(&["more than", " eight"])).await;
    assert_eq!(echo(&answer)["body"], "more than eight");
    let entry = proxy.await_log_of("/passed").await;
    assert_eq!(entry["plugins"][0]["request_body"], "unseen");
    assert_eq!(entry["annotations"]["sees"].get("request_calls"), None);

    let proxy = seeing(&origin, config, &keys("truncate")).start().await;
    let answer = post(&mut proxy.client().await, "/cut", body("more than eight")).await;
    assert_eq!(echo(&answer)["body"], "MORE THAn eight");
    assert_eq!(note(&proxy, "/cut", "request_part").await, "Cut");
}

#[tokio::test]
async fn a_plugin_answers_a_request_whose_body_it_saw() {
    for origin in both(|script| script).await {
        for (mode, at) in [("whole", 1), ("chunks", 1), ("chunks", 2)] {
            let config = format!(
                "request = {{ mode = \"{mode}\", octets = 100, act = \"respond\", at = {at}, \
                 text = \"no\" }}"
            );
            let proxy = seeing(&origin, &config, "").start().await;
            for mut client in clients(&proxy).await {
                let target = format!("/{mode}-{at}");
                let answer = post(&mut client, &target, pieces(&["one", "two", "three"])).await;
                assert_eq!((answer.status, answer.text()), (418, "no"), "{mode} {at}");
                // The one that answers does not see its own answer.
                assert_eq!(answer.header("x-seen-by-hook"), None);
            }
            let entry = proxy.await_log_of(&format!("/{mode}-{at}")).await;
            assert_eq!(entry["plugins"][0]["request_body"], "respond");
        }
    }
}

#[tokio::test]
async fn a_response_is_changed_or_replaced_after_its_body_was_seen() {
    for origin in both(|script| script.say("/said", 200, "the endpoint's words")).await {
        let seen = |act: &str| {
            format!(
                "response = {{ mode = \"whole\", octets = 100, act = \"{act}\", number = 206, \
                     text = \" and more\" }}"
            )
        };
        let proxy = seeing(&origin, &seen("append"), "").start().await;
        for mut client in clients(&proxy).await {
            let answer = client.get("/said").await;
            assert_eq!(answer.text(), "the endpoint's words and more");
            assert_eq!(answer.header("content-length"), Some("29"));
            let head = Request::head("/said").body(empty()).unwrap();
            assert_eq!(client.send(head).await.header("content-length"), None);
        }
        let proxy = seeing(&origin, &seen("head"), "").start().await;
        assert_eq!(proxy.get("/said").await.header("x-length"), Some("20"));
        let proxy = seeing(&origin, &seen("status"), "").start().await;
        assert_eq!(proxy.get("/said").await.status, 206);
        let proxy = seeing(&origin, &seen("respond"), "").start().await;
        let answer = proxy.get("/said").await;
        assert_eq!((answer.status, answer.text()), (418, " and more"));
        let entry = proxy.await_log_of("/said").await;
        assert_eq!(entry["plugins"][0]["response_body"], "replace");
    }
}

#[tokio::test]
async fn responses_without_a_body_reach_no_body_hook() {
    let origin = Origin::http1().say("/none", 204, "").say("/same", 304, "").start().await;
    let config =
        "response = { mode = \"whole\", octets = 9999, act = \"fail\", text = \"called\" }";
    let proxy = seeing(&origin, config, "").start().await;
    assert_eq!(proxy.get("/none").await.status, 204);
    assert_eq!(proxy.get("/same").await.status, 304);
    let head = Request::head("/").body(empty()).unwrap();
    assert_eq!(proxy.client().await.send(head).await.status, 200);
    assert_eq!(proxy.get("/").await.status, 503);
    let config = "request = { mode = \"whole\", octets = 9, act = \"fail\", text = \"called\" }";
    let proxy = seeing(&origin, config, "").start().await;
    assert_eq!(proxy.get("/").await.status, 200);
    assert_eq!(note(&proxy, "/", "has_body").await, "no");
}

#[tokio::test]
async fn a_plugin_that_fails_at_a_body_fails_closed_or_is_skipped() {
    for (act, word) in [("fail", "fail"), ("trap", "trap"), ("hold-always", "illegal")] {
        for side in ["request", "response"] {
            let origin = Origin::http1().start().await;
            let config = format!("{side} = {{ mode = \"whole\", octets = 9999, act = \"{act}\" }}");
            let closed = seeing(&origin, &config, "").start().await;
            let answer = post(&mut closed.client().await, "/closed", body("payload")).await;
            assert_eq!(answer.status, 503, "{side} {act}");
            assert_eq!(origin.request_count(), usize::from(side == "response"));
            let entry = closed.await_log_of("/closed").await;
            assert_eq!(entry["plugins"][0][format!("{side}_body")], word);
            assert_eq!(entry["error"]["kind"], "plugin_failed");

            let open = seeing(&origin, &config, "on_failure = \"open\"\n").start().await;
            let answer = post(&mut open.client().await, "/open", body("payload")).await;
            assert_eq!(echo(&answer)["body"], "payload", "{side} {act}");
        }
    }
}

#[tokio::test]
async fn a_failure_in_the_middle_never_leaves_a_message_that_looks_whole() {
    let slow = |script: Script| {
        script.answer("/slow", |_| async {
            let (mut sender, body) = channel();
            tokio::spawn(async move {
                for piece in ["one", "two", "three"] {
                    if sender.send_data(piece.into()).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            });
            Response::new(body)
        })
    };
    for origin in both(slow).await {
        let config = "response = { mode = \"chunks\", act = \"trap\", at = 2 }";
        let proxy = seeing(&origin, config, "").start().await;
        for mut client in clients(&proxy).await {
            let response = client.try_start(Request::get("/slow").body(empty()).unwrap()).await;
            // Nothing, or a beginning, but never an end.
            if let Ok(response) = response
                && response.status() == 200
            {
                assert!(Answer::collect(response).await.is_err(), "{}", origin.url());
            }
        }
        let entry = proxy.await_log_of("/slow").await;
        assert_eq!(entry["plugins"][0]["response_body"], "trap", "{entry}");
        assert_eq!(entry["error"]["kind"], "plugin_failed");
    }
}

#[tokio::test]
async fn a_request_that_fails_in_the_middle_does_not_look_whole_to_the_endpoint() {
    let (seen, mut complete) = tokio::sync::mpsc::unbounded_channel();
    let origin = Origin::http1()
        .answer("/up", move |request: Request<hyper::body::Incoming>| {
            let seen = seen.clone();
            async move {
                let whole = request.into_body().collect().await.is_ok();
                seen.send(whole).unwrap();
                Response::new(empty())
            }
        })
        .start()
        .await;
    let config = "request = { mode = \"chunks\", act = \"trap\", at = 2 }";
    let proxy = seeing(&origin, config, "").start().await;
    let (mut sender, sent) = channel();
    let mut client = proxy.client().await;
    let exchange = post(&mut client, "/up", sent);
    let feed = async {
        sender.send_data("one".into()).await.unwrap();
        within("the request", async {
            while origin.request_count() == 0 {
                harness::poll_again().await;
            }
        })
        .await;
        let _ = sender.send_data("two".into()).await;
        sender
    };
    let (answer, _sender) = tokio::join!(exchange, feed);
    assert_eq!(answer.status, 503);
    assert_eq!(within("the endpoint's view", complete.recv()).await, Some(false));
}

#[tokio::test]
async fn a_plugin_chooses_for_each_exchange_how_much_it_sees() {
    let origin = Origin::http1().start().await;
    let config = "select_request = { mode = \"whole\", octets = 100, act = \"upper\" }, \
                  select_response = { mode = \"chunks\", act = \"upper\" }, select_at = \"response\"";
    let proxy = seeing(&origin, config, "").start().await;
    let answer = post(&mut proxy.client().await, "/chosen", body("payload")).await;
    assert!(answer.text().contains("\"BODY\":\"PAYLOAD\""), "{}", answer.text());

    let config = "request = { mode = \"whole\", octets = 9 }, \
                  select_response = { mode = \"chunks\", act = \"upper\" }, \
                  select_at = \"request-body\"";
    let proxy = seeing(&origin, config, "").start().await;
    let answer = post(&mut proxy.client().await, "/late", body("payload")).await;
    assert_eq!(echo(&answer)["body"], "payload");
    assert_eq!(
        note(&proxy, "/late", "refused").await,
        "it is too late to choose how much of the body to see"
    );
}

#[tokio::test]
async fn plugins_see_what_those_before_let_through() {
    let origin = Origin::http1().start().await;
    let use_of = |text: &str| {
        let sight =
            format!("{{ mode = \"whole\", octets = 100, act = \"prepend\", text = \"{text}\" }}");
        let response =
            format!("{{ mode = \"chunks\", octets = 0, act = \"append\", text = \"{text}\" }}");
        format!("{{ use = \"sees\", config = {{ request = {sight}, response = {response} }} }}")
    };
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n[cluster.app]\nendpoints = [{:?}]\n\
         [plugin.sees]\nsource = {:?}\n\
         [[route]]\nplugins = [{}, {}]\ncluster = \"app\"\n",
        origin.url(),
        guest::BODY,
        use_of("1"),
        use_of("2"),
    ))
    .start()
    .await;
    let answer = post(&mut proxy.client().await, "/", body("payload")).await;
    assert!(answer.text().ends_with("}21"), "{}", answer.text());
    assert!(answer.text().contains("\"body\":\"21payload\""), "{}", answer.text());
}

#[tokio::test]
async fn a_body_hook_chooses_a_route_whose_plugins_see_the_request_too() {
    let app = Origin::http1().named("app").start().await;
    let other = Origin::http1().named("other").start().await;
    let proxy = Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n[cluster.other]\nendpoints = [{:?}]\n\
         [plugin.sees]\nsource = {guest:?}\n\
         config = {{ request = {{ mode = \"whole\", octets = 100, act = \"route\", text = \"other\" }} }}\n\
         [plugin.upper]\nsource = {guest:?}\n\
         config = {{ request = {{ mode = \"whole\", octets = 100, act = \"upper\" }} }}\n\
         [[route]]\nplugins = [\"sees\"]\ncluster = \"app\"\n\
         [[route]]\nname = \"other\"\nhost = \"other.test\"\nplugins = [\"upper\"]\n\
         cluster = \"other\"\nbody_bytes = \"20B\"\n",
        app.url(),
        other.url(),
        guest = guest::BODY,
    ))
    .start()
    .await;
    let mut client = proxy.client().await;
    let answer = post(&mut client, "/", body("payload")).await;
    let echo = echo(&answer);
    assert_eq!((&echo["origin"], &echo["body"]), (&json!("other"), &json!("PAYLOAD")));
    let answer = post(&mut client, "/long", body("longer than twenty octets")).await;
    assert_eq!(answer.status, 413, "the bound of the route that was chosen");
}

#[tokio::test]
async fn isolated_exchanges_keep_one_instance_for_all_of_their_hooks() {
    let origin = Origin::http1().start().await;
    let config = "request = { mode = \"chunks\" }, response = { mode = \"chunks\" }";
    let proxy = seeing(&origin, config, "isolation = \"exchange\"\n").start().await;
    for target in ["/one", "/two"] {
        post(&mut proxy.client().await, target, pieces(&["a"])).await;
        let entry = proxy.await_log_of(target).await;
        let notes = &entry["annotations"]["sees"];
        let number = |name: &str| notes[name].as_str().unwrap().parse::<u32>().unwrap();
        assert_eq!(number("own_calls"), number("request_calls") + number("response_calls"));
    }
}

#[tokio::test]
async fn a_large_stream_through_a_plugin_is_not_kept() {
    const LARGE: u64 = 256 << 20;
    let origin = Origin::http1()
        .answer("/down", |_| async { Response::new(payload::stream(LARGE)) })
        .start()
        .await;
    let proxy = Proxy::with(format!(
        "workers = 1\n[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n[plugin.passing]\nsource = {:?}\n\
         [[route]]\nplugins = [\"passing\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::PASSING,
    ))
    .start()
    .await;
    post(&mut proxy.client().await, "/warm", body("payload")).await;
    let before = proxy.memory("VmHWM");

    let checksum = payload::checksum(LARGE);
    let mut client = proxy.client().await;
    let answer = post(&mut client, "/up", payload::stream(LARGE)).await;
    assert_eq!(echo(&answer)["body_sha256"], checksum);
    let response = client.start(Request::get("/down").body(empty()).unwrap()).await;
    let mut sum = payload::Checksum::default();
    let mut incoming = response.into_body();
    while let Some(frame) = within("the next piece", incoming.frame()).await {
        sum.add(&frame.unwrap().into_data().unwrap_or_default());
    }
    assert_eq!((sum.length(), sum.finish()), (LARGE, checksum));

    let grown = proxy.memory("VmHWM") - before;
    assert!(grown < 24 << 10, "memory grew by {grown} KiB");
    assert_eq!(proxy.await_log_of("/up").await["bytes_in"], LARGE);
}

#[tokio::test]
async fn both_bodies_stream_through_plugins_at_once() {
    let origin = Origin::http2()
        .answer("/talk", |request: Request<hyper::body::Incoming>| async move {
            Response::new(request.into_body().map_err(|_| harness::broken()).boxed_unsync())
        })
        .start()
        .await;
    let config =
        "request = { mode = \"chunks\", act = \"upper\" }, response = { mode = \"watch\" }";
    let proxy = seeing(&origin, config, "").start().await;
    let mut client = Client::http2(proxy.http()).await;
    let (mut sender, sent) = channel();
    sender.send_data("first ".into()).await.unwrap();
    let response = client.start(Request::post("/talk").body(sent).unwrap()).await;
    let mut incoming = response.into_body();
    for said in ["FIRST ", "SECOND ", "THIRD "] {
        let frame = within("an answer", incoming.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), said);
        let next = if said == "FIRST " { "second " } else { "third " };
        if said != "THIRD " {
            sender.send_data(next.into()).await.unwrap();
        }
    }
    drop(sender);
    let rest = within("the end", incoming.collect()).await.expect("an end");
    assert!(rest.to_bytes().is_empty());
    let entry = proxy.await_log_of("/talk").await;
    assert_eq!(entry.get("error"), None, "{entry}");
    assert_eq!(entry["plugins"][0]["request_body"], "forward");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_logged_with_what_is_known() {
    let origin = Origin::silent().await;
    let config = "request = { mode = \"whole\", octets = 100 }";
    let proxy = seeing(&origin, config, "").start().await;
    let mut raw = Raw::connect(proxy.http()).await;
    raw.write("POST /left HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\npart").await;
    drop(raw);
    let entry = proxy.await_log_of("/left").await;
    assert_eq!(entry["error"]["kind"], "client_closed", "{entry}");
    assert_eq!(entry["cluster"], "app", "{entry}");
}
