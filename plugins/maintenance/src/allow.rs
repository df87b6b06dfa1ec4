//! Who gets through.

use std::net::IpAddr;

use ipnet::IpNet;
use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result, crypto};

use crate::config;

/// A shorter secret can be guessed.
const SECRET_MIN: usize = 16;

pub(crate) struct Allow {
    networks: Vec<IpNet>,
    pub(crate) header: Option<(String, Vec<u8>)>,
    cookie: Option<(String, Vec<u8>)>,
}

impl Allow {
    /// Checks the configuration.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(config: config::Allow) -> Result<Self> {
        let network = |(index, text): (usize, &String)| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or(address).map_err(|_| {
                Error::new(format!("`{text}` is no network such as `10.0.0.0/8`, and no address"))
                    .within(format!("networks[{index}]"))
            })
        };
        let networks = config.networks.iter().enumerate().map(network);
        Ok(Self {
            networks: networks.collect::<Result<_>>()?,
            header: config.header.map(header).transpose().map_err(|e| e.within("header"))?,
            cookie: config.cookie.map(pass).transpose().map_err(|e| e.within("cookie"))?,
        })
    }

    /// What lets a request through.
    pub(crate) fn reason(&self, request: &Request) -> Option<&'static str> {
        let is = |given: Option<&[u8]>, secret: &[u8]| {
            given.is_some_and(|given| crypto::equal(given, secret))
        };
        if let Some((name, secret)) = &self.header
            && is(request.header(name), secret)
        {
            return Some("header");
        }
        if let Some((name, secret)) = &self.cookie
            && is(request.cookie(name), secret)
        {
            return Some("cookie");
        }
        if self.networks.is_empty() {
            return None;
        }
        let address: IpAddr = request.client_address()?.parse().ok()?;
        // A dual-stack listener sees IPv4 clients as `::ffff:192.0.2.1`.
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address)).then_some("network")
    }
}

fn header(config: config::Pass) -> Result<(String, Vec<u8>)> {
    let (name, secret) = pass(config)?;
    Ok((name.to_ascii_lowercase(), secret))
}

fn pass(config: config::Pass) -> Result<(String, Vec<u8>)> {
    if !is_name(&config.name) {
        return Err(Error::new(format!("`{}` is no name", config.name)).within("name"));
    }
    if config.value.len() < SECRET_MIN {
        return Err(Error::new(format!("a secret has {SECRET_MIN} octets or more")).within("value"));
    }
    Ok((config.name, config.value.into_bytes()))
}
