//! The bundled plugin `respond`. Its README has the keys.

mod answer;
mod config;
mod files;
mod place;
mod redirect;
mod table;

use plugin_sdk::{Error, Flow, Plugin, Request, Result, exchange, log};

use crate::answer::Answer;
use crate::config::Config;
use crate::place::Place;
use crate::redirect::Redirect;
use crate::table::{Action, Table};

struct Respond {
    table: Table,
    keep_query: bool,
}

#[plugin_sdk::export]
impl Plugin for Respond {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let mut table = Table::new();
        for (index, response) in config.responses.into_iter().enumerate() {
            let add = || {
                let place = Place::parse(&response.from).map_err(|e| e.within("from"))?;
                table.add(place, Action::Answer(Box::new(Answer::new(response)?)))
            };
            add().map_err(|e| e.within(format!("responses[{index}]")))?;
        }
        let status = config.redirect_status;
        Redirect::new("/", status, false).map_err(|e| e.within("redirect_status"))?;
        let mut add = |redirect: config::Redirect| {
            let place = Place::parse(&redirect.from).map_err(|e| e.within("from"))?;
            let status = redirect.status.unwrap_or(status);
            let action = Redirect::new(&redirect.to, status, place.is_prefix)?;
            table.add(place, Action::Redirect(action))
        };
        for (index, redirect) in config.redirects.into_iter().enumerate() {
            add(redirect).map_err(|e| e.within(format!("redirects[{index}]")))?;
        }
        for file in &config.redirect_files {
            files::read(file, &mut add).map_err(|e| e.within(format!("redirect_files: {file}")))?;
        }
        if let Some(path) = table.circle() {
            return Err(Error::new(format!("the redirect of `{path}` leads back to itself")));
        }
        if table.len() == 0 {
            return Err(Error::new(
                "there is no entry: write `responses`, `redirects` or `redirect_files`",
            ));
        }
        log::debug!("{} entries", table.len());
        Ok(Self { table, keep_query: config.keep_query })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let host = if self.table.knows_hosts() { request.host() } else { "" };
        let Some(found) = self.table.find(host, request.path()) else {
            return Ok(Flow::Continue);
        };
        let (kind, reply) = match found.action {
            Action::Answer(answer) => ("response", answer.reply(request)),
            Action::Redirect(redirect) => {
                let query = request.query().filter(|_| self.keep_query);
                ("redirect", redirect.reply(found.rest, query))
            }
        };
        exchange::annotate("respond", kind)?;
        Ok(reply.into())
    }
}

#[cfg(test)]
mod tests;
