//! A cohort: which users are in it, and where they go.

use std::ops::Range;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result, crypto};

use crate::config;

pub(crate) struct Cohort {
    pub(crate) name: String,
    pub(crate) cluster: Option<String>,
    pub(crate) route: Option<String>,
    /// Of [`PLACES`].
    places: Range<u64>,
    /// Fields and cookies with the values that put a user into it.
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
}

/// A hundredth of a percent each.
pub(crate) const PLACES: u64 = 10_000;

impl Cohort {
    /// Takes the places from `end` on, and moves it.
    pub(crate) fn new(config: config::Cohort, end: &mut u64) -> Result<Self> {
        check_name(&config.name).map_err(|e| e.within("name"))?;
        if !(0.0..=100.0).contains(&config.percent) {
            let text = format!("{} is not from 0 to 100", config.percent);
            return Err(Error::new(text).within("percent"));
        }
        // In range by the check above.
        let places = *end..*end + (config.percent * 100.0).round() as u64;
        if places.end > PLACES {
            return Err(Error::new("all cohorts together have more than 100").within("percent"));
        }
        *end = places.end;
        if config.cluster.is_some() && config.route.is_some() {
            return Err(Error::new("`cluster` and `route` exclude each other"));
        }
        let forced = config.force.headers.iter().chain(&config.force.cookies);
        for (name, value) in forced {
            if !is_name(name) || value.is_empty() {
                let text = format!("`{name}` is no name, or has no value");
                return Err(Error::new(text).within("force"));
            }
        }
        let headers = config.force.headers.into_iter();
        Ok(Self {
            name: config.name,
            cluster: config.cluster,
            route: config.route,
            places,
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
            cookies: config.force.cookies.into_iter().collect(),
        })
    }

    /// The request fields that are read.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let cookie = (!self.cookies.is_empty()).then_some("cookie");
        self.headers.iter().map(|(name, _)| name.as_str()).chain(cookie)
    }

    /// Whether a user with this place is in it.
    pub(crate) fn holds(&self, place: u64) -> bool {
        self.places.contains(&place)
    }

    /// Whether the request says that its user is in it. What it takes to say so may be
    /// a secret of the testers.
    pub(crate) fn forces(&self, request: &Request) -> bool {
        let is = |sent: Option<&[u8]>, value: &String| {
            sent.is_some_and(|sent| crypto::equal(sent, value))
        };
        self.headers.iter().any(|(name, value)| is(request.header(name), value))
            || self.cookies.iter().any(|(name, value)| is(request.cookie(name), value))
    }
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        return Err(Error::new(format!(
            "`{}` is not 1 to 64 letters, digits, `-`, `_` and `.`",
            name.escape_debug()
        )));
    }
    Ok(())
}
