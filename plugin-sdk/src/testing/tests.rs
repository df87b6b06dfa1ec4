use serde::Deserialize;

use super::*;
use crate::exchange::{self, Visible};
use crate::http;
use crate::{Endpoint, Flow, NoConfig, Pick, Reply, Request, Response, Result};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    act: String,
}

/// Does what its rules say, in order.
struct Actor(Config);

impl Plugin for Actor {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header("X-Asked").response_header("server")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        for rule in &self.0.rules {
            match rule.act.as_str() {
                "copy" => {
                    let asked = request.header("x-ASKED").map(<[u8]>::to_vec);
                    request.set_header("x-copy", asked.unwrap_or_default());
                }
                "pull twice" => {
                    let first = request.header("x-other").map(<[u8]>::to_vec);
                    assert_eq!(first.as_deref(), request.header("X-Other"));
                }
                "smuggle" => request.set_header("x-a", "b\r\nx-c: d"),
                "frame" => request.set_header("Content-Length", "3"),
                "host" => request.set_header("host", "elsewhere"),
                "edit response" => {
                    let headers = request.response_headers();
                    headers.rename("server", "x-server");
                    headers.add("x-seen", "yes");
                }
                "cookie" => {
                    let cookie = request.cookie("b").map(<[u8]>::to_vec);
                    request.set_header("x-cookie", cookie.unwrap_or_default());
                }
                "keep" => exchange::set_value("k", "v", Visible::Later)?,
                "keep much" => exchange::set_value("k", vec![0; 65 * 1024], Visible::Own)?,
                "respond" => return Ok(Reply::new(418).text("short and stout").into()),
                "respond oddly" => return Ok(Reply::new(99).into()),
                act => return Err(crate::Error::new(format!("cannot {act}"))),
            }
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        if response.header("server").is_some() {
            response.set_status(599);
        }
        Ok(())
    }
}

fn actor(acts: &[&str]) -> Loaded<Actor> {
    let rules: Vec<_> = acts.iter().map(|a| serde_json::json!({ "act": a })).collect();
    Loaded::new(&serde_json::json!({ "rules": rules }).to_string()).expect("a good configuration")
}

fn failure(acts: &[&str]) -> String {
    match actor(acts).on_request(&mut Exchange::get("/")) {
        Verdict::Fail(reason) => reason,
        other => panic!("{acts:?} came to {other:?}"),
    }
}

#[test]
fn subscribed_fields_cost_no_pull() {
    let mut exchange = Exchange::get("/").header("x-asked", "1").header("X-Asked", "2");
    assert_eq!(actor(&["copy"]).on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.request_header("x-copy").as_deref(), Some("1, 2"));
    assert_eq!(exchange.pulls(), 0);
}

#[test]
fn an_absent_subscribed_field_costs_no_pull() {
    let mut exchange = Exchange::get("/");
    assert_eq!(actor(&["copy"]).on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.request_header("x-copy").as_deref(), Some(""));
    assert_eq!(exchange.pulls(), 0);
}

#[test]
fn a_pulled_field_is_asked_for_once() {
    let mut exchange = Exchange::get("/").header("x-other", "1");
    assert_eq!(actor(&["pull twice"]).on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.pulls(), 1);
}

#[test]
fn illegal_edits_fail_the_plugin_and_change_nothing() {
    assert_eq!(failure(&["smuggle"]), "the value of `x-a` is illegal");
    assert_eq!(failure(&["frame"]), "`Content-Length` cannot be edited");
    assert_eq!(failure(&["host"]), "`host` is changed by `set_authority`");
    assert_eq!(failure(&["respond oddly"]), "99 is not a status from 200 to 599");

    let mut exchange = Exchange::get("/");
    let verdict = actor(&["copy", "smuggle"]).on_request(&mut exchange);
    assert!(matches!(verdict, Verdict::Fail(_)));
    assert!(exchange.request_headers().is_empty());
}

