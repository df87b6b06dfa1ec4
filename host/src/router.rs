//! Which route takes a request.
//!
//! Owns the matching of hosts, paths, methods, headers and query parameters.
//! The order of the routes is the configuration's affair: the router answers
//! with the first route that matches, and is only faster than trying them all.

mod matcher;
mod query;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::config::{self, PathPattern};
use matcher::Matcher;
use table::{PathKey, Table};

pub use matcher::PatternError;

/// The routes of one snapshot.
///
/// A clone shares the tables and owns the scratch memory of its regular
/// expressions, which is what makes a search free of locks and of allocation:
/// give every worker a clone of its own.
#[derive(Clone, Debug)]
pub struct Router {
    table: Arc<Table>,
    /// By route; none = nothing to check beyond what the table finds.
    matchers: Box<[Option<Box<Matcher>>]>,
}

/// What a route can look at.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// Lower case, without port; empty if the request names none.
    pub host: &'a str,
    /// Normalized, without query.
    pub path: &'a str,
    /// As received, without the question mark.
    pub query: Option<&'a str>,
    /// The method.
    pub method: &'a Method,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

/// A route that cannot be matched by.
#[derive(Debug, thiserror::Error)]
#[error("route `{route}` cannot be matched")]
pub struct RouterError {
    /// Its name.
    pub route: String,
    /// What is wrong with it.
    pub source: PatternError,
}

impl Router {
    /// Prepares `routes`, of which the first that matches is to win.
    pub fn new(routes: &[config::Route]) -> Result<Self, RouterError> {
        let matchers = routes
            .iter()
            .map(|route| {
                Matcher::new(&route.matcher)
                    .map_err(|source| RouterError { route: route.name.clone(), source })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let patterns = routes.iter().zip(&matchers).map(|(route, matcher)| table::Pattern {
            host: route.matcher.host.as_ref(),
            path: match &route.matcher.path {
                Some(PathPattern::Prefix(prefix)) => PathKey::Prefix(prefix.as_bytes()),
                Some(PathPattern::Regex(_)) => {
                    PathKey::Start(matcher.as_ref().map_or(b"", Matcher::path_start))
                }
                None => PathKey::Any,
            },
            conditional: matcher.is_some(),
        });
        Ok(Self {
            table: Arc::new(Table::new(patterns)),
            matchers: matchers.into_iter().map(|matcher| matcher.map(Box::new)).collect(),
        })
    }

    /// The index of the first route that matches.
    pub fn route(&self, request: &RequestView<'_>) -> Option<usize> {
        // `example.com.` is the same host. Were it another one, a final dot would
        // take a request past the plugins of the route that is meant for it.
        let host = request.host.strip_suffix('.').unwrap_or(request.host);
        self.table.first(host.as_bytes(), request.path.as_bytes(), |index| {
            match &self.matchers[index] {
                Some(matcher) => matcher.accepts(request),
                None => true,
            }
        })
    }
}
