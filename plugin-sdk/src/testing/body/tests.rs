use serde::Deserialize;

use crate::testing::{Exchange, Loaded, Verdict};
use crate::{
    BodyFlow, BodyMode, Flow, Plugin, Reply, Request, RequestBody, ResponseBody, Result, body,
};

#[derive(Deserialize)]
struct Config {
    act: String,
    #[serde(default)]
    octets: u32,
}

struct Sees(Config);

impl Plugin for Sees {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config))
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        if self.0.act == "select" {
            body::select_request(BodyMode::First(self.0.octets))?;
        }
        Ok(Flow::Continue)
    }

    fn request_body(&self) -> BodyMode {
        match self.0.act.as_str() {
            "sum" | "refuse" => BodyMode::Whole(self.0.octets),
            "watch" => BodyMode::Watch,
            "select" => BodyMode::None,
            _ => BodyMode::Chunks(self.0.octets),
        }
    }

    fn on_request_body(&mut self, body: &mut RequestBody) -> Result<BodyFlow> {
        match self.0.act.as_str() {
            "sum" => {
                let length = body.octets().len().to_string();
                body.head().set_header("x-length", length);
            }
            "refuse" => return Ok(Reply::new(418).into()),
            "lines" if !body.is_last() => {
                let end = body.octets().iter().rposition(|o| *o == b'\n').map_or(0, |at| at + 1);
                body.take(end);
            }
            "hold" if !body.is_last() => return Ok(BodyFlow::Hold(3)),
            "watch" => body.replace("other"),
            "late" => body.head().set_header("x-late", "1"),
            "end" => body.end(),
            "trailers" if body.is_last() => {
                let count = body.trailers().len().to_string();
                body.trailers_mut().set("x-count", count);
            }
            "mixed" => {
                body.end();
                return Ok(BodyFlow::Hold(1));
            }
            _ => {}
        }
        Ok(BodyFlow::Continue)
    }

    fn response_body(&self) -> BodyMode {
        BodyMode::Chunks(0)
    }

    fn on_response_body(&mut self, body: &mut ResponseBody) -> Result<BodyFlow> {
        let upper = body.octets().to_ascii_uppercase();
        body.replace(upper);
        if self.0.act == "status" {
            body.head().set_status(206);
        }
        Ok(BodyFlow::Continue)
    }
}

fn sees(act: &str, octets: u32) -> Loaded<Sees> {
    Loaded::new(&serde_json::json!({ "act": act, "octets": octets }).to_string())
        .expect("a good configuration")
}

fn failure(act: &str, octets: u32) -> String {
    let passed = sees(act, octets).on_request_body(&mut Exchange::get("/"), &[b"one", b"two"]);
    match passed.verdict {
        Verdict::Fail(reason) => reason,
        other => panic!("{act} came to {other:?}"),
    }
}

#[test]
fn a_whole_body_changes_the_head() {
    let mut exchange = Exchange::new("POST", "/");
    let passed = sees("sum", 10).on_request_body(&mut exchange, &[b"one", b"two"]);
    assert_eq!((&*passed.octets, passed.calls), (&b"onetwo"[..], 1));
    assert_eq!(exchange.request_header("x-length").as_deref(), Some("6"));
    assert!(failure("sum", 5).contains("more than 5 octets"));
}

#[test]
fn what_is_held_comes_again() {
    let mut exchange = Exchange::new("POST", "/");
    let pieces: [&[u8]; 3] = [b"one\ntw", b"o\nth", b"ree"];
    let passed = sees("lines", 10).on_request_body(&mut exchange, &pieces);
    assert_eq!((passed.octets, passed.verdict), (b"one\ntwo\nthree".to_vec(), Verdict::Continue));
    let passed = sees("hold", 13).on_request_body(&mut exchange, &pieces);
    assert_eq!(passed.octets, b"one\ntwo\nthree");
    assert!(failure("hold", 4).contains("the mode allows 4"));
}

#[test]
fn a_body_ends_early_or_is_answered() {
    let mut exchange = Exchange::new("POST", "/");
    let passed = sees("end", 0).on_request_body(&mut exchange, &[b"one", b"two"]);
    assert_eq!((&*passed.octets, passed.calls), (&b"one"[..], 1));
    let passed = sees("refuse", 10).on_request_body(&mut exchange, &[b"one", b"two"]);
    assert_eq!((passed.verdict, exchange.status()), (Verdict::Respond, Some(418)));
}

#[test]
fn what_the_contract_forbids_fails() {
    assert_eq!(failure("watch", 0), "a body that is only watched cannot be changed");
    assert_eq!(failure("late", 0), "the head cannot change after octets of the body have passed");
    assert!(failure("mixed", 9).contains("after changes"));
}

#[test]
fn trailers_come_with_the_last_part() {
    let mut exchange = Exchange::new("POST", "/").trailer("x-sum", "1");
    let _ = sees("trailers", 0).on_request_body(&mut exchange, &[b"one"]);
    assert_eq!(exchange.request_trailer("x-count").as_deref(), Some("1"));
}

#[test]
fn a_choice_for_one_exchange_holds() {
    let plugin = sees("select", 2);
    let mut exchange = Exchange::new("POST", "/").with_body();
    assert_eq!(plugin.on_request(&mut exchange), Verdict::Continue);
    let passed = plugin.on_request_body(&mut exchange, &[b"one"]);
    assert_eq!((&*passed.octets, passed.calls), (&b"one"[..], 1));
    let passed = plugin.on_request_body(&mut Exchange::new("POST", "/"), &[b"one"]);
    assert_eq!((&*passed.octets, passed.calls), (&b"one"[..], 0));
}

#[test]
fn a_response_changes_with_its_head() {
    let mut exchange = Exchange::get("/").answered(200);
    let passed = sees("status", 0).on_response_body(&mut exchange, &[b"one"]);
    assert_eq!((&*passed.octets, exchange.status()), (&b"ONE"[..], Some(206)));
}