#[test]
fn an_error_is_the_reason_of_the_failure() {
    assert_eq!(failure(&["fly"]), "cannot fly");
    assert_eq!(failure(&["keep much"]), "the plugin's values for one exchange exceed their quota");
}

#[test]
fn response_edits_wait_for_the_response_and_precede_its_hook() {
    let plugin = actor(&["edit response"]);
    let mut exchange = Exchange::get("/").answered_header("server", "origin");
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.response_header("server").as_deref(), Some("origin"));
    assert_eq!(plugin.on_response(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.response_header("x-server").as_deref(), Some("origin"));
    assert_eq!(exchange.response_header("x-seen").as_deref(), Some("yes"));
    // `server` was renamed before the hook, which therefore left the status alone.
    assert_eq!(exchange.status(), Some(200));
}

#[test]
fn cookies_are_found_across_lines() {
    let mut exchange = Exchange::get("/").header("cookie", "a=1; bb=2").header("cookie", "b=3=4");
    assert_eq!(actor(&["cookie"]).on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.request_header("x-cookie").as_deref(), Some("3=4"));
}

#[test]
fn values_are_kept_under_the_plugins_name() {
    let mut exchange = Exchange::get("/");
    assert_eq!(actor(&["keep"]).named("me").on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.value("me", "k"), Some(b"v".as_slice()));
    assert_eq!(exchange.value("you", "k"), None);
}

