//! Request cases: a plugin tried in the real engine, without a proxy of one's own.
//!
//! [`mod@file`] reads cases from TOML, [`replay`] makes them of an access log, and
//! [`written`] writes them down. A [`stage`] is the proxy itself, started in this process
//! on loopback sockets with the plugin on its one route and a scripted endpoint
//! behind it; [`run`] plays cases on stages and [`compare`]s what happened with what
//! was expected. Decisions and annotations come from the access log: what a case
//! sees is what an operator would.

// What happened, held against what was expected.
mod compare;
// The case file.
pub mod file;
// A value and what it must be.
mod pattern;
// From the lines of an access log to cases.
pub mod replay;
// Cases on stages.
pub mod run;
// The proxy, its client and its endpoint.
mod stage;
// Cases as TOML.
pub mod written;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::{HeaderMap, Method, Version};

use crate::config::Plugin;

pub use compare::Difference;
pub use pattern::Pattern;

/// The cases of one file.
#[derive(Clone, Debug)]
pub struct Cases {
    /// What the proxy around the plugin is called.
    pub surroundings: Surroundings,
    /// The plugin as the file runs it.
    pub plugin: Plugin,
    /// In the file's order.
    pub cases: Vec<Case>,
}

/// `[proxy]`: names that a plugin may see or choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    /// The route that every request takes.
    pub route: String,
    /// Its cluster.
    pub cluster: String,
    /// Further clusters.
    pub clusters: Vec<String>,
    /// Further routes, which no request takes by itself, and their clusters.
    pub routes: Vec<(String, String)>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            route: "test".to_owned(),
            cluster: "app".to_owned(),
            clusters: Vec::new(),
            routes: Vec::new(),
        }
    }
}

/// `[[case]]`
#[derive(Clone, Debug)]
pub struct Case {
    /// For people.
    pub name: String,
    /// The file's plugin, with the case's own `config` if it has one.
    pub plugin: Plugin,
    /// What it does.
    pub act: Act,
}

/// What a case does.
#[derive(Clone, Debug)]
pub enum Act {
    /// The plugin must not load, and the reason must be this.
    Refuse(Pattern),
    /// One exchange, which may meet what earlier cases left behind.
    Exchange(Box<Step>),
    /// `[[case.step]]`: exchanges in order, on a proxy of their own.
    Steps(Vec<Step>),
}

/// One exchange and what is expected of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Before the exchange.
    pub wait: Duration,
    /// How often; each time the same is expected.
    pub times: u32,
    /// What the client sends.
    pub request: Request,
    /// What the endpoint does.
    pub upstream: Upstream,
    /// What must come of it.
    pub expect: Expect,
}

/// What the client sends.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` unless told otherwise.
    pub method: Method,
    /// `/` unless told otherwise; sent as it is.
    pub target: String,
    /// `localhost` unless told otherwise; none only in HTTP/1.0.
    pub host: Option<String>,
    /// Without `host`.
    pub headers: HeaderMap,
    /// What comes after the head.
    pub content: Content,
    /// Behind a trusted proxy, the client that it tells of.
    pub client: Option<Client>,
    /// What the trusted proxy says of the client's scheme.
    pub https: bool,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub version: Version,
}

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Without a port.
    Ip(IpAddr),
    /// With one.
    Socket(SocketAddr),
}

/// A body and its trailers.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Empty = no body.
    pub body: Vec<u8>,
    /// Empty = none.
    pub trailers: HeaderMap,
}

/// What the endpoint does with a request.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all answer, and few are moved")]
pub enum Upstream {
    /// Answers.
    Answer {
        /// 200 unless told otherwise.
        status: http::StatusCode,
        /// The response's fields.
        headers: HeaderMap,
        /// What comes after the head.
        content: Content,
    },
    /// Closes the connection without an answer.
    Close,
}

/// What must come of an exchange; what is none is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// Words of the access log for the request hook; an empty one = not called.
    pub decision: Option<Vec<String>>,
    /// The same for the response hook.
    pub response_decision: Option<Vec<String>>,
    /// The word of a failure, at either hook; an empty one = none.
    pub failure: Option<Vec<String>>,
    /// The kind of the exchange's error; an empty one = none.
    pub error: Option<Vec<String>>,
    /// Any of these.
    pub status: Option<Vec<u16>>,
    /// By name in lower case.
    pub headers: Vec<(String, Pattern)>,
    /// What the client got.
    pub body: Option<Pattern>,
    /// By name in lower case.
    pub trailers: Vec<(String, Pattern)>,
    /// By key, of this plugin.
    pub annotations: Vec<(String, Pattern)>,
    /// The name of the route that matched.
    pub route: Option<Pattern>,
    /// The name of the cluster that the exchange went to.
    pub cluster: Option<Pattern>,
    /// What must stand in the plugin's log lines of this exchange.
    pub log: Vec<Pattern>,
    /// What the endpoint got.
    pub upstream: Option<ExpectUpstream>,
}

/// What the endpoint must get.
#[derive(Clone, Debug)]
pub enum ExpectUpstream {
    /// `false`: nothing.
    Nothing,
    /// A request; what is none is not looked at.
    Request(Box<ExpectRequest>),
}

/// A request as the endpoint must get it.
#[derive(Clone, Debug, Default)]
pub struct ExpectRequest {
    /// The method.
    pub method: Option<Pattern>,
    /// Path and query.
    pub target: Option<Pattern>,
    /// The `Host` field.
    pub host: Option<Pattern>,
    /// By name in lower case.
    pub headers: Vec<(String, Pattern)>,
    /// The body.
    pub body: Option<Pattern>,
    /// By name in lower case.
    pub trailers: Vec<(String, Pattern)>,
}
