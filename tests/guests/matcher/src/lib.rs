//! Matches what its configuration says, and answers with the members found; for the
//! benchmark it matches one subject and goes on.

use plugin_sdk::matcher::{RegexOptions, Set, Subject, matches_all};
use plugin_sdk::{BodyFlow, BodyMode, Flow, Plugin, Reply, Request, RequestBody, Response, Result};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    literals: Vec<String>,
    #[serde(default)]
    networks: Vec<String>,
    /// `path`, `query`, `client-address`, `body`, `request:NAME`, `response:NAME`, or text.
    subject: String,
    #[serde(default)]
    act: Act,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Act {
    /// Answer with what was found.
    #[default]
    Answer,
    /// Say so in the field `x-found` of the response.
    Response,
    /// Answer with what was found in the request's body.
    Body,
    /// Look whether anything matches, and go on.
    IsMatch,
    /// Look for all that matches, and go on.
    Matches,
    /// Ask for another set than `new` did.
    AskLate,
    /// Match more than the host takes.
    TooMuch,
}

struct Matcher {
    regexes: Set,
    literals: Set,
    networks: Set,
    subject: Subject,
    act: Act,
    /// Over all hooks, so that something comes of the search.
    found: u32,
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Matcher {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let options = RegexOptions { ignore_case: true, ..RegexOptions::default() };
        Ok(Self {
            regexes: Set::regex(config.regexes, options)?,
            literals: Set::literals(config.literals, false)?,
            networks: Set::networks(config.networks)?,
            subject: subject(&config.subject),
            act: config.act,
            found: 0,
        })
    }

    fn on_request(&mut self, _: &mut Request) -> Result<Flow> {
        match self.act {
            Act::Answer => return Ok(Reply::new(200).body(self.answer().to_string()).into()),
            Act::Response | Act::Body => {}
            Act::IsMatch => self.found += u32::from(self.regexes.is_match(&self.subject)),
            Act::Matches => self.found += self.regexes.matches(&self.subject).len() as u32,
            Act::AskLate => self.literals = Set::literals(["never asked for before"], false)?,
            Act::TooMuch => {
                let much = Subject::Octets(vec![0; (1 << 20) + 1]);
                self.found += u32::from(self.literals.is_match(&much));
            }
        }
        Ok(Flow::Continue)
    }

    fn request_body(&self) -> BodyMode {
        match self.act {
            Act::Body => BodyMode::Whole(4 << 20),
            _ => BodyMode::None,
        }
    }

    fn on_request_body(&mut self, _: &mut RequestBody) -> Result<BodyFlow> {
        Ok(Reply::new(200).body(self.answer().to_string()).into())
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        if matches!(self.act, Act::Response) {
            response.set_header("x-found", self.answer().to_string());
        }
        Ok(())
    }
}

impl Matcher {
    fn answer(&self) -> serde_json::Value {
        let sets = [self.regexes, self.literals, self.networks];
        let each = sets.map(|set| (set.is_match(&self.subject), set.matches(&self.subject)));
        let at_once = matches_all(sets.map(|set| (set, self.subject.clone())));
        assert_eq!(at_once, each.each_ref().map(|(_, found)| found.clone()));
        assert!(each.iter().all(|(any, found)| *any != found.is_empty()));
        json!(at_once)
    }
}

fn subject(text: &str) -> Subject {
    match text.split_once(':') {
        Some(("request", name)) => Subject::RequestHeader(name.to_owned()),
        Some(("response", name)) => Subject::ResponseHeader(name.to_owned()),
        _ => match text {
            "path" => Subject::Path,
            "query" => Subject::Query,
            "client-address" => Subject::ClientAddress,
            "body" => Subject::Body,
            text => Subject::Octets(text.into()),
        },
    }
}
