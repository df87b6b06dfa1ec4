//! The bundled plugin `access`. Its README has the keys.
//!
//! Everything that rules go by is in the instance: the one question to the host is
//! that for the client's address, and for the time if a rule goes by it.

mod config;
mod files;
mod place;
mod rule;
mod window;

use std::time::{Instant, SystemTime};

use plugin_sdk::{Error, Flow, Plugin, Reply, Request, Result, exchange};

use crate::config::{Action, Config};
use crate::place::Places;
use crate::rule::{Client, Rule};

struct Access {
    rules: Vec<Rule>,
    default: Action,
    places: Places,
    dry_run: bool,
    refusal: config::Refusal,
    /// The minute for which the rules know whether it is their time; none if no rule
    /// goes by it.
    minute: Option<i64>,
    /// Whether there are files to look after.
    has_files: bool,
}

#[plugin_sdk::export]
impl Plugin for Access {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let places = Places::new(&config.databases)?;
        let rules = config.rules.into_iter().enumerate().map(|(index, rule)| {
            Rule::new(rule, &places).map_err(|e| e.within(format_args!("rules[{index}]")))
        });
        let rules: Vec<Rule> = rules.collect::<Result<_>>()?;
        for (index, rule) in rules.iter().enumerate() {
            if rules[..index].iter().any(|other| other.name == rule.name) {
                let text = format!("another rule is called `{}` too", rule.name);
                return Err(Error::new(text).within(format_args!("rules[{index}].name")));
            }
        }
        if !(400..=599).contains(&config.refusal.status) {
            let text = format!("{} is not from 400 to 599", config.refusal.status);
            return Err(Error::new(text).within("refusal.status"));
        }
        if !plugin_sdk::field::is_value(config.refusal.content_type.as_bytes()) {
            return Err(Error::new("no value of a field").within("refusal.content_type"));
        }
        Ok(Self {
            default: config.default,
            places,
            dry_run: config.dry_run,
            refusal: config.refusal,
            minute: rules.iter().any(Rule::has_windows).then_some(i64::MIN),
            has_files: rules.iter().any(Rule::has_files),
            rules,
        })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        self.look_after_time_and_files();
        let mut client = Client::of(request, &mut self.places);
        let rule = self.rules.iter().find(|rule| rule.matches(&mut client));
        let (action, name) = match rule {
            Some(rule) => (rule.action, rule.name.as_str()),
            None => (self.default, "default"),
        };
        if action == Action::Allow {
            return Ok(Flow::Continue);
        }
        exchange::annotate(if self.dry_run { "would_refuse" } else { "refused" }, name)?;
        if let Some(place) = client.place {
            if let Some(country) = place.country {
                exchange::annotate("country", country.as_str())?;
            }
            if let Some(asn) = place.asn {
                exchange::annotate("asn", &asn.to_string())?;
            }
        }
        if self.dry_run {
            return Ok(Flow::Continue);
        }
        let config::Refusal { status, body, content_type } = &self.refusal;
        let reply = Reply::new(*status).header("content-type", content_type.as_str());
        Ok(reply.body(body.as_str()).into())
    }
}

impl Access {
    fn look_after_time_and_files(&mut self) {
        if let Some(known) = self.minute {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let second =
                since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
            let minute = second.div_euclid(60);
            if minute != known {
                self.minute = Some(minute);
                self.rules.iter_mut().for_each(|rule| rule.set_time(second));
            }
        }
        if self.has_files {
            let now = Instant::now();
            self.rules.iter_mut().for_each(|rule| rule.refresh(now));
        }
    }
}

#[cfg(test)]
mod tests;
