//! The bundled plugin `cohort`. Its README has the keys.
//!
//! Everything is decided in `on_request`, the cookie of the response too: no second
//! call for each exchange.

mod cohort;
mod config;
mod user;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Flow, Plugin, Request, Result, Subscription, exchange};

use crate::cohort::Cohort;
use crate::config::Config;
use crate::user::User;

struct Cohorts {
    cohorts: Vec<Cohort>,
    default: String,
    user: User,
    header: Option<String>,
}

/// Fields that a plugin cannot set; the host would fail every exchange for it.
const OF_CONNECTION: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[plugin_sdk::export]
impl Plugin for Cohorts {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        let mut end = 0;
        let cohorts = config.cohorts.into_iter().enumerate().map(|(index, cohort)| {
            let cohort = Cohort::new(cohort, &mut end);
            cohort.map_err(|e| e.within(format_args!("cohorts[{index}]")))
        });
        let cohorts: Vec<Cohort> = cohorts.collect::<Result<_>>()?;
        let mut names = vec![config.default.as_str()];
        for (index, cohort) in cohorts.iter().enumerate() {
            if names.contains(&cohort.name.as_str()) {
                let text = format!("another cohort is called `{}` too", cohort.name);
                return Err(Error::new(text).within(format_args!("cohorts[{index}].name")));
            }
            names.push(&cohort.name);
        }
        cohort::check_name(&config.default).map_err(|e| e.within("default"))?;
        let header = config.header.map(|name| name.to_ascii_lowercase());
        if header.as_ref().is_some_and(|name| !is_name(name) || OF_CONNECTION.contains(&&**name)) {
            return Err(Error::new("no field that can be set").within("header"));
        }
        Ok(Self {
            default: config.default,
            user: User::new(&config.user, config.seed, config.cookie)?,
            header,
            cohorts,
        })
    }

    fn subscription(&self) -> Subscription {
        let forced = self.cohorts.iter().flat_map(Cohort::fields);
        forced.chain(self.user.field()).fold(Subscription::new(), Subscription::request_header)
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        // Drawn for everybody: a tester who stops being one has a place already.
        let (place, cookie) = self.user.place(request)?;
        let forced = self.cohorts.iter().find(|cohort| cohort.forces(request));
        let cohort = forced.or_else(|| self.cohorts.iter().find(|cohort| cohort.holds(place)));
        let name = cohort.map_or(&self.default, |cohort| &cohort.name);
        exchange::annotate("cohort", name)?;
        if forced.is_some() {
            exchange::annotate("forced", "true")?;
        }
        if let Some(header) = &self.header {
            request.set_header(header, name.as_str());
        }
        if let Some(cookie) = cookie {
            request.response_headers().add("set-cookie", cookie);
        }
        match cohort {
            Some(Cohort { cluster: Some(cluster), .. }) => request.set_cluster(cluster),
            Some(Cohort { route: Some(route), .. }) => request.set_route(route),
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests;
