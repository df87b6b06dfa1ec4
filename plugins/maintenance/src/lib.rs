//! The bundled plugin `maintenance`. Its README has the keys.

mod accept;
mod allow;
mod clock;
mod config;
mod page;
mod schedule;

use paths::Prefix;
use plugin_sdk::{Flow, Plugin, Request, Result, Subscription, exchange};

use crate::allow::Allow;
use crate::config::Config;
use crate::page::Pages;
use crate::schedule::Schedule;

struct Maintenance {
    schedule: Schedule,
    paths: Vec<Prefix>,
    except_paths: Vec<Prefix>,
    allow: Allow,
    pages: Pages,
}

#[plugin_sdk::export]
impl Plugin for Maintenance {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            schedule: Schedule::new(&config)?,
            pages: Pages::new(&config)?,
            allow: Allow::new(config.allow).map_err(|e| e.within("allow"))?,
            paths: Prefix::all(&config.paths).map_err(|e| e.within("paths"))?,
            except_paths: Prefix::all(&config.except_paths)
                .map_err(|e| e.within("except_paths"))?,
        })
    }

    fn subscription(&self) -> Subscription {
        // The rest is read while it is maintenance only.
        let header = self.allow.header.iter();
        header.fold(Subscription::new(), |wanted, (name, _)| wanted.request_header(name))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        if let Some(active) = self.schedule.active()
            && self.concerns(request.path())
        {
            let Some(reason) = self.allow.reason(request) else {
                exchange::annotate("maintenance", "answered")?;
                let json = request.header("accept").is_some_and(accept::prefers_json);
                return Ok(self.pages.reply(json, active.seconds).into());
            };
            exchange::annotate("maintenance", &format!("admitted by {reason}"))?;
        }
        // A secret of the proxy is none of the endpoint's business.
        if let Some((name, _)) = &self.allow.header
            && request.header(name).is_some()
        {
            request.remove_header(name.as_str());
        }
        Ok(Flow::Continue)
    }
}

impl Maintenance {
    fn concerns(&self, path: &str) -> bool {
        let among = |paths: &[Prefix]| paths.iter().any(|prefix| prefix.contains(path));
        (self.paths.is_empty() || among(&self.paths)) && !among(&self.except_paths)
    }
}

#[cfg(test)]
mod tests;