#[test]
fn a_reply_becomes_the_response() {
    let mut exchange = Exchange::get("/");
    assert_eq!(actor(&["respond"]).on_request(&mut exchange), Verdict::Respond);
    assert_eq!(exchange.status(), Some(418));
    assert_eq!(exchange.body(), b"short and stout");
    assert_eq!(
        exchange.response_header("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
}

#[test]
fn configuration_errors_name_the_key() {
    let error = |config: &str| match Loaded::<Actor>::new(config) {
        Ok(_) => panic!("{config} was accepted"),
        Err(error) => error,
    };
    assert_eq!(
        error(r#"{"rules": [{"act": "copy"}, {"act": 3}]}"#),
        "rules[1].act: invalid type: integer `3`, expected a string"
    );
    assert_eq!(error(r#"{"rulez": []}"#), "rulez: unknown field `rulez`, expected `rules`");
    assert_eq!(error(r#"{"rules": [{}]}"#), "rules[0]: missing field `act`");
}

#[test]
fn outside_a_hook_readers_answer_with_nothing() {
    assert_eq!(exchange::method(), "");
    assert_eq!(exchange::request_header("host"), None);
    assert!(exchange::set_value("k", "v", Visible::Own).is_err());
    assert!(exchange::annotate("k", "v").is_err());
}

/// Lets through whom another host knows.
struct Asks;

impl Plugin for Asks {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let mut asked = http::Request::post("https://auth.internal:8443/check", "who")
            .timeout(std::time::Duration::from_millis(500));
        for name in ["cookie", "host"] {
            if let Some(value) = request.header(name) {
                asked = asked.header(name, value);
            }
        }
        let answer = asked.send()?;
        if answer.status == 200 {
            request.set_header("x-user", answer.header("X-User").unwrap_or_default());
            return Ok(Flow::Continue);
        }
        Ok(Reply::new(answer.status).body(answer.body).into())
    }
}

#[test]
fn requests_are_answered_from_the_script() {
    let plugin = Loaded::<Asks>::new("{}").expect("it takes no configuration");
    let known = http::Response::new(200).with_header("x-user", "ann");
    let mut exchange = Exchange::get("/").header("cookie", "s=1").http_answer(Ok(known));
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    assert_eq!(exchange.request_header("x-user").as_deref(), Some("ann"));
    let expected = http::Request::post("https://auth.internal:8443/check", "who")
        .header("cookie", "s=1")
        .timeout(std::time::Duration::from_millis(500));
    assert_eq!(exchange.http_requests(), [expected]);

    let unknown = http::Response::new(401).with_body("who are you?");
    let mut exchange = Exchange::get("/").http_answer(Ok(unknown));
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Respond);
    assert_eq!((exchange.status(), exchange.body()), (Some(401), b"who are you?".as_slice()));
}

#[test]
fn requests_fail_as_the_script_says() {
    let plugin = Loaded::<Asks>::new("{}").expect("it takes no configuration");
    let failed = |exchange: &mut Exchange| match plugin.on_request(exchange) {
        Verdict::Fail(reason) => reason,
        verdict => panic!("{verdict:?}"),
    };
    let mut timeout = Exchange::get("/").http_answer(Err(http::Error::Timeout));
    assert_eq!(failed(&mut timeout), "there was no answer in time");
    assert!(failed(&mut Exchange::get("/")).contains("no answer for it"));
    let mut illegal = Exchange::get("/").header("host", "a").http_answer(Err(http::Error::Busy));
    assert!(failed(&mut illegal).contains("not one"));
    assert!(illegal.http_requests().is_empty());
}

/// Picks what the field or the key says, and counts what it is told.
struct Balancer {
    told: Vec<String>,
    ticks: u32,
}

impl Plugin for Balancer {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self { told: Vec::new(), ticks: 0 })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().pick_header("X-Endpoint")
    }

    fn on_endpoints(&mut self, cluster: &str, endpoints: &[Endpoint]) {
        let all: Vec<String> =
            endpoints.iter().map(|e| format!("{}={}*{}", e.id, e.url, e.weight)).collect();
        self.told.push(format!("{cluster}: {}", all.join(" ")));
    }

    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        assert_eq!(exchange::method(), "", "there is no exchange to read");
        match pick.header_str("x-endpoint") {
            Some(id) => id.parse().ok(),
            None => pick.key().and_then(|key| u32::try_from(key).ok()),
        }
    }

    fn on_attempt(&mut self, attempt: &Attempt) {
        self.told.push(format!("{} {:?}", attempt.endpoint, attempt.status));
    }

    fn on_tick(&mut self) {
        self.ticks += 1;
    }

    fn tick_interval(&self) -> std::time::Duration {
        std::time::Duration::from_micros(1_500_900)
    }
}

#[test]
fn a_pick_goes_by_what_was_asked_for_and_is_one_that_is_offered() {
    let plugin = Loaded::<Balancer>::new("{}").expect("nothing to configure");
    assert_eq!(plugin.subscription().pick_headers(), ["x-endpoint"]);
    let cluster = Cluster::new("app", ["http://a", "http://b"]).weight(1, 3);
    plugin.on_endpoints(&cluster);
    let wants = |id: &str| Exchange::get("/").header("x-endpoint", id);

    assert_eq!(plugin.on_pick(&wants("1"), &cluster), Ok(Some(1)));
    assert_eq!(plugin.on_pick(&wants("none"), &cluster), Ok(None));
    assert_eq!(plugin.on_pick(&Exchange::get("/"), &cluster), Ok(None));
    assert_eq!(plugin.on_pick(&Exchange::get("/"), &cluster.clone().key(1)), Ok(Some(1)));
    assert!(plugin.on_pick(&wants("2"), &cluster).is_err(), "there is none of that number");
    assert!(plugin.on_pick(&wants("1"), &cluster.without(1)).is_err(), "it is not offered");

    let attempt = Attempt { endpoint: 1, status: Some(503), error: None, duration_us: 7 };
    plugin.on_attempt(&attempt);
    let told = plugin.plugin(|plugin| plugin.told.clone());
    assert_eq!(told, ["app: 0=http://a*1 1=http://b*3", "1 Some(503)"]);
}

#[test]
fn a_plugin_is_called_by_time() {
    let plugin = Loaded::<Balancer>::new("{}").expect("nothing to configure");
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(plugin.plugin(|plugin| plugin.ticks), 2);
    assert_eq!(plugin.tick_interval(), std::time::Duration::from_millis(1_500));
}
