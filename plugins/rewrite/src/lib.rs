//! The bundled plugin `rewrite`. Its README has the keys.

mod condition;
mod config;
mod path;
mod query;
mod redirect;
mod rule;

use plugin_sdk::{Error, Flow, Plugin, Request, Result, Subscription};

use crate::config::Config;
use crate::rule::{Rule, State, Step};

struct Rewrite {
    rules: Vec<Rule>,
}

#[plugin_sdk::export]
impl Plugin for Rewrite {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let rules = config.rules.into_iter().enumerate();
        let rule = |(index, rule)| {
            Rule::new(rule).map_err(|e: Error| e.within(format_args!("rules[{index}]")))
        };
        Ok(Self { rules: rules.map(rule).collect::<Result<_>>()? })
    }

    fn subscription(&self) -> Subscription {
        let fields = self.rules.iter().flat_map(Rule::fields);
        fields.fold(Subscription::new(), |s, name| s.request_header(name))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let mut state = State::default();
        for rule in &self.rules {
            match rule.apply(request, &mut state) {
                Step::Next => {}
                Step::Stop => break,
                Step::Answer(reply) => return Ok(reply.into()),
            }
        }
        state.into_edits(request);
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests;
