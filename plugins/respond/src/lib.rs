//! The bundled plugin `respond`. Its README has the keys.

mod answer;
mod config;
mod list;
mod place;
mod redirect;
mod table;

use std::time::{Duration, Instant};

use plugin_sdk::{Error, Flow, Plugin, Request, Result, exchange, log};

use crate::answer::Answer;
use crate::config::Config;
use crate::place::Place;
use crate::redirect::Redirect;
use crate::table::{Action, Table};

/// How long a changed file may go unnoticed.
const REFRESH: Duration = Duration::from_secs(10);

/// What is read again while a request waits for it: about 1,500 redirects, which take a
/// few milliseconds of the 50 that a hook has unless configured.
const REREAD_MAX: u64 = 64 * 1024;

struct Respond {
    table: Table,
    config: Config,
    /// Of `redirect_files`, in order, when they were last read.
    stamps: Vec<Option<files::Stamp>>,
    looked: Option<Instant>,
}

#[plugin_sdk::export]
impl Plugin for Respond {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        // Taken first: a change while a file is read is then noticed the next time.
        let stamps = stamps(&config);
        let table = build(&config)?;
        log::debug!("{} entries", table.len());
        let looked = (!stamps.is_empty()).then(Instant::now);
        Ok(Self { table, config, stamps, looked })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        self.refresh();
        let host = if self.table.knows_hosts() { request.host() } else { "" };
        let Some(found) = self.table.find(host, request.path()) else {
            return Ok(Flow::Continue);
        };
        let (kind, reply) = match found.action {
            Action::Answer(answer) => ("response", answer.reply(request)),
            Action::Redirect(redirect) => {
                let query = request.query().filter(|_| self.config.keep_query);
                ("redirect", redirect.reply(found.rest, query))
            }
        };
        exchange::annotate("respond", kind)?;
        Ok(reply.into())
    }
}

impl Respond {
    /// Reads the files again if that is due and they have changed. What has a mistake
    /// leaves everything as it is, and a line in the log.
    fn refresh(&mut self) {
        let Some(looked) = self.looked else { return };
        if looked.elapsed() < REFRESH {
            return;
        }
        self.looked = Some(Instant::now());
        let stamps = stamps(&self.config);
        if stamps == self.stamps {
            return;
        }
        // Also after a mistake: it is told once for each change.
        self.stamps = stamps;
        let size: u64 = self.stamps.iter().flatten().map(files::Stamp::length).sum();
        if size > REREAD_MAX {
            log::warn!(
                "the redirects changed, but {size} octets are too many to be read while requests \
                 wait: give the list another name, and name that in the configuration"
            );
            return;
        }
        match build(&self.config) {
            Ok(table) => {
                log::info!("the redirects were read again: {} entries", table.len());
                self.table = table;
            }
            Err(error) => log::warn!("the redirects stay as they are: {error}"),
        }
    }
}

fn stamps(config: &Config) -> Vec<Option<files::Stamp>> {
    config.redirect_files.iter().map(|file| files::stamp(file)).collect()
}

/// The table of everything that is configured.
fn build(config: &Config) -> Result<Table> {
    let mut table = Table::new();
    for (index, response) in config.responses.iter().enumerate() {
        let mut add = || {
            let place = Place::parse(&response.from).map_err(|e| e.within("from"))?;
            table.add(place, Action::Answer(Box::new(Answer::new(response)?)))
        };
        add().map_err(|e| e.within(format!("responses[{index}]")))?;
    }
    Redirect::new("/", config.redirect_status, false).map_err(|e| e.within("redirect_status"))?;
    let mut add = |redirect: &config::Redirect| {
        let place = Place::parse(&redirect.from).map_err(|e| e.within("from"))?;
        let status = redirect.status.unwrap_or(config.redirect_status);
        let action = Redirect::new(&redirect.to, status, place.is_prefix)?;
        table.add(place, Action::Redirect(action))
    };
    for (index, redirect) in config.redirects.iter().enumerate() {
        add(redirect).map_err(|e| e.within(format!("redirects[{index}]")))?;
    }
    for file in &config.redirect_files {
        list::read(file, &mut add).map_err(|e| e.within(format!("redirect_files: {file}")))?;
    }
    if let Some(path) = table.circle() {
        return Err(Error::new(format!("the redirect of `{path}` leads back to itself")));
    }
    if table.len() == 0 {
        return Err(Error::new(
            "there is no entry: write `responses`, `redirects` or `redirect_files`",
        ));
    }
    Ok(table)
}

#[cfg(test)]
mod tests;
