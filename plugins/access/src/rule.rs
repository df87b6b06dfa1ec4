//! A rule, and what a request is to it.

use std::net::IpAddr;
use std::time::Instant;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result};

use crate::config::{self, Action};
use crate::files::Lists;
use crate::place::{Country, Place, Places};
use crate::window::Window;

/// Conditions that must all hold, cheapest first.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) action: Action,
    methods: Vec<String>,
    windows: Vec<Window>,
    /// Whether it is one of `windows` in this minute.
    is_time: bool,
    networks: Option<Lists>,
    /// None in the list: an unknown one.
    countries: Vec<Option<Country>>,
    asns: Vec<Option<u32>>,
}

/// What a request is to the rules: asked for when a rule first wants to know.
pub(crate) struct Client<'a> {
    request: &'a Request,
    address: Option<Option<IpAddr>>,
    pub(crate) place: Option<Place>,
    places: &'a mut Places,
}

impl Rule {
    pub(crate) fn new(config: config::Rule, places: &Places) -> Result<Self> {
        if config.name.is_empty() || config.name.chars().any(char::is_control) {
            return Err(
                Error::new("a name is not empty and has no control characters").within("name")
            );
        }
        if let Some(method) = config.methods.iter().find(|m| !is_name(m)) {
            return Err(Error::new(format!("`{method}` is no method")).within("methods"));
        }
        let windows = config.times.iter().enumerate().map(|(index, window)| {
            Window::new(window).map_err(|e| e.within(format_args!("times[{index}]")))
        });
        let windows: Vec<Window> = windows.collect::<Result<_>>()?;
        let has_networks = !config.networks.is_empty() || !config.network_files.is_empty();
        let networks =
            has_networks.then(|| Lists::new(config.networks, &config.network_files)).transpose()?;
        let countries = config.countries.iter().map(|code| country(code));
        let rule = Self {
            name: config.name,
            action: config.action,
            methods: config.methods,
            windows,
            is_time: true,
            networks,
            countries: countries.collect::<Result<_>>().map_err(|e| e.within("countries"))?,
            asns: config.asns.into_iter().map(|asn| Some(asn).filter(|asn| *asn != 0)).collect(),
        };
        for (key, needed, there) in [
            ("countries", !rule.countries.is_empty(), places.has_countries()),
            ("asns", !rule.asns.is_empty(), places.has_asns()),
        ] {
            if needed && !there {
                let database = if key == "asns" { "asn" } else { "country" };
                return Err(Error::new(format!("set `databases.{database}`")).within(key));
            }
        }
        if rule.is_empty() {
            return Err(Error::new(
                "a rule without a condition matches everything; say so by `default`",
            ));
        }
        Ok(rule)
    }

    fn is_empty(&self) -> bool {
        self.methods.is_empty()
            && self.windows.is_empty()
            && self.networks.is_none()
            && self.countries.is_empty()
            && self.asns.is_empty()
    }

    pub(crate) fn has_windows(&self) -> bool {
        !self.windows.is_empty()
    }

    pub(crate) fn has_files(&self) -> bool {
        self.networks.as_ref().is_some_and(Lists::has_files)
    }

    /// Looks whether it is time; asked once a minute, since windows know no seconds.
    pub(crate) fn set_time(&mut self, second: i64) {
        self.is_time = self.windows.is_empty() || self.windows.iter().any(|w| w.holds(second));
    }

    pub(crate) fn refresh(&mut self, now: Instant) {
        if let Some(lists) = &mut self.networks {
            lists.refresh(now, &self.name);
        }
    }

    pub(crate) fn matches(&self, client: &mut Client<'_>) -> bool {
        self.is_time
            && (self.methods.is_empty()
                || self.methods.iter().any(|m| m == client.request.method()))
            && self.networks.as_ref().is_none_or(|lists| {
                client.address().is_some_and(|address| lists.networks().contains(address))
            })
            && (self.countries.is_empty() || self.countries.contains(&client.place().country))
            && (self.asns.is_empty() || self.asns.contains(&client.place().asn))
    }
}

impl<'a> Client<'a> {
    pub(crate) fn of(request: &'a Request, places: &'a mut Places) -> Self {
        Self { request, address: None, place: None, places }
    }

    /// The peer's address, or what a trusted proxy says of it.
    fn address(&mut self) -> Option<IpAddr> {
        *self
            .address
            .get_or_insert_with(|| self.request.client_address().and_then(networks::client))
    }

    fn place(&mut self) -> Place {
        if let Some(place) = self.place {
            return place;
        }
        let place = self.address().map(|address| self.places.find(address)).unwrap_or_default();
        self.place = Some(place);
        place
    }
}

fn country(code: &str) -> Result<Option<Country>> {
    if code == "unknown" {
        return Ok(None);
    }
    Country::new(code).map(Some).ok_or_else(|| {
        Error::new(format!(
            "`{}` is neither a code of two letters such as `NL` nor `unknown`",
            code.escape_debug()
        ))
    })
}
